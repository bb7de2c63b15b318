//! Which other nodes live.
//!
//! A node is believed to live from its first word until it says that it goes, or until it has said
//! nothing for [`PEER_SILENT_MS`]. What it last said of itself is kept.

use std::collections::HashMap;

use trunkline_core::limits::{PEER_SILENT_MS, PEERS};
use trunkline_core::signal::{NodeId, NodeReport};
use trunkline_core::time::Tick;

/// The other nodes, as far as they are known.
#[derive(Debug, Default)]
pub struct Peers {
    known: HashMap<NodeId, Peer>,
}

#[derive(Debug)]
struct Peer {
    report: NodeReport,
    heard_at: Tick,
}

impl Peers {
    /// A node says that it is there. True if it was not known before and is now: beyond [`PEERS`]
    /// no more are taken in.
    pub fn hear(&mut self, report: NodeReport, now: Tick) -> bool {
        if let Some(peer) = self.known.get_mut(&report.node) {
            *peer = Peer { report, heard_at: now };
            return false;
        }
        if self.known.len() >= PEERS {
            return false;
        }
        self.known.insert(report.node.clone(), Peer { report, heard_at: now });
        true
    }

    /// A node says that it goes.
    pub fn forget(&mut self, node: &NodeId) {
        self.known.remove(node);
    }

    /// Forgets those that have been silent for too long.
    pub fn forget_silent(&mut self, now: Tick) {
        self.known.retain(|_, peer| now.since(peer.heard_at) < PEER_SILENT_MS);
    }

    /// Whether a node is known to live.
    #[must_use]
    pub fn knows(&self, node: &NodeId) -> bool {
        self.known.contains_key(node)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.known.len()
    }

    /// Their ids, in no particular order.
    pub fn ids(&self) -> impl Iterator<Item = &NodeId> {
        self.known.keys()
    }

    /// What they last said of themselves, in no particular order.
    pub fn reports(&self) -> impl Iterator<Item = &NodeReport> {
        self.known.values().map(|peer| &peer.report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(node: &str, clients: u64) -> NodeReport {
        NodeReport {
            node: NodeId::new(node),
            name: node.into(),
            version: "1".into(),
            clients,
            users: 0,
            channels: 0,
            subscriptions: 0,
            uptime_s: 0,
        }
    }

    #[test]
    fn a_node_is_new_once_and_its_last_word_counts() {
        let mut peers = Peers::default();
        assert!(peers.hear(report("a", 1), Tick(0)));
        assert!(!peers.hear(report("a", 2), Tick(1)));
        assert_eq!(peers.reports().map(|report| report.clients).collect::<Vec<_>>(), [2]);
        peers.forget(&NodeId::new("a"));
        peers.forget(&NodeId::new("a"));
        assert_eq!(peers.count(), 0);
        assert!(peers.hear(report("a", 3), Tick(2)), "it has come back");
    }

    #[test]
    fn whoever_is_silent_for_too_long_is_forgotten() {
        let mut peers = Peers::default();
        peers.hear(report("a", 0), Tick(0));
        peers.hear(report("b", 0), Tick(0));
        peers.hear(report("b", 0), Tick(1));
        peers.forget_silent(Tick(PEER_SILENT_MS - 1));
        assert_eq!(peers.count(), 2);
        peers.forget_silent(Tick(PEER_SILENT_MS));
        assert!(!peers.knows(&NodeId::new("a")));
        assert!(peers.knows(&NodeId::new("b")));
    }

    #[test]
    fn there_is_room_for_so_many_and_those_known_stay_known() {
        let mut peers = Peers::default();
        for at in 0..PEERS {
            assert!(peers.hear(report(&at.to_string(), 0), Tick(0)));
        }
        assert!(!peers.hear(report("one more", 0), Tick(0)));
        assert!(!peers.knows(&NodeId::new("one more")));
        assert!(!peers.hear(report("0", 7), Tick(0)));
        assert_eq!(peers.reports().map(|report| report.clients).sum::<u64>(), 7);
    }
}
