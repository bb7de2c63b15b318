//! A backend, a sink that records, a clock that is set, and waiting.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel as line};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use trunkline_backend_embedded::{EmbeddedBackend, OpenError, Opened, Options};
use trunkline_core::backend::{Backend, BackendError, Published, Sink};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::namespace::Retention;
use trunkline_core::position::Position;
use trunkline_core::publication::{Draft, Message};
use trunkline_core::signal::Signal;
use trunkline_core::time::WallTime;
use trunkline_wal::files::Files;

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(20);

#[derive(Default)]
pub(crate) struct Recorder(Mutex<Vec<(String, Message)>>);

impl Sink for Recorder {
    fn deliver(&self, channel: &ChannelName, message: Message) {
        self.0.lock().unwrap().push((channel.as_str().into(), message));
    }

    fn doubt(&self, _: &ChannelName) {
        unreachable!("nothing is lost within a process");
    }

    fn receive(&self, _: Signal) {
        unreachable!("there is no other node");
    }

    fn overloaded(&self) -> bool {
        false
    }
}

/// A backend and what it is given.
pub(crate) struct Fixture {
    pub(crate) backend: EmbeddedBackend,
    pub(crate) opened: Opened,
    pub(crate) sink: Arc<Recorder>,
    pub(crate) now: Arc<AtomicU64>,
    pub(crate) failures: Arc<Mutex<Vec<String>>>,
}

/// Small sizes, so that little is needed to fill something.
pub(crate) fn options() -> Options {
    Options {
        checkpoint_ms: 3_600_000,
        log: trunkline_wal::Options {
            segment_bytes: 1 << 20,
            record_bytes: 100_000,
            batch_bytes: 100_000,
            ..trunkline_wal::Options::default()
        },
        ..Options::default()
    }
}

pub(crate) fn try_open(
    files: impl Files + Clone,
    data: &Path,
    options: Options,
) -> Result<Fixture, OpenError> {
    let sink = Arc::new(Recorder::default());
    let now = Arc::new(AtomicU64::new(1_000_000));
    let failures = Arc::new(Mutex::new(Vec::new()));
    let (clock, told) = (Arc::clone(&now), Arc::clone(&failures));
    let (backend, opened) = EmbeddedBackend::open_with(
        files,
        data,
        options,
        Arc::clone(&sink) as Arc<dyn Sink>,
        Box::new(move || WallTime(clock.load(Ordering::Relaxed))),
        move |reason| told.lock().unwrap().push(reason.to_owned()),
    )?;
    Ok(Fixture { backend, opened, sink, now, failures })
}

pub(crate) fn open(data: &Path) -> Fixture {
    try_open(trunkline_wal::Disk, data, options()).unwrap()
}

pub(crate) fn channel(text: &str) -> ChannelName {
    ChannelName::parse(text).unwrap()
}

/// A draft for a channel that keeps ten.
pub(crate) fn draft(name: &str, data: &str) -> Draft {
    Draft {
        data: data.to_owned().into(),
        retention: Some(Retention { size: 10, ttl_ms: 60_000, bytes: 1 << 20 }),
        ..Draft::new(channel(name))
    }
}

pub(crate) fn keyed(name: &str, data: &str, key: &str) -> Draft {
    Draft { idempotency_key: Some(key.into()), ..draft(name, data) }
}

pub(crate) type Outcome = Result<Published, BackendError>;

pub(crate) fn wait<T>(told: &Receiver<T>) -> T {
    told.recv_timeout(DEADLINE).expect("everyone is told")
}

/// Waits for a condition.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::yield_now();
    }
}

impl Fixture {
    pub(crate) fn begin(&self, draft: Draft) -> Receiver<Outcome> {
        let (tell, told) = line();
        self.backend.publish(draft, Box::new(move |outcome| drop(tell.send(outcome))));
        told
    }

    pub(crate) fn publish(&self, draft: Draft) -> Outcome {
        wait(&self.begin(draft))
    }

    /// Publishes some, one after the other; the place of the last.
    pub(crate) fn fill(&self, name: &str, data: &[&str]) -> Position {
        let last = data.iter().map(|data| self.publish(draft(name, data)).unwrap()).last();
        last.unwrap().position.unwrap()
    }

    pub(crate) fn read(
        &self,
        name: &str,
        query: HistoryQuery,
    ) -> Result<HistoryPage, BackendError> {
        let (tell, told) = line();
        let done = Box::new(move |outcome| drop(tell.send(outcome)));
        self.backend.history(&channel(name), query, done);
        wait(&told)
    }

    pub(crate) fn history(&self, name: &str) -> HistoryPage {
        let query = HistoryQuery { since: None, limit: 1_000, reverse: false };
        self.read(name, query).unwrap()
    }

    pub(crate) fn since(&self, name: &str, position: &Position) -> HistoryPage {
        let since = Some(position.clone());
        self.read(name, HistoryQuery { since, limit: 1_000, reverse: false }).unwrap()
    }

    /// The data of what is kept.
    pub(crate) fn kept(&self, name: &str) -> Vec<String> {
        let text = |data: &[u8]| String::from_utf8(data.to_vec()).unwrap();
        self.history(name).publications.iter().map(|kept| text(&kept.data)).collect()
    }

    pub(crate) fn clear(&self, name: &str) -> Result<(), BackendError> {
        let (tell, told) = line();
        let done = Box::new(move |outcome| drop(tell.send(outcome)));
        self.backend.remove_history(&channel(name), done);
        wait(&told)
    }

    /// The data of what was delivered.
    pub(crate) fn delivered(&self) -> Vec<String> {
        let delivered = self.sink.0.lock().unwrap();
        let data = |message: &Message| match message {
            Message::Publication(publication) => {
                String::from_utf8(publication.data.to_vec()).unwrap()
            }
            _ => String::new(),
        };
        delivered.iter().map(|(_, message)| data(message)).collect()
    }

    /// The place of what was delivered last.
    pub(crate) fn last_delivered(&self) -> Position {
        match self.sink.0.lock().unwrap().last().map(|(_, message)| message.clone()) {
            Some(Message::Publication(publication)) => publication.position(),
            other => panic!("no publication: {other:?}"),
        }
    }

    pub(crate) fn close(self) {
        self.backend.close().unwrap();
    }
}

/// The data directory on a fake disk.
pub(crate) fn data() -> PathBuf {
    "data".into()
}
