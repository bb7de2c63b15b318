//! What happens next: one queue, in the order of time, and of asking where the time is the same.

use std::collections::BTreeMap;

use trunkline_core::identity::ClientId;
use trunkline_model_broker::Link;

use crate::client::Up;
use crate::world::fault::Fault;

/// A place for a node, and which of those that were there is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seat {
    /// The place.
    pub slot: usize,
    /// Counts the nodes that were there.
    pub life: u64,
}

/// Something that is due.
#[derive(Debug)]
pub enum Due {
    /// The next item of a lane arrives.
    Step(Link),
    /// A node learns the time.
    Tick(Seat),
    /// A shard makes a turn.
    Turn(Seat, usize),
    /// What a client sent arrives at its shard.
    Arrive {
        /// The node.
        seat: Seat,
        /// The shard.
        shard: usize,
        /// The connection.
        client: ClientId,
        /// What.
        up: Up,
    },
    /// A client reads from this connection of its.
    Read {
        /// The client.
        client: usize,
        /// Which of its connections.
        connection: u64,
    },
    /// A client that is away comes.
    Come(usize),
    /// A client asks for a channel again, on this connection of its.
    Again {
        /// The client.
        client: usize,
        /// Which of its connections.
        connection: u64,
        /// The index of the channel.
        channel: usize,
    },
    /// A publisher publishes something.
    Publish(usize),
    /// A publisher has waited long enough for this call of its.
    Impatient(usize, u64),
    /// Something goes wrong, or is mended.
    Fault(Fault),
    /// The next thing goes wrong.
    Trouble,
}

/// What is due when.
#[derive(Debug, Default)]
pub struct Schedule {
    due: BTreeMap<(u64, u64), Due>,
    last: u64,
}

impl Schedule {
    /// Something is due at this millisecond.
    pub fn at(&mut self, at_ms: u64, due: Due) {
        self.last += 1;
        self.due.insert((at_ms, self.last), due);
    }

    /// Takes what is due next, and when.
    pub fn pop(&mut self) -> Option<(u64, Due)> {
        self.due.pop_first().map(|((at_ms, _), due)| (at_ms, due))
    }

    /// How much is due.
    #[must_use]
    pub fn len(&self) -> usize {
        self.due.len()
    }

    /// Whether nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.due.is_empty()
    }
}
