//! A server, a node on it, and what is written there by others.

use std::sync::Arc;
use std::sync::mpsc::channel as line;
use std::time::{Duration, Instant};

use trunkline_backend_redis::{Options, RedisBackend, RedisUrl};
use trunkline_core::backend::{BackendError, Completion, Sink};
use trunkline_core::channel::ChannelName;
use trunkline_core::note::{
    Change, Changed, Due, Expected, NoteKey, Notes as _, Pending, Wanted, Window,
};
use trunkline_core::publication::Message;
use trunkline_core::signal::{NodeId, Signal};
use trunkline_rig::{Redis, RedisOptions};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server with one node.
pub(crate) struct Fixture {
    pub(crate) backend: RedisBackend,
    pub(crate) redis: Redis,
}

/// Hears nothing.
struct Deaf;

impl Sink for Deaf {
    fn deliver(&self, _: &ChannelName, _: Message) {}

    fn doubt(&self, _: &ChannelName) {}

    fn receive(&self, _: Signal) {}

    fn overloaded(&self) -> bool {
        false
    }
}

pub(crate) fn key(channel: &str, name: &str) -> NoteKey {
    NoteKey { channel: ChannelName::parse(channel).unwrap(), name: name.into() }
}

/// A change that makes or replaces a note.
pub(crate) fn put(key: NoteKey, due: Due) -> Change {
    let wanted = Some(Wanted { value: "v".into(), due });
    Change { expected: Expected::Anything, ..Change::of(key, None, wanted) }
}

impl Fixture {
    pub(crate) fn start() -> Self {
        let redis = Redis::start(&RedisOptions::default()).expect("redis-server starts");
        let options = Options {
            servers: vec![RedisUrl::parse(&redis.url()).unwrap()],
            prefix: "t".into(),
            tls_ca: None,
            sentinel_password: None,
            allow_eviction: false,
        };
        let backend = RedisBackend::start(&options, NodeId::new("n"), Arc::new(Deaf)).unwrap();
        let deadline = Instant::now() + PATIENCE;
        while let Some(trouble) = backend.trouble() {
            assert!(Instant::now() < deadline, "not ready: {trouble}");
            std::thread::sleep(Duration::from_millis(2));
        }
        Self { backend, redis }
    }

    pub(crate) fn change(&self, change: Change) -> Result<Changed, BackendError> {
        wait(|done| self.backend.change(change, done))
    }

    /// A page of the share in which the notes of a channel are.
    pub(crate) fn pending(&self, channel: &str, window: Window) -> Pending {
        let share = self.backend.share_of(&ChannelName::parse(channel).unwrap());
        wait(|done| self.backend.pending(share, window, done)).unwrap()
    }

    /// Runs a script as somebody else, and returns what it answers.
    pub(crate) fn eval(&self, script: &str, arguments: &[&str]) -> String {
        let command = [&["EVAL", script, "0"], arguments].concat();
        self.redis.command(&command).expect("Redis answers").text()
    }
}

pub(crate) fn wait<T: Send + 'static>(
    begin: impl FnOnce(Completion<Result<T, BackendError>>),
) -> Result<T, BackendError> {
    let (tell, told) = line();
    begin(Box::new(move |outcome| drop(tell.send(outcome))));
    told.recv_timeout(PATIENCE).expect("every operation is answered")
}
