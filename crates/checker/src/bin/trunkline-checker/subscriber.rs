//! A subscriber: comes, listens, stalls, leaves in one way or another, and comes back with the place
//! it was at.

use std::sync::PoisonError;
use std::thread;
use std::time::{Duration, Instant};

use trunkline_checker::event::{Event, GapReason, Place};

use crate::chance::Chance;
use crate::line::{Asked, Line, Protocol, since_parameter};
use crate::load::{Load, Phase, Progress};
use crate::socket::{Gone, Socket};
use crate::wire::{Publication, Said, Subscribed};

/// How long a subscriber stays, in milliseconds.
const STAY: (u64, u64) = (100, 3000);
/// How long it is away at least, in milliseconds. How long at most, the run says.
const AWAY_LEAST: u64 = 1;
/// Within how many milliseconds those come back who do so together: not all in one instant.
const CROWD: u64 = 60;
/// How long it does not read, in milliseconds.
const STALL: (u64, u64) = (10, 200);
/// It stalls once in so many messages.
const STALLS: u64 = 400;
/// It comes back without a place once in so many times.
const FORGETS: u64 = 25;
/// How long an answer to a command may take before the connection is given up.
const PATIENCE: Duration = Duration::from_secs(15);

/// One subscriber.
pub(crate) struct Subscriber<'l> {
    load: &'l Load,
    name: String,
    protocol: Protocol,
    lines: Vec<Line>,
    progress: &'l Progress,
    chance: Chance,
    /// The id of the next command.
    next: u32,
    /// The server it talks to, by number.
    home: usize,
    /// Whether it leaves of itself.
    restless: bool,
    /// Since when its connection is gone against its will.
    lost: Option<Instant>,
}

impl<'l> Subscriber<'l> {
    /// The subscriber of this number.
    pub(crate) fn new(
        load: &'l Load,
        number: u32,
        wanted: &[usize],
        progress: &'l Progress,
    ) -> Self {
        let line = |&at: &usize| Line {
            channel: load.channels[at].clone(),
            seen: None,
            asked: None,
            here: false,
        };
        Self {
            load,
            name: format!("s{number}"),
            protocol: Protocol::of(number),
            lines: wanted.iter().map(line).collect(),
            progress,
            chance: load.chance.fork(number.into()),
            next: 1,
            // Neighbours differ in how they talk, pairs of them in whether they stay.
            home: number as usize / 4,
            restless: (number / 2).checked_rem(load.manner.restless) == Some(0),
            lost: None,
        }
    }

    /// Comes and goes until the end. Who has lost its server tries the next one.
    pub(crate) fn run(mut self) {
        loop {
            // A connection that ends early is what this is about.
            if self.visit().is_err() {
                self.home += 1;
                self.lost.get_or_insert_with(Instant::now);
            }
            if self.lines.iter().any(|line| line.here) {
                self.load.recorder.note(&Event::Disconnected { subscriber: self.name.clone() });
            }
            for at in 0..self.lines.len() {
                self.left(at);
            }
            match self.load.phase() {
                Phase::End => return,
                Phase::Storm => thread::sleep(self.chance.millis(AWAY_LEAST, self.away_most())),
                // Not all in the same instant.
                Phase::Calm => thread::sleep(self.chance.millis(AWAY_LEAST, CROWD)),
            }
        }
    }

    /// The longest it is away of itself, in milliseconds. Who has lost its server looks for another.
    fn away_most(&self) -> u64 {
        match self.lost {
            Some(_) => CROWD,
            None => self.load.manner.away.as_millis() as u64,
        }
    }

    /// One connection.
    fn visit(&mut self) -> Result<(), Gone> {
        self.next = 1;
        let mut socket = self.open()?;
        let leave_at = Instant::now() + self.chance.millis(STAY.0, STAY.1);
        loop {
            let phase = self.load.phase();
            let storm = phase == Phase::Storm && self.restless;
            if phase == Phase::End || (storm && Instant::now() > leave_at) {
                self.leave(socket);
                return Ok(());
            }
            if storm && self.chance.once_in(STALLS) {
                thread::sleep(self.chance.millis(STALL.0, STALL.1));
            }
            for said in socket.hear()? {
                self.hear(said)?;
            }
            if storm && self.protocol == Protocol::Centrifuge && self.chance.once_in(STALLS) {
                self.step_out(&mut socket)?;
            }
            self.ask_again(&mut socket)?;
        }
    }

    fn leave(&mut self, socket: Socket) {
        // Otherwise it just vanishes, perhaps with messages unread.
        if self.chance.once_in(2) {
            socket.close();
        }
    }

    /// What to come back with.
    fn since(&mut self, at: usize) -> Option<Place> {
        let storm = self.load.phase() == Phase::Storm && self.restless;
        let forgets = storm && self.chance.once_in(FORGETS);
        self.lines[at].seen.clone().filter(|_| !forgets)
    }

