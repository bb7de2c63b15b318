//! A connection as both ends see it: what was written and not read yet.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use trunkline_core::channel::ChannelName;
use trunkline_core::error::{ClientError, CloseReason};
use trunkline_core::publication::{Message, Publication};
use trunkline_core::reply::{Push, Reply};

/// Bytes a frame costs beside its payloads.
const OVERHEAD: usize = 64;

/// What a client is sent.
#[derive(Clone, Debug)]
pub enum Frame {
    /// The answer to a command.
    Reply(u32, Result<Reply, ClientError>),
    /// Something for this connection alone.
    Push(Push),
    /// A message of a channel, whole.
    Message(ChannelName, Message),
    /// A publication as the difference to the one before it.
    Difference(ChannelName, Arc<Publication>, Vec<u8>),
    /// Is anybody there?
    Ping,
    /// The last word.
    Close(CloseReason),
}

impl Frame {
    /// About how many bytes it is.
    #[must_use]
    pub fn cost(&self) -> usize {
        let of = |message: &Message| match message {
            Message::Publication(publication) => publication.data.len(),
            Message::Join(_) | Message::Leave(_) => 0,
        };
        let payload = match self {
            Self::Reply(_, Ok(Reply::Subscribe(result))) => {
                result.publications.iter().map(|p| p.data.len() + OVERHEAD).sum()
            }
            Self::Push(Push::Message { message, .. }) | Self::Message(_, message) => of(message),
            Self::Difference(_, _, patch) => patch.len(),
            _ => 0,
        };
        OVERHEAD + payload
    }
}

/// What is on its way from a shard to a client.
#[derive(Debug)]
pub struct Pipe {
    /// Whose it is.
    pub client: usize,
    /// Which of that client's connections.
    pub connection: u64,
    /// What was written, oldest first.
    pub frames: VecDeque<Frame>,
    bytes: usize,
    most: usize,
    /// Whether nothing more will be written.
    pub ended: bool,
    /// Whether the reader has gone.
    pub closed: bool,
    /// Whether a reading is due.
    pub stirs: bool,
}

/// Both ends have it.
pub type Shared = Rc<RefCell<Pipe>>;

impl Pipe {
    /// An empty pipe that takes about so many bytes.
    #[must_use]
    pub fn new(client: usize, connection: u64, most: usize) -> Shared {
        Rc::new(RefCell::new(Self {
            client,
            connection,
            frames: VecDeque::new(),
            bytes: 0,
            most,
            ended: false,
            closed: false,
            stirs: false,
        }))
    }

    /// Whether it takes another frame.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.bytes < self.most
    }

    /// Writes a frame.
    pub fn write(&mut self, frame: Frame) {
        self.bytes += frame.cost();
        self.frames.push_back(frame);
    }

    /// Reads a frame.
    pub fn read(&mut self) -> Option<Frame> {
        let frame = self.frames.pop_front()?;
        self.bytes -= frame.cost();
        Some(frame)
    }
}
