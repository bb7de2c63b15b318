//! What stands in the way of what is routed on its way into an inbox.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use trunkline_backend_memory::MemoryBackend;
use trunkline_core::backend::{Backend, BackendError, Completion, Guarantees, Published};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::{Ancestor, HistoryPage, HistoryQuery};
use trunkline_core::identity::UserId;
use trunkline_core::namespace::{ChannelOptions, Retention};
use trunkline_core::note::{
    Change, Changed, Due, Expected, Note, NoteKey, Notes, Pending, Wanted, Window,
};
use trunkline_core::position::Epoch;
use trunkline_core::publication::{Draft, Message};
use trunkline_core::signal::{Recipient, Signal};
use trunkline_node::routes::{Route, Routes, Source, Trouble};

use crate::fixture::{KEPT, Member, Scene, channel, kept, told};

/// Something that happens to a change before it is made, or instead.
pub(crate) type Meddling = Box<dyn Fn(&Change) -> Option<BackendError> + Send + Sync>;

/// Notes with whose changes somebody meddles.
pub(crate) struct Meddled {
    pub(crate) notes: Arc<MemoryBackend>,
    pub(crate) by: Meddling,
}

impl Notes for Meddled {
    fn read(&self, key: &NoteKey, done: Completion<Result<Option<Note>, BackendError>>) {
        self.notes.read(key, done);
    }

