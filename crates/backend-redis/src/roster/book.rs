//! What this node says about its own connections, and how much of it Redis has: decisions only.
//!
//! Each pair of a connection and a channel is an entry. A change makes it dirty; at most one write of
//! an entry is under way, so that Redis hears of its changes in their order. An entry that came and
//! went before anything was sent leaves no trace, so that there are never many more entries than
//! connections, however long Redis is away.

use std::collections::hash_map::Entry as Slot;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use trunkline_core::channel::ChannelName;
use trunkline_core::identity::{ClientId, ClientInfo};
use trunkline_core::roster::Telling;

use crate::keys::Partition;
use crate::limits::ROSTER_WRITES;

/// A connection in a channel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) channel: ChannelName,
    pub(super) client: ClientId,
}

/// Something to be written.
pub(super) struct Write {
    pub(super) partition: Partition,
    pub(super) key: Key,
    /// The number of the life in which it is said.
    pub(super) life: u64,
    pub(super) deed: Deed,
}

/// What is written.
pub(super) enum Deed {
    Enter(Arc<ClientInfo>, Telling, Loudness),
    Exit(Loudness),
}

/// Whether those who listen are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loudness {
    Told,
    /// They have heard of it before.
    Silent,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Redis has it, as far as this node knows.
    Clean,
    /// To be written, as this number in the queue.
    Dirty(u64),
    /// Being written.
    Flying,
    /// Being written, and has changed since.
    Outdated,
}

struct Entry {
    /// As who the connection is in the channel; `None` if it has left.
    here: Option<(Arc<ClientInfo>, Telling)>,
    stage: Stage,
    /// Redis may have it.
    sent: bool,
    /// Redis has had it in this life.
    confirmed: bool,
    /// Everybody has heard of what is to be written: it is only Redis that has forgotten it.
    quiet: bool,
}

#[derive(Default)]
struct Part {
    entries: HashMap<Key, Entry>,
    dirty: BTreeMap<u64, Key>,
}

/// All entries of this node.
pub(super) struct Book {
    /// By partition.
    parts: Vec<Part>,
    life: u64,
    flying: usize,
    next: u64,
    /// The partition whose turn it is.
    turn: u8,
    closed: bool,
}

impl Book {
    pub(super) fn new() -> Self {
        let parts = Partition::all().map(|_| Part::default()).collect();
        Self { parts, life: 1, flying: 0, next: 0, turn: 0, closed: false }
    }

    /// The number of the node's life.
    pub(super) fn life(&self) -> u64 {
        self.life
    }

    /// A connection is in a channel.
    pub(super) fn enter(&mut self, key: Key, info: Arc<ClientInfo>, telling: Telling) {
        if self.closed {
            return;
        }
        let part = &mut self.parts[usize::from(Partition::of(&key.channel).0)];
        let entry = part.entries.entry(key.clone()).or_insert(Entry {
            here: None,
            stage: Stage::Clean,
            sent: false,
            confirmed: false,
            quiet: false,
        });
        let here = Some((info, telling));
        if entry.here == here && entry.stage != Stage::Outdated {
            return;
        }
        entry.here = here;
        entry.quiet = false;
        entry.mark(key, &mut part.dirty, &mut self.next);
    }

    /// A connection has left a channel.
    pub(super) fn exit(&mut self, key: Key) {
        let part = &mut self.parts[usize::from(Partition::of(&key.channel).0)];
        let Slot::Occupied(mut slot) = part.entries.entry(key.clone()) else { return };
        let entry = slot.get_mut();
        match entry.stage {
            Stage::Dirty(number) if !entry.sent => {
                part.dirty.remove(&number);
                slot.remove();
            }
            _ => {
                entry.here = None;
                entry.quiet = false;
                entry.mark(key, &mut part.dirty, &mut self.next);
            }
        }
    }

    /// Redis says that it has an entry of this node. If the node knows nothing of it, it is taken
    /// out.
    pub(super) fn found(&mut self, partition: Partition, key: Key) {
        let part = &mut self.parts[usize::from(partition.0)];
        if let Slot::Vacant(slot) = part.entries.entry(key.clone()) {
            let stage = Stage::Clean;
            let stray =
                slot.insert(Entry { here: None, stage, sent: true, confirmed: true, quiet: true });
            stray.mark(key, &mut part.dirty, &mut self.next);
        }
    }

