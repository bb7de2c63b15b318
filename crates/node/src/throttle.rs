//! How often users and addresses do what is counted, over all their connections.
//!
//! Each node has meters of its own, so that nothing has to be waited for. Where nodes share a
//! backend they tell each other, at every [`Node::tick`], what was done on the accounts that are
//! near their limits: the limit of all nodes together is kept to within what passes between two
//! ticks.

use trunkline_core::identity::UserId;
use trunkline_core::limits::{METERS, SPENT_AT_ONCE};
use trunkline_core::rate::{Account, Doing, Meter, Rate, Rates, Spent};
use trunkline_core::signal::Signal;
use trunkline_core::time::Tick;

use crate::node::Node;
use crate::stripes::{STRIPES, Striped};

/// Meters of users and addresses.
pub(crate) struct Throttle {
    per_user: Rates,
    per_address: Rates,
    meters: Striped<(Account, Doing), Metered>,
}

#[derive(Default)]
struct Metered {
    meter: Meter,
    /// Done here since others were told.
    untold: u32,
}

impl Throttle {
    pub(crate) fn new(per_user: Rates, per_address: Rates) -> Self {
        Self { per_user, per_address, meters: Striped::default() }
    }

    fn rate(&self, account: &Account, doing: Doing) -> Option<Rate> {
        match account {
            Account::User(_) => self.per_user.of(doing),
            Account::Address(_) => self.per_address.of(doing),
        }
    }

    /// Counts one more of what an account does; or says in how many milliseconds it may.
    pub(crate) fn take(&self, account: Account, doing: Doing, now: Tick) -> Result<(), u64> {
        let Some(rate) = self.rate(&account, doing) else { return Ok(()) };
        let key = (account, doing);
        let mut meters = self.meters.of(&key);
        if meters.len() >= METERS / STRIPES && !meters.contains_key(&key) {
            meters.retain(|_, metered| !metered.meter.is_empty(now));
            if meters.len() >= METERS / STRIPES {
                // So many at once are more than one attacker has addresses for: nobody is locked
                // out for what others do.
                return Ok(());
            }
        }
        let metered = meters.entry(key).or_default();
        metered.meter.take(rate, now)?;
        metered.untold = metered.untold.saturating_add(1);
        Ok(())
    }

    /// Takes one back.
    pub(crate) fn give_back(&self, account: Account, doing: Doing) {
        let Some(rate) = self.rate(&account, doing) else { return };
        let key = (account, doing);
        if let Some(metered) = self.meters.of(&key).get_mut(&key) {
            metered.meter.give_back(rate);
            metered.untold = metered.untold.saturating_sub(1);
        }
    }

    /// Counts what was done on another node.
    pub(crate) fn charge(&self, spent: Spent, now: Tick) {
        let Some(rate) = self.rate(&spent.account, spent.doing) else { return };
        let key = (spent.account, spent.doing);
        let mut meters = self.meters.of(&key);
        if meters.len() < METERS / STRIPES || meters.contains_key(&key) {
            meters.entry(key).or_default().meter.charge(rate, spent.times, now);
        }
    }

    /// Forgets meters that count nothing any more. Says what others have to know, if there are any:
    /// what was done on accounts that may be near a limit by what all nodes saw of them.
    pub(crate) fn tick(&self, peers: usize, now: Tick) -> Vec<Spent> {
        let mut spent = Vec::new();
        // Of what is evenly spread over all nodes each sees its share; half of that is near.
        let near = 1_000 / (2 * (peers as u64 + 1));
        self.meters.retain(|(account, doing), metered| {
            if metered.meter.is_empty(now) {
                return false;
            }
            let Some(rate) = self.rate(account, *doing) else { return false };
            if peers > 0 && metered.untold > 0 && metered.meter.fill(rate, now) >= near {
                let times = std::mem::take(&mut metered.untold);
                spent.push(Spent { account: account.clone(), doing: *doing, times });
            }
            true
        });
        spent
    }
}

impl Node {
    /// Counts one more of what a user does, from an address; or says in how many milliseconds it
    /// may be done.
    ///
    /// # Errors
    /// It may not be done yet; nothing was counted.
    pub fn admit(
        &self,
        doing: Doing,
        user: Option<&UserId>,
        address: Option<&Account>,
        now: Tick,
    ) -> Result<(), u64> {
        // Every command of a client comes by: nothing is cloned where nothing is counted.
        let counted = self.throttle.per_user.of(doing).is_some();
        let user = user.filter(|user| counted && !user.is_anonymous()).cloned().map(Account::User);
        if let Some(user) = &user {
            self.throttle.take(user.clone(), doing, now)?;
        }
        let taken = match address {
            Some(address) => self.throttle.take(address.clone(), doing, now),
            None => Ok(()),
        };
        if taken.is_err()
            && let Some(user) = user
        {
            self.throttle.give_back(user, doing);
        }
        taken
    }

    /// Tells others what they have to know of accounts that are near their limits.
    pub(crate) fn tell_spent(&self, now: Tick) {
        for some in self.throttle.tick(self.peer_count(), now).chunks(SPENT_AT_ONCE) {
            self.tell_others(Signal::Spent(some.to_vec()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Tick = Tick(1_000);

    fn throttle() -> Throttle {
        let rate = |count| Some(Rate { count, per_ms: 1_000 });
        let per_user = Rates { publish: rate(4), ..Rates::default() };
        Throttle::new(per_user, Rates { connect: rate(1), ..Rates::default() })
    }

    fn ann() -> Account {
        Account::User(UserId::new("ann"))
    }

    #[test]
    fn accounts_and_doings_are_counted_apart() {
        let throttle = throttle();
        let home = Account::of_address([10, 0, 0, 1].into());
        for _ in 0..4 {
            throttle.take(ann(), Doing::Publish, NOW).unwrap();
        }
        assert_eq!(throttle.take(ann(), Doing::Publish, NOW), Err(250));
        throttle.take(ann(), Doing::Connect, NOW).unwrap();
        throttle.take(Account::User(UserId::new("bob")), Doing::Publish, NOW).unwrap();
        throttle.take(home.clone(), Doing::Connect, NOW).unwrap();
        assert!(throttle.take(home, Doing::Connect, NOW).is_err());
    }

    #[test]
    fn nodes_tell_each_other_what_is_near_its_limit() {
        let (here, there) = (throttle(), throttle());
        here.take(ann(), Doing::Publish, NOW).unwrap();
        assert_eq!(here.tick(0, NOW), []);
        for _ in 0..2 {
            here.take(ann(), Doing::Publish, NOW).unwrap();
        }
        let told = here.tick(1, NOW);
        assert_eq!(told, [Spent { account: ann(), doing: Doing::Publish, times: 3 }]);
        assert_eq!(here.tick(1, NOW), []);
        told.into_iter().for_each(|spent| there.charge(spent, NOW));
        there.take(ann(), Doing::Publish, NOW).unwrap();
        assert!(there.take(ann(), Doing::Publish, NOW).is_err());
    }

    #[test]
    fn what_counts_nothing_any_more_is_forgotten() {
        let throttle = throttle();
        throttle.take(ann(), Doing::Publish, NOW).unwrap();
        throttle.tick(0, Tick(1_249));
        assert_eq!(throttle.meters.len(), 1);
        throttle.tick(0, Tick(1_250));
        assert_eq!(throttle.meters.len(), 0);
    }
}
