//! How often something may be done.
//!
//! A [`Rate`] of 20 in 10 seconds allows 20 at once, and then one more every half second. What was
//! done is remembered as one number, a [`Meter`] (the generic cell rate algorithm, ITU-T I.371,
//! annex A, as a virtual schedule), so that a meter costs eight bytes and nothing has to run for it.

use core::net::{IpAddr, Ipv6Addr};

use crate::identity::UserId;
use crate::time::Tick;

/// So many in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many; at least 1.
    pub count: u32,
    /// In how many milliseconds; at least 1.
    pub per_ms: u64,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Doing {
    /// To connect.
    Connect,
    /// To subscribe.
    Subscribe,
    /// To publish.
    Publish,
    /// To send a command of any kind, these two included.
    Command,
}

/// How often each may be done; `None` as often as one likes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// To connect.
    pub connect: Option<Rate>,
    /// To subscribe.
    pub subscribe: Option<Rate>,
    /// To publish.
    pub publish: Option<Rate>,
    /// To send commands.
    pub command: Option<Rate>,
}

impl Rates {
    /// How often one thing may be done.
    #[must_use]
    pub fn of(&self, doing: Doing) -> Option<Rate> {
        match doing {
            Doing::Connect => self.connect,
            Doing::Subscribe => self.subscribe,
            Doing::Publish => self.publish,
            Doing::Command => self.command,
        }
    }

    /// Whether nothing is counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// On whose account it is done.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Account {
    /// A user, with all their connections.
    User(UserId),
    /// An address. Of IPv6 the first 64 bits: whoever has one such address has all of them.
    Address(IpAddr),
}

impl Account {
    /// The account of an address.
    #[must_use]
    pub fn of_address(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

/// What one account has done on one node, for others to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Whose.
    pub account: Account,
    /// What.
    pub doing: Doing,
    /// How often.
    pub times: u32,
}

/// What was done already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meter {
    /// When all of it will have worn off, in microseconds.
    empty_at: u64,
}

impl Meter {
    /// Counts one more; or says in how many milliseconds it will be possible, at least 1.
    ///
    /// # Errors
    /// It cannot be done yet; nothing was counted.
    pub fn take(&mut self, rate: Rate, now: Tick) -> Result<(), u64> {
        let (now, full, each) = (micros(now.0), micros(rate.per_ms), rate.each());
        let empty_at = self.empty_at.max(now).saturating_add(each);
        let latest = now.saturating_add(full);
        if empty_at > latest {
            return Err((empty_at - latest).div_ceil(1_000).max(1));
        }
        self.empty_at = empty_at;
        Ok(())
    }

    /// Takes back one that was counted.
    pub fn give_back(&mut self, rate: Rate) {
        self.empty_at = self.empty_at.saturating_sub(rate.each());
    }

    /// Counts what was done elsewhere, allowed or not: twice of what is possible at most, so that
    /// what was done on many nodes at once does not count for long.
    pub fn charge(&mut self, rate: Rate, times: u32, now: Tick) {
        let now = micros(now.0);
        let more = rate.each().saturating_mul(times.into());
        let most = now.saturating_add(micros(rate.per_ms).saturating_mul(2));
        self.empty_at = self.empty_at.max(now).saturating_add(more).min(most);
    }

    /// How much of what is possible at once is used up, in thousandths.
    #[must_use]
    pub fn fill(&self, rate: Rate, now: Tick) -> u64 {
        let left = self.empty_at.saturating_sub(micros(now.0));
        left.saturating_mul(1_000) / micros(rate.per_ms).max(1)
    }

    /// Whether all of it has worn off.
    #[must_use]
    pub fn is_empty(&self, now: Tick) -> bool {
        self.empty_at <= micros(now.0)
    }
}

impl Rate {
    /// Microseconds that one of them takes up.
    fn each(self) -> u64 {
        (micros(self.per_ms) / u64::from(self.count.max(1))).max(1)
    }
}

fn micros(ms: u64) -> u64 {
    ms.saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATE: Rate = Rate { count: 20, per_ms: 10_000 };

    #[test]
    fn a_burst_is_allowed_and_then_one_at_a_time() {
        let mut meter = Meter::default();
        for _ in 0..20 {
            assert_eq!(meter.take(RATE, Tick(5)), Ok(()));
        }
        assert_eq!(meter.take(RATE, Tick(5)), Err(500));
        assert_eq!(meter.take(RATE, Tick(504)), Err(1));
        assert_eq!(meter.take(RATE, Tick(505)), Ok(()));
        assert_eq!(meter.take(RATE, Tick(505)), Err(500));
        assert!(!meter.is_empty(Tick(10_504)) && meter.is_empty(Tick(10_505)));
    }

    #[test]
    fn what_is_done_elsewhere_counts_and_what_is_given_back_does_not() {
        let mut meter = Meter::default();
        meter.charge(RATE, 19, Tick(0));
        assert_eq!(meter.fill(RATE, Tick(0)), 950);
        meter.take(RATE, Tick(0)).unwrap();
        meter.give_back(RATE);
        meter.take(RATE, Tick(0)).unwrap();
        assert_eq!(meter.take(RATE, Tick(0)), Err(500));
        meter.charge(RATE, 1_000_000, Tick(0));
        assert_eq!(meter.take(RATE, Tick(0)), Err(10_500));
    }

    #[test]
    fn whoever_has_an_address_of_ipv6_has_its_neighbours() {
        let account = |text: &str| Account::of_address(text.parse().unwrap());
        assert_eq!(account("2001:db8::1"), account("2001:db8::ffff:1"));
        assert_ne!(account("2001:db8::1"), account("2001:db8:0:1::1"));
        assert_eq!(account("::ffff:10.0.0.1"), account("10.0.0.1"));
        assert_ne!(account("10.0.0.1"), account("10.0.0.2"));
    }

    proptest! {
        /// However it is tried, no span of the length of the rate sees more than twice its count,
        /// and whoever waits as told gets through.
        #[test]
        fn no_more_than_the_rate_gets_through(
            count in 1..50_u32,
            per_ms in 1..5_000_u64,
            waits in prop::collection::vec(0..2_000_u64, 1..200),
        ) {
            let rate = Rate { count, per_ms };
            let (mut meter, mut now, mut taken) = (Meter::default(), 0, Vec::new());
            for wait in waits {
                now += wait;
                match meter.take(rate, Tick(now)) {
                    Ok(()) => taken.push(now),
                    Err(later) => {
                        let mut later_on = meter;
                        prop_assert!(later_on.take(rate, Tick(now + later)).is_ok());
                        prop_assert!(later == 1 || meter.take(rate, Tick(now + later - 1)).is_err());
                    }
                }
            }
            for (nth, start) in taken.iter().enumerate() {
                let within = taken[nth..].iter().take_while(|at| *at - start < per_ms).count();
                prop_assert!(within <= 2 * count as usize);
            }
        }
    }
}
