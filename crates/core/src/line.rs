//! What a node knows of a stream that is kept elsewhere, and how it keeps up with it.
//!
//! What is published comes to a node over a line on which something may be lost, or come late, or
//! come of another history than before. A [`Line`] lets publications through only in order, each
//! behind the one before; where it cannot, it holds them back and wants the stream to be read from
//! the place it has come to. One reading serves the whole node, and clients notice nothing, unless
//! the stream does not have what was missed: then everybody who follows it is to look for himself,
//! and is told why.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::gap::GapReason;
use crate::history::{HistoryPage, HistoryQuery};
use crate::limits::{JOINING_BUFFER, LINE_BYTES, LINE_PUBLICATIONS, RECOVERY_LIMIT};
use crate::namespace::Retention;
use crate::position::{Position, Step};
use crate::publication::{Message, Publication};
use crate::stream::{Stream, StreamState};
use crate::time::WallTime;

/// What follows from what has happened to a line, in order.
#[derive(Debug, Default, PartialEq)]
pub struct Outcome {
    /// To be handed on to whoever listens.
    pub deliver: Vec<Message>,
    /// Whether whoever follows the stream has to look what he has missed, before what is delivered.
    pub doubt: bool,
    /// Whether the stream has to be read.
    pub wants_reading: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing is known to be missing.
    Sure,
    /// The stream has to be read.
    Unread,
    /// It is being read.
    Reading {
        /// Whether there was reason to doubt since that began.
        again: bool,
    },
}

/// What a node knows of a channel's stream.
#[derive(Debug)]
pub struct Line {
    phase: Phase,
    /// The end of the stream as it was handed on; `None` until the first publication has come.
    stream: Option<Stream>,
    /// A place of the stream that somebody has read, before anything has come.
    base: Option<Position>,
    /// The furthest place that somebody has read for himself and the line has not come to.
    ahead: Option<Position>,
    held: VecDeque<Arc<Publication>>,
    retention: Retention,
}

impl Line {
    /// A line of which nothing is known. Of what comes as much is remembered as `retention` allows,
    /// and no more than a line may remember.
    #[must_use]
    pub fn new(retention: Option<Retention>) -> Self {
        let Retention { size, ttl_ms, bytes } =
            retention.unwrap_or(Retention { size: 0, ttl_ms: 0, bytes: 0 });
        let retention =
            Retention { size: size.min(LINE_PUBLICATIONS), ttl_ms, bytes: bytes.min(LINE_BYTES) };
        let (stream, base, ahead, held) = (None, None, None, VecDeque::new());
        Self { phase: Phase::Sure, stream, base, ahead, held, retention }
    }

    /// A message has come.
    pub fn arrive(&mut self, message: Message, now: WallTime) -> Outcome {
        let mut outcome = Outcome::default();
        match message {
            Message::Publication(publication) if publication.offset > 0 => {
                self.take(publication, now, &mut outcome);
            }
            // It has no place, so nothing can be missing before it.
            other => outcome.deliver.push(other),
        }
        outcome
    }

    fn take(&mut self, publication: Arc<Publication>, now: WallTime, outcome: &mut Outcome) {
        if self.phase != Phase::Sure {
            // What is too much is missing from then on, and will be noticed.
            if self.held.len() < JOINING_BUFFER {
                self.held.push_back(publication);
            }
            return;
        }
        match self.step(&publication) {
            Step::Next => {
                self.push(Arc::clone(&publication), now);
                outcome.deliver.push(Message::Publication(publication));
            }
            Step::Known => {}
            Step::Elsewhere => {
                self.held.push_back(publication);
                self.phase = Phase::Unread;
                outcome.wants_reading = true;
            }
        }
    }

    /// How a publication stands to what was handed on.
    fn step(&self, publication: &Publication) -> Step {
        let Some(stream) = &self.stream else {
            // Nothing was handed on yet: what somebody has read may still be on its way to others.
            let beyond = |base: &Position| base.offset + 1 < publication.offset;
            return match &self.base {
                Some(base) if beyond(base) || base.step(publication) == Step::Elsewhere => {
                    Step::Elsewhere
                }
                _ => Step::Next,
            };
        };
        match stream.top().step(publication) {
            Step::Known if self.contradicts(stream, publication) => Step::Elsewhere,
            step => step,
        }
    }

    /// Whether another message is remembered in its place.
    fn contradicts(&self, stream: &Stream, publication: &Publication) -> bool {
        let known = stream.kept().iter().find(|known| known.offset == publication.offset);
        known.is_some_and(|known| known.tag != publication.tag)
    }

    fn push(&mut self, publication: Arc<Publication>, now: WallTime) {
        // Whoever knew more finds out by this one whether he knew the same.
        self.ahead.take_if(|ahead| ahead.offset <= publication.offset);
        match &mut self.stream {
            Some(stream) => stream.push(publication, self.retention, now),
            None => {
                let state = StreamState {
                    epoch: publication.epoch.clone(),
                    ancestors: Arc::default(),
                    top: publication.offset,
                    tag: publication.tag,
                    floor: publication.before.unwrap_or_default(),
                    retention: self.retention,
                };
                self.stream = Some(Stream::restore(state, VecDeque::from([publication])));
            }
        }
    }

    /// Something may have been lost.
    pub fn doubt(&mut self) -> Outcome {
        let mut outcome = Outcome::default();
        let lost = self.position().is_none();
        match &mut self.phase {
            // There is nothing to compare with. Whoever follows knows his own place.
            Phase::Sure if lost => outcome.doubt = true,
            Phase::Sure => {
                self.phase = Phase::Unread;
                outcome.wants_reading = true;
            }
            Phase::Unread => {}
            Phase::Reading { again } => *again = true,
        }
        outcome
    }

