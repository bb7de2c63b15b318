//! Publications that enter the inboxes of those they name.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use trunkline_core::backend::Backend;
use trunkline_core::history::HistoryQuery;
use trunkline_core::identity::UserId;
use trunkline_core::namespace::Retention;
use trunkline_core::publication::Draft;
use trunkline_core::time::Tick;
use trunkline_node::routes::{Address, Route, Routes, Source, Trouble};

use crate::fixture::{KEPT, Member, Scene, channel, told};

/// `ann:hello` is "hello" for ann.
fn address() -> Address {
    Box::new(|said| {
        let (user, data) = std::str::from_utf8(said).ok()?.split_once(':')?;
        Some((UserId::new(user), Bytes::copy_from_slice(data.as_bytes())))
    })
}

struct Routing {
    member: Member,
    routes: Arc<Routes>,
    trouble: Arc<Mutex<Vec<Trouble>>>,
}

fn start(scene: &Scene, name: &str, source: Source) -> Routing {
    let member = scene.start(name);
    let route = Route { channel: channel("orders"), source, address: address() };
    let trouble = Arc::<Mutex<Vec<Trouble>>>::default();
    let heard = Arc::clone(&trouble);
    let told = Box::new(move |_: &_, what| heard.lock().unwrap().push(what));
    let routes = Routes::start(&member.node, vec![route], told, Arc::new(|| ()));
    Routing { member, routes, trouble }
}

fn publish(scene: &Scene, said: &str) {
    let retention = Retention { size: KEPT, ttl_ms: 600_000, bytes: 1 << 20 };
    let draft = Draft {
        data: Bytes::copy_from_slice(said.as_bytes()),
        retention: Some(retention),
        ..Draft::new(channel("orders"))
    };
    told(|done| scene.backend.publish(draft, done)).unwrap();
}

/// What is in the inbox of a user.
fn inbox(scene: &Scene, user: &str) -> Vec<String> {
    let query = HistoryQuery { since: None, limit: 1_000, reverse: false };
    let page = told(|done| scene.backend.history(&channel(&format!("#{user}")), query, done));
    let text = |data: &Bytes| String::from_utf8(data.to_vec()).unwrap();
    page.unwrap().publications.iter().map(|message| text(&message.data)).collect()
}

/// Lets nodes work until nobody wants to any more.
fn work(scene: &Scene, nodes: &[&Routing]) {
    for _ in 0..40 {
        let members: Vec<_> = nodes.iter().map(|node| &node.member).collect();
        scene.pass(250, &members);
        nodes.iter().for_each(|node| node.routes.work(scene.now()));
    }
}

/// Has nodes hear something, when it is this time for them.
fn hear(said: &str, nodes: &[&Routing], now: Tick) {
    let said = Bytes::copy_from_slice(said.as_bytes());
    nodes.iter().for_each(|node| node.routes.take_in(&channel("orders"), &said, now));
}

#[test]
fn what_was_published_while_no_node_was_up_arrives_once_and_in_order() {
    let scene = Scene::new();
    for said in ["ann:1", "bob:1", "ann:2", "ann:3"] {
        publish(&scene, said);
    }
    // Neither knows the other: both believe that it falls to them.
    let (a, b) = (start(&scene, "a", Source::Stream), start(&scene, "b", Source::Stream));
    work(&scene, &[&a, &b]);
    publish(&scene, "ann:4");
    work(&scene, &[&b, &a]);
    assert_eq!(inbox(&scene, "ann"), ["1", "2", "3", "4"]);
    assert_eq!(inbox(&scene, "bob"), ["1"]);
    let c = start(&scene, "c", Source::Stream);
    work(&scene, &[&c]);
    assert_eq!(inbox(&scene, "ann").len(), 4, "what is done is done");
    let routed = |node: &Routing| node.member.node.metrics.node.routed.get();
    assert_eq!(routed(&a) + routed(&b) + routed(&c), 5);
}

