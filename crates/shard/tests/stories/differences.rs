//! Publications as differences.

use serde_json::{Value, json};

use trunkline_core::delta;

use crate::support::{Client, Setup, TestNode, eventually};

/// A drawing with some strokes: each is much like the one before.
fn drawing(strokes: usize) -> String {
    let strokes: Vec<String> = (0..strokes).map(|n| format!("[{n},{},\"é\"]", n * n)).collect();
    format!("{{\"title\":\"a drawing of many strokes\",\"strokes\":[{}]}}", strokes.join(","))
}

/// A client that puts together what it is sent.
struct Viewer {
    client: Client,
    shown: String,
    patched: Vec<bool>,
}

impl Viewer {
    fn new(node: &TestNode) -> Self {
        Self { client: node.client("viewer"), shown: String::new(), patched: Vec::new() }
    }

    fn subscribe(node: &TestNode) -> Self {
        let mut viewer = Self::new(node);
        let reply = viewer.client.ask(&request());
        assert_eq!(reply["subscribe"]["delta"], true, "{reply}");
        viewer
    }

    #[track_caller]
    fn see(&mut self, publication: &Value) {
        let text = publication["data"].as_str().unwrap_or_else(|| panic!("{publication}"));
        let patched = publication["delta"] == true;
        self.shown = if patched {
            let shown = delta::apply(self.shown.as_bytes(), text.as_bytes(), 1 << 20);
            String::from_utf8(shown.expect("a patch of what is shown")).expect("text")
        } else {
            text.to_owned()
        };
        self.patched.push(patched);
    }

    #[track_caller]
    fn expect(&mut self, strokes: usize) {
        let push = self.client.push();
        assert_eq!(push["pub"]["offset"], strokes, "{push}");
        self.see(&push["pub"]);
        assert_eq!(self.shown, drawing(strokes));
    }
}

fn request() -> Value {
    json!({"subscribe": {"channel": "drawn:1", "delta": "fossil"}})
}

fn publish(node: &TestNode, strokes: usize) {
    node.publish("drawn:1", &drawing(strokes));
}

#[test]
fn the_first_publication_is_whole_and_the_others_are_differences() {
    let node = Setup::with_shards(1).start();
    let mut early = Viewer::subscribe(&node);
    let mut whole = node.client("");
    whole.subscribe("drawn:1");
    let before = node.count(|c| c.bytes_out.get());
    for strokes in 1..=20 {
        publish(&node, strokes);
        node.settle();
    }
    let mut late = Viewer::subscribe(&node);
    for strokes in 21..=200 {
        publish(&node, strokes);
    }
    (1..=200).for_each(|strokes| early.expect(strokes));
    (21..=200).for_each(|strokes| late.expect(strokes));
    for strokes in 1..=200 {
        assert_eq!(whole.publication("drawn:1").to_string().len(), drawing(strokes).len());
    }
    for viewer in [&early, &late] {
        assert!(!viewer.patched[0]);
        assert!(viewer.patched[1..].iter().all(|patched| *patched));
    }
    node.settle();
    let sent = node.count(|c| c.bytes_out.get()) - before;
    let all: usize = (1..=200).map(|strokes| drawing(strokes).len()).sum();
    assert!(sent < 2 * all as u64, "differences are small");
}

#[test]
fn whoever_comes_in_the_middle_of_a_turn_is_given_the_whole_first() {
    let node = Setup::with_shards(1).start();
    let mut early = Viewer::subscribe(&node);
    publish(&node, 1);
    early.expect(1);
    node.backend.withhold();
    let mut late = Viewer::new(&node);
    late.client.command(&request());
    eventually("the stream is read", || node.backend.waiting() == 1);
    // All of this happens in one turn: the second is held, the others come.
    let paused = node.pause(0);
    publish(&node, 2);
    node.backend.relent();
    for strokes in 3..=6 {
        publish(&node, strokes);
    }
    drop(paused);
    (2..=6).for_each(|strokes| early.expect(strokes));
    assert_eq!(late.client.json()["subscribe"]["delta"], true);
    (2..=6).for_each(|strokes| late.expect(strokes));
    assert_eq!(late.patched, [false, false, true, true, true]);
    publish(&node, 7);
    early.expect(7);
    late.expect(7);
    assert_eq!((early.patched.last(), late.patched.last()), (Some(&true), Some(&true)));
}

#[test]
fn several_in_one_turn_follow_each_other() {
    let node = Setup::with_shards(1).start();
    let mut viewers = [0, 1, 2].map(|_| Viewer::subscribe(&node));
    let paused = node.pause(0);
    (1..=5).for_each(|strokes| publish(&node, strokes));
    drop(paused);
    for viewer in &mut viewers {
        (1..=5).for_each(|strokes| viewer.expect(strokes));
        assert_eq!(viewer.patched, [false, true, true, true, true]);
        viewer.client.expect_quiet();
    }
}

#[test]
fn after_a_hole_the_differences_begin_anew() {
    let node = Setup::with_shards(1).start();
    let mut viewer = Viewer::subscribe(&node);
    (1..=2).for_each(|strokes| publish(&node, strokes));
    node.settle();
    node.way.lose_one_of(1);
    publish(&node, 3);
    node.way.lose_one_of(0);
    (4..=8).for_each(|strokes| {
        publish(&node, strokes);
        node.settle();
    });
    (1..=8).for_each(|strokes| viewer.expect(strokes));
    assert_eq!(viewer.patched, [false, true, false, false, false, true, true, true]);
}
