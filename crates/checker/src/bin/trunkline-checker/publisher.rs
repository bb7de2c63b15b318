//! A publisher: one message after the other by the server API, or several at once over a WebSocket.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use trunkline_checker::event::{Event, Outcome};

use crate::api::INTERNAL_ERROR;
use crate::chance::Chance;
use crate::load::Load;
use crate::socket::{Gone, LOOK, Socket};
use crate::wire::{Said, payload};

/// Messages that wait for an answer on one connection at most: enough to fill a group commit, and
/// fewer than the 256 a connection may have.
const WINDOW: u64 = 32;
/// How long answers may take before the connection is given up.
const PATIENCE: Duration = Duration::from_secs(15);
/// Bytes of padding at most.
const PADDING: u64 = 300;
/// How long to wait before trying a server again that was not there, in milliseconds.
const AWAY: (u64, u64) = (5, 40);

/// One publisher in one round.
pub(crate) struct Publisher<'l> {
    load: &'l Load,
    name: String,
    number: u32,
    chance: Chance,
    prefix: String,
    made: u64,
    /// The server it talks to, by number.
    home: usize,
}

impl<'l> Publisher<'l> {
    /// The publisher of this number, in this round.
    pub(crate) fn new(load: &'l Load, number: u32, round: u32) -> Self {
        let chance = load.chance.fork(u64::from(round) << 32 | 1 << 31 | u64::from(number));
        // Neighbours differ in how they talk, so that both ways are tried at every server.
        let home = number as usize / 2;
        let prefix = format!("{round}-{number}-");
        Self { load, name: format!("p{number}"), number, chance, prefix, made: 0, home }
    }

    /// Publishes until it is told to stop.
    pub(crate) fn run(mut self) {
        while self.load.is_publishing() {
            if self.number.is_multiple_of(2) {
                self.call();
            } else if self.visit().is_err() {
                self.home += 1;
                thread::sleep(self.chance.millis(AWAY.0, AWAY.1));
            }
        }
    }

    /// A new message: its channel, its id, how much to pad it.
    fn message(&mut self) -> (String, String, usize) {
        self.made += 1;
        let channel = self.chance.below(self.load.loud()) as usize;
        let id = format!("{}{}", self.prefix, self.made);
        (self.load.channels[channel].clone(), id, self.chance.below(PADDING) as usize)
    }

    fn tell(&self, channel: String, id: String, outcome: Outcome) {
        let publisher = self.name.clone();
        self.load.recorder.note(&Event::Publish { publisher, channel, id, outcome });
    }

    /// Rests so long after `messages` that all publishers together keep the rate, on average.
    fn rest(&mut self, messages: u64) {
        let share = messages * u64::from(self.load.args.publishers) * 1_000_000;
        let mean = share / u64::from(self.load.args.rate);
        thread::sleep(Duration::from_micros(self.chance.below(2 * mean + 1)));
    }

    fn call(&mut self) {
        let (channel, id, padding) = self.message();
        let outcome = self.load.api(self.home).publish(&channel, &id, padding);
        let away = outcome == Outcome::Refused;
        if !matches!(outcome, Outcome::Acknowledged(_)) {
            self.home += 1;
        }
        self.tell(channel, id, outcome);
        if away {
            thread::sleep(self.chance.millis(AWAY.0, AWAY.1));
        }
        self.rest(1);
    }

    /// Publishes over one connection until that ends.
    fn visit(&mut self) -> Result<(), Gone> {
        let mut socket =
            Socket::open(self.load.api(self.home).address, "/connection/websocket", LOOK)?;
        socket.say(r#"{"id":1,"connect":{}}"#)?;
        let mut next = 2;
        while self.load.is_publishing() {
            let count = 1 + self.chance.below(WINDOW);
            let mut waiting = BTreeMap::new();
            let mut commands = String::new();
            for _ in 0..count {
                let (channel, id, padding) = self.message();
                let data = payload(&id, padding);
                // Writing to a String does not fail.
                let _ = writeln!(
                    commands,
                    r#"{{"id":{next},"publish":{{"channel":"{channel}","data":{data}}}}}"#
                );
                waiting.insert(next, (channel, id));
                next += 1;
            }
            let answered =
                socket.say(&commands).and_then(|()| self.collect(&mut socket, &mut waiting));
            for (channel, id) in waiting.into_values() {
                self.tell(channel, id, Outcome::Unknown);
            }
            answered?;
            self.rest(count);
        }
        socket.close();
        Ok(())
    }

    fn collect(
        &self,
        socket: &mut Socket,
        waiting: &mut BTreeMap<u32, (String, String)>,
    ) -> Result<(), Gone> {
        let deadline = Instant::now() + PATIENCE;
        while !waiting.is_empty() {
            if Instant::now() > deadline {
                return Err(Gone);
            }
            for Said { id, publish, error, .. } in socket.hear()? {
                let outcome = match error {
                    Some(refused) if refused.code == INTERNAL_ERROR => Outcome::Unknown,
                    Some(_) => Outcome::Refused,
                    None if publish.is_some() => Outcome::Acknowledged(None),
                    None => continue,
                };
                if let Some((channel, id)) = waiting.remove(&id) {
                    self.tell(channel, id, outcome);
                }
            }
        }
        Ok(())
    }
}
