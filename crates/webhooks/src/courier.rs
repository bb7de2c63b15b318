//! Delivers the outbox to one receiver: a batch at a time, each until it is taken or given up.
//!
//! Before a batch is sent for the first time it is noted that it may have arrived, so that whoever
//! goes on after a crash marks it as an attempt that is not the first. The note is a lease as well:
//! of all nodes one delivers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep, timeout};
use trunkline_core::backend::BackendError;
use trunkline_core::history::HistoryQuery;
use trunkline_core::note::{Change, Changed, Due};
use trunkline_core::route::{Next, next};
use trunkline_outgoing::{Address, Answer, Client, Limits};

use crate::backoff;
use crate::batch::Batch;
use crate::ending::Ending;
use crate::outbox::{Outcome, json, to, to_from, value};
use crate::progress::{self, Progress, Reached, Trying};
use crate::shared::{RETRY, Shared, wall_ms};
use crate::signature::Signer;
use crate::wish::Wish;

/// For how long a receiver is a node's to deliver to, beyond what one attempt may take, in
/// milliseconds.
const LEASE_MS: u64 = 10_000;

/// How often it is tried to take over, and how often a lease is renewed.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// How often it is looked whether other nodes have put something into the outbox.
const POLL_EVERY: Duration = Duration::from_millis(250);

/// Publications of the outbox that are read together.
const PAGE: usize = 100;

/// Bytes of an answer; nobody reads it.
const ANSWER_BYTES: usize = 64 * 1024;

/// Who receives events.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// Names it, for ever: how far it has come is kept under it.
    pub name: String,
    /// Where it listens.
    pub address: Address,
    /// The secret it shares with the nodes.
    pub signer: Signer,
    /// What it wants to be told.
    pub wish: Wish,
    /// How long it may take.
    pub timeout: Duration,
    /// How long a batch is tried before it is put away as a dead letter, in milliseconds.
    pub retry_for_ms: u64,
}

/// The one that delivers to a receiver.
pub(crate) struct Courier {
    shared: Arc<Shared>,
    client: Client,
    receiver: Receiver,
    ending: Ending,
}

/// A receiver that is this node's.
struct Held {
    version: u64,
    progress: Progress,
    /// When the note was last changed.
    saved: Instant,
    /// Whether there is more to say than it says.
    unsaved: bool,
    /// Attempts of this batch that have failed here, in a row.
    failures: u32,
    /// Whether the last attempt of all has failed.
    troubled: bool,
}

impl Held {
    /// A batch is done with.
    fn pass(&mut self, batch: &Batch) {
        self.progress.reached = Some(Reached::of(&batch.up_to));
        self.progress.trying = None;
        (self.unsaved, self.failures) = (true, 0);
    }
}

/// It is another node's now, or the node ends.
struct Over;

impl Courier {
    pub(crate) fn new(
        shared: Arc<Shared>,
        client: Client,
        receiver: Receiver,
        ending: Ending,
    ) -> Self {
        Self { shared, client, receiver, ending }
    }

    /// Delivers until the node ends.
    pub(crate) async fn run(mut self) {
        while !self.ending.has_come() {
            match self.take_over().await {
                Ok(Some(mut held)) => {
                    let Err(Over) = self.deliver(&mut held).await;
                    if self.ending.has_come() {
                        return self.give_back(&held).await;
                    }
                }
                Ok(None) | Err(_) => {
                    let _ = timeout(LOOK_EVERY, self.ending.comes()).await;
                }
            }
        }
    }

    fn lease(&self) -> Due {
        let attempt = u64::try_from(self.receiver.timeout.as_millis()).unwrap_or(LEASE_MS);
        Due::In(LEASE_MS + attempt)
    }

    fn name(&self) -> String {
        progress::name(&self.receiver.name)
    }

    /// Makes the receiver this node's, if it is nobody's.
    async fn take_over(&self) -> Outcome<Option<Held>> {
        let found = self.shared.outbox.read(&self.name()).await?;
        let mut progress = found.as_ref().and_then(value::<Progress>).unwrap_or_default();
        let mine = progress.holder == self.shared.node;
        progress.holder.clone_from(&self.shared.node);
        let key = self.shared.outbox.key(&self.name());
        let change = to(key, found.as_ref(), &progress, self.lease());
        let change = Change { when_due: found.is_some() && !mine, ..change };
        Ok(match self.shared.outbox.change(change).await? {
            Changed::Made { version, .. } => {
                let (saved, unsaved, failures) = (Instant::now(), false, 0);
                let troubled = progress.error.is_some();
                Some(Held { version, progress, saved, unsaved, failures, troubled })
            }
            Changed::Refused(_) | Changed::Early(_) => None,
        })
    }

