//! Messages of inboxes that nobody acknowledges, and that come again, once over all nodes.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use trunkline_backend_memory::MemoryBackend;
use trunkline_core::backend::{BackendError, Completion};
use trunkline_core::channel::ChannelName;
use trunkline_core::identity::UserId;
use trunkline_core::inbox::Ack;
use trunkline_core::namespace::ChannelOptions;
use trunkline_core::note::{
    Change, Changed, Due, Expected, Note, NoteKey, Notes, Pending, Wanted, Window,
};
use trunkline_core::publication::{Draft, Message, Publication};
use trunkline_core::time::{Tick, WallTime};
use trunkline_node::Node;
use trunkline_node::event::Event;
use trunkline_node::routes::{Route, Routes, Source};

use crate::fixture::{KEPT, Member, Scene, channel, kept, told};
use crate::schedules::Fragile;

/// After how many milliseconds a message comes again.
const AFTER: u64 = 10_000;

/// How exactly, in milliseconds: nodes look so often, and those to whom it does not fall wait longer.
const LATE: u64 = 500;

fn start(scene: &Scene, name: &str) -> Member {
    start_on(scene, name, scene.backend.clone(), KEPT)
}

/// With its notes kept there, and so many messages in an inbox.
fn start_on(scene: &Scene, name: &str, notes: Arc<dyn Notes>, keep: usize) -> Member {
    let inbox = ChannelOptions { redeliver_ms: AFTER, ..kept(keep) };
    let member = scene.start_with(name, notes, inbox);
    member.node.listen(0, &channel("#ann"));
    member
}

fn send(member: &Member, data: &str, tags: &[(&str, &str)]) {
    publish(&member.node, data, tags);
}

fn publish(node: &Node, data: &str, tags: &[(&str, &str)]) {
    let channel = channel("#ann");
    let options = node.namespaces.options(&channel).unwrap();
    let tags = tags.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    let data = Bytes::copy_from_slice(data.as_bytes());
    let draft = Draft { data, tags, ..Draft::within(channel, options) };
    told(|done| node.publish(draft, done)).unwrap();
}

fn ack(member: &Member, ack: Ack) {
    told(|done| member.node.acknowledge(&channel("#ann"), ack, done)).unwrap();
}

/// Time passes, and all nodes do what is due.
fn pass(scene: &Scene, millis: u64, nodes: &[&Member]) {
    for _ in 0..millis / 250 {
        scene.pass(250, nodes);
        for member in nodes {
            let now = scene.now();
            member.node.run_schedules(now, WallTime(now.0));
        }
    }
}

/// What devices have heard since the last time, but for what was sent the first time.
fn heard(member: &Member) -> Vec<Arc<Publication>> {
    let publications = member.mail().into_iter().filter_map(|event| match event {
        Event::Deliver { message: Message::Publication(message), .. } => Some(message),
        _ => None,
    });
    publications.filter(|it| tag(it, "inbox") == Some("again")).collect()
}

fn tag<'a>(message: &'a Publication, key: &str) -> Option<&'a str> {
    let mut of_key = message.tags.iter().filter(|(known, _)| **known == *key);
    let (_, value) = of_key.next()?;
    assert!(of_key.next().is_none(), "{:?}", message.tags);
    Some(value)
}

/// The messages that came again, by their offsets.
fn again(member: &Member) -> Vec<u64> {
    let offset = |it: &Arc<Publication>| tag(it, "offset").unwrap().parse().unwrap();
    heard(member).iter().map(offset).collect()
}

fn note(scene: &Scene) -> Option<Note> {
    let key = NoteKey { channel: channel("#ann"), name: "again".into() };
    told(|done| scene.backend.read(&key, done)).unwrap()
}

