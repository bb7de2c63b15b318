//! Publishers that are no clients, as the server API has them: one call after the other.

use std::sync::{Arc, Mutex, PoisonError};

use trunkline_core::backend::{BackendError, Published};
use trunkline_core::channel::ChannelName;
use trunkline_core::publication::Draft;

use crate::client::payload;
use crate::journal::{Fate, Record};
use crate::schedule::Due;

use super::World;

/// Milliseconds a publisher waits for an answer.
const PATIENCE_MS: u64 = 3_000;

/// How often a publisher tries with the same key.
const TRIES: u32 = 4;

/// Bytes of padding in a payload, at most.
const PADDING: usize = 300;

/// What came of a call: whose, which one, which try.
type Answer = (usize, u64, Result<Published, BackendError>);

/// Where answers wait until the event that brought them is over.
pub(super) type Answers = Arc<Mutex<Vec<Answer>>>;

/// A call that is under way.
#[derive(Debug)]
struct Call {
    number: u64,
    id: String,
    draft: Draft,
    tries: u32,
}

/// A publisher.
#[derive(Debug, Default)]
pub(super) struct Publisher {
    call: Option<Call>,
    calls: u64,
    messages: u64,
    /// Whether it has but one message.
    once: bool,
}

impl World {
    /// Whether nothing is published any more.
    pub(super) fn is_silent(&self) -> bool {
        self.calm || self.events >= self.silent_from
    }

    /// A publisher publishes something, if it does not wait for an answer.
    pub(super) fn publish(&mut self, number: usize) {
        if self.is_silent() || self.publishers[number].call.is_some() {
            return;
        }
        let channel = self.chance.pick(&self.plan.channels).clone();
        let keyed = self.chance.one_in(2);
        self.publish_into(number, channel, keyed);
    }

    fn publish_into(&mut self, number: usize, channel: ChannelName, keyed: bool) {
        let retention = self.plan.namespaces.options(&channel).and_then(|o| o.retention);
        let padding = self.chance.index(PADDING);
        let publisher = &mut self.publishers[number];
        publisher.messages += 1;
        let id = format!("p{number}-{}", publisher.messages);
        let draft = Draft {
            data: payload(&id, padding).into(),
            retention,
            idempotency_key: (keyed && retention.is_some()).then(|| id.clone().into()),
            ..Draft::new(channel)
        };
        publisher.call = Some(Call { number: 0, id, draft, tries: 0 });
        self.try_to_publish(number);
    }

    fn try_to_publish(&mut self, number: usize) {
        let nodes: Vec<_> = self.nodes.iter().flatten().map(|n| Arc::clone(&n.node)).collect();
        let publisher = &mut self.publishers[number];
        publisher.calls += 1;
        let count = publisher.calls;
        let Some(call) = &mut publisher.call else { return };
        call.tries += 1;
        call.number = count;
        self.schedule.at(self.now + PATIENCE_MS, Due::Impatient(number, count));
        if nodes.is_empty() {
            return;
        }
        let answers = Arc::clone(&self.answers);
        let done = move |outcome| {
            let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers.push((number, count, outcome));
        };
        let draft = call.draft.clone();
        self.chance.pick(&nodes).publish(draft, Box::new(done));
    }

    /// Takes the answers that have come.
    pub(super) fn take_answers(&mut self) {
        let answers = Arc::clone(&self.answers);
        let come = std::mem::take(&mut *answers.lock().unwrap_or_else(PoisonError::into_inner));
        for (number, count, outcome) in come {
            self.answered(number, count, outcome);
        }
    }

    pub(super) fn impatient(&mut self, number: usize, count: u64) {
        self.answered(number, count, Err(BackendError::Unavailable));
    }

    fn answered(&mut self, number: usize, count: u64, outcome: Result<Published, BackendError>) {
        let publisher = &mut self.publishers[number];
        let Some(call) = publisher.call.as_ref().filter(|call| call.number == count) else {
            return;
        };
        let keyed = call.draft.idempotency_key.is_some();
        let fate = match outcome {
            Ok(published) => Fate::Acknowledged(published.position),
            Err(BackendError::Overloaded | BackendError::Full) => Fate::Refused,
            Err(_) if keyed && call.tries < TRIES => return self.try_to_publish(number),
            Err(_) => Fate::Unknown,
        };
        let Some(Call { id, draft, .. }) = publisher.call.take() else { return };
        let publisher = format!("p{number}");
        self.journal.record(Record::Publish { publisher, channel: draft.channel, id, fate });
        if self.publishers[number].once {
            return;
        }
        let pause = self.chance.within(1..self.plan.pace_ms + 1);
        self.schedule.at(self.now + pause, Due::Publish(number));
    }

    /// Many messages at once into one channel, from somebody who does not wait for answers.
    pub(super) fn burst(&mut self) {
        if self.is_silent() {
            return;
        }
        let channel = self.chance.pick(&self.plan.channels).clone();
        let count = self.chance.within(5..120);
        self.journal.note(format_args!("{count} messages at once into {channel}"));
        for _ in 0..count {
            self.publishers.push(Publisher { once: true, ..Publisher::default() });
            let number = self.publishers.len() - 1;
            self.publish_into(number, channel.clone(), false);
        }
    }
}
