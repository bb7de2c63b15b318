//! A node with the memory backend and one mailbox in place of a shard, behind the API.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use serde_json::Value;
use tower::ServiceExt;
use trunkline_api::{ApiState, JsonForm, router};
use trunkline_auth::{ApiKeys, Secret};
use trunkline_backend_memory::MemoryBackend;
use trunkline_core::backend::{Backend, BackendError, Completion, Guarantees, Published};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::limits::Limits;
use trunkline_core::namespace::{ChannelOptions, Namespaces, Retention};
use trunkline_core::publication::{Draft, Message};
use trunkline_core::rate::Rates;
use trunkline_core::signal::{NodeId, Recipient, Signal};
use trunkline_core::time::{Tick, WallTime};
use trunkline_node::event::Event;
use trunkline_node::mailbox::Mailbox;
use trunkline_node::presence::LocalRoster;
use trunkline_node::switchboard::Switchboard;
use trunkline_node::{Node, Parts};
use trunkline_telemetry::Metrics;

pub(crate) const KEY: &str = "key of the house";

/// Events the mailbox takes before the node counts as overloaded.
pub(crate) const MAILBOX: usize = 3;

pub(crate) struct House {
    pub(crate) node: Arc<Node>,
    mailbox: Arc<Mailbox<Event>>,
    router: Router,
    clock: Arc<AtomicU64>,
}

/// When everything begins.
const START: u64 = 1_700_000_000_001;

/// The names of the namespaces say what they have.
fn namespaces() -> Namespaces {
    let kept = Some(Retention { size: 10, ttl_ms: 60_000, bytes: 16 << 20 });
    let mut namespaces = Namespaces::new(Some(ChannelOptions::default()));
    namespaces.insert("kept", ChannelOptions { retention: kept, ..ChannelOptions::default() });
    namespaces.set_inbox(ChannelOptions { retention: kept, ..ChannelOptions::default() });
    namespaces.insert("seen", ChannelOptions { presence: true, ..ChannelOptions::default() });
    namespaces.insert("bytes", ChannelOptions { binary: true, ..ChannelOptions::default() });
    namespaces.set_inbox(ChannelOptions { retention: kept, ..ChannelOptions::default() });
    namespaces
}

/// A backend that can be read and has no room for more, as when a disk is full.
struct Full(Arc<MemoryBackend>);

impl Backend for Full {
    fn guarantees(&self) -> Guarantees {
        self.0.guarantees()
    }

    fn publish(&self, _draft: Draft, done: Completion<Result<Published, BackendError>>) {
        done(Err(BackendError::Full));
    }

    fn announce(&self, channel: &ChannelName, message: Message) {
        self.0.announce(channel, message);
    }

    fn history(
        &self,
        channel: &ChannelName,
        query: HistoryQuery,
        done: Completion<Result<HistoryPage, BackendError>>,
    ) {
        self.0.history(channel, query, done);
    }

    fn remove_history(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>) {
        self.0.remove_history(channel, done);
    }

    fn listen(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>) {
        self.0.listen(channel, done);
    }

    fn unlisten(&self, channel: &ChannelName) {
        self.0.unlisten(channel);
    }

    fn signal(&self, to: &Recipient, signal: Signal) {
        self.0.signal(to, signal);
    }
}

impl House {
    pub(crate) fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    /// Whose backend has no room left for publications.
    pub(crate) fn without_room() -> Self {
        Self::build(Limits::default(), |memory| Arc::new(Full(memory)))
    }

    pub(crate) fn with_limits(limits: Limits) -> Self {
        Self::build(limits, |memory| memory)
    }

    fn build(limits: Limits, backend: impl FnOnce(Arc<MemoryBackend>) -> Arc<dyn Backend>) -> Self {
        let mailbox = Arc::new(Mailbox::new(MAILBOX, Box::new(|| ())));
        let switchboard = Arc::new(Switchboard::new(vec![Arc::clone(&mailbox)]));
        let sink = Arc::clone(&switchboard);
        let clock = Arc::new(AtomicU64::new(START));
        let told = Arc::clone(&clock);
        let now = Box::new(move || WallTime(told.load(Ordering::Relaxed)));
        let memory = Arc::new(MemoryBackend::new(sink, now));
        let notes = Arc::clone(&memory);
        let backend = backend(memory);
        let metrics = Metrics::new(1);
        let roster = Arc::new(LocalRoster::new(Arc::clone(&backend)));
        let node = Node::new(Parts {
            id: NodeId::new("n1"),
            name: "attic".into(),
            namespaces: namespaces(),
            limits,
            metrics,
            switchboard,
            backend,
            notes,
            roster,
            schedule_form: Arc::new(JsonForm),
            application: None,
            observer: None,
            per_user: Rates::default(),
            per_address: Rates::default(),
            lines: None,
        });
        let node = Arc::new(node);
        let keys = Arc::new(ApiKeys::new(&[Secret::new(KEY), Secret::new("second")]));
        let state = ApiState::new(Arc::clone(&node), keys);
        Self { node, mailbox, router: router(state), clock }
    }

    /// What time it is.
    pub(crate) fn now(&self) -> u64 {
        self.clock.load(Ordering::Relaxed)
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, millis: u64) {
        self.clock.fetch_add(millis, Ordering::Relaxed);
    }

    /// Has the node do what is due.
    pub(crate) fn tick(&self) {
        let now = self.now();
        self.node.run_schedules(Tick(now - START), WallTime(now));
        // It looks again after this at the latest.
        self.node.run_schedules(Tick(now - START + 1_000), WallTime(now));
    }

    /// The shard listens to a channel from now on.
    pub(crate) fn listen(&self, channel: &str) {
        self.node.listen(0, &ChannelName::parse(channel).unwrap());
    }

    /// What has reached the shard since the last time.
    pub(crate) fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        self.mailbox.drain(&mut events);
        events
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Sends a body as it is, with the key, and reads the JSON that comes back.
    pub(crate) async fn post_raw(
        &self,
        method: &str,
        body: impl Into<Body>,
    ) -> (StatusCode, Value) {
        read(self.send(request(method).body(body.into()).unwrap()).await).await
    }

    /// Asks a method and expects an answer with status 200.
    pub(crate) async fn ask(&self, method: &str, body: Value) -> Value {
        let (status, answer) = self.post_raw(method, body.to_string()).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    /// Asks a method and expects it to be carried out.
    pub(crate) async fn done(&self, method: &str, body: Value) -> Value {
        let mut answer = self.ask(method, body).await;
        assert!(answer["error"].is_null(), "{answer}");
        answer["result"].take()
    }

    /// Asks a method and expects an error: its code and message.
    pub(crate) async fn refused(&self, method: &str, body: Value) -> (u64, String) {
        let answer = self.ask(method, body).await;
        let error = &answer["error"];
        let message = error["message"].as_str().map(str::to_owned);
        (error["code"].as_u64().expect("an error"), message.unwrap())
    }
}

/// A POST with the key.
pub(crate) fn request(method: &str) -> axum::http::request::Builder {
    Request::post(format!("/api/{method}")).header("X-API-Key", KEY)
}

pub(crate) async fn read(response: Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    assert_eq!(response.headers()["content-type"], "application/json");
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}
