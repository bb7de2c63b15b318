//! Schedules, by nodes that know nothing of each other: each believes that all of them are its own.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use trunkline_backend_memory::MemoryBackend;
use trunkline_core::backend::{BackendError, Completion};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::HistoryQuery;
use trunkline_core::namespace::ChannelOptions;
use trunkline_core::note::{
    Change, Changed, Due, Expected, Note, NoteKey, Notes, Pending, Wanted, Window,
};
use trunkline_core::schedule::{Entry, Rule, Schedule};
use trunkline_core::time::WallTime;
use trunkline_node::event::Event;
use trunkline_node::schedules::ScheduleForm;

use crate::fixture::{KEPT, Member, Scene, channel, kept, told};
use crate::handing::{Meddled, Meddling};

/// A note says what is published, `!` that it was, and nothing at all is nonsense.
pub(crate) struct PlainForm;

impl ScheduleForm for PlainForm {
    fn read(&self, value: &[u8]) -> Option<Entry> {
        match value {
            b"" => None,
            b"!" => Some(Entry::Fired),
            data => Some(Entry::Waiting(Schedule {
                data: Bytes::copy_from_slice(data),
                ..Schedule::default()
            })),
        }
    }

    fn write(&self, entry: &Entry) -> Bytes {
        match entry {
            Entry::Waiting(schedule) => schedule.data.clone(),
            Entry::Fired => Bytes::from_static(b"!"),
        }
    }

    fn is_text(&self, data: &[u8]) -> bool {
        data.is_ascii()
    }

    fn next(&self, _: &Rule, _: WallTime) -> Option<WallTime> {
        None
    }
}

/// Notes that cannot be changed at times.
pub(crate) struct Fragile {
    pub(crate) notes: Arc<MemoryBackend>,
    pub(crate) broken: AtomicBool,
    /// Changes that failed.
    pub(crate) failed: AtomicUsize,
}

impl Notes for Fragile {
    fn read(&self, key: &NoteKey, done: Completion<Result<Option<Note>, BackendError>>) {
        self.notes.read(key, done);
    }

