//! A question to all nodes, and what has come of it so far.
//!
//! Every node answers for its own connections, in one or several parts. The answer is whole when
//! each of those who were asked has given its last part; whoever has not when time is up is named,
//! so that nobody takes a part for the whole.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::channel::ChannelName;
use crate::limits::{SIGNAL_CHANNELS, SURVEY_CHANNELS, SURVEY_CONNECTIONS};
use crate::signal::{ConnectionReport, Finding, NodeId};
use crate::time::Tick;

/// What all nodes together said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surveyed<T> {
    /// What was found.
    pub found: T,
    /// The nodes that have not answered, or not to the end. What they know is missing.
    pub silent: Vec<NodeId>,
    /// There was more than one answer lists.
    pub more: bool,
}

/// Something findings of nodes can be added to.
pub trait Collection: Default {
    /// Adds what `node` has found, as far as there is room; says whether there was. A finding of
    /// another kind adds nothing.
    fn add(&mut self, node: &NodeId, finding: Finding) -> bool;
}

/// Listeners per channel.
pub type Audiences = HashMap<ChannelName, u64>;

impl Collection for Audiences {
    fn add(&mut self, _: &NodeId, finding: Finding) -> bool {
        let Finding::Channels(channels) = finding else { return true };
        let mut room = true;
        for (channel, listeners) in channels {
            let full = self.len() >= SURVEY_CHANNELS;
            match self.entry(channel) {
                Entry::Occupied(mut sum) => {
                    *sum.get_mut() = sum.get().saturating_add(listeners);
                }
                Entry::Vacant(place) if !full => {
                    place.insert(listeners);
                }
                Entry::Vacant(_) => room = false,
            }
        }
        // A node that has so many has not told of more.
        room && self.len() < SURVEY_CHANNELS
    }
}

/// Connections, and the nodes that hold them.
pub type Connections = Vec<(NodeId, ConnectionReport)>;

impl Collection for Connections {
    fn add(&mut self, node: &NodeId, finding: Finding) -> bool {
        let Finding::Connections(reports) = finding else { return true };
        let room = SURVEY_CONNECTIONS.saturating_sub(self.len());
        self.extend(reports.into_iter().take(room).map(|report| (node.clone(), report)));
        self.len() < SURVEY_CONNECTIONS
    }
}

/// A question that is being answered.
#[derive(Debug)]
pub struct Survey<T> {
    deadline: Tick,
    /// Who has not answered to the end, and the part each is to go on with.
    awaited: HashMap<NodeId, u32>,
    found: T,
    more: bool,
}

impl<T: Collection> Survey<T> {
    /// A question to these nodes, which have until `deadline` to answer it.
    #[must_use]
    pub fn new(asked: impl IntoIterator<Item = NodeId>, deadline: Tick) -> Self {
        let awaited = asked.into_iter().map(|node| (node, 0)).collect();
        Self { deadline, awaited, found: T::default(), more: false }
    }

    /// Takes a part of a node's answer. One that was not asked, that says something again or that
    /// leaves something out is not believed.
    pub fn answer(&mut self, from: &NodeId, (part, last): (u32, bool), finding: Finding) {
        let Some(expected) = self.awaited.get_mut(from) else { return };
        if *expected != part {
            return;
        }
        *expected += 1;
        if last {
            self.awaited.remove(from);
        }
        self.more |= !self.found.add(from, finding);
    }

    /// A node has stopped, and its connections with it.
    pub fn forget(&mut self, node: &NodeId) {
        self.awaited.remove(node);
    }

    /// Whether nothing more is waited for.
    #[must_use]
    pub fn is_over(&self, now: Tick) -> bool {
        self.awaited.is_empty() || now >= self.deadline
    }

    /// What came of it.
    #[must_use]
    pub fn conclude(self) -> Surveyed<T> {
        let mut silent: Vec<NodeId> = self.awaited.into_keys().collect();
        silent.sort();
        Surveyed { found: self.found, silent, more: self.more }
    }
}

/// Cuts an answer into parts, none of which names more than [`SIGNAL_CHANNELS`] channels unless a
/// single connection does. There is at least one.
#[must_use]
pub fn parts(finding: Finding) -> Vec<Finding> {
    match finding {
        Finding::Channels(channels) => cut(channels, |_| 1, Finding::Channels),
        Finding::Connections(reports) => {
            cut(reports, |report| 1 + report.channels.len(), Finding::Connections)
        }
    }
}

