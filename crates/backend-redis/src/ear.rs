//! What is published, heard from one server.
//!
//! There is a set of lines that are wanted. One task keeps a connection on which they are subscribed
//! to, in batches, each of which is confirmed before a deadline; it makes a new one whenever the old
//! one is lost, silent for too long, or at the wrong server, and never gives up. What a line may
//! have missed meanwhile is said ([`Sink::doubt`]).
//!
//! The automatic resubscription of client libraries is not used: measured, two of three restored
//! none of 20 sharded subscriptions after their connection was killed, and one gave up for good when
//! the server was away for half a minute.

mod hearing;
mod lines;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use trunkline_core::backend::{BackendError, Completion, Sink};
use trunkline_core::signal::NodeId;

use self::lines::Lines;
pub(crate) use self::lines::{Moved, Subject};
use crate::caller::{Call, Caller};
use crate::health::{Health, Part};
use crate::keys::Partition;
use crate::link::{Pause, dial_master, looking};
use crate::resp::command;
use crate::seat::Seat;

/// What an ear needs of its surroundings.
pub(crate) struct Surroundings {
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) node: NodeId,
    /// Somebody else may keep some of the lines now.
    pub(crate) lines_moved: Box<dyn Fn() + Send + Sync>,
}

/// What is heard from one server.
#[derive(Clone)]
pub(crate) struct Ear(Arc<Shared>);

struct Shared {
    lines: Mutex<Lines>,
    /// There are lines to subscribe to or to leave.
    changed: Notify,
    around: Arc<Surroundings>,
}

impl Ear {
    pub(crate) fn new(around: Arc<Surroundings>) -> Self {
        Self(Arc::new(Shared { lines: Mutex::default(), changed: Notify::new(), around }))
    }

    /// Wants a line from now on; `done` is told when it is heard.
    pub(crate) fn listen(
        &self,
        line: String,
        subject: Subject,
        done: Completion<Result<(), BackendError>>,
    ) {
        let told = self.lines().listen(line, subject, done);
        self.0.changed.notify_one();
        if let Some((done, outcome)) = told {
            done(outcome);
        }
    }

    /// Wants a line no more.
    pub(crate) fn unlisten(&self, line: &str) {
        let left = self.lines().unlisten(line);
        self.0.changed.notify_one();
        left.into_iter().for_each(|done| done(Err(BackendError::Unavailable)));
    }

    /// Calls `then` once a line is heard, at once if nobody wants it.
    pub(crate) fn when_heard(&self, line: &str, then: Completion<Result<(), BackendError>>) {
        let told = self.lines().when_heard(line, then);
        if let Some((then, outcome)) = told {
            then(outcome);
        }
    }

    /// Takes out the lines that another server keeps now.
    pub(crate) fn take(&self, is_gone: impl Fn(&str) -> bool) -> Vec<(String, Moved)> {
        let taken = self.lines().take(is_gone);
        self.0.changed.notify_one();
        taken
    }

    /// Takes over a line that another server kept.
    pub(crate) fn take_over(&self, line: String, moved: Moved) {
        self.lines().take_over(line, moved);
        self.0.changed.notify_one();
    }

    /// Tells those whose time is over.
    pub(crate) fn expire(&self) {
        let late = self.lines().expire(Instant::now());
        late.into_iter().for_each(|done| done(Err(BackendError::Unavailable)));
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        // Sound wherever a panic leaves it: each change is one insertion.
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a connection to the server, for ever. `probe` is a line of a partition that the server
    /// keeps; what is published there through `caller` must come back.
    pub(crate) async fn run(
        self,
        seat: Arc<Seat>,
        health: Arc<Health>,
        caller: Caller,
        probe: impl Fn() -> (Partition, String),
    ) {
        let mut pause = Pause::new();
        loop {
            let began = Instant::now();
            let connecting = async { dial_master(&seat.find().await?, &seat.access).await };
            let trouble = match looking(connecting, || self.expire()).await {
                Ok(link) => {
                    pause.reset();
                    let (partition, line) = probe();
                    self.lines().begin(&line);
                    let call = || {
                        let command = command("SPUBLISH").arg(&line).arg("?");
                        caller.call(Call::unheard(partition, command));
                    };
                    tokio::select! {
                        trouble = self.hear(link, &health, call) => trouble,
                        trouble = seat.left() => trouble,
                    }
                }
                Err(trouble) => trouble,
            };
            self.lines().end();
            health.is_in_trouble(Part::Lines, &trouble);
            seat.suspect();
            looking(sleep(pause.take().saturating_sub(began.elapsed())), || self.expire()).await;
        }
    }
}