#[test]
fn a_node_that_died_in_the_middle_leaves_nothing_done_twice() {
    let scene = Scene::new();
    publish(&scene, "ann:1");
    let a = start(&scene, "a", Source::Stream);
    work(&scene, &[&a]);
    // It had put the message into the inbox, and not yet noted that the page is done.
    let key = trunkline_core::note::NoteKey { channel: channel("orders"), name: "route".into() };
    let forgotten = trunkline_core::note::Change {
        key,
        expected: trunkline_core::note::Expected::Anything,
        when_due: false,
        wanted: None,
        draft: None,
        replicas: 0,
    };
    use trunkline_core::note::Notes as _;
    told(|done| scene.backend.change(forgotten, done)).unwrap();
    publish(&scene, "ann:2");
    let b = start(&scene, "b", Source::Stream);
    work(&scene, &[&b]);
    assert_eq!(inbox(&scene, "ann"), ["1", "2"]);
}

#[test]
fn what_names_nobody_is_passed_over_and_counted() {
    let scene = Scene::new();
    publish(&scene, "nonsense");
    publish(&scene, ":for nobody");
    publish(&scene, "ann:1");
    let a = start(&scene, "a", Source::Stream);
    work(&scene, &[&a]);
    assert_eq!(inbox(&scene, "ann"), ["1"]);
    assert_eq!(a.member.node.metrics.node.route_misfits.get(), 2);
}

#[test]
fn what_was_gone_before_it_was_routed_is_told() {
    let scene = Scene::new();
    for n in 0..KEPT + 3 {
        publish(&scene, &format!("ann:{n}"));
    }
    let a = start(&scene, "a", Source::Stream);
    work(&scene, &[&a]);
    assert_eq!(a.member.node.metrics.node.route_gone.get(), 3);
    let trouble = a.trouble.lock().unwrap();
    assert!(matches!(&**trouble, [Trouble::Gone(gone)] if gone.publications == 3), "{trouble:?}");
    assert_eq!(inbox(&scene, "ann").len(), KEPT);
}

#[test]
fn what_is_said_beside_our_channels_is_passed_on_by_one_node() {
    let scene = Scene::new();
    let (a, b) = (start(&scene, "a", Source::Foreign), start(&scene, "b", Source::Foreign));
    work(&scene, &[&a, &b]);
    hear("ann:1", &[&a, &b], scene.now());
    assert_eq!(inbox(&scene, "ann"), ["1"]);
    // The one that held it is gone.
    work(&scene, &[&b]);
    hear("ann:2", &[&b], scene.now());
    assert_eq!(inbox(&scene, "ann"), ["1", "2"]);
}

#[test]
fn a_node_that_ends_leaves_the_broker_to_another_one_at_once() {
    // Whenever that is between two looks at a lease that another one holds.
    for looks in 0..12 {
        let scene = Scene::new();
        let a = start(&scene, "a", Source::Foreign);
        work(&scene, &[&a]);
        let b = start(&scene, "b", Source::Foreign);
        let look = |nodes: &[&Routing]| {
            scene.pass(250, &[&a.member, &b.member]);
            nodes.iter().for_each(|node| node.routes.work(scene.now()));
        };
        (0..looks).for_each(|_| look(&[&a, &b]));
        for job in a.routes.leave() {
            told(|done| a.member.node.release(&job, done));
        }
        hear("ann:0", &[&a], scene.now());
        assert!(inbox(&scene, "ann").is_empty(), "it is not its turn any more");
        look(&[&a, &b]);
        hear("ann:1", &[&a, &b], scene.now());
        assert_eq!(inbox(&scene, "ann"), ["1"], "after {looks} looks");
        work(&scene, &[&a, &b]);
        hear("ann:2", &[&a], scene.now());
        assert_eq!(inbox(&scene, "ann"), ["1"], "nor does it ask for it again");
    }
}

#[test]
fn a_lease_ends_for_whoever_hears_though_nobody_tells_the_node_the_time() {
    let scene = Scene::new();
    let a = start(&scene, "a", Source::Foreign);
    work(&scene, &[&a]);
    hear("ann:1", &[&a], scene.now());
    hear("ann:2", &[&a], scene.now().after(3_000));
    assert_eq!(inbox(&scene, "ann"), ["1"]);
}
