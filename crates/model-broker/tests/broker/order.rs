//! What waits until it is moved, and in which order it arrives.

use trunkline_core::backend::{Backend, BackendError};
use trunkline_core::history::HistoryQuery;
use trunkline_core::limits::IDEMPOTENCY_TTL_MS;
use trunkline_core::publication::Draft;
use trunkline_core::signal::{NodeId, Recipient, Signal};
use trunkline_core::time::WallTime;
use trunkline_model_broker::{Broker, Lane, Mode};

use crate::fixture::{Node, channel, draft, driven, settle, slot, told};

#[test]
fn nothing_moves_but_by_steps() {
    let broker = driven();
    let (a, b) = (Node::new(&broker, "a"), Node::new(&broker, "b"));
    let listening = b.listen("c");
    assert_eq!(broker.describe(&b.link(Lane::Subscriptions)).unwrap(), "listen c");
    assert!(broker.step(&b.link(Lane::Subscriptions)));
    assert_eq!(told(&listening), None, "its answer is under way");
    let published = a.publish(draft("c", "1"));
    assert!(!broker.step(&a.link(Lane::Answers)));
    assert!(broker.step(&a.link(Lane::Requests)));
    assert_eq!(told(&published), None);
    assert_eq!(b.heard(), [""; 0]);
    assert_eq!(broker.pending(&b.link(Lane::Publications)), 2);
    assert!(broker.step(&b.link(Lane::Publications)));
    assert_eq!(told(&listening), Some(Ok(())));
    assert_eq!(broker.describe(&b.link(Lane::Publications)).unwrap(), "publication c 1");
    assert!(broker.step(&b.link(Lane::Publications)));
    assert_eq!(b.heard_data(), ["c 1 1"]);
    assert!(broker.step(&a.link(Lane::Answers)));
    assert_eq!(told(&published).unwrap().unwrap().position.unwrap().offset, 1);
    assert_eq!(a.heard(), [""; 0], "who does not listen hears nothing, its own included");
    assert_eq!(broker.settle(10), 0);
}

#[test]
fn a_channel_has_one_order_whoever_publishes_and_listens() {
    let broker = driven();
    let nodes = ["a", "b", "c"].map(|id| Node::new(&broker, id));
    for node in &nodes {
        node.listen("c");
    }
    settle(&broker);
    for n in 0..10 {
        nodes.iter().for_each(|node| drop(node.publish(draft("c", &n.to_string()))));
    }
    for _ in 0..10 {
        // The last node's requests overtake all others.
        for node in nodes.iter().rev() {
            assert!(broker.step(&node.link(Lane::Requests)));
        }
    }
    settle(&broker);
    let heard = nodes.each_ref().map(Node::heard);
    assert_eq!(heard[0].len(), 30);
    assert!(heard.iter().all(|other| *other == heard[0]));
    let chain = nodes[0].notes.publications.lock().unwrap();
    assert!(chain.windows(2).all(|pair| pair[1].before == Some(pair[0].tag)));
    assert!(chain.iter().map(|publication| publication.offset).eq(1..=30));
}

#[test]
fn what_is_not_wanted_any_more_stops_when_the_broker_knows() {
    let broker = driven();
    let (a, b) = (Node::new(&broker, "a"), Node::new(&broker, "b"));
    b.listen("c");
    settle(&broker);
    b.at.unlisten(&channel("c"));
    drop(a.publish(draft("c", "1")));
    assert!(broker.step(&a.link(Lane::Requests)));
    assert!(broker.step(&b.link(Lane::Subscriptions)));
    drop(a.publish(draft("c", "2")));
    settle(&broker);
    assert_eq!(b.heard_data(), ["c 1 1"]);
}

#[test]
fn a_signal_reaches_whom_it_is_for() {
    let broker = driven();
    let nodes = ["a", "b", "c"].map(|id| Node::new(&broker, id));
    let gone = || Signal::Gone(NodeId::new("x"));
    let hear = || nodes.each_ref().map(|node| node.heard().len());
    nodes[0].at.signal(&Recipient::Everyone, gone());
    settle(&broker);
    assert_eq!(hear(), [0, 1, 1]);
    nodes[0].at.signal(&Recipient::Node(NodeId::new("c")), gone());
    nodes[0].at.signal(&Recipient::Node(NodeId::new("a")), gone());
    nodes[0].at.signal(&Recipient::Node(NodeId::new("nobody")), gone());
    settle(&broker);
    assert_eq!(hear(), [0, 0, 1]);
}

#[test]
fn time_is_what_it_was_told() {
    let broker = driven();
    let a = Node::new(&broker, "a");
    broker.set_time(WallTime(5_000));
    let keyed = |data| Draft { idempotency_key: Some("k".into()), ..draft("c", data) };
    let first = a.placed(&broker, keyed("1"));
    broker.set_time(WallTime(5_000 + 59_999));
    let start = trunkline_core::position::Position { offset: 0, tag: None, ..first.clone() };
    let page = a.since(&broker, "c", &start);
    assert_eq!(page.publications[0].time, WallTime(5_000));
    broker.set_time(WallTime(5_000 + 60_000));
    assert_eq!(a.since(&broker, "c", &start).publications.len(), 0, "aged");
    assert_eq!(a.placed(&broker, keyed("2")), first);
    broker.set_time(WallTime(5_000 + IDEMPOTENCY_TTL_MS));
    assert_eq!(a.placed(&broker, keyed("3")).offset, 2);
}

#[test]
fn at_once_all_is_done_when_a_call_returns() {
    let broker = Broker::new(Mode::AtOnce, 1);
    let (a, b) = (Node::new(&broker, "a"), Node::new(&broker, "b"));
    assert_eq!(told(&b.listen("c")), Some(Ok(())));
    let published = told(&a.publish(draft("c", "1"))).unwrap().unwrap();
    assert_eq!(published.position.unwrap().offset, 1);
    assert_eq!(b.heard_data(), ["c 1 1"]);
    broker.detach(a.at.id());
    assert_eq!(told(&a.publish(draft("c", "2"))), Some(Err(BackendError::Stopped)));
    assert_eq!(told(&a.listen("c")), Some(Err(BackendError::Stopped)));
}

#[test]
fn a_stream_is_read_once_its_channel_is_heard() {
    let broker = driven();
    let a = Node::new(&broker, "a");
    a.at.listen(&channel("c"), Box::new(|_| ()));
    let (page, done) = slot();
    a.at.history(&channel("c"), HistoryQuery::default(), done);
    assert_eq!(broker.pending(&a.link(Lane::Requests)), 0, "it waits");
    assert!(broker.step(&a.link(Lane::Subscriptions)));
    assert_eq!(broker.pending(&a.link(Lane::Requests)), 0, "the node does not know yet");
    assert!(broker.step(&a.link(Lane::Publications)));
    settle(&broker);
    assert!(told(&page).is_some_and(|page| page.is_ok()));
    broker.cut(&a.link(Lane::Publications));
    let (page, done) = slot();
    a.at.history(&channel("c"), HistoryQuery::default(), done);
    assert_eq!(told(&page), Some(Err(BackendError::Unavailable)), "nobody knows when");
}
