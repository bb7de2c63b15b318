//! What travels in a channel.

use std::sync::Arc;

use bytes::Bytes;

use crate::channel::ChannelName;
use crate::identity::ClientInfo;
use crate::namespace::{ChannelOptions, Retention};
use crate::position::{Epoch, Position, Tag};
use crate::time::WallTime;

/// Labels of a publication, in the order given.
pub type Tags = Vec<(Box<str>, Box<str>)>;

/// A publication that has no place yet. Only the ordering owner of its channel, inside the
/// [backend](crate::backend), makes a [`Publication`] of it.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Where it is going.
    pub channel: ChannelName,
    /// Its payload; JSON unless the namespace says binary.
    pub data: Bytes,
    /// Who published it, when a client did.
    pub info: Option<ClientInfo>,
    /// Labels that travel with it.
    pub tags: Tags,
    /// How the channel keeps it; `None` leaves no trace and takes no offset.
    pub retention: Option<Retention>,
    /// A second draft with the same key in the same channel is not published; its publisher gets
    /// the first one's position.
    pub idempotency_key: Option<Box<str>>,
    /// Deliver it before it is stored, where storing takes time: faster, and if the node dies at
    /// that moment, some have seen what the stream does not hold. Its publisher hears of it when it
    /// is stored, as always.
    pub early: bool,
    /// Copies of the broker that must hold it before its publisher hears that it is published,
    /// beside the broker itself; 0 where being stored is enough.
    pub replicas: u8,
}

impl Draft {
    /// An empty draft for a channel, to be stored and delivered as its namespace says.
    #[must_use]
    pub fn within(channel: ChannelName, options: &ChannelOptions) -> Self {
        Self {
            retention: options.retention,
            early: options.early,
            replicas: options.replicas,
            ..Self::new(channel)
        }
    }

    /// An empty draft for a channel, to be filled in; it leaves no trace.
    #[must_use]
    pub fn new(channel: ChannelName) -> Self {
        Self {
            channel,
            data: Bytes::new(),
            info: None,
            tags: Vec::new(),
            retention: None,
            idempotency_key: None,
            early: false,
            replicas: 0,
        }
    }
}

/// One message of a channel, in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The life of the stream it stands in; unknown in a channel that keeps no history.
    pub epoch: Epoch,
    /// Its number in the stream, from 1; 0 in a channel that keeps no history.
    pub offset: u64,
    /// Proves that its stream held the same before it; [`Tag::START`] in a channel that keeps no
    /// history.
    pub tag: Tag,
    /// The tag of the publication before it, where its backend says so: whoever has that one knows
    /// that nothing came between.
    pub before: Option<Tag>,
    /// Its payload.
    pub data: Bytes,
    /// Who published it, when a client did.
    pub info: Option<ClientInfo>,
    /// Labels.
    pub tags: Tags,
    /// When it was placed.
    pub time: WallTime,
}

/// What a publication costs to keep beside its payload, in bytes: about the size of its record.
const OVERHEAD: usize = 160;

impl Publication {
    /// Its place.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { epoch: self.epoch.clone(), offset: self.offset, tag: Some(self.tag) }
    }

    /// About what it costs to keep, in bytes.
    #[must_use]
    pub fn weight(&self) -> usize {
        let tags: usize = self.tags.iter().map(|(key, value)| key.len() + value.len()).sum();
        OVERHEAD + self.data.len() + tags
    }
}

/// Anything the subscribers of a channel are told. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A publication.
    Publication(Arc<Publication>),
    /// A connection subscribed.
    Join(Arc<ClientInfo>),
    /// A connection unsubscribed or went away.
    Leave(Arc<ClientInfo>),
}

impl Message {
    /// The number in the stream, for publications of channels that keep history.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        match self {
            Self::Publication(publication) if publication.offset > 0 => Some(publication.offset),
            _ => None,
        }
    }
}
