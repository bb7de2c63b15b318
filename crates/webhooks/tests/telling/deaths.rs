//! Nodes that die, or are taken for dead.

use trunkline_core::channel::ChannelName;
use trunkline_core::note::{Change, Changed, Due, Expected, NoteKey, Notes as _, Wanted};
use trunkline_webhooks::Kind;

use crate::broker::Broker;
use crate::node::{KINDS, Node, PLACES, receiver};
use crate::receiver::{Receiver, until};
use crate::reminders::publish;

/// Longer than a node is believed to live, or to deliver, without saying so.
const LONG_MS: u64 = 31_000;

fn has(crm: &Receiver, words: &str) -> bool {
    crm.words().iter().any(|word| word == words)
}

#[tokio::test]
async fn what_a_dead_node_held_is_given_up_by_others() {
    let (crm, broker) = (Receiver::new().await, Broker::new());
    let start =
        |name| Node::start(name, broker.link(true), vec![receiver("crm", &crm.url(), PLACES)]);
    let (a, b) = (start("a"), start("b"));
    a.enter("of-a", 1, "ann");
    a.enter("of-both", 2, "bob");
    b.enter("of-both", 3, "bob");
    crm.until("they are there", |crm| crm.words().len() == 4).await;
    broker.until_noted("crm").await;
    a.kill();
    broker.pass(LONG_MS);
    crm.until("it is told", |crm| has(crm, "node_lost")).await;
    crm.until("what it means", |crm| has(crm, "channel_vacated of-a")).await;
    // Nothing of what others hold.
    let rest = crm.words().split_off(4);
    assert_eq!(rest, ["node_lost", "member_removed of-a ann", "channel_vacated of-a"]);
    let event = crm.events().into_iter().find(|event| event["event"] == "node_lost").unwrap();
    assert_eq!(event["node"], "a");
    b.leave("of-both", 3, "bob");
    crm.until("the last one", |crm| has(crm, "channel_vacated of-both")).await;
    b.close().await;
}

#[tokio::test]
async fn a_node_that_runs_alone_knows_at_once_that_its_former_life_is_over() {
    let (crm, broker) = (Receiver::new().await, Broker::new());
    let start =
        |name| Node::start(name, broker.link(false), vec![receiver("crm", &crm.url(), PLACES)]);
    let first = start("first");
    first.enter("chat", 1, "ann");
    crm.until("it is there", |crm| crm.words().len() == 2).await;
    first.kill();
    let second = start("second");
    // The lease on the receiver is another matter: the former life may have been about to deliver.
    broker.pass(21_000);
    crm.until("its end is told", |crm| has(crm, "node_lost")).await;
    crm.until("and what it means", |crm| has(crm, "channel_vacated chat")).await;
    assert!(has(&crm, "member_removed chat ann"));
    second.close().await;
}

#[tokio::test]
async fn a_death_is_told_of_though_inboxes_do_not_answer() {
    let (crm, broker) = (Receiver::new().await, Broker::new());
    let kinds = [PLACES, &[Kind::InboxUnread]].concat();
    let start =
        |name| Node::start(name, broker.link(true), vec![receiver("crm", &crm.url(), &kinds)]);
    let (a, b) = (start("a"), start("b"));
    a.enter("of-a", 1, "ann");
    crm.until("it is there", |crm| crm.words().len() == 2).await;
    broker.until_noted("crm").await;
    publish(&b.webhooks.watching().0, "#slow", true).await;
    a.kill();
    broker.pass(LONG_MS);
    crm.until("what it means", |crm| has(crm, "channel_vacated of-a")).await;
    assert!(has(&crm, "node_lost"));
    b.close().await;
}

#[tokio::test]
async fn a_death_is_forgotten_by_the_clock_of_the_broker() {
    let (crm, broker) = (Receiver::new().await, Broker::new());
    let start =
        |name| Node::start(name, broker.link(false), vec![receiver("crm", &crm.url(), PLACES)]);
    let first = start("first");
    first.enter("chat", 1, "ann");
    crm.until("it is there", |crm| crm.words().len() == 2).await;
    first.kill();
    let second = start("second");
    let life = || broker.note("node:first.1").unwrap_or_default();
    until("its end is noted", || life().contains("dead"), life).await;
    // A day, for the broker alone.
    broker.pass(86_401_000);
    until("it is forgotten", || life().is_empty(), life).await;
    second.close().await;
}

