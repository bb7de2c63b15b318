//! A node's webhooks, as those see them who run them and who ask about them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use trunkline_core::backend::{Backend, BackendError};
use trunkline_core::history::HistoryQuery;
use trunkline_core::namespace::Retention;
use trunkline_core::note::Notes;
use trunkline_core::observer::Observer;
use trunkline_outgoing::Client;
use trunkline_telemetry::Metrics;

use crate::courier::{Courier, Receiver};
use crate::ending::{Ending, unbroken};
use crate::event::Kind;
use crate::letters::Letter;
use crate::outbox::{Outbox, value};
use crate::overdue;
use crate::progress::{self, Progress};
use crate::reminders::{Inboxes, Reminders};
use crate::shared::Shared;
use crate::teller;
use crate::warden::Warden;
use crate::watching::Watching;
use crate::writer::Writer;

/// How often an ending node looks whether everything is in the outbox.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What webhooks are made of.
pub struct Options {
    /// The id of the node.
    pub node: String,
    /// How the outbox is kept.
    pub retention: Retention,
    /// Who receives events.
    pub receivers: Vec<Receiver>,
    /// How long a message of an inbox may be unread until receivers are told, in milliseconds.
    pub unread_after_ms: u64,
    /// What carries the outbox.
    pub backend: Arc<dyn Backend>,
    /// What keeps notes beside it.
    pub notes: Arc<dyn Notes>,
    /// Where it is counted.
    pub metrics: Arc<Metrics>,
}

/// The webhooks of a node.
pub struct Webhooks {
    shared: Arc<Shared>,
    receivers: Vec<Receiver>,
    backend: Arc<dyn Backend>,
    notes: Arc<dyn Notes>,
    unread_after_ms: u64,
    ending: watch::Sender<bool>,
    /// Moves when everything has ended.
    ended: watch::Sender<bool>,
}

/// How a receiver fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub url: String,
    /// Publications of the outbox that it does not have yet; each carries one event or several.
    pub waiting: u64,
    /// The number of the attempt that is on its way or was the last; 0 if nothing is tried.
    pub attempt: u32,
    /// Why the last attempt failed, if it did.
    pub last_error: Option<String>,
    /// The node that delivers, if one does.
    pub node: Option<String>,
}

/// What comes of a question about webhooks.
type Outcome<T> = Result<T, BackendError>;

impl Webhooks {
    /// Webhooks that do nothing yet. `None` where there are no receivers.
    #[must_use]
    pub fn new(options: Options) -> Option<Self> {
        let Options { node, retention, receivers, unread_after_ms, backend, notes, metrics } =
            options;
        if receivers.is_empty() {
            return None;
        }
        let wishes = receivers.iter().map(|receiver| receiver.wish.clone()).collect();
        let outbox = Outbox::new(retention, Arc::clone(&backend), Arc::clone(&notes))?;
        let shared = Arc::new(Shared::new(&node, outbox, metrics, wishes));
        let (ending, ended) = (watch::Sender::new(false), watch::Sender::new(false));
        Some(Self { shared, receivers, backend, notes, unread_after_ms, ending, ended })
    }

    /// Who is to be told what clients do.
    #[must_use]
    pub fn observer(&self) -> Arc<dyn Observer> {
        Arc::clone(&self.shared) as Arc<dyn Observer>
    }

    fn reminds(&self) -> bool {
        self.shared.wants(Kind::InboxUnread)
    }

    /// The backend as it is to be used by others, so that it is seen what enters inboxes; as it was, if
    /// nobody wants to know.
    #[must_use]
    pub fn watching(&self) -> (Arc<dyn Backend>, Arc<dyn Notes>) {
        if !self.reminds() {
            return (Arc::clone(&self.backend), Arc::clone(&self.notes));
        }
        let watching = Arc::new(Watching {
            shared: Arc::clone(&self.shared),
            backend: Arc::clone(&self.backend),
            notes: Arc::clone(&self.notes),
            after_ms: self.unread_after_ms,
        });
        (watching.clone(), watching)
    }

