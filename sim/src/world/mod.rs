//! A run: nodes, clients, publishers and the broker, moved by one queue of events.
//!
//! | module | what |
//! |---|---|
//! | `nodes` | how nodes begin, learn the time, and have their turns |
//! | `people` | how clients come, read, send and go |
//! | `publishing` | publishers |
//! | [`fault`] | what goes wrong, and how it is mended |

pub mod fault;
mod nodes;
mod people;
mod publishing;

use std::collections::BTreeSet;

use trunkline_core::channel::ChannelName;
use trunkline_core::time::WallTime;
use trunkline_model_broker::{Broker, Link, Mode};

use crate::chance::Chance;
use crate::client::Client;
use crate::journal::Journal;
use crate::oracle::end;
use crate::oracle::telling::{self, Judgement};
use crate::oracle::witness::Witness;
use crate::plan::Plan;
use crate::schedule::{Due, Schedule, Seat};

use self::nodes::WALL_MS;
use self::publishing::{Answers, Publisher};

pub use self::nodes::SimNode;

/// Milliseconds in which everybody must be at the top once all is mended: longer than a subscription
/// may lag and every pause between two tries, shorter than the hour after which lines are checked
/// without a reason.
const CALM_MS: u64 = 45_000;

/// Milliseconds after which nothing must be left once everybody has gone: longer than channels linger
/// and exits are held back.
const EMPTY_MS: u64 = 20_000;

/// What a run came to.
pub struct Outcome {
    /// The hash of its journal, and the lines of that.
    pub hash: (u64, u64),
    /// What the checker says.
    pub judgement: Judgement,
    /// What must not be, and was.
    pub broken: Vec<String>,
    /// Events that happened.
    pub events: u64,
    /// Milliseconds it took, in its own time.
    pub lasted_ms: u64,
}

impl Outcome {
    /// Whether all was as it should be.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.broken.is_empty()
            && self.judgement.broken.is_empty()
            && self.judgement.verdict.is_clean()
    }
}

/// A run while it lasts.
pub struct World {
    pub(crate) plan: Plan,
    chance: Chance,
    pub(crate) now: u64,
    schedule: Schedule,
    pub(crate) broker: Broker,
    pub(crate) witness: Witness,
    pub(crate) journal: Journal,
    pub(crate) nodes: Vec<Option<SimNode>>,
    lives: u64,
    pub(crate) clients: Vec<Client>,
    publishers: Vec<Publisher>,
    answers: Answers,
    /// Lanes whose next item is due.
    moving: BTreeSet<Link>,
    events: u64,
    calm: bool,
    /// How often the broker has gone on under other names.
    renames: usize,
    /// The event from which on nothing is published.
    silent_from: u64,
    ending: bool,
}

