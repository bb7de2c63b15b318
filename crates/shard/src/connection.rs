//! What a shard keeps of a connection.

use smallvec::SmallVec;

use trunkline_core::application::Headers;
use trunkline_core::hub::Variant;
use trunkline_core::rate::Account;
use trunkline_core::session::Session;
use trunkline_core::time::Tick;
use trunkline_transport::{Decoder, Socket};

use crate::queue::Queue;
use crate::turn::Stretch;

/// A step of the wheel that never comes: the connection stands nowhere.
pub(crate) const NOWHERE: u64 = u64::MAX;

/// One connection. There are very many, so that what few of them need is behind a pointer.
pub(crate) struct Connection {
    pub(crate) socket: Socket,
    pub(crate) stage: Stage,
    /// What it gained in this turn.
    pub(crate) stretches: SmallVec<[Stretch; 1]>,
    /// What its socket has not taken yet.
    pub(crate) queue: Option<Box<Queue>>,
    /// Whether the shard is told when its socket has room.
    pub(crate) watches_room: bool,
    /// Whether its session wants to know when everything is out.
    pub(crate) drains: bool,
    /// Whether the peer has closed its side, so that a short read does not mean that nothing else
    /// comes.
    pub(crate) ended: bool,
    /// Whether it stands in the list of those that may have more to read.
    pub(crate) unread: bool,
    /// What is known of how it came, where somebody wants to know.
    pub(crate) visit: Option<Box<Visit>>,
    /// The step of the wheel at which it will be asked.
    pub(crate) step: u64,
}

/// How a connection came.
#[derive(Default)]
pub(crate) struct Visit {
    /// On whose account it is, where addresses are counted.
    pub(crate) address: Option<Account>,
    /// What the application wants to see of its request.
    pub(crate) headers: Headers,
    /// The answer to its request, which waits until it is known who comes.
    pub(crate) withheld: Vec<u8>,
}

/// How far a connection has come.
pub(crate) enum Stage {
    /// Its request head is not complete.
    Head(Box<Head>),
    /// It talks.
    Open(Open),
    /// Its last bytes are on their way; what it still sends is ignored.
    Closing {
        /// When it is cut off.
        deadline: Tick,
        /// Whether the peer has said goodbye, so that nothing more is waited for.
        peer_done: bool,
    },
}

/// A connection whose request head is not complete.
pub(crate) struct Head {
    pub(crate) bytes: Vec<u8>,
    pub(crate) deadline: Tick,
}

/// An open connection.
pub(crate) struct Open {
    pub(crate) session: Session,
    pub(crate) decoder: Decoder,
    /// Codec and compression.
    pub(crate) variant: Variant,
}

impl Connection {
    pub(crate) fn new(socket: Socket, deadline: Tick) -> Self {
        Self {
            socket,
            stage: Stage::Head(Box::new(Head { bytes: Vec::new(), deadline })),
            stretches: SmallVec::new(),
            queue: None,
            watches_room: false,
            drains: false,
            ended: false,
            unread: false,
            visit: None,
            step: NOWHERE,
        }
    }

    /// Until when it may go on without anything happening.
    pub(crate) fn deadline(&self) -> Tick {
        match &self.stage {
            Stage::Head(head) => head.deadline,
            Stage::Open(open) => open.session.wake_at(),
            Stage::Closing { deadline, .. } => *deadline,
        }
    }

    pub(crate) fn open(&mut self) -> Option<&mut Open> {
        match &mut self.stage {
            Stage::Open(open) => Some(open),
            _ => None,
        }
    }
}
