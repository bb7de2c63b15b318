//! Where things are in Redis.
//!
//! A channel belongs to one of 256 partitions: its tag is the first two hexadecimal digits of the
//! SHA-1 of its name, which any language, a shell and a Redis script can compute. All keys and lines
//! of a partition carry the tag in braces, so that a cluster keeps them in one slot; the same names
//! serve a single server. (The 256 tags fall evenly: 83 to 89 of them on each of three masters, 47
//! to 58 on each of five.)

use sha1::{Digest, Sha1};

use trunkline_core::channel::ChannelName;
use trunkline_core::limits::NOTES;
use trunkline_core::signal::NodeId;

use crate::limits::NOTES_OF_A_PARTITION;

/// Slots of a Redis Cluster (cluster specification, "key distribution model").
pub(crate) const SLOTS: u16 = 16_384;

/// How many partitions there are.
pub(crate) const PARTITIONS: usize = 256;

/// One of the 256 partitions. Their number is fixed: publishers in other languages compute it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Partition(pub(crate) u8);

impl Partition {
    /// That of what concerns all nodes: who lives, and what they tell each other.
    pub(crate) const OF_NODES: Self = Self(0);

    pub(crate) fn of(channel: &ChannelName) -> Self {
        Self(Sha1::digest(channel.as_str().as_bytes())[0])
    }

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).map(Self)
    }

    /// The slot of its keys.
    pub(crate) fn slot(self) -> u16 {
        crc16(format!("{:02x}", self.0).as_bytes()) % SLOTS
    }
}

/// CRC-16/XMODEM, by which a cluster maps hash tags to slots (cluster specification, appendix A).
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

/// What stands in place of a channel in the names of what is kept for internal ones: what their names
/// begin with.
const INTERNAL: &str = "$$";

/// Where notes are together. Those beside internal channels are by themselves: there may be very many
/// of them beside a single one, and neither kind is to take the room of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shelf {
    pub(crate) partition: Partition,
    pub(crate) internal: bool,
}

impl Shelf {
    /// Where the notes of a channel are.
    pub(crate) fn of(channel: &ChannelName) -> Self {
        Self { partition: Partition::of(channel), internal: channel.is_internal() }
    }

    /// The one with this number, if there is one.
    pub(crate) fn numbered(number: u16) -> Option<Self> {
        let count = PARTITIONS as u16;
        let partition = Partition(u8::try_from(number % count).ok()?);
        (number < 2 * count).then_some(Self { partition, internal: number >= count })
    }

    /// Its number: internal ones come behind all others.
    pub(crate) fn number(self) -> u16 {
        u16::from(self.partition.0) + if self.internal { PARTITIONS as u16 } else { 0 }
    }

    /// How many notes there may be.
    pub(crate) fn room(self) -> u64 {
        if self.internal { NOTES as u64 } else { NOTES_OF_A_PARTITION }
    }
}

/// The names of one installation, which begin with its prefix.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    prefix: Box<str>,
}

/// The keys of a channel that a publication touches.
pub(crate) struct ChannelKeys {
    /// The retained publications.
    pub(crate) stream: String,
    /// The place of the newest one.
    pub(crate) top: String,
    /// Where publications are announced.
    pub(crate) line: String,
}

