//! A server behind a reception, and a client's half of an HTTP conversation.

use std::net::{SocketAddr, TcpListener, TcpStream as StdTcp};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use trunkline_shard::settings::HandOver;
use trunkline_transport::{Handoff, HandoffIo};

use crate::http::reception;

/// Bytes of what `/big` answers: more than all buffers on the way together.
pub(super) const BIG: usize = 8 * 1024 * 1024;

/// How long anything may take before a test has failed.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct House {
    pub(super) hand_over: Arc<HandOver>,
    pub(super) stop: watch::Sender<bool>,
    pub(super) serving: JoinHandle<()>,
    /// Told when a request for `/wait` has come.
    pub(super) waiting: Arc<Notify>,
    /// Lets it be answered.
    pub(super) go: Arc<Notify>,
}

impl House {
    pub(super) fn new() -> Self {
        let (waiting, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (hand_over, reception) = reception();
        let reception = reception.letting_stay();
        let (stop, stopped) = watch::channel(false);
        let app = app(Arc::clone(&waiting), Arc::clone(&go));
        let serving = tokio::spawn(reception.serve(app, stopped));
        Self { hand_over, stop, serving, waiting, go }
    }

    /// Hands over one end of a TCP connection, of which `prefix` was read already.
    pub(super) fn bring(&self, prefix: &str) -> TcpStream {
        let (client, server) = pair();
        self.bring_io(HandoffIo::Tcp(server), prefix);
        TcpStream::from_std(client).unwrap()
    }

    pub(super) fn bring_io(&self, io: HandoffIo, prefix: &str) {
        let handoff = Handoff { io, prefix: prefix.as_bytes().to_vec(), peer: None };
        assert!((self.hand_over)(handoff).is_ok(), "there is room");
    }
}

pub(super) fn app(waiting: Arc<Notify>, go: Arc<Notify>) -> Router {
    let wait = || async move {
        waiting.notify_one();
        go.notified().await;
        "at last"
    };
    Router::new()
        .route("/hello", get(|| async { "hello" }))
        .route("/big", get(|| async { "x".repeat(BIG) }))
        .route("/wait", get(wait))
        .route("/small", post(|_: Bytes| async {}).layer(DefaultBodyLimit::max(10)))
        .route("/echo", post(|body: Bytes| async { body }))
}

/// Both ends of a TCP connection, non-blocking.
pub(super) fn pair() -> (StdTcp, StdTcp) {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let client = StdTcp::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    client.set_nonblocking(true).unwrap();
    server.set_nonblocking(true).unwrap();
    (client, server)
}

/// One answer: its head in lower case, and its body.
pub(super) async fn answer(client: &mut (impl AsyncRead + Unpin)) -> (String, String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within(client.read_u8()).await.expect("an answer"));
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
    let mut body = vec![0; length.unwrap().parse().unwrap()];
    within(client.read_exact(&mut body)).await.unwrap();
    (head, String::from_utf8(body).unwrap())
}

/// Everything until the server hangs up.
pub(super) async fn rest(client: &mut (impl AsyncRead + Unpin)) -> String {
    let mut rest = String::new();
    within(client.read_to_string(&mut rest)).await.unwrap();
    rest
}

pub(super) async fn within<F: Future>(future: F) -> F::Output {
    timeout(PATIENCE, future).await.expect("in time")
}
