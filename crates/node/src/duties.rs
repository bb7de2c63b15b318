//! Who does what only one node should do, though any could.
//!
//! Every node computes it for itself, from the nodes it knows: the one whose id and the job's name
//! hash highest (rendezvous hashing: Thaler and Ravishankar, 1998). When a node comes or goes only
//! its own jobs move. Two nodes that know different nodes may both believe that a job is theirs, or
//! neither: whatever must not be done twice needs a note as well, and whatever must be done at all
//! has to be done by somebody else once it is late.

use trunkline_core::signal::NodeId;

use crate::node::Node;

impl Node {
    /// Whether a job falls to this node, as far as it knows.
    #[must_use]
    pub fn is_up_to_me(&self, job: &str) -> bool {
        let mine = weight(job, &self.id);
        self.with_peers(|mut ids| Iterator::all(&mut ids, |other| weight(job, other) < mine))
    }
}

/// The same on every machine and in every version: FNV-1a, and the finaliser of MurmurHash3 to
/// spread what differs in the last letters only. The id breaks ties.
fn weight<'a>(job: &str, node: &'a NodeId) -> (u64, &'a NodeId) {
    let letters = job.bytes().chain([0]).chain(node.as_str().bytes());
    let mut hash = letters.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (hash ^ (hash >> 33), node)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn falls_to<'a>(job: &str, nodes: &'a [NodeId]) -> &'a NodeId {
        nodes.iter().max_by_key(|node| weight(job, node)).unwrap()
    }

    #[test]
    fn jobs_are_spread_and_only_those_of_a_node_that_goes_move() {
        let nodes: Vec<NodeId> = (0..4).map(|n| NodeId::new(&format!("node-{n}"))).collect();
        let mut each = [0; 4];
        for n in 0..1_000 {
            let job = format!("share {n}");
            let before = falls_to(&job, &nodes);
            each[nodes.iter().position(|node| node == before).unwrap()] += 1;
            let after = falls_to(&job, &nodes[..3]);
            assert!(*before == nodes[3] || before == after);
        }
        assert!(each.iter().all(|&jobs| (150..350).contains(&jobs)), "{each:?}");
    }
}
