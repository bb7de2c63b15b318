//! Clients: how they come, read, send and go.

use trunkline_core::identity::ClientId;
use trunkline_core::time::Tick;

use crate::client::{Hearing, Line, Up};
use crate::journal::{Fate, Record};
use crate::pipe::{Pipe, Shared};
use crate::schedule::{Due, Seat};

use super::World;

/// Milliseconds a client needs to reach its node, at most.
const WAY_MS: u64 = 30;

impl World {
    /// A client that is away comes, to any node that runs.
    pub(super) fn come(&mut self, number: usize) {
        if self.clients[number].line.is_some() || self.ending {
            return;
        }
        let seats: Vec<Seat> = self.nodes.iter().flatten().map(|node| node.seat).collect();
        if seats.is_empty() {
            let later = self.chance.within(50..500);
            return self.schedule.at(self.now + later, Due::Come(number));
        }
        let seat = *self.chance.pick(&seats);
        let shard = self.chance.index(self.plan.shards);
        let id =
            ClientId((u128::from(self.chance.number()) << 64) | u128::from(self.chance.number()));
        let client = &mut self.clients[number];
        client.lines += 1;
        let pipe = Pipe::new(number, client.lines, self.plan.socket_bytes);
        let line = Line {
            seat,
            shard,
            client: id,
            number: client.lines,
            pipe: pipe.clone(),
            arrives_at: self.now,
        };
        let abilities = client.abilities();
        let (requests, ups) = client.come(line, &self.plan);
        let now = Tick(self.now);
        self.journal.note(format_args!("client {number} comes to {seat:?}, shard {shard}"));
        if let Some(node) = self.node(seat) {
            node.shards[shard].accept(id, abilities, pipe, requests, now);
        }
        self.plan_turn(seat, shard, 0);
        ups.into_iter().for_each(|up| self.send(number, up));
    }

    /// A client sends something, behind what it has sent before.
    pub(super) fn send(&mut self, number: usize, up: Up) {
        let way = self.chance.within(0..WAY_MS);
        let Some(line) = &mut self.clients[number].line else { return };
        line.arrives_at = line.arrives_at.max(self.now + way);
        let Line { seat, shard, client, arrives_at, .. } = *line;
        self.schedule.at(arrives_at, Due::Arrive { seat, shard, client, up });
    }

    /// Something that was sent arrives.
    pub(super) fn arrive(&mut self, seat: Seat, shard: usize, client: ClientId, up: Up) {
        if let Some(node) = self.node(seat) {
            node.shards[shard].take(client, up);
            self.plan_turn(seat, shard, 0);
        }
    }

    /// A pipe was written to: its client will read.
    pub(super) fn stir(&mut self, pipe: &Shared) {
        let (client, connection) = {
            let mut pipe = pipe.borrow_mut();
            if pipe.closed || pipe.stirs || (pipe.frames.is_empty() && !pipe.ended) {
                return;
            }
            pipe.stirs = true;
            (pipe.client, pipe.connection)
        };
        let way = self.chance.within(0..WAY_MS);
        self.schedule.at(self.now + way, Due::Read { client, connection });
    }

    /// A client reads.
    pub(super) fn read(&mut self, number: usize, connection: u64) {
        let client = &mut self.clients[number];
        let Some(line) = client.line.as_ref().filter(|line| line.number == connection) else {
            return;
        };
        if client.stuck_until > self.now {
            let until = client.stuck_until;
            return self.schedule.at(until, Due::Read { client: number, connection });
        }
        let (pipe, seat, shard, id) = (line.pipe.clone(), line.seat, line.shard, line.client);
        let (most, pace) = client.appetite;
        let was_full = !pipe.borrow().has_room();
        let mut hearing = Hearing {
            journal: &mut self.journal,
            witness: &self.witness,
            plan: &self.plan,
            ups: Vec::new(),
            again: Vec::new(),
            leaves: false,
        };
        for _ in 0..most {
            let frame = pipe.borrow_mut().read();
            let Some(frame) = frame else { break };
            client.hear(frame, &mut hearing);
            if hearing.leaves {
                break;
            }
        }
        let Hearing { ups, again, leaves, .. } = hearing;
        ups.into_iter().for_each(|up| self.send(number, up));
        again.into_iter().for_each(|(channel, after)| self.ask_again(number, channel, after));
        if was_full && let Some(node) = self.node(seat) {
            node.shards[shard].has_room(id);
            self.plan_turn(seat, shard, 0);
        }
        let (empty, ended) = (pipe.borrow().frames.is_empty(), pipe.borrow().ended);
        if leaves || (empty && ended) {
            self.send(number, Up::Gone);
            self.disconnected(number);
            let away = self.chance.within(10..400);
            return self.schedule.at(self.now + away, Due::Come(number));
        }
        if empty {
            pipe.borrow_mut().stirs = false;
        } else {
            self.schedule.at(self.now + pace, Due::Read { client: number, connection });
        }
    }

    /// A client asks for a channel again, after so many milliseconds.
    pub(super) fn ask_again(&mut self, client: usize, channel: usize, after_ms: u64) {
        let Some(line) = &self.clients[client].line else { return };
        let connection = line.number;
        self.schedule.at(self.now + after_ms, Due::Again { client, connection, channel });
    }

    pub(super) fn again(&mut self, client: usize, connection: u64, channel: usize) {
        let here = self.clients[client].line.as_ref().is_some_and(|l| l.number == connection);
        if !here {
            return;
        }
        if let Some(up) = self.clients[client].again(channel, &self.plan) {
            self.send(client, up);
        }
    }

    /// A client leaves, politely or without a word, and stays away for a while.
    pub(super) fn leave(&mut self, number: usize, politely: bool) {
        let Some(line) = &self.clients[number].line else { return };
        self.journal.note(format_args!("client {number} leaves, politely: {politely}"));
        if politely {
            self.send(number, Up::Gone);
        } else {
            let late = self.now + self.chance.within(10..5_000);
            let (seat, shard, client) = (line.seat, line.shard, line.client);
            self.schedule.at(late, Due::Arrive { seat, shard, client, up: Up::Gone });
        }
        self.disconnected(number);
        if !self.ending {
            let away = if self.chance.one_in(3) { 12_000 } else { 600 };
            let away = self.chance.within(1..away);
            self.schedule.at(self.now + away, Due::Come(number));
        }
    }

    /// A connection is no more, as its client sees it.
    pub(super) fn disconnected(&mut self, number: usize) {
        let Some(line) = &self.clients[number].line else { return };
        line.pipe.borrow_mut().closed = true;
        let unknown = self.clients[number].lose();
        self.journal.record(Record::Disconnected { client: number });
        for (channel, id) in unknown {
            let (publisher, fate) = (format!("c{number}"), Fate::Unknown);
            self.journal.record(Record::Publish { publisher, channel, id, fate });
        }
    }
}
