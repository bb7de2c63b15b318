//! Puts what happens to connections of this node into the outbox, in order.
//!
//! Each time it does, the note of the node's [`life`](crate::life) counts one up in the same step:
//! whoever does not get an answer can see whether it was done, so that nothing stands there twice.

use std::sync::Arc;

use tokio::time::{sleep, timeout};
use trunkline_core::note::{Change, Changed, Due, Expected, Note};
use trunkline_core::time::Tick;

use crate::ending::Ending;
use crate::event::Event;
use crate::ledger::Life;
use crate::life::{self, Account, LIFE_MS, LifeState, RENEW_MS};
use crate::outbox::{to_from, value};
use crate::shared::{RETRY, Shared};

/// The one that writes.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    life: Life,
    /// The version of the life's note, once there is one.
    version: Option<u64>,
    written: u64,
    renew_at: Tick,
    /// Whether the outbox cannot be reached, and that was said.
    stuck: bool,
}

/// What a note says after a change of it was refused.
enum Found {
    /// It is the change itself, which has been made without an answer.
    Made,
    /// The life goes on, from an earlier state.
    Earlier,
    /// The life is over.
    Over,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let life = Life { node: shared.node.clone(), number: 1 };
        Self { shared, life, version: None, written: 0, renew_at: Tick(0), stuck: false }
    }

    /// Writes until `ending` says that nothing more comes.
    pub(crate) async fn run(mut self, mut ending: Ending) {
        loop {
            // A life begins with what has to be told again, if it is not the first one.
            let begins = self.version.is_none();
            let events = if begins { Vec::new() } else { self.shared.take_events() };
            if begins || !events.is_empty() || self.shared.now() >= self.renew_at {
                self.write(events).await;
                continue;
            }
            let renewal = self.shared.until(self.renew_at);
            tokio::select! {
                _ = timeout(renewal, self.shared.queued.notified()) => {}
                () = ending.comes() => {
                    if self.shared.is_told() {
                        self.bow_out().await;
                    }
                    return;
                }
            }
        }
    }

    /// Puts events into the outbox, or says only that the node lives; until it is done, or has to be
    /// done in another life.
    async fn write(&mut self, events: Vec<Event>) {
        loop {
            let begun = self.shared.now();
            let Some(change) = self.change(&events) else { return };
            match self.shared.outbox.change(change).await {
                Ok(Changed::Made { version, .. }) => self.made(version),
                Ok(Changed::Refused(note)) => match self.compare(note.as_ref()) {
                    Found::Made => {}
                    Found::Earlier => continue,
                    Found::Over => {
                        self.live_again();
                        return self.shared.put_back(events);
                    }
                },
                Ok(Changed::Early(_)) => continue,
                Err(error) => {
                    if !std::mem::replace(&mut self.stuck, true) {
                        tracing::warn!(%error, "events of webhooks wait for the outbox");
                    }
                    sleep(RETRY).await;
                    continue;
                }
            }
            self.stuck = false;
            self.renew_at = begun.after(RENEW_MS);
            self.shared.metrics.node.webhook_events.add(events.len() as u64);
            return;
        }
    }

    fn change(&self, events: &[Event]) -> Option<Change> {
        let key = self.shared.outbox.key(&life::name(&self.life.to_string()));
        let account = Account { written: self.written + 1, state: LifeState::Alive };
        let mut change = match self.version {
            Some(version) => to_from(key, version, &account, Due::In(LIFE_MS)),
            None => crate::outbox::to(key, None, &account, Due::In(LIFE_MS)),
        };
        if !events.is_empty() {
            change.draft = Some(self.shared.outbox.draft(events, Vec::new())?);
        }
        Some(change)
    }

    fn made(&mut self, version: u64) {
        self.written += 1;
        if self.version.replace(version).is_none() {
            self.shared.life.send_replace(Some(self.life.clone()));
            if self.life.number > 1 {
                self.shared.tell_again();
            }
        }
    }

    /// What the note says that is not as it was expected to be.
    fn compare(&mut self, note: Option<&Note>) -> Found {
        let account = note.and_then(|note| Some((note.version, value::<Account>(note)?)));
        let Some((version, account)) = account else { return Found::Over };
        let made = account.written == self.written + 1;
        match account.state {
            LifeState::Alive if made => {
                self.made(version);
                Found::Made
            }
            // The broker has failed over to one that knew less: the life goes on from there.
            LifeState::Alive => {
                (self.version, self.written) = (Some(version), account.written);
                Found::Earlier
            }
            LifeState::Dying | LifeState::Dead if made => {
                self.live_again();
                Found::Made
            }
            LifeState::Dying | LifeState::Dead => Found::Over,
        }
    }

    /// Others have taken this node for dead, or what they knew is gone: it begins another life.
    fn live_again(&mut self) {
        tracing::warn!(life = %self.life, "others do not know any more that this node lives");
        self.life.number += 1;
        (self.version, self.written) = (None, 0);
    }

    /// Nothing is left that others would have to be told of.
    async fn bow_out(&mut self) {
        let Some(version) = self.version else { return };
        let key = self.shared.outbox.key(&life::name(&self.life.to_string()));
        let removal =
            Change { expected: Expected::Version(version), ..Change::of(key, None, None) };
        // Where it fails others believe that it has died, which tells nothing that is wrong but that.
        let _ = self.shared.outbox.change(removal).await;
    }
}
