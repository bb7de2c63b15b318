//! Jobs that one node does at a time.

use trunkline_node::leases::{Job, Lease};

use crate::fixture::{Member, Scene, channel, told};

fn job() -> Job {
    Job { channel: channel("work"), name: "sweep", lease_ms: 4_000 }
}

fn takes(scene: &Scene, member: &Member) -> bool {
    let lease = told(|done| member.node.lease(&job(), done)).unwrap();
    lease.holds(scene.now())
}

#[test]
fn one_node_holds_a_job_until_it_stops_renewing() {
    let scene = Scene::new();
    let (a, b) = (scene.start("a"), scene.start("b"));
    assert!(takes(&scene, &a));
    for _ in 0..5 {
        scene.pass(3_000, &[&a, &b]);
        assert!(!takes(&scene, &b), "it is renewed in time");
        assert!(takes(&scene, &a));
    }
    scene.pass(4_000, &[&a, &b]);
    assert!(takes(&scene, &b), "its holder was silent");
    assert!(!takes(&scene, &a));
}

#[test]
fn a_holder_stops_before_another_may_begin() {
    let scene = Scene::new();
    let (a, b) = (scene.start("a"), scene.start("b"));
    let lease = told(|done| a.node.lease(&job(), done)).unwrap();
    let Lease::Held(until) = lease else { panic!("{lease:?}") };
    scene.pass(until.since(scene.now()), &[&a, &b]);
    assert!(!lease.holds(scene.now()));
    assert!(!takes(&scene, &b), "the other waits for the whole lease");
}

#[test]
fn a_job_given_back_is_free_at_once_but_only_by_its_holder() {
    let scene = Scene::new();
    let (a, b) = (scene.start("a"), scene.start("b"));
    assert!(takes(&scene, &a));
    told(|done| b.node.release(&job(), done));
    assert!(!takes(&scene, &b));
    told(|done| a.node.release(&job(), done));
    assert!(takes(&scene, &b));
}
