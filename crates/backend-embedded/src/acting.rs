//! What is done with a stream in memory: when it is asked for, and when the disk has answered.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use trunkline_core::backend::{BackendError, Completion, Published};
use trunkline_core::channel::ChannelName;
use trunkline_core::position::{Epoch, Position, Tag};
use trunkline_core::publication::{Draft, Message, Publication};
use trunkline_wal::{Lsn, Record, WalError};

use crate::hot::{Hot, Pending, Placed};
use crate::outcomes::Found;
use crate::record::{self, Head};
use crate::store::{Store, refusal};
use crate::stripe::{Op, Slot, Stripe, Told};

type Done = Completion<Result<Published, BackendError>>;

/// Bytes of the buffer for records that is kept from one to the next.
const SCRATCH: usize = 64 << 10;

impl Store {
    /// Publishes into a channel that keeps nothing.
    pub(crate) fn pass_on(&self, mut draft: Draft, done: Done) {
        let now = self.now();
        let channel = draft.channel.clone();
        let mut stripe = self.lock(self.place_of(&channel));
        let key = draft.idempotency_key.take().map(|key| (channel.clone(), key));
        let found = match &key {
            Some(key) => stripe.outcomes.find(key, done, now),
            None => Found::Nothing(done),
        };
        let (done, outcome, others) = match found {
            Found::Waits => return,
            Found::Known(done, outcome) => (done, outcome, Vec::new()),
            Found::Nothing(done) => {
                let Draft { data, info, tags, .. } = draft;
                let (epoch, tag) = (Epoch::default(), Tag::START);
                let (offset, before) = (0, None);
                let message =
                    Publication { epoch, offset, tag, before, data, info, tags, time: now };
                self.sink.deliver(&channel, Message::Publication(Arc::new(message)));
                let published = Published { position: None, duplicate: false };
                let others = key.map(|key| stripe.outcomes.remember(key, &published, None, now));
                (done, Ok(published), others.unwrap_or_default())
            }
        };
        drop(stripe);
        done(outcome.clone());
        tell_others(others, &outcome);
    }

    /// Does something with a stream that is in memory.
    pub(crate) fn act(
        self: &Arc<Self>,
        stripe: &mut Stripe,
        place: usize,
        channel: &ChannelName,
        op: Op,
    ) -> Option<Told> {
        match op {
            Op::Publish(draft, done) => self.publish(stripe, place, channel, draft, None, done),
            Op::Change(change, done) => {
                self.change_and_publish(stripe, place, channel, *change, done)
            }
            Op::Read(query, done) => {
                let now = self.now();
                let Stripe { slots, bytes, .. } = stripe;
                let Some(Slot::Hot(hot)) = slots.get_mut(channel) else { return None };
                let before = hot.weight();
                hot.last_used = now;
                hot.stream.trim(now);
                *bytes = (*bytes + hot.weight()).saturating_sub(before);
                Some(Told::Read(done, Ok(hot.stream.read(&query))))
            }
            Op::Clear(done) => self.clear(stripe, place, channel, done),
        }
    }

    /// Publishes what is kept, together with the record of a note if there is one.
    pub(crate) fn publish(
        self: &Arc<Self>,
        stripe: &mut Stripe,
        place: usize,
        channel: &ChannelName,
        mut draft: Draft,
        note: Option<&[u8]>,
        done: Done,
    ) -> Option<Told> {
        let now = self.now();
        let Stripe { slots, outcomes, bytes, dirty, scratch, next_message } = stripe;
        let Some(Slot::Hot(hot)) = slots.get_mut(channel) else { return None };
        let key = draft.idempotency_key.take().map(|key| (channel.clone(), key));
        let done = match &key {
            None => done,
            Some(key) => match outcomes.find(key, done, now) {
                Found::Nothing(done) => done,
                Found::Known(done, outcome) => return Some(Told::Published(done, outcome)),
                Found::Waits => return None,
            },
        };
        if self.crowded.load(Ordering::Relaxed) {
            return Some(Told::Published(done, Err(BackendError::Overloaded)));
        }
        hot.last_used = now;
        // A draft without retention does not come here; it would be kept as the others are.
        let retention = draft.retention.unwrap_or_else(|| hot.stream.state().retention);
        let marks = draft.early && !(hot.ahead && hot.session == self.sessions.now);
        let early = draft.early && hot.may_run_ahead(self.sessions.now);
        let ahead = marks || (hot.ahead && hot.session == self.sessions.now);
        let id = next_message.to_be_bytes();
        *next_message = next_message.wrapping_add(1);
        let (publication, before) = hot.place(draft, &id, now);
        let head = self.head(channel, hot, ahead);
        scratch.clear();
        scratch.shrink_to(SCRATCH);
        let text = key.as_ref().map(|key| &*key.1);
        record::put_append(scratch, &head, retention, text, &publication);
        let publishing = Record { kind: record::APPEND, bytes: &*scratch };
        let appended = match note {
            None => self.append(&[publishing], place, channel),
            Some(bytes) => {
                let note = Record { kind: record::NOTE, bytes };
                self.append(&[note, publishing], place, channel)
            }
        };
        if let Err(error) = appended {
            return Some(Told::Published(done, Err(refusal(&error))));
        }
        let publication = Arc::new(publication);
        if let Some(key) = &key {
            outcomes.begin(key.clone());
        }
        if early {
            let weight = hot.weight();
            hot.stream.push(Arc::clone(&publication), retention, now);
            hot.early += 1;
            Stripe::changed(dirty, bytes, channel, hot, weight);
            self.sink.deliver(channel, Message::Publication(Arc::clone(&publication)));
        }
        let placed = Placed { publication, retention, before, marks, key, done };
        hot.pending.push_back(Pending::Publication(placed));
        None
    }

