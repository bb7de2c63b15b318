//! The lines that are wanted of one server, and how far each has come.

use std::collections::{HashMap, VecDeque};

use tokio::time::Instant;
use trunkline_core::backend::{BackendError, Completion};
use trunkline_core::channel::ChannelName;

use crate::limits::{SUBSCRIBE_DEADLINE, SUBSCRIBE_LINES, SUBSCRIBING, WAITING_FOR_A_LINE};

/// What a line is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A channel.
    Channel(ChannelName),
    /// What nodes tell each other.
    Signals,
    /// Whether anything comes through.
    Probe,
}

/// Told when a line is heard.
pub(crate) type Done = Completion<Result<(), BackendError>>;

type Told = Option<(Done, Result<(), BackendError>)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not subscribed to on this connection.
    Idle,
    /// Asked for, and not confirmed.
    Asked,
    /// Heard.
    Live,
    /// To be left, and not confirmed.
    Leaving,
}

struct Line {
    subject: Subject,
    wanted: bool,
    phase: Phase,
    /// Whether it has been heard before: something may have been missed since.
    interrupted: bool,
    waiting: Vec<(Instant, Done)>,
}

/// A line on its way to another server.
pub(crate) struct Moved {
    subject: Subject,
    interrupted: bool,
    waiting: Vec<(Instant, Done)>,
}

/// What to ask of the server next.
pub(super) enum Step {
    Subscribe(Vec<String>),
    Unsubscribe(Vec<String>),
}

/// The lines that are wanted.
#[derive(Default)]
pub(crate) struct Lines {
    lines: HashMap<Box<str>, Line>,
    /// Lines that may have to be subscribed to or left.
    changed: VecDeque<Box<str>>,
    /// Batches that were asked for and not confirmed: when, and what is missing of each.
    asked: VecDeque<(Instant, Vec<String>, usize)>,
    /// Lines in them.
    asking: usize,
    probe: Box<str>,
    connected: bool,
}

impl Lines {
    pub(super) fn listen(&mut self, line: String, subject: Subject, done: Done) -> Told {
        let entry = self.lines.entry(line.as_str().into()).or_insert_with(|| Line {
            subject,
            wanted: true,
            phase: Phase::Idle,
            interrupted: false,
            waiting: Vec::new(),
        });
        if !entry.wanted {
            entry.wanted = true;
            entry.interrupted |= entry.phase != Phase::Live;
        }
        if entry.phase == Phase::Live {
            return Some((done, Ok(())));
        }
        if entry.waiting.len() >= WAITING_FOR_A_LINE {
            return Some((done, Err(BackendError::Overloaded)));
        }
        entry.waiting.push((Instant::now() + SUBSCRIBE_DEADLINE, done));
        if entry.phase == Phase::Idle {
            self.changed.push_back(line.into());
        }
        None
    }

    pub(super) fn unlisten(&mut self, line: &str) -> Vec<Done> {
        let Some(entry) = self.lines.get_mut(line) else { return Vec::new() };
        entry.wanted = false;
        entry.interrupted = false;
        let waiting = std::mem::take(&mut entry.waiting);
        match entry.phase {
            Phase::Idle => {
                self.lines.remove(line);
            }
            Phase::Live => self.changed.push_back(line.into()),
            // Once it is confirmed it is left.
            Phase::Asked | Phase::Leaving => {}
        }
        waiting.into_iter().map(|(_, done)| done).collect()
    }

    pub(super) fn when_heard(&mut self, line: &str, then: Done) -> Told {
        match self.lines.get_mut(line).filter(|entry| entry.wanted) {
            Some(entry) if entry.phase != Phase::Live => {
                if entry.waiting.len() >= WAITING_FOR_A_LINE {
                    return Some((then, Err(BackendError::Overloaded)));
                }
                entry.waiting.push((Instant::now() + SUBSCRIBE_DEADLINE, then));
                None
            }
            _ => Some((then, Ok(()))),
        }
    }

    /// A new connection stands: everything has to be asked for again, in the order of partitions, so
    /// that batches are long.
    pub(super) fn begin(&mut self, probe: &str) {
        self.end();
        self.connected = true;
        self.probe = probe.into();
        self.lines.retain(|_, entry| entry.wanted && entry.subject != Subject::Probe);
        let probe_line = Line {
            subject: Subject::Probe,
            wanted: true,
            phase: Phase::Idle,
            interrupted: false,
            waiting: Vec::new(),
        };
        self.lines.insert(probe.into(), probe_line);
        let mut all: Vec<Box<str>> = self.lines.keys().cloned().collect();
        all.sort_unstable();
        self.changed = all.into();
    }

    /// The connection is lost.
    pub(super) fn end(&mut self) {
        self.connected = false;
        self.asked.clear();
        self.asking = 0;
        for entry in self.lines.values_mut() {
            entry.interrupted |= entry.phase == Phase::Live;
            entry.phase = Phase::Idle;
        }
    }

