//! What goes wrong, and how it is mended.

use trunkline_core::channel::ChannelName;
use trunkline_core::limits::LINEAGES;
use trunkline_core::signal::NodeId;
use trunkline_model_broker::{Lane, Link};

use crate::client::Standing;
use crate::schedule::{Due, Seat};

use super::World;

/// How long a node that died is taken for living, at most, in milliseconds.
const DEAD_MS: u64 = 40_000;

/// Something that goes wrong, or is mended.
#[derive(Clone, Debug)]
pub enum Fault {
    /// A lane is healed.
    Heal(Link),
    /// A node is there again.
    Start(usize),
    /// A node that died is taken for dead.
    Expire(NodeId),
    /// A node goes on.
    Resume(Seat),
}

impl World {
    /// The next thing goes wrong.
    pub(super) fn trouble(&mut self) {
        if self.calm {
            return;
        }
        let next = self.now + self.chance.within(1..self.plan.trouble_ms + 1);
        self.schedule.at(next, Due::Trouble);
        let slot = self.chance.index(self.plan.nodes);
        match self.chance.within(0..22) {
            0..3 => self.cut(slot, Lane::Publications),
            3 => self.cut(slot, Lane::Requests),
            4 => self.cut(slot, Lane::Answers),
            5 | 6 => {
                if let Some(node) = &self.nodes[slot] {
                    let id = node.id.clone();
                    self.journal.note(format_args!("{id} gives up its requests"));
                    self.broker.fail_requests(&id);
                }
            }
            7 | 8 => self.lose_latest(),
            9 if self.chance.one_in(4) => {
                self.journal.note(format_args!("the broker forgets everything"));
                self.broker.forget();
                self.shake();
            }
            9 | 10 => {
                let channel = self.any_channel();
                let keep = self.chance.index(6);
                self.journal.note(format_args!("{channel} is trimmed to {keep}"));
                self.broker.trim(&channel, keep);
            }
            11 => self.remove_history(slot),
            12 => self.crash(slot),
            13 | 14 => self.pause(slot),
            15..21 => {
                let client = self.chance.index(self.clients.len());
                self.client_trouble(client);
            }
            _ => self.burst(),
        }
    }

    fn any_channel(&mut self) -> ChannelName {
        self.chance.pick(&self.plan.channels).clone()
    }

    fn cut(&mut self, slot: usize, lane: Lane) {
        let Some(node) = &self.nodes[slot] else { return };
        let link = Link { node: node.id.clone(), lane };
        if self.broker.is_cut(&link) {
            return;
        }
        self.journal.note(format_args!("cut {link:?}"));
        self.broker.cut(&link);
        let heal = self.now + self.chance.within(20..4_000);
        self.schedule.at(heal, Due::Fault(Fault::Heal(link)));
    }

    fn lose_latest(&mut self) {
        let count = self.chance.index(6);
        let lost = if self.plan.silent_forks && self.chance.one_in(2) {
            let lost = self.broker.roll_back(count);
            self.journal.note(format_args!("the broker loses {lost:?}"));
            lost
        } else {
            // Who has been away for longer than a stream remembers its names is told so.
            if self.renames == LINEAGES - 1 {
                return;
            }
            self.renames += 1;
            let lost = self.broker.fail_over(count);
            self.journal.note(format_args!("the broker fails over and loses {lost:?}"));
            lost
        };
        self.witness.lost(&lost);
        self.witness.renamed();
        self.shake();
    }

    /// The broker is another one now: all connections to it break.
    fn shake(&mut self) {
        for slot in 0..self.plan.nodes {
            if let Some(node) = &self.nodes[slot] {
                let id = node.id.clone();
                self.broker.fail_requests(&id);
                self.cut(slot, Lane::Publications);
            }
        }
    }

    fn remove_history(&mut self, slot: usize) {
        let channel = self.any_channel();
        if let Some(node) = &self.nodes[slot] {
            self.journal.note(format_args!("{} removes the history of {channel}", node.id));
            node.node.remove_history(&channel, Box::new(|_| ()));
        }
    }

