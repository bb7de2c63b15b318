//! Broken connections, requests that are given up, nodes that die.

use trunkline_core::backend::{Backend, BackendError};
use trunkline_core::history::HistoryQuery;
use trunkline_core::publication::Draft;
use trunkline_model_broker::{Broker, Lane, Mode};

use crate::fixture::{Node, channel, draft, driven, settle, slot, told};

#[test]
fn what_a_cut_loses_is_doubted_once_it_is_healed() {
    let broker = driven();
    let (a, b) = (Node::new(&broker, "a"), Node::new(&broker, "b"));
    for name in ["c", "d", "unwanted"] {
        b.listen(name);
    }
    settle(&broker);
    let seen = a.placed(&broker, draft("c", "1"));
    assert_eq!(b.heard_data(), ["c 1 1"]);
    drop(a.publish(draft("c", "in flight")));
    assert!(broker.step(&a.link(Lane::Requests)));
    let link = b.link(Lane::Publications);
    assert_eq!(broker.pending(&link), 1);
    broker.cut(&link);
    assert!(broker.is_cut(&link) && broker.is_cut(&b.link(Lane::Subscriptions)));
    assert_eq!(broker.pending(&link), 0);
    a.placed(&broker, draft("c", "while cut"));
    b.at.unlisten(&channel("unwanted"));
    assert_eq!(told(&b.listen("e")), Some(Err(BackendError::Unavailable)));
    settle(&broker);
    assert_eq!(b.heard(), [""; 0]);
    broker.heal(&link);
    assert_eq!(broker.pending(&b.link(Lane::Subscriptions)), 3);
    settle(&broker);
    assert_eq!(b.heard(), ["c doubt", "d doubt", "e doubt"]);
    let page = b.since(&broker, "c", &seen);
    assert_eq!(page.recovers(&seen), Ok(()), "what was missed can be read");
    assert_eq!(page.publications.len(), 2);
    a.placed(&broker, draft("c", "4"));
    a.placed(&broker, draft("unwanted", "1"));
    assert_eq!(b.heard_data(), ["c 4 4"]);
    assert_eq!(a.heard(), [""; 0], "nobody else is concerned");
}

#[test]
fn who_waits_to_hear_is_told_when_the_connection_breaks() {
    let broker = driven();
    let a = Node::new(&broker, "a");
    let answered = a.listen("c");
    assert!(broker.step(&a.link(Lane::Subscriptions)));
    let asked = a.listen("d");
    broker.cut(&a.link(Lane::Subscriptions));
    assert_eq!(told(&answered), Some(Err(BackendError::Unavailable)));
    assert_eq!(told(&asked), Some(Err(BackendError::Unavailable)));
    broker.heal(&a.link(Lane::Subscriptions));
    settle(&broker);
    assert_eq!(a.heard(), ["c doubt", "d doubt"]);
}

#[test]
fn a_request_given_up_was_done_if_it_had_arrived() {
    let broker = driven();
    let a = Node::new(&broker, "a");
    let keyed = |key: &str| Draft { idempotency_key: Some(key.into()), ..draft("c", key) };
    let done = a.publish(keyed("done"));
    assert!(broker.step(&a.link(Lane::Requests)));
    broker.cut(&a.link(Lane::Answers));
    broker.cut(&a.link(Lane::Requests));
    let never = a.publish(keyed("never"));
    let (read, reading) = slot();
    a.at.history(&channel("c"), HistoryQuery::default(), reading);
    assert!(!broker.step(&a.link(Lane::Answers)) && !broker.step(&a.link(Lane::Requests)));
    assert_eq!(told(&done), None, "it only takes long");
    broker.fail_requests(a.at.id());
    assert_eq!(told(&done), Some(Err(BackendError::Unavailable)));
    assert_eq!(told(&never), Some(Err(BackendError::Unavailable)));
    assert_eq!(told(&read), Some(Err(BackendError::Unavailable)));
    broker.heal(&a.link(Lane::Answers));
    broker.heal(&a.link(Lane::Requests));
    let again = ["done", "never"].map(|key| a.publish(keyed(key)));
    settle(&broker);
    let again = again.each_ref().map(|slot| told(slot).unwrap().unwrap());
    assert_eq!(again.each_ref().map(|published| published.duplicate), [true, false]);
    assert_eq!(again[1].position.as_ref().unwrap().offset, 2);
}

#[test]
fn what_only_waited_arrives_when_it_is_healed() {
    let broker = driven();
    let a = Node::new(&broker, "a");
    broker.cut(&a.link(Lane::Requests));
    let slow = a.publish(draft("c", "1"));
    settle(&broker);
    assert_eq!(told(&slow), None);
    broker.heal(&a.link(Lane::Requests));
    settle(&broker);
    assert!(told(&slow).unwrap().is_ok());
}

#[test]
fn a_dead_node_is_told_nothing_and_its_successor_begins_anew() {
    let broker = driven();
    let a = Node::new(&broker, "a");
    a.listen("c");
    settle(&broker);
    let lost = a.publish(draft("c", "1"));
    let successor = Node::new(&broker, "a");
    settle(&broker);
    assert_eq!(told(&lost), None);
    assert_eq!(told(&a.publish(draft("c", "1"))), Some(Err(BackendError::Stopped)));
    successor.placed(&broker, draft("c", "1"));
    assert_eq!((a.heard(), successor.heard()), (vec![], vec![]));
}

#[test]
fn cuts_and_heals_happen_at_once_as_well() {
    let broker = Broker::new(Mode::AtOnce, 1);
    let a = Node::new(&broker, "a");
    a.listen("c");
    broker.cut(&a.link(Lane::Publications));
    assert!(told(&a.publish(draft("c", "1"))).unwrap().is_ok());
    assert_eq!(a.heard(), [""; 0]);
    broker.heal(&a.link(Lane::Publications));
    assert_eq!(a.heard(), ["c doubt"]);
}
