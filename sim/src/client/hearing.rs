//! What a client makes of what it reads.

use trunkline_checker::event::GapReason as Told;
use trunkline_core::delta;
use trunkline_core::error::{ClientError, UnsubscribeReason};
use trunkline_core::gap::GapReason;
use trunkline_core::publication::{Message, Publication};
use trunkline_core::reply::{Push, Reply, SubscribeResult};

use crate::journal::{Fate, Journal, Record};
use crate::oracle::witness::Witness;
use crate::pipe::Frame;
use crate::plan::Plan;

use super::{Asked, Client, Standing, Up, message_of};

/// Milliseconds after which a client asks again for a channel it was refused.
const REFUSED_MS: u64 = 300;

/// The same, after it was sent away to come back.
const SENT_BACK_MS: u64 = 20;

/// Bytes a payload may have that a difference makes.
const PAYLOAD_BYTES: usize = 64 * 1024;

/// What is around a client that reads, and what it wants to do about it.
pub struct Hearing<'a> {
    /// Where it is noted.
    pub journal: &'a mut Journal,
    /// Knows what was published.
    pub witness: &'a Witness,
    /// The plan.
    pub plan: &'a Plan,
    /// What to send.
    pub ups: Vec<Up>,
    /// Channels to ask for again, and after how many milliseconds.
    pub again: Vec<(usize, u64)>,
    /// Whether it leaves.
    pub leaves: bool,
}

/// A reason as the checker knows it.
fn told(reason: GapReason) -> Told {
    match reason {
        GapReason::Trimmed => Told::Trimmed,
        GapReason::EpochChanged => Told::EpochChanged,
        GapReason::Forked => Told::Forked,
        GapReason::Overflow => Told::Overflow,
        GapReason::Limit => Told::Limit,
    }
}

impl Client {
    /// Takes what it has read.
    pub fn hear(&mut self, frame: Frame, cx: &mut Hearing<'_>) {
        match frame {
            Frame::Reply(id, result) => self.answered(id, result, cx),
            Frame::Push(push) => self.pushed(push, cx),
            Frame::Message(channel, message) => self.message(channel.as_str(), &message, cx),
            Frame::Difference(channel, publication, patch) => {
                let Some(at) = self.find(channel.as_str()) else { return };
                match delta::apply(&self.channels[at].last, &patch, PAYLOAD_BYTES) {
                    Ok(data) if data == publication.data => self.publication(at, &publication, cx),
                    Ok(_) | Err(_) if self.channels[at].standing == Standing::On => {
                        cx.journal.accuse(format!(
                            "client {} cannot apply the difference at {} of {channel}",
                            self.number, publication.offset
                        ));
                    }
                    Ok(_) | Err(_) => {}
                }
            }
            Frame::Ping => cx.ups.push(Up::Pong),
            Frame::Close(reason) => {
                cx.journal.note(format_args!("client {} is closed: {reason:?}", self.number));
                cx.leaves = true;
            }
        }
    }

    fn find(&self, channel: &str) -> Option<usize> {
        self.channels.iter().position(|known| known.name.as_str() == channel)
    }

    fn answered(&mut self, id: u32, result: Result<Reply, ClientError>, cx: &mut Hearing<'_>) {
        let Some(asked) = self.asked.remove(&id) else {
            let number = self.number;
            return cx.journal.accuse(format!("client {number} is answered {id} twice"));
        };
        match (asked, result) {
            (Asked::Connect, Ok(_)) => {
                for at in 0..self.channels.len() {
                    cx.ups.extend(self.again(at, cx.plan));
                }
            }
            (Asked::Connect, Err(_)) => cx.leaves = true,
            (Asked::Subscribe(at), Ok(Reply::Subscribe(result))) => {
                self.subscribed(at, *result, cx)
            }
            (Asked::Subscribe(at), Err(error)) => {
                if error == ClientError::AlreadySubscribed {
                    let name = &self.channels[at].name;
                    let number = self.number;
                    cx.journal.accuse(format!("client {number} is subscribed to {name} already"));
                }
                self.channels[at].standing = Standing::Off;
                cx.again.push((at, REFUSED_MS));
            }
            (Asked::Publish { channel, id }, result) => {
                let fate = match result {
                    Ok(_) => Fate::Acknowledged(None),
                    Err(ClientError::Unavailable | ClientError::Internal) => Fate::Unknown,
                    Err(_) => Fate::Refused,
                };
                let publisher = format!("c{}", self.number);
                cx.journal.record(Record::Publish { publisher, channel, id, fate });
            }
            (Asked::Subscribe(_) | Asked::Unsubscribe, _) => {}
        }
    }