    fn open(&mut self) -> Result<Socket, Gone> {
        let address = self.load.api(self.home).address;
        let look = self.load.manner.look;
        if self.protocol == Protocol::Centrifuge {
            let mut socket = Socket::open(address, "/connection/websocket", look)?;
            socket.say(r#"{"id":1,"connect":{}}"#)?;
            for at in 0..self.lines.len() {
                self.ask(&mut socket, at)?;
            }
            return Ok(socket);
        }
        let since = self.since(0);
        let path =
            format!("/ws?channels={}{}", self.lines[0].channel, since_parameter(since.as_ref()));
        self.lines[0].asked = Some(Asked { command: 0, since, at: Instant::now() });
        Socket::open(address, &path, look)
    }

    /// Subscribes to one channel by command.
    fn ask(&mut self, socket: &mut Socket, at: usize) -> Result<(), Gone> {
        let since = self.since(at);
        self.next += 1;
        let (command, channel) = (self.next, &self.lines[at].channel);
        let from = since.as_ref().map_or_else(String::new, |Place { epoch, offset, .. }| {
            format!(r#","recover":true,"epoch":"{epoch}","offset":{offset}"#)
        });
        socket
            .say(&format!(r#"{{"id":{command},"subscribe":{{"channel":"{channel}"{from}}}}}"#))?;
        self.lines[at].asked = Some(Asked { command, since, at: Instant::now() });
        Ok(())
    }

    /// Subscribes where it is not subscribed, and gives up on a server that does not answer.
    fn ask_again(&mut self, socket: &mut Socket) -> Result<(), Gone> {
        for at in 0..self.lines.len() {
            match &self.lines[at] {
                Line { asked: Some(asked), .. } if asked.at.elapsed() > PATIENCE => {
                    return Err(Gone);
                }
                // At /ws the URL says it; whoever lost the subscription comes back as a whole.
                Line { here: false, asked: None, .. } if self.protocol == Protocol::Plain => {
                    return Err(Gone);
                }
                Line { here: false, asked: None, .. } => self.ask(socket, at)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Leaves one channel and stays connected. It is subscribed to again when that is answered.
    fn step_out(&mut self, socket: &mut Socket) -> Result<(), Gone> {
        let at = self.chance.below(self.lines.len() as u64) as usize;
        if !self.lines[at].here {
            return Ok(());
        }
        self.next += 1;
        let (command, channel) = (self.next, &self.lines[at].channel);
        socket.say(&format!(r#"{{"id":{command},"unsubscribe":{{"channel":"{channel}"}}}}"#))?;
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let mut done = false;
            for said in socket.hear()? {
                if said.id == command {
                    done = true;
                } else {
                    self.hear(said)?;
                }
            }
            if done {
                self.unsubscribed(at);
                return Ok(());
            }
        }
        Err(Gone)
    }

    fn line(&self, channel: &str) -> Option<usize> {
        self.lines.iter().position(|line| line.channel == channel)
    }

    fn hear(&mut self, said: Said) -> Result<(), Gone> {
        let asked = |line: &Line| line.asked.as_ref().is_some_and(|asked| asked.command == said.id);
        let by_command = || self.lines.iter().position(|line| said.id > 0 && asked(line));
        let by_channel = said.channel.as_deref().and_then(|channel| self.line(channel));
        let Some(at) = by_channel.or_else(by_command) else { return Ok(()) };
        if said.error.is_some() {
            // Refused for a moment, or already there: a new connection knows.
            return Err(Gone);
        }
        if let Some(subscribed) = said.subscribe {
            self.subscribed(at, &subscribed);
        }
        if let Some(gap) = said.gap {
            // A reason nobody knows is none: what is missing then counts as missing.
            if let Some(reason) = gap.reason() {
                let (subscriber, channel) = self.names(at);
                self.reached(at, gap.place());
                let at = gap.place();
                self.load.recorder.note(&Event::Gap { subscriber, channel, reason, at });
            }
        }
        if let Some(publication) = said.publication {
            self.received(at, &publication);
        }
        if said.unsubscribe.is_some() {
            self.unsubscribed(at);
        }
        Ok(())
    }

    fn names(&self, at: usize) -> (String, String) {
        (self.name.clone(), self.lines[at].channel.clone())
    }

    fn subscribed(&mut self, line: usize, result: &Subscribed) {
        let (subscriber, channel) = self.names(line);
        let asked = self.lines[line].asked.take();
        let since = asked.and_then(|asked| asked.since);
        let at = result.place();
        let recovered = result.recovered && since.is_some();
        // The Centrifuge protocol says "not recovered" and has no word for the reason.
        let wordless = self.protocol == Protocol::Centrifuge && result.was_recovering && !recovered;
        let gap = result.gap().or(wordless.then_some(GapReason::Unrecovered));
        self.lines[line].here = true;
        if self.lines.iter().all(|line| line.here)
            && let Some(lost) = self.lost.take()
        {
            self.load.returned(lost.elapsed());
        }
        self.reached(line, at.clone());
        self.load.recorder.note(&Event::Subscribed {
            subscriber,
            channel,
            since,
            recovered,
            gap,
            at,
        });
        for publication in &result.publications {
            self.received(line, publication);
        }
    }

    fn received(&mut self, line: usize, publication: &Publication) {
        let (subscriber, channel) = self.names(line);
        let epoch = self.lines[line].seen.as_ref().map_or_else(String::new, |at| at.epoch.clone());
        let Publication { offset, tag, .. } = publication;
        let (offset, tag, id) = (*offset, tag.clone(), publication.id().to_owned());
        self.reached(line, Place { epoch: epoch.clone(), offset, tag: tag.clone() });
        self.load.recorder.note(&Event::Publication {
            subscriber,
            channel,
            epoch,
            offset,
            tag,
            id,
        });
    }

    fn reached(&mut self, line: usize, place: Place) {
        self.lines[line].seen = Some(place.clone());
        self.show(line, Some(place));
    }

    fn unsubscribed(&mut self, line: usize) {
        let (subscriber, channel) = self.names(line);
        if self.lines[line].here {
            self.load.recorder.note(&Event::Unsubscribed { subscriber, channel });
        }
        self.left(line);
    }

    fn left(&mut self, line: usize) {
        self.lines[line].here = false;
        self.lines[line].asked = None;
        self.show(line, None);
    }

    /// Lets those who wait for it see where it is.
    fn show(&self, line: usize, place: Option<Place>) {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)[line] = place;
    }
}
