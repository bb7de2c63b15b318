//! Messages that take no place.

use std::sync::Arc;

use trunkline_core::identity::{ClientId, ClientInfo, UserId};
use trunkline_core::publication::Message;

use crate::Subject;
use crate::content::{channel, draft, offsets, somebody};
use crate::stage::Stage;

pub fn announcements_arrive_as_they_were(subject: &dyn Subject) {
    let nodes = Stage::new(subject).nodes(2);
    nodes.iter().for_each(|node| node.listen("c"));
    let nobody = ClientInfo {
        user: UserId::default(),
        client: ClientId(0),
        conn_info: None,
        chan_info: None,
    };
    let messages = [
        Message::Join(Arc::new(somebody())),
        Message::Join(Arc::new(nobody.clone())),
        Message::Leave(Arc::new(somebody())),
        Message::Leave(Arc::new(nobody)),
    ];
    for message in &messages {
        nodes[0].backend.announce(&channel("c"), message.clone());
    }
    for node in &nodes {
        node.heard.until("all announcements", |notes| notes.messages.len() >= messages.len());
        let told = node.settled(&nodes[0]).messages;
        let told = told.into_iter().filter(|(name, _)| name.as_str() == "c");
        assert_eq!(told.map(|(_, message)| message).collect::<Vec<_>>(), messages);
    }
}

pub fn announcements_take_no_place(subject: &dyn Subject) {
    let node = Stage::new(subject).node();
    node.listen("c");
    node.place(draft("c", "1"));
    node.backend.announce(&channel("c"), Message::Join(Arc::new(somebody())));
    node.place(draft("c", "2"));
    let notes = node.heard.until("all three", |notes| notes.count(&channel("c")) >= 3);
    assert_eq!(offsets(&notes.publications(&channel("c"))), [1, 2]);
    let page = node.all("c");
    assert_eq!((page.top.offset, offsets(&page.publications)), (2, vec![1, 2]));
}