    /// What to ask for next, if anything may be.
    pub(super) fn step(&mut self, now: Instant) -> Option<Step> {
        let mut batch: Vec<String> = Vec::new();
        let mut subscribes = true;
        while batch.len() < SUBSCRIBE_LINES {
            let line = self.changed.front()?.clone();
            let next = match self.lines.get(&*line) {
                Some(entry) if entry.wanted && entry.phase == Phase::Idle => Some(true),
                Some(entry) if !entry.wanted && entry.phase == Phase::Live => Some(false),
                // It was changed twice.
                _ => None,
            };
            if next == Some(true) && self.asking >= SUBSCRIBING {
                break;
            }
            let fits = batch.first().is_none_or(|first| {
                next.is_none() || (next == Some(subscribes) && same_partition(first, &line))
            });
            if !fits {
                break;
            }
            self.changed.pop_front();
            if let Some(kind) = next {
                subscribes = kind;
                batch.push(line.into());
            }
            if self.changed.is_empty() {
                break;
            }
        }
        if batch.is_empty() {
            return None;
        }
        let phase = if subscribes { Phase::Asked } else { Phase::Leaving };
        for line in &batch {
            if let Some(entry) = self.lines.get_mut(line.as_str()) {
                entry.phase = phase;
            }
        }
        self.asking += batch.len();
        self.asked.push_back((now, batch.clone(), batch.len()));
        Some(if subscribes { Step::Subscribe(batch) } else { Step::Unsubscribe(batch) })
    }

    /// A line is subscribed to. Says who is to be told, and which channel may have missed something.
    pub(super) fn confirmed(&mut self, line: &str) -> (Vec<Done>, Option<ChannelName>) {
        self.one_less();
        let Some(entry) = self.lines.get_mut(line) else { return (Vec::new(), None) };
        entry.phase = Phase::Live;
        if !entry.wanted {
            self.changed.push_back(line.into());
            return (Vec::new(), None);
        }
        let interrupted = std::mem::take(&mut entry.interrupted);
        let waiting = std::mem::take(&mut entry.waiting);
        let channel = match &entry.subject {
            Subject::Channel(channel) if interrupted => Some(channel.clone()),
            _ => None,
        };
        (waiting.into_iter().map(|(_, done)| done).collect(), channel)
    }

    /// A line is not subscribed to any more. True if nobody asked for that.
    pub(super) fn left(&mut self, line: &str) -> bool {
        let Some(entry) = self.lines.get_mut(line) else { return false };
        let asked_for = entry.phase == Phase::Leaving;
        entry.interrupted |= entry.phase == Phase::Live;
        entry.phase = Phase::Idle;
        if entry.wanted {
            self.changed.push_back(line.into());
        } else {
            self.lines.remove(line);
        }
        if asked_for {
            self.one_less();
        }
        !asked_for
    }

    /// The server refuses the batch it was asked for first.
    pub(super) fn refused(&mut self) {
        let Some((_, batch, missing)) = self.asked.pop_front() else { return };
        self.asking -= missing;
        for line in batch {
            if let Some(entry) = self.lines.get_mut(line.as_str()) {
                entry.phase = Phase::Idle;
            }
        }
    }

    fn one_less(&mut self) {
        let Some((_, _, missing)) = self.asked.front_mut() else { return };
        *missing -= 1;
        self.asking -= 1;
        if *missing == 0 {
            self.asked.pop_front();
        }
    }

    /// What a line is about, if it is heard and wanted.
    pub(super) fn subject(&self, line: &str) -> Option<&Subject> {
        self.lines.get(line).filter(|entry| entry.wanted).map(|entry| &entry.subject)
    }

    /// Whether a confirmation is late.
    pub(super) fn is_late(&self, now: Instant) -> bool {
        let oldest = self.asked.front();
        oldest.is_some_and(|(since, ..)| now.duration_since(*since) > SUBSCRIBE_DEADLINE)
    }

    /// Whether everything that is wanted is heard.
    pub(super) fn is_complete(&self) -> bool {
        self.connected && self.changed.is_empty() && self.asked.is_empty()
    }

    pub(super) fn expire(&mut self, now: Instant) -> Vec<Done> {
        let mut late = Vec::new();
        for entry in self.lines.values_mut().filter(|entry| !entry.waiting.is_empty()) {
            let waiting = std::mem::take(&mut entry.waiting);
            for (until, done) in waiting {
                if until <= now {
                    late.push(done);
                } else {
                    entry.waiting.push((until, done));
                }
            }
        }
        late
    }

    pub(super) fn take(&mut self, is_gone: impl Fn(&str) -> bool) -> Vec<(String, Moved)> {
        let probe = self.probe.clone();
        let gone: Vec<Box<str>> =
            self.lines.keys().filter(|line| **line != probe && is_gone(line)).cloned().collect();
        let mut taken = Vec::new();
        for line in gone {
            let Some(entry) = self.lines.get_mut(&*line) else { continue };
            if entry.wanted {
                let interrupted = entry.interrupted || entry.phase == Phase::Live;
                let waiting = std::mem::take(&mut entry.waiting);
                let moved = Moved { subject: entry.subject.clone(), interrupted, waiting };
                taken.push((line.to_string(), moved));
            }
            // Who refuses a line, or has let it go, confirms nothing about it.
            entry.wanted = false;
            match entry.phase {
                Phase::Idle => {
                    self.lines.remove(&*line);
                }
                Phase::Live => self.changed.push_back(line),
                Phase::Asked | Phase::Leaving => {}
            }
        }
        taken
    }

    pub(super) fn take_over(&mut self, line: String, moved: Moved) {
        let entry = self.lines.entry(line.as_str().into()).or_insert_with(|| Line {
            subject: moved.subject,
            wanted: true,
            phase: Phase::Idle,
            interrupted: false,
            waiting: Vec::new(),
        });
        entry.wanted = true;
        entry.interrupted |= moved.interrupted;
        entry.waiting.extend(moved.waiting);
        self.changed.push_back(line.into());
    }
}

/// Whether two lines stand in one partition, and so in one slot.
fn same_partition(one: &str, other: &str) -> bool {
    let tag = |line: &str| line.find('{').and_then(|at| line.get(at..at + 4)).map(str::to_owned);
    tag(one) == tag(other)
}

#[cfg(test)]
mod tests;
