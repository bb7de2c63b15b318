//! What every keeper of notes does: a suite of its own, for all backends that keep some.

use std::sync::Arc;
use std::sync::mpsc::channel as line;
use std::time::{Duration, Instant};

use bytes::Bytes;

use trunkline_core::backend::{Backend, BackendError, Completion, Sink};
use trunkline_core::limits::NOTE_BYTES;
use trunkline_core::note::{
    Change, Changed, Due, Expected, Note, NoteKey, Notes, Pending, Wanted, Window,
};
use trunkline_core::publication::Draft;
use trunkline_core::signal::NodeId;
use trunkline_core::time::WallTime;

use crate::Subject;
use crate::content::{channel, draft, keyed, passing, texts};
use crate::recorder::Recorder;
use crate::stage::DEADLINE;

/// A backend that keeps notes.
pub trait Keeper: Backend + Notes {}

impl<T: Backend + Notes> Keeper for T {}

/// A subject whose backends keep notes.
pub trait NotesSubject: Subject {
    /// Starts a node, as [`Subject::open`].
    fn open_keeper(&self, node: &NodeId, sink: Arc<dyn Sink>) -> Box<dyn Keeper>;
}

/// Makes every case about notes a test. Takes the name of a function that makes a fresh
/// [`NotesSubject`](notes::NotesSubject).
#[macro_export]
macro_rules! conformance_of_notes {
    ($subject:ident) => {
        $crate::conformance_of_notes! { @tests $subject;
            a_change_happens_only_to_what_is_expected
            a_version_never_comes_back
            what_is_published_with_a_change_is_published_once_and_only_if_it_is_made
            what_takes_no_place_is_published_with_a_change_too
            a_key_stops_the_publication_and_not_the_change
            what_is_not_due_is_not_taken
            notes_come_in_the_order_in_which_they_are_due
            pages_together_are_all_notes_though_many_are_due_at_once
            a_note_that_is_not_due_any_more_is_not_found
            values_arrive_byte_for_byte
            of_many_who_take_one_note_one_does
            what_is_durable_survives_with_what_was_published
        }
    };
    (@tests $subject:ident; $($case:ident)*) => {
        mod notes {
            $(#[test] fn $case() { $crate::notes::$case(&super::$subject()) })*
        }
    };
}

struct Node {
    keeper: Arc<dyn Keeper>,
    heard: Arc<Recorder>,
}

fn node(subject: &dyn NotesSubject, id: &str) -> Node {
    let heard = Arc::new(Recorder::default());
    let sink = Arc::clone(&heard) as Arc<dyn Sink>;
    Node { keeper: subject.open_keeper(&NodeId::new(id), sink).into(), heard }
}

fn wait<T: Send + 'static>(begin: impl FnOnce(Completion<Result<T, BackendError>>)) -> T {
    let (tell, told) = line();
    begin(Box::new(move |outcome| drop(tell.send(outcome))));
    let outcome = told.recv_timeout(DEADLINE).expect("every operation is answered");
    outcome.expect("the operation succeeds")
}

fn key(name: &str) -> NoteKey {
    NoteKey { channel: channel("c"), name: name.into() }
}

fn put(name: &str, value: &str, expected: Expected) -> Change {
    let value = Bytes::copy_from_slice(value.as_bytes());
    let wanted = Some(Wanted { value, due: Due::Never });
    Change { key: key(name), expected, when_due: false, wanted, draft: None, replicas: 0 }
}

fn due(name: &str, due: Due) -> Change {
    let wanted = Some(Wanted { value: "v".into(), due });
    Change { wanted, ..put(name, "", Expected::Anything) }
}

fn take(name: &str) -> Change {
    Change { when_due: true, wanted: None, ..put(name, "", Expected::Anything) }
}

impl Node {
    fn change(&self, change: Change) -> Changed {
        wait(|done| self.keeper.change(change, done))
    }

    /// Makes a change; the version of the note from then on.
    fn make(&self, change: Change) -> u64 {
        match self.change(change) {
            Changed::Made { version, .. } => version,
            other => panic!("it is not made: {other:?}"),
        }
    }

    fn read(&self, name: &str) -> Option<Note> {
        wait(|done| self.keeper.read(&key(name), done))
    }

    fn pending(&self, window: Window) -> Pending {
        let share = self.keeper.share_of(&channel("c"));
        assert!(share < self.keeper.shares());
        wait(|done| self.keeper.pending(share, window, done))
    }

    fn names(&self, window: Window) -> Vec<String> {
        self.pending(window).notes.iter().map(|note| note.key.name.to_string()).collect()
    }

    fn texts(&self) -> Vec<String> {
        let query = trunkline_core::history::HistoryQuery { limit: 100, ..Default::default() };
        let page = wait(|done| self.keeper.history(&channel("c"), query, done));
        texts(&page.publications)
    }
}

fn all(limit: usize) -> Window {
    Window { after: None, due_now: false, limit }
}

