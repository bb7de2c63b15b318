//! Notes beside inboxes that go when what they speak of is gone, and not before.

use std::sync::Arc;

use bytes::Bytes;
use trunkline_core::backend::Backend;
use trunkline_core::history::HistoryQuery;
use trunkline_core::identity::UserId;
use trunkline_core::inbox::Ack;
use trunkline_core::namespace::Retention;
use trunkline_core::note::{Note, NoteKey, Notes as _};
use trunkline_core::publication::Draft;
use trunkline_core::time::WallTime;
use trunkline_node::routes::{Route, Routes, Source};

use crate::fixture::{KEPT, Member, Scene, channel, told};

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

fn publish(scene: &Scene, name: &str, ttl_ms: u64, data: &str) {
    let retention = Some(Retention { size: KEPT, ttl_ms, bytes: 1 << 20 });
    let data = Bytes::copy_from_slice(data.as_bytes());
    let draft = Draft { data, retention, ..Draft::new(channel(name)) };
    told(|done| scene.backend.publish(draft, done)).unwrap();
}

fn note(scene: &Scene, name: &str) -> Option<Note> {
    let key = NoteKey { channel: channel("#ann"), name: name.into() };
    told(|done| scene.backend.read(&key, done)).unwrap()
}

/// So much time passes, and the node does what is due then.
fn skip(scene: &Scene, millis: u64, member: &Member) {
    scene.skip(millis);
    member.node.run_schedules(scene.now(), WallTime(scene.now().0));
}

/// A message of a channel whose publications are kept for 10 minutes unless whoever publishes says
/// otherwise has been routed to ann.
fn routed(ttl_ms: u64) -> (Scene, Member) {
    let scene = Scene::new();
    let member = scene.start("a");
    publish(&scene, "orders", ttl_ms, "1");
    let address = Box::new(|said: &Bytes| Some((UserId::new("ann"), said.clone())));
    let route = Route { channel: channel("orders"), source: Source::Stream, address };
    let trouble = Box::new(|_: &_, what| panic!("{what:?}"));
    let routes = Routes::start(&member.node, vec![route], trouble, Arc::new(|| ()));
    routes.work(scene.now());
    (scene, member)
}

#[test]
fn what_was_routed_is_remembered_until_it_cannot_be_routed_again() {
    let (scene, member) = routed(600_000);
    assert!(note(&scene, "from:orders").is_some());
    skip(&scene, HOUR + 500_000, &member);
    assert!(note(&scene, "from:orders").is_some(), "for an hour longer than it is there");
    skip(&scene, 200_000, &member);
    assert_eq!(note(&scene, "from:orders"), None);
}

#[test]
fn what_was_routed_is_remembered_as_long_as_it_is_in_its_stream() {
    let (scene, member) = routed(10 * HOUR);
    for _ in 0..8 {
        skip(&scene, HOUR + 700_000, &member);
        assert!(note(&scene, "from:orders").is_some());
    }
    skip(&scene, HOUR + 700_000, &member);
    assert_eq!(note(&scene, "from:orders"), None);
}

fn acknowledge(scene: &Scene, member: &Member, ttl_ms: u64) {
    for said in ["1", "2"] {
        publish(scene, "#ann", ttl_ms, said);
    }
    told(|done| member.node.acknowledge(&channel("#ann"), Ack::Each(vec![1]), done)).unwrap();
}

#[test]
fn what_is_read_is_forgotten_with_its_stream() {
    let scene = Scene::new();
    let member = scene.start("a");
    acknowledge(&scene, &member, 600_000);
    assert!(note(&scene, "inbox").is_some());
    skip(&scene, DAY + HOUR - 1, &member);
    assert!(note(&scene, "inbox").is_some());
    skip(&scene, 1_000, &member);
    assert_eq!(note(&scene, "inbox"), None);
    publish(&scene, "#ann", 600_000, "3");
    let unread = told(|done| member.node.unread(&channel("#ann"), (0, 10), done)).unwrap();
    assert_eq!((unread.messages.len(), unread.inbox.dropped()), (1, 0));
}

#[test]
fn what_is_read_is_remembered_as_long_as_there_are_messages_or_the_next_comes_behind_them() {
    let scene = Scene::new();
    let member = scene.start("a");
    // Kept for longer than the inbox says, by whoever has published them.
    acknowledge(&scene, &member, 2 * DAY);
    skip(&scene, DAY + HOUR + 1_000, &member);
    let unread = told(|done| member.node.unread(&channel("#ann"), (0, 10), done)).unwrap();
    assert_eq!(unread.messages.iter().map(|message| message.offset).collect::<Vec<_>>(), [2]);
    // They are gone, and the user looks once a while.
    for _ in 0..8 {
        skip(&scene, DAY / 2, &member);
        let top = HistoryQuery { since: None, limit: 0, reverse: false };
        told(|done| scene.backend.history(&channel("#ann"), top, done)).unwrap();
    }
    publish(&scene, "#ann", 600_000, "3");
    let unread = told(|done| member.node.unread(&channel("#ann"), (0, 10), done)).unwrap();
    assert_eq!(unread.messages.iter().map(|message| message.offset).collect::<Vec<_>>(), [3]);
    assert_eq!(unread.inbox.dropped(), 1, "the one that nobody had read");
}
