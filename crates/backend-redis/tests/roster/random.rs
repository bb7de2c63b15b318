//! Three nodes, a thousand comings, goings, deaths and sleeps, and what must be true afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use trunkline_core::roster::Telling;
use trunkline_rig::Redis;

use super::node::Node;
use super::{becomes, keys, redis};

const CHANNELS: [(&str, Telling); 4] = [
    ("quiet", Telling::Nothing),
    ("each", Telling::Connections),
    ("users", Telling::Users),
    ("chat:1", Telling::Users),
];
const USERS: [&str; 4] = ["", "ann", "bob", "cid"];

/// A small generator (xorshift64*): the same seed gives the same test.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let roll = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(roll).unwrap() % sides
    }
}

/// A node, and who should be where according to it.
struct Told {
    node: Option<Node>,
    lives: u32,
    here: BTreeSet<(usize, &'static str, u128)>,
}

impl Told {
    fn revive(&mut self, redis: &Redis, name: usize) {
        self.lives += 1;
        self.here.clear();
        self.node = Some(Node::start(redis, &format!("n{name}.{}", self.lives)));
    }

    fn step(&mut self, dice: &mut Dice, next: &mut u128) {
        let node = self.node.as_ref().unwrap();
        if dice.roll(100) < 55 || self.here.is_empty() {
            let (at, user) = (dice.roll(CHANNELS.len()), USERS[dice.roll(USERS.len())]);
            *next += 1;
            node.enter(CHANNELS[at].0, (user, *next), CHANNELS[at].1);
            self.here.insert((at, user, *next));
        } else {
            let who = *self.here.iter().nth(dice.roll(self.here.len())).unwrap();
            node.exit(CHANNELS[who.0].0, (who.1, who.2), CHANNELS[who.0].1);
            // Some come back in the same breath.
            if dice.roll(8) == 0 {
                node.enter(CHANNELS[who.0].0, (who.1, who.2), CHANNELS[who.0].1);
            } else {
                self.here.remove(&who);
            }
        }
    }
}

#[test]
fn whatever_happens_everybody_is_counted_once() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or(u64::try_from(now.as_millis()).unwrap());
    println!("SEED={seed}");
    let mut dice = Dice(seed | 1);
    let redis = redis();
    let witness = Node::start(&redis, "witness");
    CHANNELS.iter().for_each(|(channel, _)| witness.listen(channel));
    let mut next = 0;
    let mut nodes: Vec<Told> = (0..3)
        .map(|name| {
            let mut told = Told { node: None, lives: 0, here: BTreeSet::new() };
            told.revive(&redis, name);
            told
        })
        .collect();
    for step in 1..=1_000 {
        let at = dice.roll(nodes.len());
        match dice.roll(100) {
            0 => nodes[at].revive(&redis, at), // The one before has died.
            1 => {
                nodes[at].node.as_ref().unwrap().roster.close();
                nodes[at].revive(&redis, at);
            }
            2 => {
                redis.command(&["CLIENT", "KILL", "TYPE", "normal"]).unwrap();
            }
            3 => {
                // Somebody is taken for dead.
                let leases = redis.command(&["ZRANGE", "t:{00}:leases:", "0", "-1"]).unwrap();
                let lives = leases.array();
                let Some(life) = lives.get(dice.roll(lives.len().max(1))) else { continue };
                redis.command(&["ZREM", "t:{00}:leases:", &life.text()]).unwrap();
                redis.command(&["ZADD", "t:{00}:dead:", "0", &life.text()]).unwrap();
            }
            _ => nodes[at].step(&mut dice, &mut next),
        }
        // Between these they happen all at once.
        if step % 250 == 0 {
            all_is_well(&redis, &witness, &nodes);
        }
    }
    nodes.iter().for_each(|told| told.node.as_ref().unwrap().roster.close());
    for kind in ["members", "users", "of"] {
        becomes(&vec![], || keys(&redis, kind));
    }
    told_as_it_is(&witness, &BTreeSet::new());
}

/// Waits until Redis has what the nodes were told, and those who listen have heard it.
fn all_is_well(redis: &Redis, witness: &Node, nodes: &[Told]) {
    let here: BTreeSet<_> = nodes.iter().flat_map(|told| told.here.clone()).collect();
    for (at, (channel, _)) in CHANNELS.iter().enumerate() {
        let there = here.iter().filter(|(channel, ..)| *channel == at);
        let mut names: Vec<String> =
            there.clone().map(|(_, user, client)| format!("{user}/{client}")).collect();
        names.sort();
        becomes(&names, || witness.members(channel));
        let mut counts = BTreeMap::<String, i64>::new();
        there.for_each(|(_, user, _)| *counts.entry((*user).to_owned()).or_default() += 1);
        becomes(&counts, || users(redis, channel));
    }
    told_as_it_is(witness, &here);
}

/// How many connections Redis counts for each user.
fn users(redis: &Redis, channel: &str) -> BTreeMap<String, i64> {
    let names = keys(redis, "users");
    let Some(key) = names.iter().find(|key| key.ends_with(&format!(":users:{channel}"))) else {
        return BTreeMap::new();
    };
    let reply = redis.command(&["HGETALL", key]).unwrap();
    let pairs = reply.array().chunks_exact(2);
    pairs.map(|pair| (pair[0].text(), pair[1].integer().unwrap())).collect()
}

/// Whoever has listened from the beginning believes what is true.
fn told_as_it_is(witness: &Node, here: &BTreeSet<(usize, &'static str, u128)>) {
    let sign = |line: &String| if line.starts_with('+') { 1 } else { -1 };
    for (at, (channel, telling)) in CHANNELS.iter().enumerate() {
        let heard = witness.heard(channel);
        let mut believed = BTreeMap::<String, i32>::new();
        for line in &heard {
            let (user, _) = line[1..].split_once('/').unwrap();
            let one = *telling == Telling::Connections || user.is_empty();
            let who = if one { line[1..].to_owned() } else { user.to_owned() };
            *believed.entry(who).or_default() += sign(line);
        }
        believed.retain(|_, count| *count != 0);
        let mut wanted = BTreeMap::new();
        for (_, user, client) in here.iter().filter(|(channel, ..)| *channel == at) {
            match telling {
                Telling::Nothing => continue,
                Telling::Users if !user.is_empty() => wanted.insert((*user).to_owned(), 1),
                _ => wanted.insert(format!("{user}/{client}"), 1),
            };
        }
        assert_eq!(believed, wanted, "{channel}: {heard:?}");
    }
}