    fn clear(
        self: &Arc<Self>,
        stripe: &mut Stripe,
        place: usize,
        channel: &ChannelName,
        done: Completion<Result<(), BackendError>>,
    ) -> Option<Told> {
        let Stripe { slots, scratch, .. } = stripe;
        let Some(Slot::Hot(hot)) = slots.get_mut(channel) else { return None };
        if hot.stream.is_empty() && hot.pending.is_empty() {
            return Some(Told::Cleared(done, Ok(())));
        }
        let ahead = hot.ahead && hot.session == self.sessions.now;
        let head = self.head(channel, hot, ahead);
        scratch.clear();
        record::put_change(scratch, &head, hot.last_offset());
        let clearing = Record { kind: record::CLEAR, bytes: &*scratch };
        if let Err(error) = self.append(&[clearing], place, channel) {
            return Some(Told::Cleared(done, Err(refusal(&error))));
        }
        hot.pending.push_back(Pending::Clear(done));
        None
    }

    /// What a record of a stream begins with.
    pub(crate) fn head<'a>(&self, channel: &'a ChannelName, hot: &Hot, ahead: bool) -> Head<'a> {
        Head { session: self.sessions.now, channel: channel.as_str(), name: hot.name, ahead }
    }

    /// Hands records to the log, under the lock of the stream, so that the order of the log is the
    /// order of the stream.
    fn append(
        self: &Arc<Self>,
        records: &[Record<'_>],
        place: usize,
        channel: &ChannelName,
    ) -> Result<(), WalError> {
        let (store, channel) = (Arc::clone(self), channel.clone());
        let on_durable = Box::new(move |result| store.answered(place, &channel, &result));
        self.wal.append(records, on_durable)
    }

    /// The disk has answered about the oldest thing that waits in a stream. Called by the thread of
    /// the log, in the order of the log.
    fn answered(&self, place: usize, channel: &ChannelName, result: &Result<Lsn, WalError>) {
        let mut stripe = self.lock(place);
        let Stripe { slots, outcomes, bytes, dirty, .. } = &mut *stripe;
        let Some(Slot::Hot(hot)) = slots.get_mut(channel) else { return };
        let Some(pending) = hot.pending.pop_front() else { return };
        let weight = hot.weight();
        let was_early = hot.early > 0;
        hot.early = hot.early.saturating_sub(1);
        if let Ok(lsn) = result {
            hot.lsn = lsn.0;
            Stripe::changed(dirty, bytes, channel, hot, hot.weight());
        }
        match pending {
            Pending::Clear(done) => {
                if result.is_ok() {
                    hot.stream.clear();
                }
                *bytes = (*bytes + hot.weight()).saturating_sub(weight);
                drop(stripe);
                self.applied(result);
                done(result.as_ref().map(drop).map_err(refusal));
            }
            Pending::Publication(placed) => {
                let outcome = match result {
                    Ok(_) => Ok(self.committed(channel, hot, &placed, was_early)),
                    Err(error) => {
                        if was_early && *error == WalError::Full {
                            hot.take_back(&placed, self.sessions.now, self.id);
                            Stripe::changed(dirty, bytes, channel, hot, hot.weight());
                            self.taken_back.fetch_add(1, Ordering::AcqRel);
                        }
                        Err(refusal(error))
                    }
                };
                *bytes = (*bytes + hot.weight()).saturating_sub(weight);
                let others = match (placed.key, &outcome) {
                    (None, _) => Vec::new(),
                    (Some(key), Err(_)) => outcomes.fail(&key),
                    (Some(key), Ok(published)) => {
                        let (lsn, time) = (hot.lsn, placed.publication.time);
                        outcomes.remember(key, published, Some(lsn), time)
                    }
                };
                drop(stripe);
                self.applied(result);
                if others.is_empty() {
                    (placed.done)(outcome);
                } else {
                    (placed.done)(outcome.clone());
                    tell_others(others, &outcome);
                }
            }
        }
    }

    /// Notes how far the log has had its effect here, before anyone is told.
    pub(crate) fn applied(&self, result: &Result<Lsn, WalError>) {
        if let Ok(lsn) = result {
            self.applied.store(lsn.0, Ordering::Release);
        }
    }

    /// A publication is durable: it becomes part of the stream and is delivered, unless it was
    /// before.
    fn committed(
        &self,
        channel: &ChannelName,
        hot: &mut Hot,
        placed: &Placed,
        was_early: bool,
    ) -> Published {
        let Placed { publication, retention, .. } = placed;
        if !was_early {
            hot.stream.push(Arc::clone(publication), *retention, publication.time);
            self.sink.deliver(channel, Message::Publication(Arc::clone(publication)));
        }
        if placed.marks {
            (hot.ahead, hot.session) = (true, self.sessions.now);
        }
        let Publication { epoch, offset, tag, .. } = &**publication;
        let position = Position { epoch: epoch.clone(), offset: *offset, tag: Some(*tag) };
        Published { position: Some(position), duplicate: false }
    }
}

/// Tells those who waited for the outcome of another one's publish.
fn tell_others(others: Vec<Done>, outcome: &Result<Published, BackendError>) {
    for done in others {
        let duplicate = |published| Published { duplicate: true, ..published };
        done(outcome.clone().map(duplicate));
    }
}
