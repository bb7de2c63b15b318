//! Everybody who is connected, served by one thread, and how they come and go.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use super::listener::Listener;
use super::member::{Changes, Member};
use super::truth::Members;
use crate::chance::Chance;
use crate::failure::{Doing, Failure};

/// Connections that one user may have.
pub(super) const SEATS: usize = 3;
/// Channels that a connection enters at first, at most; it may enter one more later.
const CHANNELS: u64 = 3;
/// Connections that are opened before it is waited for them: many, and fewer than a listener's backlog.
const AT_ONCE: usize = 100;
/// How long answers to everything that was asked may take.
const SETTLING: Duration = Duration::from_secs(30);
/// How often plans are looked at when nothing comes.
const LOOK: Duration = Duration::from_millis(10);
/// Sockets that are told of in one look.
const EVENTS: usize = 1024;

/// How it stands with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// It serves.
    Well,
    /// It has stopped: connections to it stay, and nobody hears or asks anything there.
    Stopped,
    /// It is gone, with its connections.
    Dead,
}

/// Users, their connections, and a listener at each node.
pub(super) struct Crowd {
    poll: Poll,
    nodes: Vec<(SocketAddr, Node)>,
    listeners: Vec<Option<Listener>>,
    /// `SEATS` for each user, behind each other.
    members: Vec<Option<Member>>,
    channels: usize,
    chance: Chance,
    pub(super) changes: Changes,
    /// Connections that were refused, or closed by a node that was not dead.
    pub(super) lost: u64,
}

impl Crowd {
    /// Nobody yet.
    ///
    /// # Errors
    /// The system has no room.
    pub(super) fn new(
        addresses: &[SocketAddr],
        users: usize,
        channels: usize,
        chance: Chance,
    ) -> Result<Self, Failure> {
        let poll = Poll::new().doing("preparing to wait for sockets")?;
        let nodes: Vec<_> = addresses.iter().map(|&address| (address, Node::Well)).collect();
        let listeners = nodes.iter().map(|_| None).collect();
        let members = (0..users * SEATS).map(|_| None).collect();
        let (changes, lost) = (Changes::default(), 0);
        Ok(Self { poll, nodes, listeners, members, channels, chance, changes, lost })
    }

    /// Says how it stands with a node. The connections of a dead one are over.
    pub(super) fn set_node(&mut self, node: usize, state: Node) {
        self.nodes[node].1 = state;
        if state != Node::Dead {
            return;
        }
        self.listeners[node] = None;
        for seat in &mut self.members {
            if let Some(member) = seat.take_if(|member| member.node == node) {
                member.end(false, &mut self.changes);
            }
        }
    }

    /// Lets somebody listen at a node, and waits until all is heard.
    ///
    /// # Errors
    /// It does not get there.
    pub(super) fn listen_at(&mut self, node: usize) -> Result<(), Failure> {
        let (registry, address) = (self.poll.registry(), self.nodes[node].0);
        let opened = Listener::open(node, address, self.channels, registry, Token(node));
        let Ok(listener) = opened else {
            return Err(Failure::new("a listener could not connect"));
        };
        self.listeners[node] = Some(listener);
        self.settle()
    }

    /// The listener at a node.
    pub(super) fn listener(&mut self, node: usize) -> Option<&mut Listener> {
        self.listeners[node].as_mut()
    }

    /// Connects these users, each with one to three connections.
    ///
    /// # Errors
    /// Somebody does not get there.
    pub(super) fn connect(&mut self, users: std::ops::Range<usize>) -> Result<(), Failure> {
        let mut opened = 0;
        for user in users {
            for seat in 0..=self.chance.below(SEATS as u64) as usize {
                self.open(user * SEATS + seat);
                opened += 1;
                if opened % AT_ONCE == 0 {
                    self.settle()?;
                }
            }
        }
        self.settle()
    }

    fn open(&mut self, seat: usize) {
        let well: Vec<usize> =
            (0..self.nodes.len()).filter(|&node| self.nodes[node].1 == Node::Well).collect();
        let node = well[self.chance.below(well.len() as u64) as usize];
        let mut wanted: Vec<usize> = (0..=self.chance.below(CHANNELS))
            .map(|_| self.chance.below(self.channels as u64) as usize)
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        let (at, address) = (Token(self.nodes.len() + seat), self.nodes[node].0);
        let (user, registry) = ((seat / SEATS) as u64, self.poll.registry());
        match Member::open(user, (node, address), &wanted, registry, at) {
            Ok(member) => self.members[seat] = Some(member),
            Err(_) => self.lost += 1,
        }
    }

    /// Takes in what comes for so long.
    ///
    /// # Errors
    /// Somebody was told what nobody should be told.
    pub(super) fn attend(&mut self, during: Duration) -> Result<(), Failure> {
        let until = Instant::now() + during;
        while Instant::now() < until {
            self.look()?;
        }
        Ok(())
    }