    fn change(&self, change: Change, done: Completion<Result<Changed, BackendError>>) {
        match self.broken.load(Ordering::Relaxed) {
            true => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                done(Err(BackendError::Unavailable));
            }
            false => self.notes.change(change, done),
        }
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

/// Writes a note as anybody may.
fn write(scene: &Scene, name: &str, value: &'static [u8], due_in: u64) {
    let key = NoteKey { channel: channel("a"), name: name.into() };
    let wanted = Some(Wanted { value: Bytes::from_static(value), due: Due::In(due_in) });
    let change = Change {
        key,
        expected: Expected::Anything,
        when_due: false,
        wanted,
        draft: None,
        replicas: 0,
    };
    let changed = told(|done| scene.backend.change(change, done));
    assert!(matches!(changed, Ok(Changed::Made { .. })));
}

fn published(member: &Member) -> u64 {
    let query = HistoryQuery { since: None, limit: 0, reverse: false };
    told(|done| member.node.history(&channel("a"), query, done)).unwrap().top.offset
}

/// The node does all that is due, and says when it wants to go on.
fn run(scene: &Scene, member: &Member) -> u64 {
    let now = scene.now();
    let mut wait = 0;
    for _ in 0..10 {
        wait = member.node.run_schedules(now, WallTime(now.0));
    }
    wait
}

#[test]
fn whoever_does_it_it_is_done_once() {
    let scene = Scene::new();
    let (one, two) = (scene.start("one"), scene.start("two"));
    one.node.listen(0, &channel("a"));
    for n in 0..250 {
        write(&scene, &format!("schedule:{n}"), b"x", 100 + n % 3);
    }
    scene.pass(99, &[&one, &two]);
    run(&scene, &one);
    assert_eq!(published(&one), 0, "never early");
    scene.pass(600, &[&one, &two]);
    for _ in 0..5 {
        run(&scene, &one);
        run(&scene, &two);
        scene.pass(500, &[&one, &two]);
    }
    assert_eq!(published(&one), 250);
    let delivered = |event: &Event| matches!(event, Event::Deliver { .. });
    assert_eq!(one.mail().iter().filter(|event| delivered(event)).count(), 250);
    let fired = |member: &Member| member.node.metrics.node.schedules_fired.get();
    assert_eq!(fired(&one) + fired(&two), 250);
}

#[test]
fn the_next_look_is_when_the_next_one_is_due() {
    let scene = Scene::new();
    let node = scene.start("one");
    write(&scene, "schedule:x", b"x", 120);
    assert_eq!(run(&scene, &node), 120);
    // Others may add some meanwhile.
    write(&scene, "schedule:x", b"x", 60_000);
    scene.pass(120, &[&node]);
    assert_eq!(run(&scene, &node), 500);
}

#[test]
fn what_else_is_due_hides_no_schedule() {
    let scene = Scene::new();
    let node = scene.start("one");
    for n in 0..350 {
        write(&scene, &format!("lease:{n}"), b"x", 1);
    }
    write(&scene, "schedule:x", b"x", 2);
    scene.pass(500, &[&node]);
    run(&scene, &node);
    assert_eq!(published(&node), 1);
}

#[test]
fn what_can_never_be_published_is_set_aside_and_others_are_not_held_up() {
    let scene = Scene::new();
    let node = scene.start("one");
    write(&scene, "schedule:nonsense", b"", 1);
    write(&scene, "schedule:no-text", b"\xff", 2);
    write(&scene, "schedule:good", b"x", 3);
    scene.pass(500, &[&node]);
    run(&scene, &node);
    assert_eq!(published(&node), 1);
    assert_eq!(node.node.metrics.node.schedules_bad.get(), 2);
    let key = NoteKey { channel: channel("a"), name: "schedule:nonsense".into() };
    assert_eq!(told(|done| node.node.note(&key, done)), Ok(None));
}

#[test]
fn a_backend_in_trouble_is_tried_again_later() {
    let scene = Scene::new();
    let fragile =
        Arc::new(Fragile { notes: scene.backend.clone(), broken: true.into(), failed: 0.into() });
    let node = scene.start_on("one", fragile.clone());
    for n in 0..250 {
        write(&scene, &format!("schedule:{n}"), b"x", 1);
    }
    scene.pass(500, &[&node]);
    run(&scene, &node);
    assert_eq!(fragile.failed.load(Ordering::Relaxed), 100, "a page, once, though more is due");
    fragile.broken.store(false, Ordering::Relaxed);
    scene.pass(1_000, &[&node]);
    run(&scene, &node);
    assert_eq!(published(&node), 250, "and nothing is lost");
}

#[test]
fn a_schedule_has_as_many_copies_as_a_publication_of_its_channel() {
    let scene = Scene::new();
    let (wanted, seen) = (Arc::new(Mutex::new(Vec::new())), Mutex::new(false));
    let asked = Arc::clone(&wanted);
    let by: Meddling = Box::new(move |change| {
        asked.lock().unwrap().push(change.replicas);
        let first = !std::mem::replace(&mut *seen.lock().unwrap(), true);
        first.then_some(BackendError::Unconfirmed)
    });
    let notes = Arc::new(Meddled { notes: Arc::clone(&scene.backend), by });
    let inbox = ChannelOptions { replicas: 2, ..kept(KEPT) };
    let node = scene.start_with("one", notes, inbox);
    let change = |wanted| {
        let key = NoteKey { channel: channel("#ann"), name: "schedule:x".into() };
        let change = Change { expected: Expected::Anything, ..Change::of(key, None, wanted) };
        told(|done| node.node.change_schedule(change, done))
    };
    let soon = || Some(Wanted { value: Bytes::from_static(b"x"), due: Due::In(120) });
    assert_eq!(run(&scene, &node), 500);
    assert_eq!(change(soon()), Err(BackendError::Unconfirmed));
    assert_eq!(run(&scene, &node), 120, "it is known to be there");
    assert!(matches!(change(soon()), Ok(Changed::Made { .. })));
    assert!(matches!(change(None), Ok(Changed::Made { .. })));
    assert_eq!(*wanted.lock().unwrap(), [2, 2, 2]);
}

#[test]
fn what_was_published_with_too_few_copies_was_published() {
    let scene = Scene::new();
    let by: Meddling = Box::new(|change| {
        let fires = change.draft.is_some() && change.when_due;
        fires.then_some(BackendError::Unconfirmed)
    });
    let notes = Arc::new(Meddled { notes: Arc::clone(&scene.backend), by });
    let inbox = ChannelOptions { redeliver_ms: 10_000, ..kept(KEPT) };
    let node = scene.start_with("one", notes, inbox);
    let key = NoteKey { channel: channel("#ann"), name: "schedule:x".into() };
    let wanted = Some(Wanted { value: Bytes::from_static(b"x"), due: Due::In(0) });
    told(|done| scene.backend.change(Change::of(key, None, wanted), done)).unwrap();
    run(&scene, &node);
    assert_eq!(node.node.metrics.node.schedules_fired.get(), 1);
    let again = NoteKey { channel: channel("#ann"), name: "again".into() };
    assert!(told(|done| scene.backend.read(&again, done)).unwrap().is_some());
}
