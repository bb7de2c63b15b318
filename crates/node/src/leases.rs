//! Leases: a job that one node does at a time, though it may not know all others.
//!
//! A lease is a [note](trunkline_core::note) that names its holder and is due when it ends, by the
//! backend's clock. Whoever finds it due may take it. A holder renews it in time, and stops by its
//! own clock before it ends: between two holders there may be none, but there are never two, unless
//! a node stands still in the middle of its work. What must not be done twice even then is a change
//! of a note of its own.

use std::sync::Arc;

use bytes::Bytes;
use trunkline_core::backend::{BackendError, Completion};
use trunkline_core::channel::ChannelName;
use trunkline_core::note::{Change, Changed, Due, Note, NoteKey, Wanted};
use trunkline_core::time::Tick;

use crate::node::Node;

/// A job that one node at a time does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Beside which channel the lease is kept.
    pub channel: ChannelName,
    /// The job's name there, short; the note is named `lease:NAME`.
    pub name: &'static str,
    /// For how long it is taken, in milliseconds. Renew it after a third of that. At least
    /// [`LEAST_MS`].
    pub lease_ms: u64,
}

/// The shortest lease, in milliseconds: the node's clock moves four times a second, and an answer
/// of the backend takes its time.
pub const LEAST_MS: u64 = 2_000;

/// Whose a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// This node's, until then by its own clock. That is before it ends by the backend's.
    Held(Tick),
    /// Another node's.
    Elsewhere,
}

impl Lease {
    /// Whether the job may be done now.
    #[must_use]
    pub fn holds(self, now: Tick) -> bool {
        matches!(self, Self::Held(until) if now < until)
    }
}

impl Node {
    /// Takes a job, or goes on with it. An error says nothing about whose it is: a lease that was
    /// held is held for as long as was said.
    pub fn lease(self: &Arc<Self>, job: &Job, done: Completion<Result<Lease, BackendError>>) {
        // From before the backend is asked: by its clock the lease begins later.
        let until = self.cluster.clock.now().after(job.lease_ms - job.lease_ms / 4);
        let (node, key, lease_ms) = (Arc::clone(self), key(job), job.lease_ms);
        self.notes.read(
            &key.clone(),
            Box::new(move |note| {
                let note = match note {
                    Ok(note) => note,
                    Err(error) => return done(Err(error)),
                };
                let change = taking(key, note.as_ref(), node.holder(), lease_ms);
                let told = move |changed| {
                    done(match changed {
                        Ok(Changed::Made { .. }) => Ok(Lease::Held(until)),
                        Ok(Changed::Refused(_) | Changed::Early(_)) => Ok(Lease::Elsewhere),
                        Err(error) => Err(error),
                    });
                };
                node.notes.change(change, Box::new(told));
            }),
        );
    }

    /// Gives a job back, so that others need not wait. Nothing happens where it is another's. Tells
    /// when it is done; what cannot be given back ends by itself.
    pub fn release(self: &Arc<Self>, job: &Job, done: Completion<()>) {
        let (node, key) = (Arc::clone(self), key(job));
        self.notes.read(
            &key.clone(),
            Box::new(move |note| {
                let note = note.ok().flatten().filter(|note| note.value == node.holder());
                let Some(note) = note else { return done(()) };
                let change = Change::of(key, Some(&note), None);
                node.notes.change(change, Box::new(move |_| done(())));
            }),
        );
    }

    /// How a lease names this node.
    fn holder(&self) -> Bytes {
        Bytes::copy_from_slice(self.id.as_str().as_bytes())
    }
}

fn key(job: &Job) -> NoteKey {
    NoteKey { channel: job.channel.clone(), name: format!("lease:{}", job.name).into() }
}

/// What makes the job of whoever holds the note this holder's: it is new, theirs already, or due.
fn taking(key: NoteKey, note: Option<&Note>, holder: Bytes, lease_ms: u64) -> Change {
    let when_due = note.is_some_and(|note| note.value != holder);
    let wanted = Wanted { value: holder, due: Due::In(lease_ms.max(LEAST_MS)) };
    Change { when_due, ..Change::of(key, note, Some(wanted)) }
}
