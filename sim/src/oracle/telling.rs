//! A run as the checker wants to be told of it.
//!
//! The checker knows places by epoch and offset. Where the broker loses its latest publications under
//! the same epoch, the same offset is given twice, and only tags tell; so places are told under the
//! names of [histories](super::witness), and where a subscriber is led from one into another that
//! shares its past, the checker is told that it was recovered there.

use std::collections::BTreeMap;

use trunkline_checker::event::{Event, GapReason, Kept, Outcome, Place, Rules};
use trunkline_checker::judge::{Judge, Verdict};
use trunkline_core::channel::ChannelName;
use trunkline_core::position::{Position, Tag};

use crate::client::message_of;
use crate::journal::{Fate, Record};
use crate::plan::Plan;

use super::witness::Witness;

/// What the checker says, and how often a client without tags was led astray by a broker that lost
/// publications without noticing, which nothing could have prevented.
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Clients led astray.
    pub astray: u64,
    /// What was wrong beside it.
    pub broken: Vec<String>,
}

struct Teller<'a> {
    witness: &'a Witness,
    plan: &'a Plan,
    judge: Judge,
    /// By client and channel: the name of the history it is in, and where.
    followers: BTreeMap<(usize, ChannelName), (String, Position)>,
    tops: BTreeMap<ChannelName, String>,
    /// How often a client has come to a channel without saying where it was: each time as somebody
    /// who has seen nothing.
    times: BTreeMap<(usize, ChannelName), u32>,
    astray: u64,
    broken: Vec<String>,
}

/// Tells the checker what was seen, and asks for its verdict.
#[must_use]
pub fn judge(plan: &Plan, witness: &Witness, records: &[Record]) -> Judgement {
    let recovery_limit = Some(plan.recovery_limit as u64);
    let rules = Rules { keeps: None, recovery_limit, rollback: true };
    let mut judge = Judge::new();
    judge.note(&Event::Rules(rules));
    let mut teller = Teller {
        witness,
        plan,
        judge,
        followers: BTreeMap::new(),
        tops: BTreeMap::new(),
        times: BTreeMap::new(),
        astray: 0,
        broken: Vec::new(),
    };
    let pages: Vec<_> = plan.channels.iter().map(|c| (c.clone(), witness.read(c))).collect();
    for (channel, page) in &pages {
        teller.tops.insert(channel.clone(), witness.current_name(channel, &page.top));
    }
    records.iter().for_each(|record| teller.tell(record));
    teller.lead_all_to_the_end();
    for (channel, page) in pages {
        let name = teller.tops[&channel].clone();
        let kept = page.publications.iter().map(|publication| Kept {
            offset: publication.offset,
            id: teller.id(&channel, &message_of(&publication.data), publication.tag),
            tag: Some(publication.tag.to_string()),
        });
        let (top, publications) = (place(&name, &page.top), kept.collect());
        teller.judge.note(&Event::History { channel: channel.to_string(), top, publications });
    }
    let Teller { judge, astray, broken, .. } = teller;
    Judgement { verdict: judge.verdict(), astray, broken }
}

fn place(name: &str, position: &Position) -> Place {
    let tag = position.tag.filter(|_| position.offset > 0).map(|tag| tag.to_string());
    Place { epoch: name.to_owned(), offset: position.offset, tag }
}