impl World {
    /// A run of this seed, before anything has happened.
    #[must_use]
    pub fn new(seed: u64, prints: bool) -> Self {
        let mut chance = Chance::new(seed);
        let plan = Plan::new(&mut chance);
        let broker = Broker::new(Mode::Driven, chance.number());
        broker.set_time(WallTime(WALL_MS));
        let witness = Witness::new(&broker, &plan.channels);
        let clients = (0..plan.clients).map(|number| client(number, &plan, &mut chance)).collect();
        let mut world = Self {
            chance,
            now: 0,
            schedule: Schedule::default(),
            broker,
            witness,
            journal: Journal::new(prints),
            nodes: (0..plan.nodes).map(|_| None).collect(),
            lives: 0,
            clients,
            publishers: (0..plan.publishers).map(|_| Publisher::default()).collect(),
            answers: Answers::default(),
            moving: BTreeSet::new(),
            events: 0,
            calm: false,
            renames: 0,
            silent_from: u64::MAX,
            ending: false,
            plan,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        let plan = format!("{:?}", (self.plan.nodes, self.plan.shards, &self.plan.channels));
        self.journal.note(format_args!("nodes, shards, channels: {plan}"));
        (0..self.plan.nodes).for_each(|slot| self.start(slot));
        for number in 0..self.clients.len() {
            let comes = self.chance.within(0..1_000);
            self.schedule.at(comes, Due::Come(number));
        }
        for number in 0..self.publishers.len() {
            let begins = self.chance.within(0..1_000);
            self.schedule.at(begins, Due::Publish(number));
        }
        self.schedule.at(1_000, Due::Trouble);
    }

    /// Lets so many events happen with everything that goes wrong, mends it all, and judges.
    #[must_use]
    pub fn run(mut self, steps: u64) -> Outcome {
        if self.plan.silent_end {
            self.silent_from = steps / 4 * 3;
        }
        while self.events < steps && self.step(u64::MAX) {}
        self.calm_down();
        let calm = self.now + CALM_MS;
        while self.step(calm) {}
        end::check_the_calm(&mut self);
        let judgement = telling::judge(&self.plan, &self.witness, &self.journal.records);
        self.ending = true;
        (0..self.clients.len()).for_each(|number| self.leave(number, true));
        let empty = self.now + EMPTY_MS;
        while self.step(empty) {}
        end::check_the_end(&mut self);
        Outcome {
            hash: self.journal.hash(),
            judgement,
            broken: std::mem::take(&mut self.journal.broken),
            events: self.events,
            lasted_ms: self.now,
        }
    }

    /// Lets the next thing happen, if it is due by then.
    fn step(&mut self, until_ms: u64) -> bool {
        let Some((at, due)) = self.schedule.pop() else { return false };
        if at > until_ms {
            self.schedule.at(at, due);
            self.now = until_ms;
            return false;
        }
        self.now = self.now.max(at);
        self.events += 1;
        self.broker.set_time(WallTime(WALL_MS + self.now));
        self.journal.set_time(self.now);
        match due {
            Due::Step(link) => self.move_item(&link),
            Due::Tick(seat) => self.tick(seat),
            Due::Turn(seat, shard) => self.turn(seat, shard),
            Due::Arrive { seat, shard, client, up } => self.arrive(seat, shard, client, up),
            Due::Read { client, connection } => self.read(client, connection),
            Due::Come(client) => self.come(client),
            Due::Again { client, connection, channel } => self.again(client, connection, channel),
            Due::Publish(publisher) => self.publish(publisher),
            Due::Impatient(publisher, call) => self.impatient(publisher, call),
            Due::Fault(fault) => self.mend(fault),
            Due::Trouble => self.trouble(),
        }
        self.follow_up();
        true
    }

    fn move_item(&mut self, link: &Link) {
        self.moving.remove(link);
        let what = self.broker.describe(link).unwrap_or_default();
        if self.broker.step(link) {
            // What was sent behind it follows closely.
            if self.broker.pending(link) > 0 && !self.chance.one_in(8) {
                let gap = self.chance.within(0..2);
                self.schedule.at(self.now + gap, Due::Step(link.clone()));
                self.moving.insert(link.clone());
            }
            let (node, lane) = (&link.node, link.lane);
            self.journal.note(format_args!("{node} {lane:?}: {what}"));
            self.witness.look();
        }
    }

    /// Sees to it that everything goes on that the last event has set going.
    fn follow_up(&mut self) {
        self.take_answers();
        let mut rung: Vec<(Seat, usize)> = Vec::new();
        let mut stirred = Vec::new();
        for node in self.nodes.iter_mut().flatten() {
            let seat = node.seat;
            for (at, shard) in node.shards.iter_mut().enumerate() {
                if shard.was_rung() {
                    rung.push((seat, at));
                }
                stirred.append(&mut shard.stirred);
            }
        }
        for (seat, shard) in rung {
            let late = self.chance.within(0..3);
            self.plan_turn(seat, shard, late);
        }
        stirred.iter().for_each(|pipe| self.stir(pipe));
        for link in self.broker.links() {
            if self.witness.owns(&link)
                || self.moving.contains(&link)
                || self.broker.pending(&link) == 0
                || self.broker.is_cut(&link)
            {
                continue;
            }
            let latency = self.chance.within(0..self.plan.latency_ms + 1);
            self.schedule.at(self.now + latency, Due::Step(link.clone()));
            self.moving.insert(link);
        }
    }

    /// Things that are due, and items that wait in a lane that can move.
    pub(crate) fn unsettled(&self) -> usize {
        let waits = |link: &Link| !self.witness.owns(link);
        let links = self.broker.links().into_iter().filter(waits);
        links.map(|link| self.broker.pending(&link)).sum()
    }
}

fn client(number: usize, plan: &Plan, chance: &mut Chance) -> Client {
    let tells_gaps = chance.one_in(2);
    let mut channels: Vec<ChannelName> = plan.channels.clone();
    while channels.len() > 1 && !chance.one_in(4) {
        let at = chance.index(channels.len());
        channels.remove(at);
    }
    // Some users have several connections.
    let user = format!("u{}", chance.index(plan.clients));
    Client::new(number, tells_gaps, user, channels)
}