    /// Lets others go on at once.
    async fn give_back(&self, held: &Held) {
        let key = self.shared.outbox.key(&self.name());
        let progress = Progress { holder: String::new(), ..held.progress.clone() };
        // Otherwise it is theirs when the lease ends.
        let _ = self.shared.outbox.change(to_from(key, held.version, &progress, Due::In(0))).await;
    }

    /// Notes how far it has come, and keeps the receiver; until it is done, and was soon enough for the
    /// lease to have begun just now.
    async fn save(&self, held: &mut Held) -> Result<(), Over> {
        loop {
            let begun = Instant::now();
            let key = self.shared.outbox.key(&self.name());
            let change = to_from(key, held.version, &held.progress, self.lease());
            match self.shared.outbox.change(change).await {
                Ok(Changed::Made { version, .. }) => {
                    (held.version, held.saved, held.unsaved) = (version, begun, false);
                    if begun.elapsed() < LOOK_EVERY {
                        return Ok(());
                    }
                }
                // An attempt without an answer has been made after all, some time ago.
                Ok(Changed::Refused(Some(note)))
                    if json(&held.progress) == Some(note.value.clone()) =>
                {
                    held.version = note.version;
                }
                Ok(_) | Err(BackendError::Stopped) => return Err(Over),
                Err(_) => sleep(RETRY).await,
            }
        }
    }

    async fn deliver(&mut self, held: &mut Held) -> Result<std::convert::Infallible, Over> {
        let mut filled = self.shared.outbox.filled();
        loop {
            filled.mark_unchanged();
            if self.ending.has_come() {
                return Err(Over);
            }
            match self.next_batch(&held.progress).await {
                Ok(Some(batch)) if batch.events.is_empty() => {
                    held.pass(&batch);
                    // Nothing was sent: it may be noted with what comes.
                    if held.saved.elapsed() >= LOOK_EVERY {
                        self.save(held).await?;
                    }
                }
                Ok(Some(batch)) => self.send(held, &batch).await?,
                Ok(None) => {
                    if held.unsaved || held.saved.elapsed() >= LOOK_EVERY {
                        self.save(held).await?;
                    }
                    tokio::select! {
                        _ = timeout(POLL_EVERY, filled.changed()) => {}
                        () = self.ending.comes() => {}
                    }
                }
                Err(BackendError::Stopped) => return Err(Over),
                Err(_) => sleep(RETRY).await,
            }
        }
    }

    /// What comes next, if anything does.
    async fn next_batch(&self, progress: &Progress) -> Outcome<Option<Batch>> {
        let reached = progress.reached.as_ref().map(Reached::position);
        let mut since = reached.clone();
        loop {
            let query = HistoryQuery { since: since.clone(), limit: PAGE, reverse: false };
            let page = self.shared.outbox.history(query).await?;
            match next(reached.as_ref(), since.as_ref(), page) {
                Next::Nothing => return Ok(None),
                Next::ReadAgain(query) => since = query.since,
                Next::Do(stretch) => {
                    if let Some(gone) = stretch.gone {
                        let webhook = &self.receiver.name;
                        tracing::warn!(webhook, reason = ?gone.reason, publications = gone.publications,
                            "events were gone before they were delivered");
                    }
                    let bound = progress.bound(stretch.up_to.epoch.as_str());
                    return Ok(Some(Batch::cut(
                        &self.receiver.name,
                        &self.receiver.wish,
                        stretch,
                        bound,
                    )));
                }
            }
        }
    }

