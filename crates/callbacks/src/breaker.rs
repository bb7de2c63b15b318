//! Leaving alone what does not work.

use std::time::{Duration, Instant};

/// Failures in a row after which nothing more is asked for a while.
const FAILURES: u32 = 10;

/// How long the first while is.
const FIRST: Duration = Duration::from_secs(1);

/// How long a while becomes at most: each one that ends in another failure is twice as long.
const LONGEST: Duration = Duration::from_secs(16);

/// What is known of the one end of a URL.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
    /// Until when nothing is asked, and how long that while is.
    open: Option<(Instant, Duration)>,
    /// One is on its way to find out whether it works again.
    probing: bool,
}

impl Breaker {
    /// Whether something may be asked now.
    pub(crate) fn lets_through(&mut self, now: Instant) -> bool {
        match self.open {
            None => true,
            Some((until, _)) if now < until || self.probing => false,
            Some(_) => {
                self.probing = true;
                true
            }
        }
    }

    /// It has answered. Says whether that is news.
    pub(crate) fn works(&mut self) -> bool {
        let news = self.open.is_some();
        *self = Self::default();
        news
    }

    /// It has not. Says whether it is left alone from now on, and was not before.
    pub(crate) fn fails(&mut self, now: Instant) -> bool {
        self.probing = false;
        self.failures += 1;
        let length = match self.open {
            Some((_, length)) => (length * 2).min(LONGEST),
            None if self.failures >= FAILURES => FIRST,
            None => return false,
        };
        let news = self.open.is_none();
        self.open = Some((now + length, length));
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_some_failures_it_is_left_alone_and_then_asked_once() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for nth in 1..=FAILURES {
            assert!(breaker.lets_through(now));
            assert_eq!(breaker.fails(now), nth == FAILURES);
        }
        assert!(!breaker.lets_through(now + FIRST / 2));
        assert!(breaker.lets_through(now + FIRST), "one finds out");
        assert!(!breaker.lets_through(now + FIRST), "and no other");
        assert!(!breaker.fails(now + FIRST));
        assert!(!breaker.lets_through(now + FIRST * 2));
        assert!(breaker.lets_through(now + FIRST * 3), "twice as long");
        assert!(breaker.works());
        assert!(breaker.lets_through(now) && breaker.lets_through(now));
    }

    #[test]
    fn only_failures_in_a_row_count() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..100 {
            (0..FAILURES - 1).for_each(|_| assert!(!breaker.fails(now)));
            breaker.works();
        }
        assert!(breaker.lets_through(now));
    }
}
