//! Looks after lives that are due among the notes of the outbox: those of nodes that have died.
//!
//! Every node does, and each thing is done by the one whose change of its note is made.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use trunkline_core::note::{Change, Changed, Due, Note, NoteKey};
use trunkline_core::time::{Tick, WallTime};

use crate::event::{Event, What};
use crate::ledger::{self, Entry, Life};
use crate::life::{self, Account, GRACE_MS, LifeState, REMEMBERED_MS, SWEEP_MS};
use crate::outbox::{Outcome, to, value};
use crate::shared::Shared;

/// How often it is looked.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The one that looks.
pub(crate) struct Warden {
    shared: Arc<Shared>,
    /// No other node shares the outbox: whoever else has lived is dead.
    alone: bool,
    /// Lives that are due, as they were when that was seen first.
    overdue: HashMap<NoteKey, (u64, Tick)>,
}

impl Warden {
    pub(crate) fn new(shared: Arc<Shared>, alone: bool) -> Self {
        Self { shared, alone, overdue: HashMap::new() }
    }

    /// Looks until it is dropped.
    pub(crate) async fn run(mut self) {
        let mut life = self.shared.life.subscribe();
        // The sender is shared: it does not end before this does.
        let _ = life.wait_for(Option::is_some).await;
        let mut begun = false;
        loop {
            let looked = if begun { self.look().await } else { self.begin().await };
            match looked {
                Ok(()) => begun = true,
                Err(error) => {
                    // Others may not have got there either.
                    self.overdue.clear();
                    tracing::debug!(%error, "the outbox is looked after later");
                }
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Once, at first: what former lives have left behind.
    async fn begin(&self) -> Outcome<()> {
        if self.alone {
            let mut pages = self.shared.outbox.pages(false);
            while let Some(page) = pages.next().await? {
                for note in page.notes.iter().filter(|note| is_other_life(note, &self.shared)) {
                    self.die(note, page.now).await?;
                }
            }
        }
        self.sweep(None).await
    }

    async fn look(&mut self) -> Outcome<()> {
        let mut seen = HashMap::new();
        let mut pages = self.shared.outbox.pages(true);
        while let Some(page) = pages.next().await? {
            for note in page.notes.iter().filter(|note| is_other_life(note, &self.shared)) {
                if self.is_over(note, &mut seen) {
                    self.die(note, page.now).await?;
                }
            }
        }
        self.overdue = seen;
        Ok(())
    }

    /// Whether a life that is due has been so for long enough. `seen` remembers it for the next look.
    fn is_over(&self, note: &Note, seen: &mut HashMap<NoteKey, (u64, Tick)>) -> bool {
        let now = self.shared.now();
        let before = self.overdue.get(&note.key).filter(|(version, _)| *version == note.version);
        let since = before.map_or(now, |(_, since)| *since);
        seen.insert(note.key.clone(), (note.version, since));
        now.since(since) >= GRACE_MS
    }

    /// A life is over, at this time of the broker's: receivers are told of its node, then its places are
    /// given up.
    async fn die(&self, note: &Note, now: WallTime) -> Outcome<()> {
        let outbox = &self.shared.outbox;
        let life = &note.key.name[life::PREFIX.len()..];
        let account = value::<Account>(note);
        if account.as_ref().is_none_or(|account| account.state == LifeState::Dead) {
            // Whether it is due tells one that is remembered from one that is forgotten.
            if note.due.is_some_and(|due| due > now) {
                return Ok(());
            }
            return outbox.remove(note).await;
        }
        let Some(account) = account else { return Ok(()) };
        // Before anything else: should the node be alive after all it tells what it holds once more,
        // which has to come behind this.
        let draft = match account.state {
            LifeState::Alive => {
                tracing::warn!(life, "a node has ended without saying so");
                let node = Life::parse(life).map_or_else(|| life.to_owned(), |life| life.node);
                let event = Event { node, ..self.shared.event(What::NodeLost) };
                outbox.draft(&[event], Vec::new())
            }
            LifeState::Dying | LifeState::Dead => None,
        };
        let told = u64::from(draft.is_some());
        let dying = Account { state: LifeState::Dying, ..account };
        let change = to(note.key.clone(), Some(note), &dying, Due::In(SWEEP_MS));
        let change = Change { draft, ..change };
        let Changed::Made { version, .. } = outbox.change(change).await? else { return Ok(()) };
        self.shared.metrics.node.webhook_events.add(told);
        self.sweep(Some(life)).await?;
        let dead = Account { state: LifeState::Dead, ..dying };
        let due = Due::In(REMEMBERED_MS);
        outbox.change(crate::outbox::to_from(note.key.clone(), version, &dead, due)).await.map(drop)
    }

    /// Strikes lives that have ended out of the ledger: this one, and those nobody knows any more.
    async fn sweep(&self, ended: Option<&str>) -> Outcome<()> {
        let mut known = HashMap::new();
        if let Some(ended) = ended {
            known.insert(ended.to_owned(), false);
        }
        // A channel is vacated when its members have gone.
        for prefix in [ledger::MEMBERS, ledger::CHANNELS] {
            let mut pages = self.shared.outbox.pages(false);
            while let Some(page) = pages.next().await? {
                let entries = page.notes.into_iter();
                for note in entries.filter(|note| note.key.name.starts_with(prefix)) {
                    self.strike_out(note, &mut known).await?;
                }
            }
        }
        Ok(())
    }

    async fn strike_out(&self, note: Note, known: &mut HashMap<String, bool>) -> Outcome<()> {
        let mut note = note;
        while let Some(entry) = value::<Entry>(&note) {
            let mut ended = None;
            for life in &entry.lives {
                if !self.lives(life, known).await? {
                    ended = Some(life);
                    break;
                }
            }
            let Some(correction) = ended.and_then(|life| ledger::strike(&entry, life)) else {
                return Ok(());
            };
            let tells = u64::from(correction.told.is_some());
            let change = self.shared.correction(&entry.place, Some(&note), correction);
            let key = note.key.clone();
            match self.shared.outbox.change(change).await? {
                Changed::Made { .. } => {
                    self.shared.metrics.node.webhook_events.add(tells);
                    // There may be another one.
                    match self.shared.outbox.read(&key.name).await? {
                        Some(next) => note = next,
                        None => return Ok(()),
                    }
                }
                Changed::Refused(Some(other)) | Changed::Early(other) => note = other,
                Changed::Refused(None) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Whether a life goes on.
    async fn lives(&self, life: &str, known: &mut HashMap<String, bool>) -> Outcome<bool> {
        if let Some(lives) = known.get(life) {
            return Ok(*lives);
        }
        let note = self.shared.outbox.read(&life::name(life)).await?;
        let account = note.as_ref().and_then(value::<Account>);
        let lives = account.is_some_and(|account| account.state == LifeState::Alive);
        known.insert(life.to_owned(), lives);
        Ok(lives)
    }
}

/// Whether a note is of a life, and not of the one that goes on here.
fn is_other_life(note: &Note, shared: &Shared) -> bool {
    let life = note.key.name.strip_prefix(life::PREFIX);
    life.is_some_and(|life| shared.life.borrow().as_ref().is_none_or(|it| it.to_string() != life))
}