impl Teller<'_> {
    fn name(&self, client: usize, channel: &ChannelName) -> String {
        let times = self.times.get(&(client, channel.clone())).copied().unwrap_or_default();
        format!("s{client}.{times}")
    }

    /// The id of a message that stands at a place. One that was lost and tried again is another one.
    fn id(&self, channel: &ChannelName, id: &str, tag: Tag) -> String {
        let mut places = self.witness.places_of(channel, id).iter();
        match places.position(|place| place.tag == Some(tag)) {
            None | Some(0) => id.to_owned(),
            Some(again) => format!("{id}'{again}"),
        }
    }

    fn leaves(&mut self, client: usize, channel: &ChannelName) {
        let (subscriber, channel) = (self.name(client, channel), channel.to_string());
        self.judge.note(&Event::Unsubscribed { subscriber, channel });
    }

    fn tell(&mut self, record: &Record) {
        match record {
            Record::Publish { publisher, channel, id, fate } => {
                self.published(publisher, channel, id, fate);
            }
            Record::Subscribed { .. } => self.subscribed(record),
            Record::Publication { client, channel, at, id } => {
                let history = self.witness.name_of(channel, at);
                self.lead(*client, channel, &history);
                self.judge.note(&Event::Publication {
                    subscriber: self.name(*client, channel),
                    channel: channel.to_string(),
                    epoch: history.clone(),
                    offset: at.offset,
                    tag: at.tag.map(|tag| tag.to_string()),
                    id: self.id(channel, id, at.tag.unwrap_or_default()),
                });
                self.followers.insert((*client, channel.clone()), (history, at.clone()));
            }
            Record::Gap { client, channel, reason, at } => {
                let history = self.history_of(*client, channel, at);
                self.judge.note(&Event::Gap {
                    subscriber: self.name(*client, channel),
                    channel: channel.to_string(),
                    reason: *reason,
                    at: place(&history, at),
                });
                self.followers.insert((*client, channel.clone()), (history, at.clone()));
            }
            Record::Unsubscribed { client, channel } => {
                self.leaves(*client, channel);
            }
            Record::Disconnected { client } => {
                for channel in &self.plan.channels {
                    self.leaves(*client, channel);
                }
            }
        }
    }

    fn published(&mut self, publisher: &str, channel: &ChannelName, id: &str, fate: &Fate) {
        let mut tag = Tag::START;
        let outcome = match fate {
            Fate::Refused => Outcome::Refused,
            Fate::Unknown => Outcome::Unknown,
            Fate::Acknowledged(at) => {
                if self.witness.order(channel, id, 0).is_none() {
                    self.broken.push(format!("{id} was acknowledged and never placed"));
                }
                let at = at.as_ref().or_else(|| self.witness.places_of(channel, id).last());
                tag = at.and_then(|at| at.tag).unwrap_or_default();
                Outcome::Acknowledged(at.map(|at| {
                    let top = &self.tops[channel];
                    let holds = self.witness.holds(channel, top, at);
                    let name = if holds { top.clone() } else { self.witness.name_of(channel, at) };
                    place(&name, at)
                }))
            }
        };
        self.judge.note(&Event::Publish {
            publisher: publisher.to_owned(),
            channel: channel.to_string(),
            id: self.id(channel, id, tag),
            outcome,
        });
        for place in self.witness.places_of(channel, id) {
            self.judge.note(&Event::Publish {
                publisher: String::new(),
                channel: channel.to_string(),
                id: self.id(channel, id, place.tag.unwrap_or_default()),
                outcome: Outcome::Unknown,
            });
        }
    }

    fn subscribed(&mut self, record: &Record) {
        let Record::Subscribed { client, channel, since, proved, recovered, gap, at } = record
        else {
            return;
        };
        let key = (*client, channel.clone());
        if since.is_none() {
            self.leaves(*client, channel);
            *self.times.entry(key.clone()).or_default() += 1;
            self.followers.remove(&key);
        }
        let (mut recovered, mut gap) = (*recovered, *gap);
        let differs = since.as_ref().is_some_and(|since| since.tag != at.tag);
        if recovered && differs {
            if !proved && self.plan.silent_forks {
                self.astray += 1;
            } else {
                let since = since.as_ref().map(|since| since.offset);
                self.broken.push(format!(
                    "client {client} was recovered at {since:?} of {channel}, in another history"
                ));
            }
            (recovered, gap) = (false, Some(GapReason::Unrecovered));
        }
        let history = match (recovered, self.followers.get(&key)) {
            (true, Some((name, _))) => name.clone(),
            _ => self.history_of(*client, channel, at),
        };
        let asked = since.as_ref().map(|since| {
            let known = self.followers.get(&key).filter(|(_, seen)| seen == since);
            let name = known.map(|(name, _)| name.clone());
            place(&name.unwrap_or_else(|| self.witness.name_of(channel, since)), since)
        });
        self.judge.note(&Event::Subscribed {
            subscriber: self.name(*client, channel),
            channel: channel.to_string(),
            since: asked,
            recovered,
            gap,
            at: place(&history, at),
        });
        self.followers.insert(key, (history, at.clone()));
    }

    /// The history in which a subscriber that lost something goes on: if it has come back to an
    /// earlier place, one that does not hold what it had seen.
    fn history_of(&self, client: usize, channel: &ChannelName, at: &Position) -> String {
        let born = self.witness.name_of(channel, at);
        let Some((known, seen)) = self.followers.get(&(client, channel.clone())) else {
            return born;
        };
        let back = *known == born && at.offset < seen.offset;
        back.then(|| self.witness.parting(channel, at, seen)).flatten().unwrap_or(born)
    }

    /// A subscriber goes on in a history: if that shares its past, it was recovered there.
    fn lead(&mut self, client: usize, channel: &ChannelName, history: &str) {
        let Some((known, seen)) = self.followers.get(&(client, channel.clone())) else { return };
        if known == history || !self.witness.holds(channel, history, seen) {
            return;
        }
        self.judge.note(&Event::Subscribed {
            subscriber: self.name(client, channel),
            channel: channel.to_string(),
            since: Some(place(known, seen)),
            recovered: true,
            gap: None,
            at: place(history, seen),
        });
    }

    fn lead_all_to_the_end(&mut self) {
        let followers: Vec<_> = self.followers.keys().cloned().collect();
        for (client, channel) in followers {
            let history = self.tops[&channel].clone();
            self.lead(client, &channel, &history);
        }
    }
}