impl Keys {
    pub(crate) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.into() }
    }

    fn name(&self, partition: Partition, kind: &str, rest: &str) -> String {
        let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
        let mut name = String::with_capacity(self.prefix.len() + kind.len() + rest.len() + 7);
        name.push_str(&self.prefix);
        name.push_str(":{");
        name.push(digit(partition.0 >> 4));
        name.push(digit(partition.0 & 15));
        name.push_str("}:");
        name.push_str(kind);
        name.push(':');
        name.push_str(rest);
        name
    }

    pub(crate) fn channel(&self, partition: Partition, channel: &ChannelName) -> ChannelKeys {
        ChannelKeys {
            stream: self.name(partition, "stream", channel.as_str()),
            top: self.name(partition, "top", channel.as_str()),
            line: self.line(partition, channel),
        }
    }

    pub(crate) fn line(&self, partition: Partition, channel: &ChannelName) -> String {
        self.name(partition, "line", channel.as_str())
    }

    /// The partition of a line or key.
    pub(crate) fn partition(&self, name: &str) -> Option<Partition> {
        let tag = name.strip_prefix(&*self.prefix)?.strip_prefix(":{")?.get(..2)?;
        u8::from_str_radix(tag, 16).ok().map(Partition)
    }

    /// Which server keeps the partition: for a moment, until it has to be asked again.
    pub(crate) fn server(&self, partition: Partition) -> String {
        self.name(partition, "server", "")
    }

    /// What became of a draft with this idempotency key.
    pub(crate) fn outcome(&self, partition: Partition, channel: &ChannelName, key: &str) -> String {
        self.name(partition, "done", &format!("{}/{key}", channel.as_str()))
    }

    /// The notes of a partition, and when they are due.
    pub(crate) fn notes(&self, Shelf { partition, internal }: Shelf) -> [String; 2] {
        let rest = if internal { INTERNAL } else { "" };
        ["notes", "due"].map(|kind| self.name(partition, kind, rest))
    }

    /// Who is in a channel.
    pub(crate) fn members(&self, partition: Partition, channel: &ChannelName) -> String {
        self.name(partition, "members", channel.as_str())
    }

    /// How many connections each user has in a channel.
    pub(crate) fn users(&self, partition: Partition, channel: &ChannelName) -> String {
        self.name(partition, "users", channel.as_str())
    }

    /// The members a node has entered in one of its lives.
    pub(crate) fn members_of(&self, partition: Partition, life: &str) -> String {
        self.name(partition, "of", life)
    }

    /// What stands before a channel in the names of its members, its users and its line.
    pub(crate) fn before_channel(&self, partition: Partition) -> [String; 3] {
        ["members", "users", "line"].map(|kind| self.name(partition, kind, ""))
    }

    /// The line all nodes hear.
    pub(crate) fn everyone(&self) -> String {
        self.name(Partition::OF_NODES, "nodes", "")
    }

    /// The line one node hears.
    pub(crate) fn node(&self, node: &NodeId) -> String {
        self.name(Partition::OF_NODES, "node", node.as_str())
    }

    /// Which nodes live, and until when.
    pub(crate) fn leases(&self) -> String {
        self.name(Partition::OF_NODES, "leases", "")
    }

    /// Nodes that were found dead and whose members are being taken back.
    pub(crate) fn dead(&self) -> String {
        self.name(Partition::OF_NODES, "dead", "")
    }

    /// The line on which a node hears whether it hears.
    pub(crate) fn probe(&self, partition: Partition, node: &NodeId) -> String {
        self.name(partition, "probe", node.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_what_a_shell_computes() {
        // printf chat:1 | sha1sum
        let channel = ChannelName::parse("chat:1").unwrap();
        let keys = Keys::new("trunkline").channel(Partition::of(&channel), &channel);
        assert_eq!(keys.stream, "trunkline:{38}:stream:chat:1");
        assert_eq!(keys.top, "trunkline:{38}:top:chat:1");
        assert_eq!(keys.line, "trunkline:{38}:line:chat:1");
        assert_eq!(Keys::new("trunkline").partition(&keys.line), Some(Partition(0x38)));
        assert_eq!(Keys::new("other").partition(&keys.line), None);
    }

    #[test]
    fn notes_beside_internal_channels_are_by_themselves() {
        let [plain, internal] = ["chat:1", "$$webhooks"].map(|name| {
            let shelf = Shelf::of(&ChannelName::parse(name).unwrap());
            assert_eq!(Shelf::numbered(shelf.number()), Some(shelf));
            (Keys::new("t").notes(shelf), shelf.number() < 256)
        });
        assert_eq!(plain, (["t:{38}:notes:", "t:{38}:due:"].map(str::to_owned), true));
        assert_eq!(internal, (["t:{9e}:notes:$$", "t:{9e}:due:$$"].map(str::to_owned), false));
        assert_eq!(Shelf::numbered(512), None);
    }

    #[test]
    fn slots_are_those_of_a_cluster() {
        // The check value of CRC-16/XMODEM.
        assert_eq!(crc16(b"123456789"), 0x31c3);
        // CLUSTER KEYSLOT 00, and ff.
        assert_eq!((Partition(0).slot(), Partition(255).slot()), (13_254, 11_756));
    }
}
