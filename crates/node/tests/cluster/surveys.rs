//! Questions to all nodes.

use trunkline_core::backend::BackendError;
use trunkline_core::identity::{ClientId, UserId};
use trunkline_core::limits::{SIGNAL_CHANNELS, SURVEY_DEADLINE_MS, SURVEYS};
use trunkline_core::signal::{ConnectionReport, NodeId};
use trunkline_core::survey::{Audiences, Connections, Surveyed};
use trunkline_core::time::Tick;
use trunkline_model_broker::Lane;
use trunkline_node::survey::Pattern;

use crate::fixture::{Cluster, Slot, channel, slot};

type Outcome<T> = Result<Surveyed<T>, BackendError>;

fn ask(cluster: &Cluster, at: usize, pattern: &str) -> Slot<Outcome<Audiences>> {
    let (slot, told) = slot();
    cluster.nodes[at].node.channels(Pattern::new(pattern), told);
    slot
}

/// Three nodes; `chat` has a listener on the first, two on the second and so on.
fn three() -> Cluster {
    let mut cluster = Cluster::of(&["a", "b", "c"]);
    for (at, member) in cluster.nodes.iter_mut().enumerate() {
        let own = format!("own{at}");
        member.channels = vec![(channel("chat"), at + 1), (channel(&own), 1)];
    }
    cluster
}

fn listed(surveyed: &Surveyed<Audiences>) -> Vec<(&str, u64)> {
    let mut list: Vec<_> = surveyed.found.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    list.sort_unstable();
    list
}

fn taken<T>(slot: &Slot<Outcome<T>>) -> Surveyed<T> {
    slot.lock().unwrap().take().expect("an answer").expect("not too many")
}

#[test]
fn listeners_are_summed_over_all_nodes() {
    let mut cluster = three();
    let answers = [ask(&cluster, 0, ""), ask(&cluster, 2, "c*")];
    assert!(answers[0].lock().unwrap().is_none());
    cluster.settle();
    let everything = taken(&answers[0]);
    assert_eq!(listed(&everything), [("chat", 6), ("own0", 1), ("own1", 1), ("own2", 1)]);
    assert!(everything.silent.is_empty() && !everything.more);
    assert_eq!(listed(&taken(&answers[1])), [("chat", 6)]);
}

#[test]
fn a_long_answer_comes_in_parts() {
    let mut cluster = three();
    let many = SIGNAL_CHANNELS * 2 + 7;
    cluster.nodes[1].channels = (0..many).map(|n| (channel(&format!("n{n}")), 1)).collect();
    let before = cluster.nodes[1].node.metrics.node.signals_sent.get();
    let answer = ask(&cluster, 0, "n*");
    cluster.settle();
    assert_eq!(taken(&answer).found.len(), many);
    assert_eq!(cluster.nodes[1].node.metrics.node.signals_sent.get() - before, 3);
}

#[test]
fn a_node_that_keeps_silent_only_costs_the_deadline() {
    let mut cluster = three();
    cluster.cut(1, Lane::Publications);
    let answer = ask(&cluster, 0, "chat");
    cluster.settle();
    cluster.pass(SURVEY_DEADLINE_MS - 1);
    assert!(answer.lock().unwrap().is_none(), "it may still answer");
    cluster.pass(1);
    let surveyed = taken(&answer);
    assert_eq!(listed(&surveyed), [("chat", 4)]);
    assert_eq!(surveyed.silent, [NodeId::new("b")]);
    assert_eq!(cluster.nodes[0].node.metrics.node.surveys_timed_out.get(), 1);
}

#[test]
fn a_node_that_has_too_much_to_do_is_named_as_silent() {
    let mut cluster = three();
    cluster.nodes[2].flood();
    let answer = ask(&cluster, 0, "chat");
    cluster.deliver();
    // Its shard never gets to the end of its mail.
    drop(cluster.nodes.remove(2));
    cluster.pass(SURVEY_DEADLINE_MS);
    assert_eq!(taken(&answer).silent, [NodeId::new("c")]);
}

#[test]
fn nobody_waits_for_a_node_that_stops_meanwhile() {
    let mut cluster = three();
    let answer = ask(&cluster, 0, "chat");
    // It says that it goes before it has looked at the question.
    cluster.nodes[1].node.farewell();
    let leaving = cluster.nodes.remove(1);
    cluster.settle();
    drop(leaving);
    let surveyed = taken(&answer);
    assert_eq!(listed(&surveyed), [("chat", 4)]);
    assert!(surveyed.silent.is_empty());
}

#[test]
fn an_answer_that_comes_too_late_is_for_nobody() {
    let mut cluster = three();
    let first = ask(&cluster, 0, "chat");
    cluster.nodes[0].node.tick(Tick(SURVEY_DEADLINE_MS));
    let surveyed = taken(&first);
    assert_eq!(surveyed.silent.len(), 3, "not even its own shards had the time");
    assert!(surveyed.found.is_empty());
    let second = ask(&cluster, 0, "chat");
    cluster.settle();
    assert_eq!(listed(&taken(&second)), [("chat", 6)], "each answer counts for its own question");
    assert!(first.lock().unwrap().is_none());
}

#[test]
fn so_many_questions_may_be_open_and_no_more() {
    let mut cluster = three();
    let open: Vec<_> = (0..SURVEYS).map(|_| ask(&cluster, 0, "chat")).collect();
    let refused = ask(&cluster, 0, "chat");
    assert_eq!(refused.lock().unwrap().take(), Some(Err(BackendError::Overloaded)));
    drop(open);
    cluster.pass(SURVEY_DEADLINE_MS);
    cluster.settle();
    let again = ask(&cluster, 0, "chat");
    cluster.settle();
    assert!(again.lock().unwrap().is_some());
}

#[test]
fn the_connections_of_a_user_are_found_wherever_they_are() {
    let mut cluster = three();
    let report = |id, name: &str| ConnectionReport {
        client: ClientId(id),
        protocol: "plain".into(),
        channels: vec![channel(name)],
    };
    cluster.nodes[0].connections = vec![report(1, "x")];
    cluster.nodes[2].connections = vec![report(2, "y"), report(3, "z")];
    let (answer, told) = slot::<Outcome<Connections>>();
    cluster.nodes[1].node.connections(UserId::new("ann"), told);
    cluster.settle();
    let mut found = taken(&answer).found;
    found.sort_by_key(|(_, report)| report.client);
    let expected = [("a", report(1, "x")), ("c", report(2, "y")), ("c", report(3, "z"))];
    assert_eq!(found, expected.map(|(node, report)| (NodeId::new(node), report)));
}
