//! What was taken back, on all nodes: kept as notes, told by signals.
//!
//! A revocation is noted first, then told. A node that misses the telling finds it when it reads the
//! notes again, and one that starts later when it starts.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use trunkline_core::backend::{BackendError, Completion};
use trunkline_core::channel::ChannelName;
use trunkline_core::gate::TokenError;
use trunkline_core::identity::UserId;
use trunkline_core::limits::{
    NOTE_ATTEMPTS, REVOCATION_GROUPS, REVOCATIONS_PER_GROUP, REVOCATIONS_READ_EVERY_MS,
};
use trunkline_core::note::{Change, Changed, Due, Note, NoteKey, Wanted};
use trunkline_core::revocation::{Credential, Revocation, Revocations, Subject};
use trunkline_core::signal::Signal;
use trunkline_core::time::{Tick, WallTime};

use crate::event::Event;
use crate::node::Node;
use crate::revocation_note::{decode, encode};
use crate::switchboard::Switchboard;

/// The channel beside which the notes are. No namespace has it, so that nobody can reach it.
const CHANNEL: &str = "$$revocations";

/// What a node knows of it.
pub(crate) struct Revoking {
    known: RwLock<Revocations>,
    read_at: AtomicU64,
    /// A bit for each group that is being read.
    reading: AtomicU32,
    /// A bit for each group that was read.
    read: AtomicU32,
    switchboard: Arc<Switchboard>,
}

impl Revoking {
    pub(crate) fn new(switchboard: Arc<Switchboard>) -> Self {
        Self {
            known: RwLock::default(),
            read_at: AtomicU64::new(0),
            reading: AtomicU32::new(0),
            read: AtomicU32::new(0),
            switchboard,
        }
    }

    fn has_read_all(&self) -> bool {
        self.read.load(Ordering::Acquire) == (1 << REVOCATION_GROUPS) - 1
    }

    /// Remembers a revocation, and ends what it concerns here, unless that is known.
    fn take_back(&self, revocation: Revocation) {
        // The lock is let go before the shards hear of it: whoever comes in meanwhile is refused.
        let news = self.known.write().unwrap_or_else(PoisonError::into_inner).add(&revocation);
        if news {
            let revocation = Arc::new(revocation);
            self.switchboard.broadcast(|| Event::Revoked(Arc::clone(&revocation)));
        }
    }
}

impl Node {
    /// What speaks against a token of this user with this credential: it was taken back, or what was
    /// taken back is not known yet, as when the broker cannot be reached from the start.
    #[must_use]
    pub fn objects(
        &self,
        user: &UserId,
        credential: &Credential,
        now: WallTime,
    ) -> Option<TokenError> {
        let known = self.revoking.known.read().unwrap_or_else(PoisonError::into_inner);
        if known.concern(user, credential, now) {
            return Some(TokenError::Invalid);
        }
        (!self.revoking.has_read_all()).then_some(TokenError::NotYet)
    }

    /// Whether all that was taken back is known. Until then no token is good.
    #[must_use]
    pub fn knows_revocations(&self) -> bool {
        self.revoking.has_read_all()
    }

    /// Takes something back, for good and on all nodes. `done` hears it when that is noted and told.
    /// [`BackendError::Full`] if as much is remembered as may be.
    pub fn revoke(
        self: &Arc<Self>,
        revocation: Revocation,
        now: WallTime,
        done: Completion<Result<(), BackendError>>,
    ) {
        let (node, key) = (Arc::clone(self), key(group(&revocation.subject)));
        let read = move |note: Result<Option<Note>, _>| match note {
            Ok(note) => node.note_revocation(revocation, note.as_ref(), now, NOTE_ATTEMPTS, done),
            Err(error) => done(Err(error)),
        };
        self.notes.read(&key, Box::new(read));
    }

    fn note_revocation(
        self: &Arc<Self>,
        revocation: Revocation,
        note: Option<&Note>,
        now: WallTime,
        attempts: u32,
        done: Completion<Result<(), BackendError>>,
    ) {
        let mut kept = Revocations::default();
        let noted = note.map_or_else(Vec::new, |note| decode(&note.value));
        for one in noted {
            kept.add(&one);
        }
        kept.forget_expired(now);
        kept.add(&revocation);
        if kept.len() > REVOCATIONS_PER_GROUP {
            return done(Err(BackendError::Full));
        }
        let wanted = Wanted { value: encode(&kept), due: Due::Never };
        let key = key(group(&revocation.subject));
        let change = Change::of(key, note, Some(wanted));
        let node = Arc::clone(self);
        let changed = move |changed| match changed {
            Ok(Changed::Made { .. }) => {
                node.revoking.take_back(revocation.clone());
                node.tell_others(Signal::Revoked(revocation));
                done(Ok(()));
            }
            Ok(Changed::Refused(note)) if attempts > 1 => {
                node.note_revocation(revocation, note.as_ref(), now, attempts - 1, done);
            }
            Ok(_) => done(Err(BackendError::Overloaded)),
            Err(error) => done(Err(error)),
        };
        self.notes.change(change, Box::new(changed));
    }

    /// Another node has taken something back.
    pub(crate) fn hear_revoked(&self, revocation: Revocation) {
        self.revoking.take_back(revocation);
    }

    /// Reads what was taken back, when the node starts, before any client comes, and, if other nodes
    /// may have done so too, every few seconds; and forgets what has expired. To be called as often as
    /// [`Node::tick`].
    pub fn recall_revocations(&self, now: Tick, wall: WallTime) {
        let revoking = &self.revoking;
        if revoking.has_read_all() && now.0 < revoking.read_at.load(Ordering::Relaxed) {
            return;
        }
        revoking.read_at.store(now.after(REVOCATIONS_READ_EVERY_MS).0, Ordering::Relaxed);
        revoking.known.write().unwrap_or_else(PoisonError::into_inner).forget_expired(wall);
        for group in 0..REVOCATION_GROUPS {
            let bit = 1 << group;
            let known = self.hears_at_once() && revoking.read.load(Ordering::Relaxed) & bit != 0;
            if known || revoking.reading.fetch_or(bit, Ordering::AcqRel) & bit != 0 {
                continue;
            }
            let revoking = Arc::clone(revoking);
            let took = move |note: Result<Option<Note>, BackendError>| {
                revoking.reading.fetch_and(!bit, Ordering::AcqRel);
                // What keeps the notes says elsewhere that it cannot be reached.
                let Ok(note) = note else { return };
                let noted = note.map_or_else(Vec::new, |note| decode(&note.value));
                let lasting = noted.into_iter().filter(|one| one.expires_at > wall);
                lasting.for_each(|one| revoking.take_back(one));
                revoking.read.fetch_or(bit, Ordering::AcqRel);
            };
            self.notes.read(&key(group), Box::new(took));
        }
    }
}

fn key(group: u32) -> NoteKey {
    let channel = ChannelName::parse(CHANNEL).expect("the name is a channel's");
    NoteKey { channel, name: format!("group:{group}").into() }
}

/// The same on every machine and in every version: FNV-1a.
fn group(subject: &Subject) -> u32 {
    let text = match subject {
        Subject::Token(id) => id.as_str(),
        Subject::User(user) => user.as_str(),
        Subject::Everybody => "",
    };
    let hash = text
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash ^ (hash >> 16)) % REVOCATION_GROUPS
}
