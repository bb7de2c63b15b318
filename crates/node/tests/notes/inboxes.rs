//! What users have read, whichever node they ask.

use bytes::Bytes;
use trunkline_core::backend::Backend;
use trunkline_core::inbox::{Ack, AckError, Inbox};
use trunkline_core::publication::{Draft, Message};
use trunkline_node::event::Event;
use trunkline_node::inbox::{InboxError, Unread};

use crate::fixture::{KEPT, Member, Scene, channel, kept, told};
use crate::renaming::Renaming;

fn send(scene: &Scene, member: &Member, data: &str) {
    let channel = channel("#ann");
    let options = member.node.namespaces.options(&channel).unwrap();
    let data = Bytes::copy_from_slice(data.as_bytes());
    let draft = Draft { data, retention: options.retention, ..Draft::new(channel) };
    told(|done| scene.backend.publish(draft, done)).unwrap();
}

fn ack(member: &Member, ack: Ack) -> Result<Inbox, InboxError> {
    told(|done| member.node.acknowledge(&channel("#ann"), ack, done))
}

fn unread(member: &Member, after: u64, limit: usize) -> Unread {
    told(|done| member.node.unread(&channel("#ann"), (after, limit), done)).unwrap()
}

fn offsets(unread: &Unread) -> Vec<u64> {
    unread.messages.iter().map(|message| message.offset).collect()
}

#[test]
fn what_is_read_on_one_node_is_read_on_all_and_devices_are_told() {
    let scene = Scene::new();
    let (a, b) = (scene.start("a"), scene.start("b"));
    b.node.listen(0, &channel("#ann"));
    for data in ["1", "2", "3"] {
        send(&scene, &a, data);
    }
    b.mail();
    assert_eq!(offsets(&unread(&b, 0, 10)), [1, 2, 3]);
    ack(&a, Ack::Each(vec![2])).unwrap();
    assert_eq!(offsets(&unread(&b, 0, 10)), [1, 3]);
    let mail = b.mail();
    let [Event::Deliver { message: Message::Publication(notice), .. }] = &mail[..] else {
        panic!("{mail:?}");
    };
    assert_eq!(notice.offset, 0, "it takes no place in the inbox");
    let state: &str = std::str::from_utf8(&notice.data).unwrap();
    assert!(state.contains("\"unread\":2") && state.contains("\"acked\":[2]"), "{state}");
}

#[test]
fn acknowledging_again_changes_nothing_and_tells_nobody() {
    let scene = Scene::new();
    let a = scene.start("a");
    a.node.listen(0, &channel("#ann"));
    send(&scene, &a, "1");
    let first = ack(&a, Ack::All).unwrap();
    a.mail();
    assert_eq!(ack(&a, Ack::UpTo(1)).unwrap(), first);
    assert_eq!(a.mail().len(), 0);
}

#[test]
fn what_was_never_sent_is_not_acknowledged() {
    let scene = Scene::new();
    let a = scene.start("a");
    send(&scene, &a, "1");
    assert_eq!(ack(&a, Ack::UpTo(2)).unwrap_err(), InboxError::Ack(AckError::NeverSent));
    assert_eq!(unread(&a, 0, 10).inbox.unread(), 1);
}

#[test]
fn unread_messages_come_in_pages_oldest_first() {
    let scene = Scene::new();
    let a = scene.start("a");
    for n in 1..=7 {
        send(&scene, &a, &n.to_string());
    }
    ack(&a, Ack::Each(vec![1, 4])).unwrap();
    let first = unread(&a, 0, 3);
    assert_eq!((offsets(&first), first.more), (vec![2, 3, 5], true), "4 takes no place in it");
    let rest = unread(&a, 4, 3);
    assert_eq!((offsets(&rest), rest.more), (vec![5, 6, 7], false));
}

#[test]
fn what_is_acknowledged_out_of_order_is_read_past() {
    let scene = Scene::new();
    let a = scene.start_with("a", scene.backend.clone(), kept(200));
    for n in 1..=151 {
        send(&scene, &a, &n.to_string());
    }
    ack(&a, Ack::Each((2..=150).collect())).unwrap();
    for limit in [1, 2, 100] {
        let rest = unread(&a, 1, limit);
        assert_eq!((offsets(&rest), rest.more), (vec![151], false));
    }
    // Every other one.
    send(&scene, &a, "152");
    ack(&a, Ack::All).unwrap();
    for n in 153..=172 {
        send(&scene, &a, &n.to_string());
    }
    ack(&a, Ack::Each((153..=171).step_by(2).collect())).unwrap();
    let mut found = Vec::new();
    loop {
        let page = unread(&a, found.last().copied().unwrap_or(0), 4);
        found.extend(offsets(&page));
        if !page.more {
            break;
        }
    }
    assert_eq!(found, (154..=172).step_by(2).collect::<Vec<u64>>());
    let last = unread(&a, 170, 1);
    assert_eq!((offsets(&last), last.more), (vec![172], false));
}

#[test]
fn what_was_read_stays_read_when_the_stream_goes_on_under_another_name() {
    let scene = Scene::new();
    let backend = Renaming::new(scene.backend.clone());
    let a = scene.start_over("a", (backend.clone(), scene.backend.clone()), kept(KEPT));
    let most = 3 * KEPT as u64;
    for n in 1..=most {
        send(&scene, &a, &n.to_string());
    }
    let before = ack(&a, Ack::All).unwrap().dropped();
    backend.rename(most);
    assert_eq!(unread(&a, 0, 10).inbox.unread(), 0, "nobody has noticed");
    send(&scene, &a, "another");
    let found = unread(&a, 0, 10);
    assert_eq!((offsets(&found), found.inbox.unread()), (vec![most + 1], 1));
    ack(&a, Ack::All).unwrap();
    let after = unread(&a, 0, 10).inbox;
    assert_eq!((after.unread(), after.dropped()), (0, before));
    let counted = a.node.metrics.node.inbox_dropped.get();
    assert_eq!(counted, before, "and not twice");
}

#[test]
fn what_is_dropped_unread_is_counted_once() {
    let scene = Scene::new();
    let (a, b) = (scene.start("a"), scene.start("b"));
    for n in 0..KEPT + 2 {
        send(&scene, &a, &n.to_string());
    }
    let found = unread(&a, 0, 0).inbox;
    assert_eq!((found.unread(), found.dropped()), (KEPT as u64, 2));
    ack(&a, Ack::UpTo(3)).unwrap();
    ack(&b, Ack::UpTo(4)).unwrap();
    assert_eq!(unread(&b, 0, 0).inbox.dropped(), 2);
    let counted = |member: &Member| member.node.metrics.node.inbox_dropped.get();
    assert_eq!(counted(&a) + counted(&b), 2);
}
