//! Random operations, compared with a model: the stream of the core.

use std::collections::HashMap;
use std::sync::Arc;

use trunkline_core::backend::Published;
use trunkline_core::history::HistoryQuery;
use trunkline_core::namespace::Retention;
use trunkline_core::position::{Epoch, Position};
use trunkline_core::publication::{Draft, Publication};
use trunkline_core::stream::Stream;
use trunkline_core::time::WallTime;

use crate::Subject;
use crate::content::{PLENTY, draft, offsets, passing, texts};
use crate::stage::{Node, Stage};

/// Operations of one run.
const STEPS: usize = 300;

const CHANNELS: [&str; 3] = ["a", "b", "c"];

/// Numbers that follow from a seed (SplitMix64: Steele, Lea and Flood, 2014).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }
}

/// Names the run in what a failure prints.
struct Named(u64);

impl Drop for Named {
    #[expect(clippy::print_stderr, reason = "says how to play the failed run again")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("played with CONFORMANCE_SEED={} CONFORMANCE_RUNS=1", self.0);
        }
    }
}

fn number(variable: &str, default: u64) -> u64 {
    let text = std::env::var(variable).ok();
    text.map_or(default, |text| text.parse().expect("a number"))
}

pub fn any_order_of_operations_is_as_the_model_has_it(subject: &dyn Subject) {
    let first = number("CONFORMANCE_SEED", 1);
    for seed in first..first + number("CONFORMANCE_RUNS", 4) {
        let named = Named(seed);
        // One world for all runs: each has channels of its own.
        Play::new(subject, seed).run();
        drop(named);
    }
}

/// What a node should have been told, by channel, since it started.
type Expected = HashMap<String, Vec<String>>;

struct Play<'s> {
    stage: Stage<'s>,
    dice: Dice,
    names: Vec<String>,
    nodes: Vec<(Node, Expected)>,
    /// What time the model has; all that counts is how much has passed.
    now: WallTime,
    settable: bool,
    streams: HashMap<String, Stream>,
    outcomes: HashMap<(String, usize), Published>,
}

impl<'s> Play<'s> {
    fn new(subject: &'s dyn Subject, seed: u64) -> Self {
        let stage = Stage::new(subject);
        let names: Vec<_> = CHANNELS.iter().map(|name| format!("{name}:{seed}")).collect();
        let nodes = stage.nodes(2).into_iter().map(|node| listening(node, &names)).collect();
        Self {
            dice: Dice(seed),
            nodes,
            now: WallTime(1_000),
            settable: subject.advance(0),
            streams: HashMap::new(),
            outcomes: HashMap::new(),
            names,
            stage,
        }
    }

    fn run(&mut self) {
        for step in 0..STEPS {
            let name = self.names[self.dice.below(CHANNELS.len())].clone();
            let by = self.dice.below(self.nodes.len());
            match self.dice.below(40) {
                0..16 => self.publish(by, &name, step),
                16..19 => self.pass(by, &name, step),
                19..34 => self.read(by, &name, step),
                34 => self.remove(by, &name),
                35 if self.dice.below(3) == 0 => self.restart(by),
                _ => self.wait(),
            }
        }
        for (node, expected) in &self.nodes {
            compare(node, expected);
        }
    }

    fn publish(&mut self, by: usize, name: &str, step: usize) {
        let ttl_ms = if self.settable { 10_000 } else { PLENTY.ttl_ms };
        let size = [1, 3, 20][self.dice.below(3)];
        let bytes = [2_000, PLENTY.bytes][self.dice.below(2)];
        let retention = Retention { size, ttl_ms, bytes };
        let key = (self.dice.below(4) == 0).then(|| self.dice.below(5));
        let idempotency_key = key.map(|key| key.to_string().into());
        let text = step.to_string();
        let draft =
            Draft { retention: Some(retention), idempotency_key, ..draft(name, text.clone()) };
        let published = self.nodes[by].0.publish(draft);
        let key = key.map(|key| (name.to_owned(), key));
        if let Some(known) = key.as_ref().and_then(|key| self.outcomes.get(key)) {
            assert_eq!(published, Published { duplicate: true, ..known.clone() }, "step {step}");
            return;
        }
        assert!(!published.duplicate, "step {step}");
        let place = published.position.clone().unwrap();
        let stream = self.streams.entry(name.to_owned());
        let stream = stream.or_insert_with(|| Stream::new(place.epoch.clone(), retention));
        let top = stream.top();
        assert_eq!((&place.epoch, place.offset), (&top.epoch, top.offset + 1), "step {step}");
        assert_ne!(place.tag, top.tag, "step {step}");
        let publication = Publication {
            epoch: place.epoch,
            offset: place.offset,
            tag: place.tag.unwrap(),
            before: None,
            data: text.clone().into(),
            info: None,
            tags: Vec::new(),
            time: self.now,
        };
        stream.push(Arc::new(publication), retention, self.now);
        if let Some(key) = key {
            self.outcomes.insert(key, published);
        }
        self.expect(name, &text);
    }

