//! A receiver: a real HTTP server that writes down what it is sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use tokio::task::JoinHandle;

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// One delivery.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) id: String,
    pub(crate) attempt: u32,
    pub(crate) signature: String,
    pub(crate) body: String,
    pub(crate) events: Vec<Value>,
}

#[derive(Default)]
struct Book {
    taken: Vec<Delivery>,
    refused: Vec<Delivery>,
    status: Option<u16>,
}

/// A receiver.
pub(crate) struct Receiver {
    book: Arc<Mutex<Book>>,
    address: SocketAddr,
    serving: Option<JoinHandle<()>>,
}

impl Receiver {
    pub(crate) async fn new() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut receiver = Self { book: Arc::default(), address, serving: None };
        receiver.serve(listener);
        receiver
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/events", self.address)
    }

    fn serve(&mut self, listener: tokio::net::TcpListener) {
        let router = Router::new().route("/events", post(take)).with_state(Arc::clone(&self.book));
        self.serving =
            Some(tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }));
    }

    /// Answers with this status from now on; with `None` it takes everything.
    pub(crate) fn answer(&self, status: Option<u16>) {
        self.book.lock().unwrap().status = status;
    }

    /// The deliveries it has taken.
    pub(crate) fn taken(&self) -> Vec<Delivery> {
        self.book.lock().unwrap().taken.clone()
    }

    /// Those it has refused.
    pub(crate) fn refused(&self) -> Vec<Delivery> {
        self.book.lock().unwrap().refused.clone()
    }

    /// All events it has taken, in order.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.taken().into_iter().flat_map(|delivery| delivery.events).collect()
    }

    /// What its events say: `KIND CHANNEL-OR-CLIENT`.
    pub(crate) fn words(&self) -> Vec<String> {
        self.events().iter().map(words).collect()
    }

    /// Waits for what should come to be.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        until(what, || holds(self), || format!("{:?}", self.words())).await;
    }
}

/// Waits for what should come to be; says how it is if it does not.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool, how: impl Fn() -> String) {
    let end = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < end, "in vain: {what}; {}", how());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn words(event: &Value) -> String {
    let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let mut words = vec![text("event"), text("channel"), text("user")];
    words.retain(|word| !word.is_empty());
    words.join(" ")
}

async fn take(State(book): State<Arc<Mutex<Book>>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let value: Value = serde_json::from_slice(&body).unwrap();
    let delivery = Delivery {
        id: header("webhook-id"),
        attempt: header("trunkline-attempt").parse().unwrap(),
        signature: header("webhook-signature"),
        body: String::from_utf8(body.to_vec()).unwrap(),
        events: value["events"].as_array().unwrap().clone(),
    };
    let mut book = book.lock().unwrap();
    match book.status {
        Some(status) => {
            book.refused.push(delivery);
            StatusCode::from_u16(status).unwrap()
        }
        None => {
            book.taken.push(delivery);
            StatusCode::OK
        }
    }
}
