//! Clients that do whatever comes to mind, while others publish. Whatever happens, each hears of
//! each channel every publication from where it came in to where it went out, once and in order.

use std::collections::HashMap;
use std::thread;

use serde_json::{Value, json};

use crate::support::node::publish;
use crate::support::random::Random;
use crate::support::{Client, Frame, Setup, TestNode, frame};

const CLIENTS: usize = 50;
const CHANNELS: [&str; 6] = ["kept:a", "kept:b", "kept:c", "kept:d", "both:a", "both:b"];
const STEPS: usize = 3_000;

/// Publications that each of two threads makes meanwhile.
const FROM_OUTSIDE: usize = 1_500;

/// Where a subscriber stands.
#[derive(Clone, Debug)]
struct Place {
    epoch: Value,
    offset: u64,
}

struct Walker {
    client: Client,
    places: HashMap<&'static str, Place>,
    /// Where it was when it left, to come back to.
    left: HashMap<&'static str, Place>,
}

impl Walker {
    fn new(node: &TestNode) -> Self {
        Self { client: node.client(""), places: HashMap::new(), left: HashMap::new() }
    }

    /// Takes a message that is no answer: the very next publication of a channel it listens to.
    fn hear(&mut self, message: &Value) {
        let push = &message["push"];
        let name = push["channel"].as_str().unwrap_or_else(|| panic!("{message}"));
        let place = self.places.get_mut(name);
        let place = place.unwrap_or_else(|| panic!("not subscribed: {message:.200}"));
        assert_eq!(push["pub"]["offset"], place.offset + 1, "{name}");
        place.offset += 1;
    }

    /// Sends a command and waits for its answer.
    fn ask(&mut self, command: &Value) -> Value {
        let id = self.client.command(command);
        loop {
            let message = self.client.json();
            if message["id"] == id {
                assert!(message["error"].is_null(), "{message}");
                return message;
            }
            self.hear(&message);
        }
    }

    fn subscribe(&mut self, name: &'static str) {
        let command = match self.left.remove(name) {
            Some(Place { epoch, offset }) => json!({"subscribe": {
                "channel": name, "recover": true, "epoch": epoch, "offset": offset,
            }}),
            None => json!({"subscribe": {"channel": name}}),
        };
        let came_back = command["subscribe"]["offset"].as_u64();
        let result = &self.ask(&command)["subscribe"];
        let mut offset = result["offset"].as_u64().unwrap_or(0);
        if let Some(before) = came_back.filter(|_| result["recovered"] == true) {
            assert_eq!(offset, before, "it goes on where it was");
        }
        for publication in result["publications"].as_array().into_iter().flatten() {
            assert_eq!(publication["offset"], offset + 1, "{name}: missed ones without a gap");
            offset += 1;
        }
        self.places.insert(name, Place { epoch: result["epoch"].clone(), offset });
    }

    fn unsubscribe(&mut self, name: &'static str) {
        self.ask(&json!({"unsubscribe": {"channel": name}}));
        self.left.extend(self.places.remove(name).map(|place| (name, place)));
    }

    /// Goes, in one way or another, and comes back on a new connection.
    fn come_back(&mut self, node: &TestNode, way: usize) {
        let before = std::mem::replace(&mut self.client, node.client(""));
        self.left.extend(self.places.drain());
        match way {
            0 => before.peer.reset(),
            1 => drop(before),
            _ => {
                let mut before = before;
                before.peer.send(&frame::write(frame::CLOSE, b"\x03\xe8"));
                before.closed();
            }
        }
    }

    /// Takes what has come so far.
    fn catch_up(&mut self) {
        self.client.peer.send(&frame::write(frame::PING, b""));
        loop {
            match self.client.frame() {
                Frame::Pong(_) => return,
                Frame::Text(text) => {
                    self.hear(&serde_json::from_str(&text).expect("every frame is JSON"));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn whatever_they_do_nobody_misses_anything() {
    let node = Setup::with_shards(2).start();
    let mut random = Random::new();
    // Nor must it matter that some publications do not come.
    node.way.lose_one_of(97);
    let mut walkers: Vec<Walker> = (0..CLIENTS).map(|_| Walker::new(&node)).collect();
    thread::scope(|scope| {
        for outsider in 0..2 {
            let node = &*node.node;
            scope.spawn(move || {
                for n in 0..FROM_OUTSIDE {
                    publish(node, CHANNELS[(n + outsider) % CHANNELS.len()], &n.to_string());
                    if n % 16 == 0 {
                        thread::yield_now();
                    }
                }
            });
        }
        for step in 0..STEPS {
            let walker = &mut walkers[random.below(CLIENTS)];
            let name = CHANNELS[random.below(CHANNELS.len())];
            match random.below(20) {
                0..8 if !walker.places.contains_key(name) => walker.subscribe(name),
                8..11 if walker.places.contains_key(name) => walker.unsubscribe(name),
                11..17 => {
                    let data = "z".repeat(random.below(2_000));
                    walker.ask(&json!({"publish": {"channel": name, "data": data}}));
                }
                17 => walker.come_back(&node, step % 3),
                _ => walker.catch_up(),
            }
        }
    });
    // Whoever missed the last ones learns of it with the next.
    assert!(node.way.lost() > 0);
    node.way.lose_one_of(0);
    for name in CHANNELS {
        node.publish(name, "0");
    }
    node.settle();
    let mut asker = Walker::new(&node);
    let top: HashMap<&str, u64> = CHANNELS
        .into_iter()
        .map(|name| {
            let answer = asker.ask(&json!({"history": {"channel": name}}));
            (name, answer["history"]["offset"].as_u64().unwrap())
        })
        .collect();
    assert!(top.values().sum::<u64>() > 2 * FROM_OUTSIDE as u64);
    for walker in &mut walkers {
        walker.catch_up();
        for (name, place) in &walker.places {
            assert_eq!(place.offset, top[name], "{name}: everything has come");
        }
    }
    drop((walkers, asker));
    node.expect_empty();
}
