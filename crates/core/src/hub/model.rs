//! Whatever happens, the hub agrees with a naive model, and nobody misses anything unawares.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::tests::{JSON, PROTOBUF, at, channel, publication};
use super::*;

/// Where a connection stands in a channel, as the model has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Held,
    Parked,
    /// With positions: up to where it was given the stream.
    Following(u64),
    /// Without.
    Loose,
}

#[derive(Default)]
struct World {
    hub: Hub,
    model: BTreeMap<(ConnectionKey, usize), Standing>,
    /// What was published in each channel, and what of it has come to the shard.
    published: [u64; 3],
    came: [u64; 3],
}

const NAMES: [&str; 3] = ["a", "b", "c"];

impl World {
    fn step(&mut self, step: u8, connection: ConnectionKey, name: usize) {
        let key = (connection, name);
        let known = self.model.get(&key).copied();
        let alone = !self.model.keys().any(|&(_, n)| n == name);
        let channel = channel(NAMES[name]);
        // The last channel has no positions.
        let loose = name == 2;
        match step {
            0 if known.is_none() && loose => {
                let first = self.hub.listen(connection, &channel, PROTOBUF, false, Overflow::Close);
                assert_eq!(first, alone);
                self.model.insert(key, Standing::Loose);
            }
            0 | 1 if !loose => {
                let first = self.hub.hold(connection, &channel, JSON, false, step == 1);
                assert_eq!(first, alone);
                self.model.insert(key, Standing::Held);
            }
            2 | 3 if !loose => self.release(connection, name),
            4 => {
                let last =
                    known.map(|_| self.model.keys().filter(|(_, n)| *n == name).count() == 1);
                assert_eq!(self.hub.unlisten(connection, &channel), last);
                self.model.remove(&key);
            }
            5 if known.is_some() && !loose => {
                self.hub.park(connection, &channel);
                self.model.insert(key, Standing::Parked);
            }
            6 | 7 => self.publish(name, step == 6),
            _ => {}
        }
    }

    /// The stream is read and the connection released: what was published, came or not, is known.
    fn release(&mut self, connection: ConnectionKey, name: usize) {
        let held = self.model.get(&(connection, name)) == Some(&Standing::Held);
        let after = at("e", self.published[name]);
        match self.hub.release(connection, &channel(NAMES[name]), &after) {
            Released::Listening(messages) => {
                assert!(held);
                assert_eq!(messages, [], "history was complete");
                let standing = Standing::Following(after.offset);
                self.model.insert((connection, name), standing);
            }
            Released::Ahead => assert!(held && self.came[name] < after.offset),
            Released::Missed => panic!("history was complete"),
            Released::Unknown => assert!(!held),
        }
    }

    /// A publication comes, or is lost on its way.
    fn publish(&mut self, name: usize, comes: bool) {
        self.published[name] += 1;
        let offset = self.published[name];
        let Some(index) = self.hub.find(&channel(NAMES[name])) else { return };
        if !comes {
            return;
        }
        self.came[name] = offset;
        let message = publication("e", offset);
        if self.hub.listeners_mut(index).arrive(&message) == Arrival::Missed {
            for connection in self.hub.listeners_mut(index).following() {
                let standing = self.model.insert((connection, name), Standing::Held);
                let at = self.hub.position_of(connection, &channel(NAMES[name])).unwrap().offset;
                assert_eq!(standing, Some(Standing::Following(at)), "it knows where it was");
                self.hub.hold(connection, &channel(NAMES[name]), JSON, false, false);
            }
            self.hub.listeners_mut(index).goes_on_at(&message);
        }
        let listeners = self.hub.listeners_mut(index);
        listeners.hold_back(&message);
        for connection in listeners.following() {
            let standing = self.model.insert((connection, name), Standing::Following(offset));
            assert_eq!(standing, Some(Standing::Following(offset - 1)), "without a hole");
        }
        for connection in self.hub.listeners_mut(index).delivered(&message) {
            self.hub.move_on(connection, &channel(NAMES[name]));
        }
        for (connection, after) in self.hub.listeners_mut(index).ahead() {
            match self.hub.release(connection, &channel(NAMES[name]), &after) {
                Released::Listening(messages) => {
                    assert!(
                        messages.iter().filter_map(Message::offset).eq(after.offset + 1..=offset)
                    );
                    self.model.insert((connection, name), Standing::Following(offset));
                }
                Released::Ahead => assert!(after.offset > offset),
                Released::Missed => {
                    self.model.insert((connection, name), Standing::Parked);
                }
                Released::Unknown => panic!("it was held"),
            }
        }
    }

    fn agrees(&mut self) {
        for (n, name) in NAMES.iter().enumerate() {
            let here = |standing: fn(Standing) -> bool| {
                let of_channel = self.model.iter().filter(|((_, m), _)| *m == n);
                of_channel.filter(move |(_, s)| standing(**s)).map(|((c, _), _)| *c)
            };
            let expected: Vec<_> =
                here(|s| matches!(s, Standing::Following(_) | Standing::Loose)).collect();
            let all = here(|_| true).count();
            let Some(index) = self.hub.find(&channel(name)) else {
                assert_eq!(all, 0);
                continue;
            };
            let listeners = self.hub.listeners_mut(index);
            assert_eq!(listeners.len(), all);
            let mut listening: Vec<_> =
                listeners.groups_mut().iter().flat_map(|g| g.members().to_vec()).collect();
            listening.sort_unstable();
            assert_eq!(listening, expected);
        }
    }
}

proptest! {
    #[test]
    fn agrees_with_a_naive_model(
        steps in proptest::collection::vec((0u8..8, 0u32..6, 0usize..3), 0..200),
    ) {
        let mut world = World::default();
        for (step, connection, name) in steps {
            world.step(step, connection, name);
            world.agrees();
        }
    }
}