    /// Sends a batch until it is taken, or given up.
    async fn send(&mut self, held: &mut Held, batch: &Batch) -> Result<(), Over> {
        let (body, mut ending) = (batch.body(), self.ending.clone());
        loop {
            let before = held.progress.trying.take();
            let up_to = Reached::of(&batch.up_to);
            let attempt = before.as_ref().map_or(batch.attempts, |before| before.attempt) + 1;
            // Where the outbox has changed it is another batch, of which some may have arrived.
            let same = before.filter(|before| before.up_to == up_to);
            let since = same.map_or_else(wall_ms, |before| before.since);
            let trying = Trying { up_to, attempt, since };
            held.progress.trying = Some(trying.clone());
            self.save(held).await?;
            let posted = tokio::select! {
                posted = self.post(batch, &body, attempt) => posted,
                // Whoever goes on marks it.
                () = ending.comes() => return Err(Over),
            };
            let Err(trouble) = posted else {
                self.shared.metrics.node.webhook_deliveries.add(1);
                if std::mem::take(&mut held.troubled) {
                    tracing::info!(webhook = self.receiver.name, "the receiver takes events again");
                }
                held.progress.error = None;
                held.pass(batch);
                return Ok(());
            };
            self.shared.metrics.node.webhook_failures.add(1);
            held.failures += 1;
            if !std::mem::replace(&mut held.troubled, true) {
                let webhook = &self.receiver.name;
                tracing::warn!(webhook, %trouble, "the receiver does not take events; it is tried again");
            }
            held.progress.error = Some(trouble.clone());
            held.unsaved = true;
            let left = since.saturating_add(self.receiver.retry_for_ms).saturating_sub(wall_ms());
            if left == 0 {
                self.bury(held, batch, &trying, &trouble).await?;
                held.pass(batch);
                return Ok(());
            }
            self.rest(held, Duration::from_millis(left)).await?;
        }
    }

    /// Puts a batch away; until it is done. The receiver is kept meanwhile.
    async fn bury(
        &self,
        held: &mut Held,
        batch: &Batch,
        tried: &Trying,
        trouble: &str,
    ) -> Result<(), Over> {
        let webhook = &self.receiver.name;
        let mut warned = false;
        loop {
            match self.shared.outbox.bury(webhook, batch, tried, trouble).await {
                Ok(()) => {
                    self.shared.metrics.node.webhook_dead_letters.add(1);
                    tracing::warn!(webhook, %trouble, events = batch.events.len(),
                        "events are given up; they are kept as a dead letter");
                    return Ok(());
                }
                Err(BackendError::Stopped) => return Err(Over),
                Err(error) => {
                    if !std::mem::replace(&mut warned, true) {
                        tracing::warn!(webhook, %error, "a dead letter cannot be kept; it is tried again");
                    }
                    sleep(RETRY).await;
                    self.save(held).await?;
                }
            }
        }
    }

    /// Waits before the next attempt, `most` at most, and keeps the receiver meanwhile.
    async fn rest(&mut self, held: &mut Held, most: Duration) -> Result<(), Over> {
        let mut luck = [0];
        // Without randomness all wait as long as each other, which does little harm.
        let _ = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut luck);
        let end = Instant::now() + backoff::wait(held.failures, luck[0]).min(most);
        while Instant::now() < end {
            if held.unsaved || held.saved.elapsed() >= LOOK_EVERY {
                self.save(held).await?;
            }
            let pause = end.duration_since(Instant::now()).min(LOOK_EVERY);
            if timeout(pause, self.ending.comes()).await.is_ok() {
                return Err(Over);
            }
        }
        Ok(())
    }

    /// One attempt; says why it has failed.
    async fn post(&self, batch: &Batch, body: &Bytes, attempt: u32) -> Result<(), String> {
        let seconds = wall_ms() / 1_000;
        let id = batch.id(&self.receiver.name);
        let signature = self.receiver.signer.sign(&id, seconds, body);
        let headers = [
            ("webhook-id", id.as_str()),
            ("webhook-timestamp", &seconds.to_string()),
            ("webhook-signature", &signature),
            ("trunkline-attempt", &attempt.to_string()),
        ];
        let limits = Limits { time: self.receiver.timeout, bytes: ANSWER_BYTES };
        match self.client.post(&self.receiver.address, headers, body.clone(), limits).await {
            Ok(Answer { status: 200..=299, .. }) => Ok(()),
            Ok(Answer { status, .. }) => Err(format!("status {status}")),
            Err(trouble) => Err(trouble.to_string()),
        }
    }
}
