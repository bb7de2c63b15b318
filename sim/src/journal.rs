//! What happened in a run: a line for each thing, their hash, and what the checker is to be told.

use std::fmt;

use trunkline_checker::event::GapReason;
use trunkline_core::channel::ChannelName;
use trunkline_core::position::Position;

/// What came of a call to publish.
#[derive(Clone, Debug)]
pub enum Fate {
    /// It was acknowledged, perhaps at a place.
    Acknowledged(Option<Position>),
    /// It was refused: it was not done.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// Something a publisher or a subscriber saw.
#[derive(Clone, Debug)]
pub enum Record {
    /// A call to publish has ended.
    Publish {
        /// Who called.
        publisher: String,
        /// The channel.
        channel: ChannelName,
        /// The message.
        id: String,
        /// How it ended.
        fate: Fate,
    },
    /// A subscription began.
    Subscribed {
        /// Whose.
        client: usize,
        /// The channel.
        channel: ChannelName,
        /// The place it had come to, if it asked to come back.
        since: Option<Position>,
        /// Whether it could prove that place.
        proved: bool,
        /// Whether all that was missed was promised.
        recovered: bool,
        /// Why not.
        gap: Option<GapReason>,
        /// Where it goes on.
        at: Position,
    },
    /// A publication arrived.
    Publication {
        /// At whom.
        client: usize,
        /// The channel.
        channel: ChannelName,
        /// Its place.
        at: Position,
        /// The message.
        id: String,
    },
    /// A gap was told.
    Gap {
        /// Whom.
        client: usize,
        /// The channel.
        channel: ChannelName,
        /// Why.
        reason: GapReason,
        /// Where it goes on.
        at: Position,
    },
    /// A subscription ended.
    Unsubscribed {
        /// Whose.
        client: usize,
        /// The channel.
        channel: ChannelName,
    },
    /// A connection ended.
    Disconnected {
        /// Whose.
        client: usize,
    },
}

/// The journal of a run.
#[derive(Debug, Default)]
pub struct Journal {
    now_ms: u64,
    hash: u64,
    prints: bool,
    lines: u64,
    /// What was seen, in order.
    pub records: Vec<Record>,
    /// What must not be, as it was noticed.
    pub broken: Vec<String>,
}

impl Journal {
    /// An empty journal, which prints each line if it is to.
    #[must_use]
    pub fn new(prints: bool) -> Self {
        Self { prints, hash: 0xcbf2_9ce4_8422_2325, ..Self::default() }
    }

    /// The time is this millisecond now.
    pub fn set_time(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
    }

    /// Something happens.
    pub fn note(&mut self, what: fmt::Arguments<'_>) {
        let line = format!("{:>8} {what}\n", self.now_ms);
        // FNV-1a: only to compare runs.
        for byte in line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.lines += 1;
        if self.prints {
            print!("{line}");
        }
    }

    /// Somebody sees something.
    pub fn record(&mut self, record: Record) {
        self.note(format_args!("{record:?}"));
        self.records.push(record);
    }

    /// Something must not be.
    pub fn accuse(&mut self, what: String) {
        self.note(format_args!("BROKEN {what}"));
        self.broken.push(format!("at {} ms: {what}", self.now_ms));
    }

    /// The hash of all lines so far, and how many there are.
    #[must_use]
    pub fn hash(&self) -> (u64, u64) {
        (self.hash, self.lines)
    }
}
