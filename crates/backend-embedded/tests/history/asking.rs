//! The store of a history, and what is asked of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use trunkline_backend_embedded::{EmbeddedBackend, OpenError, Opened, Options};
use trunkline_core::backend::{Backend as _, BackendError, Published, Sink};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::position::Position;
use trunkline_core::publication::{Draft, Message};
use trunkline_core::signal::Signal;
use trunkline_core::time::WallTime;
use trunkline_wal::files::Files;

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) type Told<T> = Receiver<Result<T, BackendError>>;

/// Hears what is delivered.
#[derive(Default)]
pub(crate) struct Hearer(Mutex<Vec<(ChannelName, Message)>>);

impl Sink for Hearer {
    fn deliver(&self, channel: &ChannelName, message: Message) {
        let mut heard = self.0.lock().expect("nobody panics with it");
        heard.push((channel.clone(), message));
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

impl Hearer {
    pub(crate) fn take(&self) -> Vec<(ChannelName, Message)> {
        std::mem::take(&mut *self.0.lock().expect("nobody panics with it"))
    }
}

/// A store that is open.
pub(crate) struct Asking {
    pub(crate) backend: EmbeddedBackend,
    pub(crate) opened: Opened,
    pub(crate) hearer: Arc<Hearer>,
    failed: Arc<AtomicU64>,
}

impl Asking {
    pub(crate) fn open(
        files: impl Files + Clone,
        options: Options,
        now: &Arc<AtomicU64>,
    ) -> Result<Self, OpenError> {
        let hearer = Arc::new(Hearer::default());
        let failed = Arc::new(AtomicU64::new(0));
        let (clock, told) = (Arc::clone(now), Arc::clone(&failed));
        let sink = Arc::clone(&hearer) as Arc<dyn Sink>;
        let (backend, opened) = EmbeddedBackend::open_with(
            files,
            "data".as_ref(),
            options,
            sink,
            Box::new(move || WallTime(clock.load(Ordering::Relaxed))),
            move |_| {
                told.fetch_add(1, Ordering::Relaxed);
            },
        )?;
        Ok(Self { backend, opened, hearer, failed })
    }

    /// How often it was told that the store has stopped: once at most.
    pub(crate) fn failures(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    pub(crate) fn publish(&self, draft: Draft) -> Told<Published> {
        let (tell, told) = channel();
        self.backend.publish(draft, Box::new(move |outcome| drop(tell.send(outcome))));
        told
    }

    pub(crate) fn clear(&self, channel_name: &ChannelName) -> Told<()> {
        let (tell, told) = channel();
        let done = Box::new(move |outcome| drop(tell.send(outcome)));
        self.backend.remove_history(channel_name, done);
        told
    }

    pub(crate) fn read(
        &self,
        channel_name: &ChannelName,
        since: Option<&Position>,
    ) -> Result<Result<HistoryPage, BackendError>, String> {
        let (tell, told) = channel();
        let done = Box::new(move |outcome| drop(tell.send(outcome)));
        let query = HistoryQuery { since: since.cloned(), limit: 1_000, reverse: false };
        self.backend.history(channel_name, query, done);
        wait(&told)
    }
}

/// Waits for an answer.
pub(crate) fn wait<T>(told: &Told<T>) -> Result<Result<T, BackendError>, String> {
    told.recv_timeout(DEADLINE).map_err(|_| "someone was never told".to_owned())
}