/// Notes that somebody is faster to change: once, before the note beside the inbox is changed as it is due.
struct Overtaken {
    notes: Arc<MemoryBackend>,
    by: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Notes for Overtaken {
    fn read(&self, key: &NoteKey, done: Completion<Result<Option<Note>, BackendError>>) {
        self.notes.read(key, done);
    }

    fn change(&self, change: Change, done: Completion<Result<Changed, BackendError>>) {
        if change.when_due {
            let by = self.by.lock().unwrap().take();
            by.into_iter().for_each(|by| by());
        }
        self.notes.change(change, done);
    }

    fn shares(&self) -> u16 {
        self.notes.shares()
    }

    fn share_of(&self, channel: &ChannelName) -> u16 {
        self.notes.share_of(channel)
    }

    fn pending(&self, share: u16, window: Window, done: Completion<Result<Pending, BackendError>>) {
        self.notes.pending(share, window, done);
    }
}

fn redelivered(members: &[&Member]) -> u64 {
    members.iter().map(|member| member.node.metrics.node.inbox_redelivered.get()).sum()
}

#[test]
fn what_nobody_acknowledges_comes_again_as_it_was() {
    let scene = Scene::new();
    let a = start(&scene, "a");
    send(&a, "hello", &[("from", "shop"), ("inbox", "mine"), ("offset", "mine")]);
    send(&a, "read", &[]);
    ack(&a, Ack::Each(vec![2]));
    pass(&scene, AFTER - 250, &[&a]);
    assert_eq!(heard(&a), [], "not early");
    pass(&scene, LATE + 250, &[&a]);
    let heard = heard(&a);
    let [hello] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!((hello.offset, &*hello.data), (0, &b"hello"[..]), "it takes no place");
    let tags = ["from", "inbox", "offset"].map(|key| tag(hello, key));
    assert_eq!(tags, [Some("shop"), Some("again"), Some("1")]);
    let unread = told(|done| a.node.unread(&channel("#ann"), (0, 10), done)).unwrap();
    assert_eq!((unread.inbox.unread(), unread.inbox.top()), (1, 2));
}

#[test]
fn it_comes_again_and_again_ever_more_rarely_until_it_is_acknowledged() {
    let scene = Scene::new();
    let a = start(&scene, "a");
    send(&a, "x", &[]);
    let mut times = Vec::new();
    for second in 1..=75 {
        pass(&scene, 1_000, &[&a]);
        times.extend(again(&a).iter().map(|_| second));
    }
    assert_eq!(times, [10, 30, 70]);
    ack(&a, Ack::All);
    pass(&scene, 200_000, &[&a]);
    assert_eq!((again(&a), note(&scene)), (vec![], None), "and nothing is left");
}

#[test]
fn of_several_nodes_one_sends_it_and_all_devices_hear_it() {
    let scene = Scene::new();
    let (a, b) = (start(&scene, "a"), start(&scene, "b"));
    for n in 0..5 {
        send(&a, &n.to_string(), &[]);
    }
    for round in 1..=3 {
        pass(&scene, (AFTER << (round - 1)) + LATE, &[&a, &b]);
        for member in [&a, &b] {
            assert_eq!(again(member), [1, 2, 3, 4, 5], "round {round}");
        }
    }
    assert_eq!(redelivered(&[&a, &b]), 15);
}

#[test]
fn of_two_nodes_that_look_at_the_same_time_one_sends() {
    let scene = Scene::new();
    let notes = Arc::new(Overtaken { notes: scene.backend.clone(), by: Mutex::new(None) });
    let a = start_on(&scene, "a", notes.clone(), KEPT);
    let b = start(&scene, "b");
    send(&a, "x", &[]);
    let (node, now) = (Arc::clone(&b.node), Tick(scene.now().0 + AFTER));
    *notes.by.lock().unwrap() =
        Some(Box::new(move || _ = node.run_schedules(now, WallTime(now.0))));
    pass(&scene, AFTER, &[&a]);
    assert!(notes.by.lock().unwrap().is_none(), "both have looked");
    assert_eq!((again(&b), redelivered(&[&b])), (vec![1], 1));
}

#[test]
fn of_many_the_oldest_unread_come_again_whatever_is_read_between() {
    let scene = Scene::new();
    let a = start_on(&scene, "a", scene.backend.clone(), 400);
    for n in 1..=350 {
        send(&a, &n.to_string(), &[]);
    }
    ack(&a, Ack::Each((2..=240).collect()));
    pass(&scene, AFTER + LATE, &[&a]);
    let oldest = std::iter::once(1).chain(241..=339);
    assert_eq!(again(&a), oldest.collect::<Vec<_>>());
    ack(&a, Ack::UpTo(339));
    pass(&scene, 2 * AFTER + LATE, &[&a]);
    assert_eq!(again(&a), (340..=350).collect::<Vec<_>>());
}

#[test]
fn a_message_that_comes_later_has_times_of_its_own() {
    let scene = Scene::new();
    let a = start(&scene, "a");
    send(&a, "1", &[]);
    pass(&scene, 35_000, &[&a]);
    assert_eq!(again(&a), [1, 1], "then it waits for 40 s");
    send(&a, "2", &[]);
    pass(&scene, AFTER - 250, &[&a]);
    assert!(again(&a).is_empty());
    pass(&scene, LATE + 250, &[&a]);
    assert_eq!(again(&a), [2]);
    pass(&scene, 25_000, &[&a]);
    assert_eq!(again(&a), [2, 1], "as if the other one were not there");
}

#[test]
fn what_enters_while_an_inbox_is_looked_into_comes_again() {
    for looks in 1..=2 {
        let scene = Scene::new();
        let notes = Arc::new(Overtaken { notes: scene.backend.clone(), by: Mutex::new(None) });
        let a = start_on(&scene, "a", notes.clone(), KEPT);
        let b = start(&scene, "b");
        send(&a, "1", &[]);
        ack(&a, Ack::All);
        pass(&scene, (looks - 1) * (AFTER + LATE), &[&a]);
        let node = Arc::clone(&b.node);
        *notes.by.lock().unwrap() = Some(Box::new(move || publish(&node, "2", &[])));
        pass(&scene, AFTER + LATE, &[&a]);
        assert!(notes.by.lock().unwrap().is_none(), "it was looked into");
        pass(&scene, 2 * (AFTER + LATE), &[&a]);
        assert_eq!(again(&b), [2], "at look {looks}");
    }
}

#[test]
fn the_note_is_forgotten_when_there_is_nothing_to_wait_for_and_made_again() {
    let scene = Scene::new();
    let a = start(&scene, "a");
    send(&a, "1", &[]);
    ack(&a, Ack::All);
    pass(&scene, AFTER + LATE, &[&a]);
    assert!(note(&scene).is_some(), "it is looked once more before it is forgotten");
    send(&a, "2", &[]);
    pass(&scene, AFTER + LATE, &[&a]);
    assert_eq!(again(&a), [2]);
    ack(&a, Ack::All);
    pass(&scene, 3 * AFTER, &[&a]);
    assert_eq!(note(&scene), None);
    send(&a, "3", &[]);
    pass(&scene, AFTER + LATE, &[&a]);
    assert_eq!(again(&a), [3]);
}

#[test]
fn what_is_dropped_does_not_come_again() {
    let scene = Scene::new();
    let a = start(&scene, "a");
    for n in 0..KEPT + 3 {
        send(&a, &n.to_string(), &[]);
    }
    pass(&scene, AFTER + LATE, &[&a]);
    let last = KEPT as u64 + 3;
    assert_eq!(again(&a), (4..=last).collect::<Vec<_>>());
}

#[test]
fn scheduled_and_routed_messages_come_again_too() {
    let scene = Scene::new();
    let a = start(&scene, "a");
    let key = NoteKey { channel: channel("#ann"), name: "schedule:x".into() };
    let wanted = Some(Wanted { value: Bytes::from_static(b"scheduled"), due: Due::In(1_000) });
    let change = Change {
        key,
        expected: Expected::Nothing,
        when_due: false,
        wanted,
        draft: None,
        replicas: 0,
    };
    told(|done| a.node.change_schedule(change, done)).unwrap();
    pass(&scene, 2_000 + AFTER + LATE, &[&a]);
    let data = |message: &Arc<Publication>| message.data.clone();
    assert_eq!(heard(&a).iter().map(data).collect::<Vec<_>>(), ["scheduled"]);
    ack(&a, Ack::All);
    pass(&scene, 3 * AFTER, &[&a]);

    let address = |data: &Bytes| Some((UserId::new("ann"), data.clone()));
    let from = channel("orders");
    let source = Source::Stream;
    let route = Route { channel: from.clone(), source, address: Box::new(address) };
    let trouble = Box::new(|_: &_, trouble| panic!("{trouble:?}"));
    let routes = Routes::start(&a.node, vec![route], trouble, Arc::new(|| ()));
    let options = a.node.namespaces.options(&from).unwrap();
    let draft = Draft { data: "routed".into(), ..Draft::within(from, options) };
    told(|done| a.node.publish(draft, done)).unwrap();
    routes.work(scene.now());
    pass(&scene, AFTER + LATE, &[&a]);
    assert_eq!(heard(&a).iter().map(data).collect::<Vec<_>>(), ["routed"]);
}

#[test]
fn where_it_is_not_wanted_nothing_is_noted_and_what_was_is_forgotten() {
    let scene = Scene::new();
    let plain = scene.start("plain");
    send(&plain, "1", &[]);
    assert_eq!(note(&scene), None);
    let a = start(&scene, "a");
    send(&a, "2", &[]);
    assert!(note(&scene).is_some());
    pass(&scene, AFTER + LATE, &[&plain]);
    assert_eq!((note(&scene), again(&a)), (None, vec![]));
}

#[test]
fn what_leaves_no_trace_does_not_come_again() {
    let scene = Scene::new();
    let a = start(&scene, "a");
    let draft = Draft { data: "x".into(), ..Draft::new(channel("#ann")) };
    told(|done| a.node.publish(draft, done)).unwrap();
    assert_eq!(note(&scene), None);
}

#[test]
fn a_message_is_in_the_inbox_though_it_cannot_be_noted_and_the_next_makes_up_for_it() {
    let scene = Scene::new();
    let fragile =
        Arc::new(Fragile { notes: scene.backend.clone(), broken: true.into(), failed: 0.into() });
    let a = start_on(&scene, "a", fragile.clone(), KEPT);
    send(&a, "1", &[]);
    assert_eq!(fragile.failed.load(Ordering::Relaxed), 1, "not tried again");
    fragile.broken.store(false, Ordering::Relaxed);
    pass(&scene, 2 * AFTER, &[&a]);
    assert!(again(&a).is_empty());
    send(&a, "2", &[]);
    pass(&scene, AFTER + LATE, &[&a]);
    assert_eq!(again(&a), [1, 2]);
}

#[test]
fn many_inboxes_hold_up_no_schedule_and_miss_none() {
    let scene = Scene::new();
    let a = start(&scene, "a");
    let users: Vec<_> = (0..300).map(|n| channel(&format!("#{n}"))).collect();
    for user in &users {
        let options = a.node.namespaces.options(user).unwrap();
        let draft = Draft { data: "x".into(), ..Draft::within(user.clone(), options) };
        told(|done| a.node.publish(draft, done)).unwrap();
    }
    let key = NoteKey { channel: channel("later"), name: "schedule:x".into() };
    let wanted = Some(Wanted { value: "x".into(), due: Due::In(AFTER + 1) });
    let change = Change {
        key,
        expected: Expected::Nothing,
        when_due: false,
        wanted,
        draft: None,
        replicas: 0,
    };
    assert!(matches!(told(|done| a.node.change_schedule(change, done)), Ok(Changed::Made { .. })));
    scene.pass(AFTER + 1, &[&a]);
    let now = scene.now();
    for _ in 0..40 {
        a.node.run_schedules(now, WallTime(now.0));
    }
    let counters = &a.node.metrics.node;
    assert_eq!((counters.inbox_redelivered.get(), counters.schedules_fired.get()), (300, 1));
}