    fn pushed(&mut self, push: Push, cx: &mut Hearing<'_>) {
        match push {
            Push::Connect(_) => {}
            Push::Subscribe { channel, result } => {
                if let Some(at) = self.find(channel.as_str()) {
                    self.subscribed(at, *result, cx);
                }
            }
            Push::Message { channel, message, .. } => self.message(channel.as_str(), &message, cx),
            Push::Gap { channel, reason, position } => {
                let Some(at) = self.find(channel.as_str()) else { return };
                let client = self.number;
                self.channels[at].seen = Some(position.clone());
                let reason = told(reason);
                cx.journal.record(Record::Gap { client, channel, reason, at: position });
            }
            Push::Unsubscribe { channel, reason } => {
                let Some(at) = self.find(&channel) else { return };
                let (client, channel) = (self.number, &mut self.channels[at]);
                if channel.standing == Standing::Off {
                    return;
                }
                channel.standing = Standing::Off;
                let channel = channel.name.clone();
                cx.journal.note(format_args!("client {client} loses {channel}: {reason:?}"));
                cx.journal.record(Record::Unsubscribed { client, channel });
                match reason {
                    // Who asks by URL asks by another one.
                    UnsubscribeReason::Refused(_) => cx.leaves = true,
                    _ => cx.again.push((at, SENT_BACK_MS)),
                }
            }
        }
    }

    fn subscribed(&mut self, at: usize, result: SubscribeResult, cx: &mut Hearing<'_>) {
        let channel = &mut self.channels[at];
        if channel.standing != Standing::Asked {
            return;
        }
        channel.standing = Standing::On;
        channel.order = None;
        let Some(position) = result.position else { return };
        let since = channel.asked.take();
        let gap = match result.gap {
            Some(reason) if self.tells_gaps => Some(told(reason)),
            _ if result.was_recovering && !result.recovered => Some(Told::Unrecovered),
            _ => None,
        };
        channel.seen = Some(position.clone());
        cx.journal.record(Record::Subscribed {
            client: self.number,
            channel: channel.name.clone(),
            since,
            proved: self.tells_gaps,
            recovered: result.recovered,
            gap,
            at: position,
        });
        for publication in result.publications {
            self.publication(at, &publication, cx);
        }
    }

    fn message(&mut self, channel: &str, message: &Message, cx: &mut Hearing<'_>) {
        let Some(at) = self.find(channel) else { return };
        if let Message::Publication(publication) = message {
            self.publication(at, publication, cx);
        }
    }

    fn publication(&mut self, at: usize, publication: &Publication, cx: &mut Hearing<'_>) {
        let client = self.number;
        let channel = &mut self.channels[at];
        if channel.standing != Standing::On {
            return;
        }
        channel.last = publication.data.clone();
        let id = message_of(&publication.data);
        let name = channel.name.clone();
        if cx.plan.has_positions(&name) {
            let at = publication.position();
            channel.seen = Some(at.clone());
            return cx.journal.record(Record::Publication { client, channel: name, at, id });
        }
        cx.journal.note(format_args!("client {client} is given {id} of {name}"));
        let order = cx.witness.order(&name, &id, channel.order.unwrap_or_default());
        if order.is_none() {
            cx.journal.accuse(format!("client {client} is given {id} of {name} out of order"));
        }
        channel.order = order.or(channel.order);
    }
}
