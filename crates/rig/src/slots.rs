//! The slots of a cluster: who holds which, and moving one while clients use it.

use std::ops::RangeInclusive;

use crate::cluster::Node;
use crate::error::Error;
use crate::options::{RIG, SECRET};
use crate::resp::Reply;

/// Slots of a cluster.
pub(crate) const SLOTS: u16 = 16_384;

/// Keys moved with one command. The server does nothing else meanwhile.
const BATCH: usize = 100;

/// Milliseconds that the target may take for one batch.
const PATIENCE: u32 = 5000;

/// A slot on its way from one master to another. Dropped before [`Move::finish`], it stays half-way.
#[derive(Debug)]
pub struct Move<'c> {
    nodes: &'c [Node],
    slot: String,
    from: &'c Node,
    to: &'c Node,
}

impl<'c> Move<'c> {
    pub(crate) fn begin(
        nodes: &'c [Node],
        slot: u16,
        from: &'c Node,
        to: &'c Node,
    ) -> Result<Self, Error> {
        let slot = slot.to_string();
        to.redis.command(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from.id])?;
        from.redis.command(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to.id])?;
        Ok(Self { nodes, slot, from, to })
    }

    /// Moves up to `count` of the slot's keys, and returns how many there were to move.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the target does not take them.
    pub fn keys(&self, count: usize) -> Result<usize, Error> {
        let mut line = self.from.redis.connect()?;
        let count = count.to_string();
        let keys = line.command(&["CLUSTER", "GETKEYSINSLOT", &self.slot, &count])?;
        let address = self.to.redis.address();
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let patience = PATIENCE.to_string();
        let words = ["MIGRATE", &host, &port, "", "0", &patience, "AUTH2", RIG, SECRET, "KEYS"];
        let mut command: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        for key in keys.array() {
            let Reply::Bytes(key) = key else { continue };
            command.push(key.clone());
        }
        if !keys.array().is_empty() {
            line.command(&command)?;
        }
        Ok(keys.array().len())
    }

    /// Moves all keys that there are.
    ///
    /// # Errors
    ///
    /// As [`Move::keys`].
    pub fn all_keys(&self) -> Result<(), Error> {
        while self.keys(BATCH)? > 0 {}
        Ok(())
    }

    /// Gives the slot to its new owner and tells all masters that run. Its keys must be there.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if keys were left behind.
    pub fn finish(self) -> Result<(), Error> {
        let told = |node: &Node| {
            node.redis.command(&["CLUSTER", "SETSLOT", &self.slot, "NODE", &self.to.id]).map(drop)
        };
        // The new owner first: a client that the old one sends on must not be sent back.
        told(self.to)?;
        told(self.from)?;
        let others =
            self.nodes.iter().filter(|node| node.id != self.to.id && node.id != self.from.id);
        others.filter(|node| node.redis.is_master()).try_for_each(told)
    }
}

/// The ranges of slots that a node holds, by a table of `CLUSTER NODES`: the one with this id, or the
/// one that the table is of.
pub(crate) fn owned(table: &str, id: Option<&str>) -> Vec<RangeInclusive<u16>> {
    let is_meant = |line: &&str| {
        let mut fields = line.split(' ');
        match id {
            Some(id) => fields.next() == Some(id),
            None => {
                fields.nth(2).is_some_and(|flags| flags.split(',').any(|flag| flag == "myself"))
            }
        }
    };
    let line = table.lines().find(is_meant).unwrap_or("");
    // Eight fields come first. A slot on its way stands in brackets, and is counted with its range.
    let ranges = line.split(' ').skip(8).filter(|range| !range.starts_with('['));
    let bounds = ranges.map(|range| range.split_once('-').unwrap_or((range, range)));
    bounds.filter_map(|(first, last)| Some(first.parse().ok()?..=last.parse().ok()?)).collect()
}

#[cfg(test)]
mod tests {
    use super::owned;

    #[test]
    fn slots_are_read_from_the_line_of_their_node() {
        let table = "aa 127.0.0.1:1@2 myself,master - 0 0 1 connected 0-2 7 [5->-bb]\n\
                     bb 127.0.0.1:3@4 master - 0 0 2 connected 3-4\n\
                     cc 127.0.0.1:5@6 slave bb 0 0 2 connected\n";
        assert_eq!(owned(table, None), [0..=2, 7..=7]);
        assert_eq!(owned(table, Some("bb")), [3..=4]);
        assert_eq!(owned(table, Some("cc")), []);
        assert_eq!(owned(table, Some("dd")), []);
    }
}
