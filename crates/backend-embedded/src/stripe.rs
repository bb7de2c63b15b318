//! The streams of a share of all channels, behind one lock.

use std::collections::{HashMap, VecDeque};

use trunkline_core::backend::{BackendError, Completion, Published};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{HistoryPage, HistoryQuery};
use trunkline_core::note::{Change, Changed};
use trunkline_core::publication::Draft;

use crate::hot::Hot;
use crate::notes;
use crate::outcomes::Outcomes;

/// What a channel is to the store.
pub(crate) enum Slot {
    /// In memory.
    Hot(Box<Hot>),
    /// Being read from the index, or being forgotten; these wait, in order.
    Loading(VecDeque<Op>),
}

/// What is to be done with a stream.
pub(crate) enum Op {
    Publish(Draft, Completion<Result<Published, BackendError>>),
    Read(HistoryQuery, Completion<Result<HistoryPage, BackendError>>),
    Clear(Completion<Result<(), BackendError>>),
    /// Publish something that is kept, and change a note with it.
    Change(Box<Change>, notes::Done),
}

impl Op {
    /// Cannot be done.
    pub(crate) fn refuse(self, error: BackendError) -> Told {
        match self {
            Self::Publish(_, done) => Told::Published(done, Err(error)),
            Self::Read(_, done) => Told::Read(done, Err(error)),
            Self::Clear(done) => Told::Cleared(done, Err(error)),
            Self::Change(_, done) => Told::Changed(done, Err(error)),
        }
    }
}

/// Who is to be told what, once no lock is held.
pub(crate) enum Told {
    Published(Completion<Result<Published, BackendError>>, Result<Published, BackendError>),
    Read(Completion<Result<HistoryPage, BackendError>>, Result<HistoryPage, BackendError>),
    Cleared(Completion<Result<(), BackendError>>, Result<(), BackendError>),
    Changed(notes::Done, Result<Changed, BackendError>),
}

impl Told {
    /// Tells.
    pub(crate) fn tell(self) {
        match self {
            Self::Published(done, outcome) => done(outcome),
            Self::Read(done, outcome) => done(outcome),
            Self::Cleared(done, outcome) => done(outcome),
            Self::Changed(done, outcome) => done(outcome),
        }
    }
}

/// A share of all channels.
pub(crate) struct Stripe {
    pub(crate) slots: HashMap<ChannelName, Slot>,
    pub(crate) outcomes: Outcomes,
    /// What the streams in memory weigh.
    pub(crate) bytes: usize,
    /// Streams that the index does not hold as they are now.
    pub(crate) dirty: Vec<ChannelName>,
    /// Where records are put together.
    pub(crate) scratch: Vec<u8>,
    /// Names the next message; random for each process and stripe at first.
    pub(crate) next_message: u128,
}

impl Stripe {
    pub(crate) fn new(outcomes: usize, next_message: u128) -> Self {
        Self {
            slots: HashMap::new(),
            outcomes: Outcomes::new(outcomes),
            bytes: 0,
            dirty: Vec::new(),
            scratch: Vec::new(),
            next_message,
        }
    }

    /// Puts a stream in memory.
    pub(crate) fn put(&mut self, channel: ChannelName, hot: Hot) {
        self.bytes += hot.weight();
        if hot.dirty {
            self.dirty.push(channel.clone());
        }
        self.slots.insert(channel, Slot::Hot(Box::new(hot)));
    }

    /// Notes that a stream has changed, and what it weighed before.
    pub(crate) fn changed(
        dirty: &mut Vec<ChannelName>,
        bytes: &mut usize,
        channel: &ChannelName,
        hot: &mut Hot,
        before: usize,
    ) {
        *bytes = (*bytes + hot.weight()).saturating_sub(before);
        if !hot.dirty {
            hot.dirty = true;
            dirty.push(channel.clone());
        }
    }
}