fn cut<I>(
    items: Vec<I>,
    weight: impl Fn(&I) -> usize,
    pack: impl Fn(Vec<I>) -> Finding,
) -> Vec<Finding> {
    let mut parts = Vec::new();
    let (mut part, mut weighs) = (Vec::new(), 0);
    for item in items {
        let more = weight(&item);
        if weighs + more > SIGNAL_CHANNELS && !part.is_empty() {
            parts.push(pack(std::mem::take(&mut part)));
            weighs = 0;
        }
        weighs += more;
        part.push(item);
    }
    parts.push(pack(part));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::ClientId;

    fn node(name: &str) -> NodeId {
        NodeId::new(name)
    }

    fn channels(pairs: &[(&str, u64)]) -> Finding {
        let parse = |&(name, n): &(&str, u64)| (ChannelName::parse(name).unwrap(), n);
        Finding::Channels(pairs.iter().map(parse).collect())
    }

    fn many(from: usize, n: usize) -> Finding {
        let name = |at| (ChannelName::parse(&format!("c{at}")).unwrap(), 1);
        Finding::Channels((from..from + n).map(name).collect())
    }

    fn survey(nodes: &[&str]) -> Survey<Audiences> {
        Survey::new(nodes.iter().map(|name| node(name)), Tick(2_000))
    }

    fn sum(surveyed: &Surveyed<Audiences>, name: &str) -> u64 {
        surveyed.found[&ChannelName::parse(name).unwrap()]
    }

    #[test]
    fn listeners_are_summed_over_nodes_and_parts() {
        let mut survey = survey(&["a", "b"]);
        survey.answer(&node("a"), (0, false), channels(&[("x", 1)]));
        survey.answer(&node("b"), (0, true), channels(&[("x", 2), ("y", 5)]));
        assert!(!survey.is_over(Tick(1_999)));
        survey.answer(&node("a"), (1, true), channels(&[("y", 1)]));
        assert!(survey.is_over(Tick(0)));
        let surveyed = survey.conclude();
        assert_eq!((sum(&surveyed, "x"), sum(&surveyed, "y")), (3, 6));
        assert!(surveyed.silent.is_empty() && !surveyed.more);
    }

    #[test]
    fn who_has_not_answered_to_the_end_is_named() {
        let mut survey = survey(&["c", "b", "a", "d"]);
        survey.answer(&node("a"), (0, true), channels(&[("x", 1)]));
        // A part is missing.
        survey.answer(&node("b"), (0, false), channels(&[("x", 1)]));
        survey.answer(&node("b"), (2, true), channels(&[("x", 1)]));
        survey.forget(&node("d"));
        assert!(!survey.is_over(Tick(1_999)));
        assert!(survey.is_over(Tick(2_000)));
        let surveyed = survey.conclude();
        assert_eq!(surveyed.silent, [node("b"), node("c")]);
        assert_eq!(sum(&surveyed, "x"), 2);
    }

    #[test]
    fn what_is_said_twice_or_unasked_does_not_count() {
        let mut survey = survey(&["a", "b"]);
        for _ in 0..2 {
            survey.answer(&node("a"), (0, true), channels(&[("x", 1)]));
            survey.answer(&node("stranger"), (0, true), channels(&[("x", 100)]));
            survey.answer(&node("b"), (0, false), channels(&[("x", 10)]));
        }
        survey.answer(&node("b"), (1, true), Finding::Connections(Vec::new()));
        assert!(survey.is_over(Tick(0)));
        assert_eq!(sum(&survey.conclude(), "x"), 11);
    }

    #[test]
    fn an_answer_over_all_nodes_has_an_end() {
        let mut survey = survey(&["a", "b"]);
        survey.answer(&node("a"), (0, true), many(0, SURVEY_CHANNELS - 1));
        survey.answer(&node("b"), (0, true), many(SURVEY_CHANNELS - 2, 3));
        let surveyed = survey.conclude();
        assert_eq!(surveyed.found.len(), SURVEY_CHANNELS);
        assert!(surveyed.more);
        assert_eq!(sum(&surveyed, &format!("c{}", SURVEY_CHANNELS - 2)), 2, "known ones still add");
    }

    #[test]
    fn connections_keep_the_node_that_holds_them() {
        let mut survey: Survey<Connections> = Survey::new([node("a"), node("b")], Tick(9));
        let report = |id| ConnectionReport {
            client: ClientId(id),
            protocol: "plain".into(),
            channels: Vec::new(),
        };
        survey.answer(&node("b"), (0, true), Finding::Connections(vec![report(1)]));
        survey.answer(&node("a"), (0, true), Finding::Connections(vec![report(2), report(3)]));
        let found = survey.conclude().found;
        let held: Vec<_> = found.iter().map(|(node, r)| (node.as_str(), r.client.0)).collect();
        assert_eq!(held, [("b", 1), ("a", 2), ("a", 3)]);
    }

    #[test]
    fn a_long_answer_is_cut_into_parts_that_lose_nothing() {
        let sizes = |finding| -> Vec<usize> {
            let len = |part: &Finding| match part {
                Finding::Channels(list) => list.len(),
                Finding::Connections(list) => list.len(),
            };
            parts(finding).iter().map(len).collect()
        };
        assert_eq!(sizes(many(0, 0)), [0]);
        assert_eq!(sizes(many(0, SIGNAL_CHANNELS)), [SIGNAL_CHANNELS]);
        assert_eq!(sizes(many(0, 2 * SIGNAL_CHANNELS + 1)), [SIGNAL_CHANNELS, SIGNAL_CHANNELS, 1]);
        let report = |id, n| ConnectionReport {
            client: ClientId(id),
            protocol: "plain".into(),
            channels: vec![ChannelName::parse("x").unwrap(); n],
        };
        let heavy =
            vec![report(1, SIGNAL_CHANNELS + 5), report(2, 0), report(3, 997), report(4, 1)];
        assert_eq!(sizes(Finding::Connections(heavy)), [1, 2, 1]);
    }
}
