//! Takes the events of a run one by one and says what does not fit together.
//!
//! Each channel has an [`account`]: for every epoch, which message stands at which offset, as told by
//! publishers' acknowledgements, by subscribers and by the stream itself. Two that differ are a
//! violation, whoever told them; so everybody sees one order. Each subscription has a [`follower`]
//! that knows the place it is at: the next publication has the next offset, unless a gap said
//! otherwise. When a history is read, all that was acknowledged before must be in it.
//! Where the log says that the broker was rolled back, it need not be; but then nobody may be left who
//! has seen it and was not told.

mod account;
mod acknowledged;
mod claim;
mod follower;
mod violation;

use std::collections::BTreeMap;

pub use violation::{Figures, Kind, LISTED, NAMED_IDS, Verdict, Violation};

use self::account::{Account, Message};
use self::claim::Claim;
use self::follower::{Follower, Spot};
use crate::event::{Event, GapReason, Outcome, Place, Rules};

/// Judges one run.
#[derive(Debug, Default)]
pub struct Judge {
    rules: Rules,
    channels: BTreeMap<String, Account>,
    /// By subscriber, then by channel.
    followers: BTreeMap<String, BTreeMap<String, Follower>>,
    /// What was wrong as it happened.
    found: Verdict,
}

impl Judge {
    /// A judge of an empty run.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next event.
    pub fn note(&mut self, event: &Event) {
        match event {
            Event::Rules(rules) => self.rules = rules.clone(),
            Event::Note { .. } => {}
            Event::Publish { publisher, channel, id, outcome } => {
                self.published(publisher, channel, id, outcome);
            }
            Event::Subscribed { .. } => self.subscribed(event),
            Event::Publication { subscriber, channel, epoch, offset, tag, id } => {
                self.found.figures.delivered += 1;
                let account = entry(&mut self.channels, channel);
                let place = Place { epoch: epoch.clone(), offset: *offset, tag: tag.clone() };
                let spot = Spot { subscriber, channel };
                let message = Message { id, at: &place };
                account.told(channel, Some(subscriber), message, &mut self.found);
                let follower = entry(entry(&mut self.followers, subscriber), channel);
                follower.received(spot, message, account, &mut self.found);
            }
            Event::Gap { subscriber, channel, reason, at } => {
                self.found.figures.gaps += 1;
                *self.found.gaps.entry(*reason).or_default() += 1;
                let account = entry(&mut self.channels, channel);
                let follower = entry(entry(&mut self.followers, subscriber), channel);
                let spot = Spot { subscriber, channel };
                let claim = follower.skipped(spot, *reason, at, &mut self.found);
                account.claims.extend(claim);
            }
            Event::RolledBack => self.channels.values_mut().for_each(Account::roll_back),
            Event::Unsubscribed { subscriber, channel } => {
                entry(entry(&mut self.followers, subscriber), channel).left();
            }
            Event::Disconnected { subscriber } => {
                entry(&mut self.followers, subscriber).values_mut().for_each(Follower::left);
            }
            Event::History { channel, top, publications } => {
                let account = entry(&mut self.channels, channel);
                account.held(channel, top, publications, &self.rules, &mut self.found);
            }
        }
    }

    fn published(&mut self, publisher: &str, channel: &str, id: &str, outcome: &Outcome) {
        let account = entry(&mut self.channels, channel);
        account.publish(id);
        let figures = &mut self.found.figures;
        match outcome {
            Outcome::Refused => figures.refused += 1,
            Outcome::Unknown => figures.unknown += 1,
            Outcome::Acknowledged(place) => {
                figures.acknowledged += 1;
                // Without an epoch it has no place in any history.
                let place = place.as_ref().filter(|place| !place.epoch.is_empty());
                if let Some(at) = place {
                    let message = Message { id, at };
                    account.told(channel, Some(publisher), message, &mut self.found);
                    account.acknowledged.in_order(publisher, channel, message, &mut self.found);
                }
                account.acknowledged.add(id, place);
            }
        }
    }

    fn subscribed(&mut self, event: &Event) {
        let Event::Subscribed { subscriber, channel, since, recovered, gap, at } = event else {
            return;
        };
        let figures = &mut self.found.figures;
        figures.subscriptions += 1;
        figures.recovered += u64::from(*recovered);
        figures.gaps += u64::from(gap.is_some());
        if let Some(reason) = gap {
            *self.found.gaps.entry(*reason).or_default() += 1;
        }
        let account = entry(&mut self.channels, channel);
        let follower = entry(entry(&mut self.followers, subscriber), channel);
        let spot = Spot { subscriber, channel };
        if since.is_none() || *gap == Some(GapReason::Unrecovered) {
            account.setbacks.extend(follower.setback(spot, since.as_ref(), at));
        }
        let Some(since) = since else { return follower.began(at) };
        if *recovered {
            account.join(since, at);
        }
        let claim = follower.came_back(spot, since, *recovered, *gap, at, account, &mut self.found);
        account.claims.extend(claim);
    }

    /// The verdict on all that was noted so far, as if the run ended here: whoever is subscribed
    /// now must have received all that the streams hold.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let mut verdict = self.found.clone();
        for (channel, account) in &self.channels {
            account.conclude(channel, &mut verdict);
            verdict.rolled_back += account.acknowledged.forgiven;
            for claim in account.claims.iter().filter(|claim| claim.is_false(account, &self.rules))
            {
                verdict.add(claim.violation(channel, account));
            }
        }
        for (subscriber, channels) in &self.followers {
            for (channel, follower) in channels {
                if let Some(account) = self.channels.get(channel) {
                    follower.conclude(Spot { subscriber, channel }, account, &mut verdict);
                }
            }
        }
        verdict
    }
}

/// The value of a key, made if there is none.
fn entry<'m, V: Default>(map: &'m mut BTreeMap<String, V>, key: &str) -> &'m mut V {
    if !map.contains_key(key) {
        map.insert(key.to_owned(), V::default());
    }
    map.get_mut(key).expect("it was there or has just been put there")
}
