//! Messages that nobody reads.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;
use trunkline_core::backend::Backend;
use trunkline_core::channel::ChannelName;
use trunkline_core::namespace::Retention;
use trunkline_core::publication::Draft;
use trunkline_webhooks::Kind;

use crate::broker::Broker;
use crate::node::{Node, receiver};
use crate::receiver::Receiver;

pub(crate) async fn publish(backend: &Arc<dyn Backend>, channel: &str, kept: bool) {
    let retention = Retention { size: 10, ttl_ms: 60_000, bytes: 1_000 };
    let channel = ChannelName::parse(channel).unwrap();
    let draft = Draft { retention: kept.then_some(retention), ..Draft::new(channel) };
    let (tell, told) = oneshot::channel();
    backend.publish(draft, Box::new(|outcome| drop(tell.send(outcome))));
    told.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_message_that_nobody_reads_is_told_of_once() {
    let (crm, broker) = (Receiver::new().await, Broker::new());
    let kinds = [Kind::InboxUnread];
    let node = Node::start("n", broker.link(false), vec![receiver("crm", &crm.url(), &kinds)]);
    let (backend, _) = node.webhooks.watching();
    publish(&backend, "#bob", false).await;
    publish(&backend, "chat", true).await;
    publish(&backend, "#ann", true).await;
    publish(&backend, "#ann", true).await;
    broker.pass(1_000);
    crm.until("it is told", |crm| !crm.words().is_empty()).await;
    assert_eq!(crm.words(), ["inbox_unread #ann ann"]);
    assert_eq!((&crm.events()[0]["unread"], &crm.events()[0]["oldest"]), (&1.into(), &1.into()));
    // It is looked at again, and is still the same.
    broker.pass(1_000);
    publish(&backend, "#cid", true).await;
    broker.pass(1_000);
    crm.until("another one", |crm| crm.words().len() > 1).await;
    assert_eq!(crm.words(), ["inbox_unread #ann ann", "inbox_unread #cid cid"]);
    node.close().await;
}

#[tokio::test]
async fn a_part_that_panics_does_not_leave_the_others_to_go_on_without_it() {
    let (crm, broker) = (Receiver::new().await, Broker::new());
    let kinds = [Kind::InboxUnread];
    let node = Node::start("n", broker.link(false), vec![receiver("crm", &crm.url(), &kinds)]);
    let (backend, _) = node.webhooks.watching();
    publish(&backend, "#nobody-may-ask", true).await;
    broker.pass(1_000);
    assert!(timeout(Duration::from_secs(20), node.breaks()).await.unwrap());
}