    /// Redis may have lost what it had of a partition: all of it is to be written again.
    pub(super) fn doubt(&mut self, partition: Partition) {
        let Part { entries, dirty } = &mut self.parts[usize::from(partition.0)];
        for (key, entry) in entries {
            entry.quiet |= entry.confirmed && entry.stage == Stage::Clean;
            entry.mark(key.clone(), dirty, &mut self.next);
        }
    }

    /// The node was taken for dead, so it begins another life. Each partition is to be
    /// [said anew](Self::say_anew).
    pub(super) fn begin_life(&mut self) {
        self.life += 1;
    }

    /// What was said in a former life has been taken back, or will be: those who listen may have
    /// heard so.
    pub(super) fn say_anew(&mut self, partition: Partition) {
        let entries = self.parts[usize::from(partition.0)].entries.values_mut();
        entries.for_each(|entry| (entry.confirmed, entry.quiet) = (false, false));
        self.doubt(partition);
    }

    /// All connections leave, and none comes from now on.
    pub(super) fn close(&mut self) {
        self.closed = true;
        for at in 0..self.parts.len() {
            let keys: Vec<Key> = self.parts[at].entries.keys().cloned().collect();
            keys.into_iter().for_each(|key| self.exit(key));
        }
    }

    /// Whether Redis has everything.
    pub(super) fn is_calm(&self) -> bool {
        self.flying == 0 && self.parts.iter().all(|part| part.dirty.is_empty())
    }

    /// Takes out what can be written now: of partitions that can be reached, and no more than may be
    /// under way.
    pub(super) fn take(&mut self, can_be_reached: impl Fn(Partition) -> bool) -> Vec<Write> {
        let mut writes = Vec::new();
        self.turn = self.turn.wrapping_add(1);
        for nth in Partition::all() {
            let partition = Partition(nth.0.wrapping_add(self.turn));
            let Part { entries, dirty } = &mut self.parts[usize::from(partition.0)];
            if dirty.is_empty() || !can_be_reached(partition) {
                continue;
            }
            while self.flying < ROSTER_WRITES {
                let Some((_, key)) = dirty.pop_first() else { break };
                let Some(entry) = entries.get_mut(&key) else { continue };
                let deed = entry.fly();
                self.flying += 1;
                writes.push(Write { partition, key, life: self.life, deed });
            }
        }
        writes
    }

    /// A write has come to an end; `entered` is what it wrote, and `done` whether it is known to have
    /// been done. Answers whether there is more to write.
    pub(super) fn settle(&mut self, write: &Settled, done: bool) -> bool {
        let was_full = self.flying >= ROSTER_WRITES;
        self.flying = self.flying.saturating_sub(1);
        let Part { entries, dirty } = &mut self.parts[usize::from(write.partition.0)];
        let Slot::Occupied(mut slot) = entries.entry(write.key.clone()) else { return was_full };
        let entry = slot.get_mut();
        if done {
            entry.sent = write.entered;
            entry.confirmed = write.entered && write.life == self.life;
        }
        let is_outdated = entry.stage == Stage::Outdated;
        if done && !is_outdated && entry.here.is_none() {
            slot.remove();
            return was_full || !dirty.is_empty();
        }
        entry.stage = Stage::Clean;
        entry.quiet &= is_outdated || !done;
        if is_outdated && done && entry.here.is_none() && !entry.sent {
            slot.remove();
        } else if is_outdated || !done {
            entry.mark(write.key.clone(), dirty, &mut self.next);
        }
        was_full || !dirty.is_empty()
    }
}

/// Which write has come to an end.
pub(super) struct Settled {
    pub(super) partition: Partition,
    pub(super) key: Key,
    pub(super) life: u64,
    pub(super) entered: bool,
}

impl Entry {
    fn mark(&mut self, key: Key, dirty: &mut BTreeMap<u64, Key>, next: &mut u64) {
        match self.stage {
            Stage::Clean => {
                self.stage = Stage::Dirty(*next);
                dirty.insert(*next, key);
                *next += 1;
            }
            Stage::Flying => self.stage = Stage::Outdated,
            Stage::Dirty(_) | Stage::Outdated => {}
        }
    }

    fn fly(&mut self) -> Deed {
        self.stage = Stage::Flying;
        let loudness = if self.quiet { Loudness::Silent } else { Loudness::Told };
        match &self.here {
            Some((info, telling)) => {
                self.sent = true;
                Deed::Enter(Arc::clone(info), *telling, loudness)
            }
            None => Deed::Exit(loudness),
        }
    }
}

#[cfg(test)]
mod tests;