    /// Does everything there is to do, until [`Webhooks::close`].
    ///
    /// # Panics
    /// One of its parts has: what goes on without it would lose events without a word.
    pub async fn run(&self, client: Client, inboxes: Arc<dyn Inboxes>) {
        let reminders = Reminders { inboxes, after_ms: self.unread_after_ms };
        let reminders = Some(reminders).filter(|_| self.reminds());
        let alone = !self.backend.guarantees().shared;
        let mut to_their_end = JoinSet::new();
        to_their_end.spawn(Writer::new(self.shared.clone()).run(Ending::of(&self.ending)));
        for receiver in &self.receivers {
            let courier = Courier::new(
                self.shared.clone(),
                client.clone(),
                receiver.clone(),
                Ending::of(&self.ending),
            );
            to_their_end.spawn(courier.run());
        }
        // These are dropped when the others have ended.
        let mut beside = JoinSet::new();
        beside.spawn(teller::run(self.shared.clone()));
        beside.spawn(Warden::new(self.shared.clone(), alone).run());
        beside.spawn(overdue::run(self.shared.clone(), reminders));
        loop {
            tokio::select! {
                ended = to_their_end.join_next() => match ended {
                    Some(ended) => unbroken(ended),
                    None => break,
                },
                Some(ended) = beside.join_next() => unbroken(ended),
            }
        }
        self.ended.send_replace(true);
    }

    /// Puts into the outbox what is not there yet, and lets other nodes deliver, or a later life of this
    /// one; an outbox that ends with the process is delivered. All of it in `time`, or what is left is lost,
    /// and said to be. Nothing may happen to clients any more.
    pub async fn close(&self, time: Duration) {
        let end = Instant::now() + time;
        self.shared.hurry();
        while !self.shared.is_told() && Instant::now() < end {
            sleep(LOOK_EVERY).await;
        }
        while !self.may_wait_for_others().await && Instant::now() < end {
            sleep(LOOK_EVERY).await;
        }
        self.ending.send_replace(true);
        let mut ended = self.ended.subscribe();
        let left = end.duration_since(Instant::now()).max(LOOK_EVERY);
        let ended = timeout(left, ended.wait_for(|ended| *ended)).await.is_ok();
        if !self.shared.is_told() || !ended {
            let waiting = self.shared.waiting();
            tracing::error!(waiting, "what clients did last was not put into the outbox in time");
        } else if !self.may_wait_for_others().await {
            tracing::warn!(
                "not all receivers have what was in the outbox, which ends with this node"
            );
        }
    }

    /// Whether somebody can deliver what is in the outbox when this node is gone, or nothing is left to be
    /// delivered.
    async fn may_wait_for_others(&self) -> bool {
        let kept = self.backend.guarantees();
        if kept.durable || kept.shared {
            return true;
        }
        let states = self.states().await;
        states.is_ok_and(|states| states.iter().all(|state| state.waiting == 0))
    }

    /// The names of the receivers.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.receivers.iter().map(|receiver| &*receiver.name)
    }

    /// How the receivers fare.
    ///
    /// # Errors
    /// The backend does not answer.
    pub async fn states(&self) -> Outcome<Vec<State>> {
        let page = self.shared.outbox.history(HistoryQuery::default()).await?;
        let mut states = Vec::new();
        for receiver in &self.receivers {
            let note = self.shared.outbox.read(&progress::name(&receiver.name)).await?;
            let progress = note.as_ref().and_then(value::<Progress>).unwrap_or_default();
            states.push(State {
                name: receiver.name.clone(),
                url: receiver.address.to_string(),
                waiting: progress.waiting(&page),
                attempt: progress.trying.map_or(0, |trying| trying.attempt),
                last_error: progress.error,
                node: Some(progress.holder).filter(|holder| !holder.is_empty()),
            });
        }
        Ok(states)
    }

    /// Dead letters of a receiver, oldest first, `limit` at most; behind `after`, where an answer before
    /// has ended, or from the first on if that is empty. The second value is where this one ends, if
    /// there may be more. `None` if `after` is nothing of that kind.
    ///
    /// # Errors
    /// The backend does not answer.
    pub async fn letters(
        &self,
        receiver: &str,
        after: &str,
        limit: usize,
    ) -> Outcome<Option<(Vec<Letter>, Option<String>)>> {
        self.shared.outbox.letters(receiver, after, limit).await
    }

    /// Has a dead letter delivered again, or all of a receiver. Says how many, and whether there are
    /// more than are moved at once.
    ///
    /// # Errors
    /// The backend does not answer; one may have been moved.
    pub async fn replay(&self, receiver: &str, id: Option<&str>) -> Outcome<(usize, bool)> {
        self.shared.outbox.replay(receiver, id).await
    }

    /// Drops a dead letter, or all of a receiver. Says how many, and whether there are more than are
    /// dropped at once.
    ///
    /// # Errors
    /// The backend does not answer; one may have been dropped.
    pub async fn discard(&self, receiver: &str, id: Option<&str>) -> Outcome<(usize, bool)> {
        self.shared.outbox.discard(receiver, id).await
    }
}
