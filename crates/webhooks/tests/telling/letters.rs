//! What is given up, and what becomes of it.

use trunkline_webhooks::Receiver as Options;

use crate::broker::Broker;
use crate::node::{KINDS, Node, receiver};
use crate::receiver::{Receiver, until};

/// A node whose receiver is given up at the first failure.
fn start(crm: &Receiver) -> Node {
    let options = Options { retry_for_ms: 0, ..receiver("crm", &crm.url(), KINDS) };
    Node::start("n", Broker::new().link(false), vec![options])
}

async fn letters(node: &Node, count: usize) {
    let dead = || node.metrics.node.webhook_dead_letters.get() >= count as u64;
    until("dead letters", dead, String::new).await;
}

#[tokio::test]
async fn what_is_given_up_is_kept_and_does_not_stop_what_follows() {
    let crm = Receiver::new().await;
    let node = start(&crm);
    crm.answer(Some(400));
    node.connect(1, "ann");
    letters(&node, 1).await;
    crm.answer(None);
    node.connect(2, "bob");
    crm.until("what follows", |crm| crm.words() == ["connected bob"]).await;
    let (list, next) = node.webhooks.letters("crm", "", 10).await.unwrap().unwrap();
    assert_eq!((list.len(), next), (1, None));
    let letter = &list[0];
    assert_eq!((&*letter.webhook, &*letter.reason, letter.attempts), ("crm", "status 400", 1));
    assert!(letter.events[0].get().contains("\"user\":\"ann\""));
    assert!(letter.first_tried > 0 && letter.given_up >= letter.first_tried);
    assert!(node.webhooks.letters("other", "", 10).await.unwrap().unwrap().0.is_empty());
    node.close().await;
}

#[tokio::test]
async fn a_letter_is_replayed_once_and_marked() {
    let crm = Receiver::new().await;
    let node = start(&crm);
    crm.answer(Some(500));
    node.connect(1, "ann");
    letters(&node, 1).await;
    let id = node.webhooks.letters("crm", "", 1).await.unwrap().unwrap().0[0].id.clone();
    crm.answer(None);
    assert_eq!(node.webhooks.replay("crm", Some("nothing")).await, Ok((0, false)));
    assert_eq!(node.webhooks.replay("crm", Some(&id)).await, Ok((1, false)));
    assert_eq!(node.webhooks.replay("crm", Some(&id)).await, Ok((0, false)), "it is gone");
    crm.until("it comes", |crm| crm.words() == ["connected ann"]).await;
    let (first, again) = (&crm.refused()[0], &crm.taken()[0]);
    assert_eq!(again.attempt, 2);
    assert_eq!(again.events, first.events, "with the same ids");
    node.close().await;
}

#[tokio::test]
async fn letters_come_in_pages_and_can_be_discarded() {
    let crm = Receiver::new().await;
    let node = start(&crm);
    crm.answer(Some(500));
    for client in 0..5 {
        node.connect(client, "ann");
        letters(&node, client as usize + 1).await;
    }
    let (first, next) = node.webhooks.letters("crm", "", 3).await.unwrap().unwrap();
    let (rest, end) = node.webhooks.letters("crm", &next.unwrap(), 3).await.unwrap().unwrap();
    assert_eq!((first.len(), rest.len(), end), (3, 2, None));
    let mut ids: Vec<_> = first.iter().chain(&rest).map(|letter| &letter.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 5);
    assert!(node.webhooks.letters("crm", "nonsense", 3).await.unwrap().is_none());
    assert_eq!(node.webhooks.discard("crm", Some(ids[1])).await, Ok((1, false)));
    assert_eq!(node.webhooks.discard("crm", None).await, Ok((4, false)));
    assert!(node.webhooks.letters("crm", "", 3).await.unwrap().unwrap().0.is_empty());
    assert!(crm.taken().is_empty());
    node.close().await;
}