pub fn a_change_happens_only_to_what_is_expected(subject: &dyn NotesSubject) {
    let node = node(subject, "n");
    let first = node.make(put("n", "1", Expected::Nothing));
    let Changed::Refused(Some(present)) = node.change(put("n", "2", Expected::Nothing)) else {
        panic!("it is there already")
    };
    assert_eq!((present.version, &*present.value), (first, &b"1"[..]));
    let second = node.make(put("n", "2", Expected::Version(first)));
    assert!(matches!(
        node.change(put("n", "3", Expected::Version(first))),
        Changed::Refused(Some(_))
    ));
    assert_eq!(node.read("n").map(|note| note.version), Some(second));
    assert_eq!(node.change(put("m", "1", Expected::Version(second))), Changed::Refused(None));
    node.make(put("n", "4", Expected::Anything));
    node.make(Change { wanted: None, ..put("n", "", Expected::Anything) });
    assert_eq!(node.read("n"), None);
    node.make(Change { wanted: None, ..put("n", "", Expected::Anything) });
}

pub fn a_version_never_comes_back(subject: &dyn NotesSubject) {
    let node = node(subject, "n");
    let first = node.make(put("n", "1", Expected::Nothing));
    node.make(Change { wanted: None, ..put("n", "", Expected::Version(first)) });
    let second = node.make(put("n", "1", Expected::Nothing));
    assert_ne!(first, second);
    assert!(matches!(
        node.change(put("n", "2", Expected::Version(first))),
        Changed::Refused(Some(_))
    ));
}

pub fn what_is_published_with_a_change_is_published_once_and_only_if_it_is_made(
    subject: &dyn NotesSubject,
) {
    let node = node(subject, "n");
    wait(|done| node.keeper.listen(&channel("c"), done));
    let publishing = |data: &str| Change {
        draft: Some(draft("c", data.to_owned())),
        ..put("n", data, Expected::Nothing)
    };
    let Changed::Made { published: Some(published), .. } = node.change(publishing("1")) else {
        panic!("it is made")
    };
    assert_eq!(published.position.map(|at| at.offset), Some(1));
    assert!(matches!(node.change(publishing("2")), Changed::Refused(_)));
    let taking = Change { draft: Some(draft("c", "3")), ..take("n") };
    assert!(matches!(node.change(taking), Changed::Early(_)));
    assert_eq!(node.texts(), ["1"]);
    let heard = || node.heard.notes().publications(&channel("c"));
    eventually("it is delivered", || texts(&heard()) == ["1"]);
}

pub fn what_takes_no_place_is_published_with_a_change_too(subject: &dyn NotesSubject) {
    let node = node(subject, "n");
    wait(|done| node.keeper.listen(&channel("c"), done));
    let labelled = Draft { tags: vec![("a".into(), "b".into())], ..passing("c", "1") };
    let Changed::Made { published: Some(published), .. } =
        node.change(Change { draft: Some(labelled), ..put("n", "", Expected::Nothing) })
    else {
        panic!("it is made")
    };
    assert_eq!(published.position, None);
    let heard = || node.heard.notes().publications(&channel("c"));
    eventually("it is delivered", || texts(&heard()) == ["1"]);
    assert_eq!(heard()[0].tags, [("a".into(), "b".into())]);
    assert!(node.texts().is_empty());
}

pub fn a_key_stops_the_publication_and_not_the_change(subject: &dyn NotesSubject) {
    let node = node(subject, "n");
    let once = |value: &str| Change {
        draft: Some(keyed("c", value.to_owned(), "k")),
        ..put("n", value, Expected::Anything)
    };
    node.make(once("1"));
    let Changed::Made { published: Some(published), .. } = node.change(once("2")) else {
        panic!("it is made")
    };
    assert!(published.duplicate);
    assert_eq!(node.read("n").map(|note| note.value), Some("2".into()));
    assert_eq!(node.texts(), ["1"]);
}

pub fn what_is_not_due_is_not_taken(subject: &dyn NotesSubject) {
    let node = node(subject, "n");
    let Changed::Made { due: Some(when), .. } = node.change(due("n", Due::In(400))) else {
        panic!("it is due some time")
    };
    let Changed::Early(note) = node.change(take("n")) else { panic!("it is not due") };
    assert_eq!(note.due, Some(when));
    assert!(node.names(Window { due_now: true, ..all(10) }).is_empty());
    if !subject.advance(400) {
        let due_now = Window { due_now: true, ..all(10) };
        eventually("it is due", || node.pending(due_now.clone()).notes.len() == 1);
    }
    let pending = node.pending(Window { due_now: true, ..all(10) });
    assert!(pending.now >= when && pending.notes.len() == 1);
    node.make(take("n"));
    assert_eq!(node.change(take("n")), Changed::Refused(None));
    assert!(node.pending(all(10)).notes.is_empty());
}