    fn crash(&mut self, slot: usize) {
        let Some(node) = self.nodes[slot].take() else { return };
        self.journal.note(format_args!("{} dies", node.id));
        self.broker.detach(&node.id);
        let start = self.now + self.chance.within(10..8_000);
        self.schedule.at(start, Due::Fault(Fault::Start(slot)));
        let expire = self.now + self.chance.within(1_000..DEAD_MS);
        self.schedule.at(expire, Due::Fault(Fault::Expire(node.id.clone())));
        for client in 0..self.clients.len() {
            let here = self.clients[client].line.as_ref().is_some_and(|l| l.seat == node.seat);
            if here {
                self.disconnected(client);
                let away = self.chance.within(1..2_000);
                self.schedule.at(self.now + away, Due::Come(client));
            }
        }
    }

    fn pause(&mut self, slot: usize) {
        let Some(node) = &mut self.nodes[slot] else { return };
        if node.paused {
            return;
        }
        node.paused = true;
        let seat = node.seat;
        self.journal.note(format_args!("{} stands still", node.id));
        let resume = self.now + self.chance.within(20..3_000);
        self.schedule.at(resume, Due::Fault(Fault::Resume(seat)));
    }

    fn client_trouble(&mut self, number: usize) {
        if self.clients[number].line.is_none() {
            return;
        }
        match self.chance.within(0..10) {
            0 | 1 => self.leave(number, true),
            2 | 3 => self.leave(number, false),
            4 => {
                let most = 2 * self.plan.limits.lag_ms;
                let until = self.now + self.chance.within(100..most);
                self.journal.note(format_args!("client {number} does not read until {until}"));
                self.clients[number].stuck_until = until;
            }
            5 => {
                let appetite = [(usize::MAX, 1), (1, 5), (1, 60), (3, 200)];
                self.clients[number].appetite = *self.chance.pick(&appetite);
            }
            6 if !self.clients[number].tells_gaps => {
                let at = self.chance.index(self.clients[number].channels.len());
                if self.clients[number].channels[at].standing != Standing::On {
                    return;
                }
                let channel = self.clients[number].channels[at].name.clone();
                let up = self.clients[number].unsubscribe(at);
                let record = crate::journal::Record::Unsubscribed { client: number, channel };
                self.journal.record(record);
                self.send(number, up);
                let later = self.chance.within(10..3_000);
                self.ask_again(number, at, later);
            }
            _ if !self.clients[number].tells_gaps && !self.is_silent() => {
                let at = self.chance.index(self.clients[number].channels.len());
                let padding = self.chance.index(300);
                let up = self.clients[number].publish(at, padding);
                self.send(number, up);
            }
            _ => {}
        }
    }

    /// Something is mended, or comes to its end.
    pub(super) fn mend(&mut self, fault: Fault) {
        match fault {
            Fault::Heal(link) => {
                self.journal.note(format_args!("heal {link:?}"));
                self.broker.heal(&link);
            }
            Fault::Start(slot) => self.start(slot),
            Fault::Expire(id) => {
                self.journal.note(format_args!("{id} is taken for dead"));
                self.broker.expire(&id);
            }
            Fault::Resume(seat) => {
                if let Some(node) = self.node(seat) {
                    node.paused = false;
                    for shard in 0..self.plan.shards {
                        self.plan_turn(seat, shard, 0);
                    }
                }
            }
        }
    }

    /// Everything is mended, nothing goes wrong any more, and everybody comes.
    pub(super) fn calm_down(&mut self) {
        self.calm = true;
        self.journal.note(format_args!("calm"));
        for slot in 0..self.plan.nodes {
            self.start(slot);
        }
        for link in self.broker.links() {
            if self.broker.is_cut(&link) {
                self.mend(Fault::Heal(link));
            }
        }
        let seats: Vec<Seat> = self.nodes.iter().flatten().map(|node| node.seat).collect();
        for seat in seats {
            self.mend(Fault::Resume(seat));
        }
        for number in 0..self.clients.len() {
            let client = &mut self.clients[number];
            client.stuck_until = self.now;
            client.appetite = (usize::MAX, 1);
            match &client.line {
                None => self.schedule.at(self.now, Due::Come(number)),
                Some(line) => {
                    let connection = line.number;
                    self.schedule.at(self.now, Due::Read { client: number, connection });
                }
            }
        }
    }
}