    /// The place the line has come to, if it is known.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.stream.as_ref().map(Stream::top).or_else(|| self.base.clone())
    }

    /// Whether the stream has to be read.
    #[must_use]
    pub fn wants_reading(&self) -> bool {
        self.phase == Phase::Unread
    }

    /// What to read, if the stream has to be read; the answer is [`Line::read`], or
    /// [`Line::not_read`].
    pub fn begin_reading(&mut self) -> Option<HistoryQuery> {
        if self.phase != Phase::Unread {
            return None;
        }
        self.phase = Phase::Reading { again: false };
        // The stream has what has come before it is read, or it was rolled back.
        self.held.clear();
        Some(HistoryQuery { since: self.position(), limit: RECOVERY_LIMIT, reverse: false })
    }

    /// The stream could not be read.
    pub fn not_read(&mut self) {
        if matches!(self.phase, Phase::Reading { .. }) {
            self.phase = Phase::Unread;
        }
    }

    /// The stream was read.
    pub fn read(&mut self, page: HistoryPage, now: WallTime) -> Outcome {
        let mut outcome = Outcome::default();
        let Phase::Reading { again } = self.phase else { return outcome };
        let from = self.position().unwrap_or_default();
        let whole = page.recovers(&from);
        let cut = page.publications.last().is_some_and(|last| last.offset < page.top.offset);
        if !matches!(whole, Ok(()) | Err(GapReason::Limit)) {
            outcome.doubt = true;
            self.stream = None;
        }
        // Somebody knows what the stream does not have any more, and no publication tells him.
        if !cut && self.ahead.take().is_some_and(|ahead| !leads_to(&page, &ahead)) {
            outcome.doubt = true;
        }
        self.go_on(page, now, &mut outcome);
        if again || cut {
            self.phase = Phase::Unread;
            outcome.wants_reading = true;
            return outcome;
        }
        self.phase = Phase::Sure;
        while let Some(publication) = self.held.pop_front() {
            if self.phase == Phase::Sure {
                self.take(publication, now, &mut outcome);
            } else {
                // The one before stands at the end of those that are held, and has to be first.
                self.held.push_front(publication);
                self.held.rotate_right(1);
                break;
            }
        }
        if self.phase == Phase::Sure {
            self.held = VecDeque::new();
        }
        outcome
    }

    /// Hands on what a page has.
    fn go_on(&mut self, page: HistoryPage, now: WallTime, outcome: &mut Outcome) {
        let HistoryPage { top, publications, ancestors, .. } = page;
        let same = self.stream.as_ref().is_some_and(|stream| stream.top().epoch == top.epoch);
        if !same {
            // Under another name nothing older is remembered.
            let (offset, tag) = match publications.first() {
                Some(first) => (first.offset - 1, first.before),
                None => (top.offset, top.tag),
            };
            let tag = tag.unwrap_or_default();
            let (epoch, retention) = (top.epoch, self.retention);
            let state = StreamState { epoch, ancestors, top: offset, tag, floor: tag, retention };
            self.stream = Some(Stream::restore(state, VecDeque::new()));
            self.base = None;
        }
        for publication in publications {
            if let Some(stream) = &mut self.stream {
                stream.push(Arc::clone(&publication), self.retention, now);
            }
            outcome.deliver.push(Message::Publication(publication));
        }
    }

    /// Somebody has read the stream for himself, and this was its top.
    pub fn learn(&mut self, top: &Position) {
        let here = self.position();
        let further = |known: &Position| known.offset < top.offset || known.epoch != top.epoch;
        if here.as_ref().is_some_and(further) && self.ahead.as_ref().is_none_or(further) {
            self.ahead = Some(top.clone());
        }
        if self.stream.is_none() && self.base.is_none() && !top.epoch.is_empty() {
            self.base = Some(top.clone());
        }
    }

    /// Answers from memory, if all that is asked for is there and nothing is doubted. The answer may
    /// be older than what the broker would give, by what is on its way.
    pub fn recall(&mut self, query: &HistoryQuery, now: WallTime) -> Option<HistoryPage> {
        if self.phase != Phase::Sure || query.reverse {
            return None;
        }
        let stream = self.stream.as_mut()?;
        stream.trim(now);
        if query.limit == 0 && query.since.is_none() {
            return Some(stream.read(query));
        }
        let since = query.since.as_ref()?;
        let page = stream.read(query);
        // Whoever knows more than this node, or another history, is to be judged by who knows all.
        let proved = match (since.tag, page.anchor) {
            (_, None) => false,
            (seen, anchor) => seen.is_none() || seen == anchor,
        };
        let at_home = since.epoch.is_empty() || since.epoch == page.top.epoch;
        (at_home && proved).then_some(page)
    }

    /// Forgets the publications, which were removed from the stream.
    pub fn forget(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.clear();
        }
    }
}

/// Whether a page shows that a place stands in its stream.
fn leads_to(page: &HistoryPage, place: &Position) -> bool {
    let at_place = |publication: &&Arc<Publication>| publication.offset == place.offset;
    let tag = page.publications.iter().find(at_place).map(|publication| publication.tag);
    let top = page.top.tag.filter(|_| page.top.offset == place.offset);
    let tag = tag.or(top);
    tag.is_some() && (place.tag.is_none() || tag == place.tag)
}

#[cfg(test)]
mod tests;