pub fn notes_come_in_the_order_in_which_they_are_due(subject: &dyn NotesSubject) {
    let node = node(subject, "n");
    let far = node.pending(all(1)).now.0 + 86_400_000;
    for (name, at) in [("c", 30), ("b", 10), ("a", 10), ("d", 40), ("never", 0)] {
        let when = if at == 0 { Due::Never } else { Due::At(WallTime(far + at)) };
        node.make(due(name, when));
    }
    node.make(due("d", Due::At(WallTime(far + 20))));
    let first = node.pending(all(3));
    let names: Vec<&str> = first.notes.iter().map(|note| &*note.key.name).collect();
    assert_eq!((names, first.next), (vec!["a", "b", "d"], Some(WallTime(far + 30))));
    let after = Some((WallTime(far + 10), key("a")));
    assert_eq!(node.names(Window { after, ..all(10) }), ["b", "d", "c"]);
    let soonest = node.pending(Window { due_now: true, ..all(10) });
    assert_eq!((soonest.notes.len(), soonest.next), (0, Some(WallTime(far + 10))));
}

pub fn pages_together_are_all_notes_though_many_are_due_at_once(subject: &dyn NotesSubject) {
    let node = node(subject, "n");
    let when = WallTime(node.pending(all(1)).now.0 + 86_400_000);
    let expected: Vec<String> = (10..47).map(|n| format!("n{n}")).collect();
    expected.iter().for_each(|name| drop(node.change(due(name, Due::At(when)))));
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = node.pending(Window { after: after.take(), ..all(5) });
        let Some(last) = page.notes.last() else { break };
        after = Some((when, last.key.clone()));
        assert_eq!(page.next.is_none(), found.len() + page.notes.len() == expected.len());
        found.extend(page.notes.iter().map(|note| note.key.name.to_string()));
    }
    assert_eq!(found, expected);
}

pub fn a_note_that_is_not_due_any_more_is_not_found(subject: &dyn NotesSubject) {
    let node = node(subject, "n");
    let far = Due::At(WallTime(node.pending(all(1)).now.0 + 86_400_000));
    for name in ["a", "b"] {
        node.make(due(name, far));
    }
    node.make(due("a", Due::Never));
    node.make(Change { wanted: None, ..put("b", "", Expected::Anything) });
    assert!(node.names(all(10)).is_empty());
    assert!(node.read("a").is_some());
}

pub fn values_arrive_byte_for_byte(subject: &dyn NotesSubject) {
    let node = node(subject, "n");
    let large = Bytes::from(vec![b' '; NOTE_BYTES]);
    for value in [Bytes::new(), Bytes::from_static(b"\0 \r\n\xff 1 - "), large] {
        let wanted = Some(Wanted { value: value.clone(), due: Due::Never });
        node.make(Change { wanted, ..put("a:b c", "", Expected::Anything) }.named("a:b"));
        assert_eq!(node.read("a:b").map(|note| note.value), Some(value));
    }
}

trait Named {
    fn named(self, name: &str) -> Self;
}

impl Named for Change {
    fn named(self, name: &str) -> Self {
        Self { key: key(name), ..self }
    }
}

pub fn of_many_who_take_one_note_one_does(subject: &dyn NotesSubject) {
    let first = node(subject, "n1");
    let shared = first.keeper.guarantees().shared;
    let second = if shared { node(subject, "n2").keeper } else { Arc::clone(&first.keeper) };
    for round in 0..10 {
        let name = format!("n{round}");
        let version = first.make(due(&name, Due::In(0)));
        let taking = || {
            let expected = Expected::Version(version);
            Change { expected, draft: Some(draft("c", name.clone())), ..take(&name) }
        };
        let attempts: Vec<Changed> = std::thread::scope(|scope| {
            let tries: Vec<_> = [&first.keeper, &second]
                .into_iter()
                .cycle()
                .take(8)
                .map(|keeper| {
                    let change = taking();
                    scope.spawn(move || wait(|done| keeper.change(change, done)))
                })
                .collect();
            tries.into_iter().map(|one| one.join().expect("it is answered")).collect()
        });
        let made = attempts.iter().filter(|one| matches!(one, Changed::Made { .. })).count();
        assert_eq!(made, 1, "{attempts:?}");
    }
    let expected: Vec<String> = (0..10).map(|round| format!("n{round}")).collect();
    assert_eq!(first.texts(), expected);
}

pub fn what_is_durable_survives_with_what_was_published(subject: &dyn NotesSubject) {
    let before = node(subject, "n1");
    let durable = before.keeper.guarantees().durable;
    let far = Due::At(WallTime(before.pending(all(1)).now.0 + 86_400_000));
    let publishing = Change { draft: Some(draft("c", "1")), ..put("a", "x", Expected::Nothing) };
    before.make(publishing);
    let version = before.make(put("a", "y", Expected::Anything));
    before.make(due("b", far));
    before.make(put("gone", "z", Expected::Nothing));
    before.make(Change { wanted: None, ..put("gone", "", Expected::Anything) });
    drop(before);
    let after = node(subject, "n2");
    let note = after.read("a");
    if !durable {
        return assert_eq!(note, None);
    }
    assert_eq!(note.map(|note| (note.version, note.value)), Some((version, "y".into())));
    assert_eq!(after.read("gone"), None);
    assert_eq!(after.names(all(10)), ["b"]);
    assert_eq!(after.texts(), ["1"]);
    assert!(after.make(put("new", "", Expected::Nothing)) > version);
}

fn eventually(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