    /// Takes in what comes until everything that was asked is answered.
    ///
    /// # Errors
    /// It is not within half a minute.
    pub(super) fn settle(&mut self) -> Result<(), Failure> {
        let until = Instant::now() + SETTLING;
        loop {
            self.look()?;
            let is_due = |node: usize| self.nodes[node].1 != Node::Stopped;
            let members = self.members.iter().flatten();
            let waiting = members.filter(|m| is_due(m.node) && !m.is_settled()).count();
            let listeners = self.listeners.iter().enumerate();
            let deaf = listeners
                .filter(|(node, l)| is_due(*node) && l.as_ref().is_some_and(|l| !l.is_ready()))
                .count();
            if waiting + deaf == 0 {
                return Ok(());
            }
            if Instant::now() > until {
                let seconds = SETTLING.as_secs();
                let words = format!("{waiting} connections had no answer within {seconds} s");
                return Err(Failure::new(words));
            }
        }
    }

    fn look(&mut self) -> Result<(), Failure> {
        let mut events = Events::with_capacity(EVENTS);
        match self.poll.poll(&mut events, Some(LOOK)) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return Ok(()),
            other => other.doing("waiting for sockets")?,
        }
        for event in &events {
            let Token(at) = event.token();
            match at.checked_sub(self.nodes.len()) {
                None => self.hear_listener(at)?,
                Some(seat) => self.hear_member(seat)?,
            }
        }
        Ok(())
    }

    fn hear_listener(&mut self, node: usize) -> Result<(), Failure> {
        let Some(listener) = &mut self.listeners[node] else { return Ok(()) };
        if listener.hear()?.is_ok() {
            return Ok(());
        }
        Err(Failure::new(format_args!("node {node} has closed its listener")))
    }

    fn hear_member(&mut self, seat: usize) -> Result<(), Failure> {
        let Some(member) = &mut self.members[seat] else { return Ok(()) };
        if member.hear(&mut self.changes)?.is_err() {
            self.lost += 1;
            if let Some(member) = self.members[seat].take() {
                member.end(false, &mut self.changes);
            }
        }
        Ok(())
    }

    /// Lets them come and go for so long, by so many steps a second; returns how many steps that were.
    ///
    /// # Errors
    /// As [`Crowd::attend`].
    pub(super) fn churn(&mut self, during: Duration, rate: u32) -> Result<u64, Failure> {
        let begun = Instant::now();
        let mut steps = 0;
        loop {
            let elapsed = begun.elapsed().min(during);
            let due = (elapsed.as_secs_f64() * f64::from(rate)) as u64;
            // Who serves so many steps late serves nobody meanwhile.
            for _ in 0..(due - steps).min(AT_ONCE as u64) {
                self.step()?;
                steps += 1;
            }
            if elapsed == during && steps == due {
                return Ok(steps);
            }
            self.look()?;
        }
    }

    /// One connection is made or ended, or enters or leaves a channel. As many are made as are ended
    /// when a user has two connections on average.
    fn step(&mut self) -> Result<(), Failure> {
        let seat = self.chance.below(self.members.len() as u64) as usize;
        let Some(member) = &mut self.members[seat] else {
            self.open(seat);
            return Ok(());
        };
        if self.chance.once_in(2) {
            let politely = self.chance.once_in(2);
            if let Some(member) = self.members[seat].take() {
                member.end(politely, &mut self.changes);
            }
            return Ok(());
        }
        if self.nodes[member.node].1 != Node::Well || !member.is_settled() {
            return Ok(());
        }
        let count = member.channels() as u64;
        let leaves = count > CHANNELS || (count > 1 && self.chance.once_in(2));
        let number = match leaves {
            true => member.nth_channel(self.chance.below(count) as usize),
            false => Some(self.chance.below(self.channels as u64) as usize),
        };
        match number.map(|number| member.toggle(number)) {
            Some(Err(_)) => self.hear_member(seat),
            _ => Ok(()),
        }
    }

    /// Who is where, as everybody was told.
    pub(super) fn truth(&self) -> Members {
        let mut truth = Members::nobody(self.channels);
        self.members.iter().flatten().for_each(|member| member.add_to(&mut truth));
        self.listeners.iter().flatten().for_each(|listener| listener.add_to(&mut truth));
        truth
    }

    /// How many connections there are at nodes of which `choose` approves.
    pub(super) fn connections(&self, choose: impl Fn(usize) -> bool) -> usize {
        self.members.iter().flatten().filter(|member| choose(member.node)).count()
    }

    /// How many users have a connection.
    pub(super) fn users(&self) -> usize {
        self.members.chunks(SEATS).filter(|seats| seats.iter().any(Option::is_some)).count()
    }
}