    fn change(&self, change: Change, done: Completion<Result<Changed, BackendError>>) {
        match (self.by)(&change) {
            Some(BackendError::Unconfirmed) => {
                // That it was made is all that is known.
                let made = told(|done| self.notes.change(change, done));
                done(made.and(Err(BackendError::Unconfirmed)));
            }
            Some(error) => done(Err(error)),
            None => self.notes.change(change, done),
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

struct Routing {
    member: Member,
    routes: Arc<Routes>,
    trouble: Arc<Mutex<Vec<Trouble>>>,
}

/// `ann:hello` is "hello" for ann.
fn begin(member: Member) -> Routing {
    let address = Box::new(|said: &Bytes| {
        let (user, data) = std::str::from_utf8(said).ok()?.split_once(':')?;
        Some((UserId::new(user), Bytes::copy_from_slice(data.as_bytes())))
    });
    let route = Route { channel: channel("orders"), source: Source::Stream, address };
    let trouble = Arc::<Mutex<Vec<Trouble>>>::default();
    let heard = Arc::clone(&trouble);
    let told = Box::new(move |_: &_, what| heard.lock().unwrap().push(what));
    let routes = Routes::start(&member.node, vec![route], told, Arc::new(|| ()));
    Routing { member, routes, trouble }
}

impl Routing {
    /// Works until there is nothing more to do.
    fn work(&self, scene: &Scene) {
        for _ in 0..40 {
            scene.pass(250, &[&self.member]);
            self.routes.work(scene.now());
        }
    }

    fn gone(&self) -> u64 {
        self.member.node.metrics.node.route_gone.get()
    }
}

fn publish(scene: &Scene, to: &str, said: &str) {
    let retention = Some(Retention { size: KEPT, ttl_ms: 600_000, bytes: 1 << 20 });
    let data = Bytes::copy_from_slice(said.as_bytes());
    let draft = Draft { data, retention, ..Draft::new(channel(to)) };
    told(|done| scene.backend.publish(draft, done)).unwrap();
}

fn inbox(scene: &Scene, user: &str) -> Vec<String> {
    let query = HistoryQuery { since: None, limit: 1_000, reverse: false };
    let page = told(|done| scene.backend.history(&channel(&format!("#{user}")), query, done));
    let text = |data: &Bytes| String::from_utf8(data.to_vec()).unwrap();
    page.unwrap().publications.iter().map(|message| text(&message.data)).collect()
}

#[test]
fn an_inbox_without_room_does_not_stop_the_others() {
    let scene = Scene::new();
    let full = Arc::new(Mutex::new(Some(BackendError::NotesFull)));
    let bob = Arc::clone(&full);
    let by: Meddling = Box::new(move |change| {
        let refused = change.key.channel == channel("#bob");
        bob.lock().unwrap().clone().filter(|_| refused)
    });
    let meddled = Arc::new(Meddled { notes: Arc::clone(&scene.backend), by });
    let routing = begin(scene.start_on("a", meddled));
    for said in ["ann:1", "bob:1", "bob:2", "ann:2"] {
        publish(&scene, "orders", said);
    }
    routing.work(&scene);
    publish(&scene, "orders", "bob:3");
    routing.work(&scene);
    assert_eq!((inbox(&scene, "ann").len(), inbox(&scene, "bob").len()), (2, 0));
    assert_eq!(routing.gone(), 3);
    let trouble = std::mem::take(&mut *routing.trouble.lock().unwrap());
    assert_eq!(trouble, [Trouble::NoRoom(2)], "told once");
    *full.lock().unwrap() = None;
    publish(&scene, "orders", "bob:4");
    routing.work(&scene);
    assert_eq!(inbox(&scene, "bob"), ["4"]);
}

#[test]
fn nothing_is_given_up_where_there_is_no_room_for_anything() {
    let scene = Scene::new();
    let full = Arc::new(Mutex::new(Some(BackendError::Full)));
    let all = Arc::clone(&full);
    let by: Meddling = Box::new(move |_| all.lock().unwrap().clone());
    let meddled = Arc::new(Meddled { notes: Arc::clone(&scene.backend), by });
    let routing = begin(scene.start_on("a", meddled));
    publish(&scene, "orders", "ann:1");
    routing.work(&scene);
    assert_eq!((inbox(&scene, "ann").len(), routing.gone()), (0, 0));
    *full.lock().unwrap() = None;
    routing.work(&scene);
    assert_eq!(inbox(&scene, "ann"), ["1"]);
}

/// What becomes of a routed stream in a failover: from one moment on it has another name.
struct Renaming {
    backend: Arc<MemoryBackend>,
    /// The new name, and up to where it is the same as it was.
    renamed: Arc<Mutex<Option<(Epoch, u64)>>>,
}

impl Backend for Renaming {
    fn guarantees(&self) -> Guarantees {
        self.backend.guarantees()
    }

    fn publish(&self, draft: Draft, done: Completion<Result<Published, BackendError>>) {
        self.backend.publish(draft, done);
    }

    fn announce(&self, channel: &ChannelName, message: Message) {
        self.backend.announce(channel, message);
    }

    fn history(
        &self,
        name: &ChannelName,
        query: HistoryQuery,
        done: Completion<Result<HistoryPage, BackendError>>,
    ) {
        let renamed = self.renamed.lock().unwrap().clone().filter(|_| *name == channel("orders"));
        let mut page = told(|done| self.backend.history(name, query, done));
        if let (Ok(page), Some((epoch, shared))) = (&mut page, renamed) {
            let before = std::mem::replace(&mut page.top.epoch, epoch.clone());
            page.ancestors = [Ancestor { epoch: before, shared }].into();
            for publication in &mut page.publications {
                Arc::make_mut(publication).epoch = epoch.clone();
            }
        }
        done(page);
    }

    fn remove_history(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>) {
        self.backend.remove_history(channel, done);
    }

    fn listen(&self, channel: &ChannelName, done: Completion<Result<(), BackendError>>) {
        self.backend.listen(channel, done);
    }

    fn unlisten(&self, channel: &ChannelName) {
        self.backend.unlisten(channel);
    }

    fn signal(&self, to: &Recipient, signal: Signal) {
        self.backend.signal(to, signal);
    }
}

/// Puts the message with this offset into ann's inbox, as another node does that has read the routed
/// stream under this name.
fn overtake(backend: &MemoryBackend, epoch: &str, offset: u64) {
    let key = NoteKey { channel: channel("#ann"), name: "from:orders".into() };
    let value = format!("{epoch} {offset}").into();
    let wanted = Some(Wanted { value, due: Due::Never });
    let retention = Some(Retention { size: KEPT, ttl_ms: 600_000, bytes: 1 << 20 });
    let draft = Some(Draft { data: "1".into(), retention, ..Draft::new(channel("#ann")) });
    let change = Change { draft, expected: Expected::Anything, ..Change::of(key, None, wanted) };
    told(|done| backend.change(change, done)).unwrap();
}

/// A node over a stream that another node finds renamed, and carries out, just before the first message
/// enters an inbox.
fn overtaken(scene: &Scene, by: &'static str, renamed: bool) -> Routing {
    let name = Arc::new(Mutex::new(None));
    let renaming = Renaming { backend: Arc::clone(&scene.backend), renamed: Arc::clone(&name) };
    let (backend, once) = (Arc::clone(&scene.backend), Mutex::new(Some(())));
    let meddling: Meddling = Box::new(move |change| {
        if change.key.channel == channel("#ann") && once.lock().unwrap().take().is_some() {
            *name.lock().unwrap() = renamed.then(|| (Epoch::new(by), 0));
            overtake(&backend, by, 1);
        }
        None
    });
    let notes = Arc::new(Meddled { notes: Arc::clone(&scene.backend), by: meddling });
    begin(scene.start_over("a", (Arc::new(renaming), notes), kept(KEPT)))
}

#[test]
fn what_another_node_has_routed_under_a_newer_name_of_the_stream_does_not_come_twice() {
    let scene = Scene::new();
    let routing = overtaken(&scene, "e~x", true);
    publish(&scene, "orders", "ann:1");
    publish(&scene, "orders", "ann:2");
    routing.work(&scene);
    assert_eq!(inbox(&scene, "ann"), ["1", "2"]);
}

#[test]
fn what_was_routed_of_a_stream_that_is_gone_says_nothing() {
    let scene = Scene::new();
    let routing = overtaken(&scene, "another", false);
    publish(&scene, "orders", "ann:2");
    publish(&scene, "orders", "ann:3");
    routing.work(&scene);
    assert_eq!(inbox(&scene, "ann"), ["1", "2", "3"]);
}

#[test]
fn what_has_too_few_copies_has_entered_the_inbox_all_the_same() {
    let scene = Scene::new();
    let times = AtomicUsize::new(0);
    let by: Meddling = Box::new(move |change| {
        let ours = change.key.channel == channel("#ann") && change.draft.is_some();
        let few = ours && times.fetch_add(1, Ordering::Relaxed) == 0;
        few.then_some(BackendError::Unconfirmed)
    });
    let notes = Arc::new(Meddled { notes: Arc::clone(&scene.backend), by });
    let inbox_options = ChannelOptions { redeliver_ms: 3_600_000, ..kept(KEPT) };
    let routing = begin(scene.start_with("a", notes, inbox_options));
    publish(&scene, "orders", "ann:1");
    routing.work(&scene);
    assert_eq!(inbox(&scene, "ann"), ["1"]);
    assert_eq!(routing.member.node.metrics.node.routed.get(), 1);
    let key = NoteKey { channel: channel("#ann"), name: "again".into() };
    let again = told(|done| scene.backend.read(&key, done)).unwrap();
    assert!(again.is_some(), "it comes again if nobody reads it");
}