    fn pass(&mut self, by: usize, name: &str, step: usize) {
        let text = step.to_string();
        assert_eq!(self.nodes[by].0.publish(passing(name, text.clone())).position, None);
        self.expect(name, &text);
    }

    fn read(&mut self, by: usize, name: &str, step: usize) {
        let limit = [0, 1, 3, 100][self.dice.below(4)];
        let reverse = self.dice.below(3) == 0;
        let top = self.streams.get(name).map(Stream::top).unwrap_or_default();
        let known = usize::try_from(top.offset).unwrap();
        let offset = (self.dice.below(3) > 0).then(|| self.dice.below(known + 2) as u64);
        let since = offset.map(|offset| Position::new(top.epoch, offset));
        let query = HistoryQuery { since, limit, reverse };
        let page = self.nodes[by].0.read(name, query.clone());
        let nothing = Retention { size: 0, ttl_ms: 0, bytes: 0 };
        let stream = self.streams.entry(name.to_owned());
        let stream = stream.or_insert_with(|| Stream::new(page.top.epoch.clone(), nothing));
        stream.trim(self.now);
        let expected = stream.read(&query);
        let asked = format!("step {step}: {name}, {query:?}");
        assert_eq!(page.top, expected.top, "{asked}");
        assert_eq!(offsets(&page.publications), offsets(&expected.publications), "{asked}");
        assert_eq!(texts(&page.publications), texts(&expected.publications), "{asked}");
        for (kept, expected) in page.publications.iter().zip(&expected.publications) {
            assert_eq!(kept.position(), expected.position(), "{asked}");
        }
        // The tag of a place that is not kept any more may be known still, or not.
        let edge = offset.is_some_and(|offset| {
            offset < page.top.offset && stream.kept().front().is_none_or(|p| p.offset > offset)
        });
        assert!(page.anchor == expected.anchor || edge, "{asked}: the anchor");
    }

    fn remove(&mut self, by: usize, name: &str) {
        self.nodes[by].0.remove(name);
        if let Some(stream) = self.streams.get_mut(name) {
            stream.clear();
        }
    }

    /// Lets time pass; less than outcomes are kept, in all.
    fn wait(&mut self) {
        let millis = self.dice.below(1_000) as u64;
        if self.stage.subject.advance(millis) {
            self.now = WallTime(self.now.0 + millis);
        }
    }

    /// Kills a node, and starts another.
    fn restart(&mut self, by: usize) {
        let (node, expected) = self.nodes.remove(by);
        compare(&node, &expected);
        let durable = node.backend.guarantees().durable;
        drop(node);
        if !durable {
            self.streams.clear();
            self.outcomes.clear();
        }
        self.nodes.push(listening(self.stage.node(), &self.names));
    }

    fn expect(&mut self, name: &str, text: &str) {
        for (_, expected) in &mut self.nodes {
            expected.entry(name.to_owned()).or_default().push(text.to_owned());
        }
    }
}

fn listening(node: Node, names: &[String]) -> (Node, Expected) {
    names.iter().for_each(|name| node.listen(name));
    (node, Expected::new())
}

/// What was delivered is what should have been. Publications of one channel are in order, but for
/// those that have no place, which may be overtaken.
fn compare(node: &Node, expected: &Expected) {
    for (name, expected) in expected {
        let delivered = node.delivered(name, expected.len());
        let mut told = texts(&delivered);
        let by_number = |text: &String| text.parse::<usize>().unwrap();
        told.sort_by_key(by_number);
        assert_eq!(told, *expected, "{name}");
        let placed = delivered.iter().filter(|publication| publication.epoch != Epoch::default());
        let placed: Vec<_> = placed.map(|publication| publication.offset).collect();
        assert!(placed.is_sorted(), "{name}: {placed:?}");
    }
}
