//! Random comings and goings on three nodes, against a model of what everybody should hear.
//!
//! The model knows nothing of exits that are held back: a user is heard to join with the first
//! connection anywhere, and to leave when none has been there for as long as the namespace says.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};

use crate::fixture::{Cluster, DEBOUNCE_MS, channel, info};

const ROOM: &str = "held:room";
const USERS: [&str; 3] = ["ann", "bob", "cid"];
const HISTORIES: usize = 60;
const STEPS: usize = 120;

/// Numbers that look random, the same ones for the same seed (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap() % n
    }
}

/// What everybody should know.
#[derive(Default)]
struct Model {
    now: u64,
    /// Where each connection is, and whose it is.
    connections: BTreeMap<u128, (usize, usize)>,
    /// Users who are taken for present, and since when they have no connection.
    present: BTreeMap<usize, Option<u64>>,
}

impl Model {
    /// Says whether it is news that this user has come.
    fn enters(&mut self, client: u128, at: usize, user: usize) -> bool {
        self.connections.insert(client, (at, user));
        self.present.insert(user, None).is_none()
    }

    fn exits(&mut self, client: u128) -> (usize, usize) {
        let (at, user) = self.connections.remove(&client).unwrap();
        if !self.connections.values().any(|(_, other)| *other == user) {
            self.present.insert(user, Some(self.now));
        }
        (at, user)
    }

    /// Who has been away for too long by now.
    fn passes(&mut self, millis: u64) -> BTreeSet<String> {
        self.now += millis;
        let away = |since: &Option<u64>| since.is_some_and(|t| t + DEBOUNCE_MS <= self.now);
        let gone: Vec<usize> =
            self.present.iter().filter(|(_, since)| away(since)).map(|(user, _)| *user).collect();
        for user in &gone {
            self.present.remove(user);
        }
        gone.into_iter().map(|user| format!("{} leaves", USERS[user])).collect()
    }
}

fn play(seed: u64) {
    let mut random = Random(seed);
    let mut model = Model::default();
    let mut cluster = Cluster::of(&["a", "b", "c"]);
    cluster.nodes[2].node.listen(0, &channel(ROOM));
    cluster.settle();
    for step in 0..STEPS {
        let mut expected = BTreeSet::new();
        match random.below(5) {
            0 | 1 => {
                let (at, user) = (random.below(3), random.below(USERS.len()));
                let client = step as u128;
                if model.enters(client, at, user) {
                    expected.insert(format!("{} joins", USERS[user]));
                }
                cluster.nodes[at].node.enter(&channel(ROOM), &info(client, USERS[user]));
            }
            2 | 3 if !model.connections.is_empty() => {
                let nth = random.below(model.connections.len());
                let client = *model.connections.keys().nth(nth).unwrap();
                let (at, user) = model.exits(client);
                cluster.nodes[at].node.exit(&channel(ROOM), &info(client, USERS[user]));
                // Now and then it is a subscription that is made again.
                if random.below(4) == 0 {
                    model.enters(client, at, user);
                    cluster.nodes[at].node.enter(&channel(ROOM), &info(client, USERS[user]));
                }
            }
            _ => {
                let millis = 1_000 * (1 + random.below(3) as u64);
                expected = model.passes(millis);
                cluster.pass(millis);
            }
        }
        cluster.settle();
        let heard: Vec<String> = cluster.nodes[2].news();
        assert_eq!(heard.len(), expected.len(), "step {step}: {heard:?}");
        assert_eq!(BTreeSet::from_iter(heard), expected, "step {step}");
    }
    cluster.pass(DEBOUNCE_MS);
    let live: Vec<u128> = model.connections.keys().copied().collect();
    assert_eq!(cluster.members(0, ROOM), live, "nobody is left behind, and nobody lost");
    assert!(cluster.nodes.iter().all(|member| member.node.exits_held() == 0));
}

#[test]
fn everybody_hears_of_users_and_of_no_short_absence() {
    if let Some(seed) = std::env::var("TRUNKLINE_SEED").ok().and_then(|text| text.parse().ok()) {
        return play(seed);
    }
    for _ in 0..HISTORIES {
        // The standard library has no other randomness to give.
        let seed = RandomState::new().build_hasher().finish() | 1;
        println!("TRUNKLINE_SEED={seed}");
        play(seed);
    }
}