#[tokio::test]
async fn a_node_that_was_only_cut_off_is_there_again() {
    let (crm, broker) = (Receiver::new().await, Broker::new());
    let start =
        |name| Node::start(name, broker.link(true), vec![receiver("crm", &crm.url(), KINDS)]);
    let (a, b) = (start("a"), start("b"));
    a.connect(1, "ann");
    a.enter("chat", 1, "ann");
    crm.until("it is there", |crm| has(crm, "member_added chat ann")).await;
    crm.until("it is told", |crm| has(crm, "subscribed chat ann")).await;
    broker.until_noted("crm").await;
    a.link.cut(true);
    a.connect(2, "meanwhile");
    broker.pass(LONG_MS);
    crm.until("it is given up", |crm| has(crm, "node_lost")).await;
    a.link.cut(false);
    let again =
        |crm: &Receiver, words: &str| crm.words().iter().filter(|word| *word == words).count() == 2;
    crm.until("it is there again", |crm| {
        again(crm, "channel_occupied chat")
            && again(crm, "member_added chat ann")
            && again(crm, "connected ann")
            && again(crm, "subscribed chat ann")
            && has(crm, "connected meanwhile")
    })
    .await;
    let words = crm.words();
    let lost = words.iter().position(|word| word == "node_lost").unwrap();
    let after: Vec<_> = words[lost + 1..].iter().filter(|word| !word.contains("_")).collect();
    assert_eq!(after, ["connected ann", "subscribed chat ann", "connected meanwhile"]);
    a.leave("chat", 1, "ann");
    crm.until("it leaves for good", |crm| again(crm, "channel_vacated chat")).await;
    a.close().await;
    b.close().await;
}

#[tokio::test]
async fn a_life_of_which_the_broker_knows_less_than_before_goes_on() {
    let (crm, broker) = (Receiver::new().await, Broker::new());
    let start =
        |name| Node::start(name, broker.link(true), vec![receiver("crm", &crm.url(), KINDS)]);
    let (a, b) = (start("a"), start("b"));
    for client in 0..3 {
        a.connect(client, "ann");
        crm.until("it is told", |crm| crm.words().len() as u128 == client + 1).await;
    }
    // As after a failover to a replica that was behind.
    let channel = ChannelName::parse("$$webhooks").unwrap();
    let value = "{\"written\":2,\"state\":\"alive\"}".into();
    let key = NoteKey { channel, name: "node:a.1".into() };
    let wanted = Some(Wanted { value, due: Due::In(25_000) });
    let change = Change { expected: Expected::Anything, ..Change::of(key, None, wanted) };
    a.link.change(change, Box::new(|changed| assert!(matches!(changed, Ok(Changed::Made { .. })))));
    a.connect(3, "bob");
    crm.until("it goes on", |crm| has(crm, "connected bob")).await;
    assert_eq!(crm.words().len(), 4, "nothing is told again");
    a.close().await;
    b.close().await;
    assert!(!has(&crm, "node_lost"));
}

#[tokio::test]
async fn nobody_is_dead_because_the_broker_was_away() {
    let (crm, broker) = (Receiver::new().await, Broker::new());
    let start =
        |name| Node::start(name, broker.link(true), vec![receiver("crm", &crm.url(), KINDS)]);
    let nodes = [start("a"), start("b")];
    nodes.iter().for_each(|node| node.connect(1, "early"));
    crm.until("they live", |crm| crm.words().len() == 2).await;
    nodes.iter().for_each(|node| node.link.cut(true));
    broker.pass(LONG_MS);
    let [a, b] = nodes;
    let before = a.link.looks();
    a.link.cut(false);
    // It has seen that the other one is due.
    until("a look", || a.link.looks() > before, String::new).await;
    b.link.cut(false);
    a.connect(2, "ann");
    b.connect(3, "bob");
    // Who writes has renewed.
    crm.until("both go on", |crm| has(crm, "connected ann") && has(crm, "connected bob")).await;
    assert!(!has(&crm, "node_lost"));
    a.close().await;
    b.close().await;
}

#[tokio::test]
async fn what_may_have_arrived_is_marked_by_whoever_goes_on() {
    let (crm, broker) = (Receiver::new().await, Broker::new());
    let start =
        |name| Node::start(name, broker.link(true), vec![receiver("crm", &crm.url(), KINDS)]);
    let a = start("a");
    crm.answer(Some(500));
    a.connect(1, "ann");
    crm.until("a first attempt", |crm| !crm.refused().is_empty()).await;
    // It dies before it can note what has come of it, as far as anybody knows.
    let first = crm.refused()[0].clone();
    a.kill();
    crm.answer(None);
    let b = start("b");
    b.connect(2, "bob");
    broker.pass(LONG_MS);
    crm.until("both", |crm| has(crm, "connected ann") && has(crm, "connected bob")).await;
    let taken = crm.taken();
    let again = taken.iter().find(|delivery| delivery.id == first.id).unwrap();
    assert!(again.attempt > first.attempt);
    assert_eq!(again.body, first.body, "the same, though more had come");
    assert!(taken.iter().all(|delivery| delivery.id == first.id || delivery.attempt == 1));
    b.close().await;
}

#[tokio::test]
async fn a_node_that_ends_well_lets_others_deliver_at_once() {
    let (crm, broker) = (Receiver::new().await, Broker::new());
    let start =
        |name| Node::start(name, broker.link(true), vec![receiver("crm", &crm.url(), KINDS)]);
    let a = start("a");
    a.connect(1, "ann");
    crm.until("it delivers", |crm| has(crm, "connected ann")).await;
    let b = start("b");
    a.close().await;
    // The broker's clock has not moved by more than a lease.
    b.connect(2, "bob");
    crm.until("the other one delivers", |crm| has(crm, "connected bob")).await;
    let delivers = || b.metrics.node.webhook_deliveries.get() > 0;
    until("it is the other one", delivers, String::new).await;
    b.close().await;
}
