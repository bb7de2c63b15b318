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
    /// How often it was opened: tells what was asked before from what was asked since.
    opened: u64,
}

/// When something was asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked(u64);

impl Breaker {
    /// Lets something be asked now, or not.
    pub(crate) fn lets_through(&mut self, now: Instant) -> Option<Asked> {
        match self.open {
            None => {}
            Some((until, _)) if now < until || self.probing => return None,
            Some(_) => self.probing = true,
        }
        Some(Asked(self.opened))
    }

    /// It has answered. Says whether that is news.
    pub(crate) fn works(&mut self) -> bool {
        let news = self.open.is_some();
        *self = Self { opened: self.opened, ..Self::default() };
        news
    }

    /// It has not. Says whether it is left alone from now on, and was not before. Of many that were
    /// on their way when it stopped working those that come in later say nothing new.
    pub(crate) fn fails(&mut self, asked: Asked, now: Instant) -> bool {
        if asked.0 != self.opened {
            return false;
        }
        self.probing = false;
        self.failures += 1;
        let length = match self.open {
            Some((_, length)) => (length * 2).min(LONGEST),
            None if self.failures >= FAILURES => FIRST,
            None => return false,
        };
        let news = self.open.is_none();
        self.open = Some((now + length, length));
        self.opened += 1;
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
            let asked = breaker.lets_through(now).unwrap();
            assert_eq!(breaker.fails(asked, now), nth == FAILURES);
        }
        assert!(breaker.lets_through(now + FIRST / 2).is_none());
        let probe = breaker.lets_through(now + FIRST).expect("one finds out");
        assert!(breaker.lets_through(now + FIRST).is_none(), "and no other");
        assert!(!breaker.fails(probe, now + FIRST));
        assert!(breaker.lets_through(now + FIRST * 2).is_none());
        assert!(breaker.lets_through(now + FIRST * 3).is_some(), "twice as long");
        assert!(breaker.works());
        assert!(breaker.lets_through(now).is_some() && breaker.lets_through(now).is_some());
    }

    #[test]
    fn what_was_on_its_way_when_it_stopped_working_counts_once() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        let wave: Vec<_> = (0..500).map(|_| breaker.lets_through(now).unwrap()).collect();
        let news = wave.iter().filter(|asked| breaker.fails(**asked, now)).count();
        assert_eq!(news, 1);
        // As long as ever, and the last of the wave are not the one that finds out.
        let probe = breaker.lets_through(now + FIRST).expect("one finds out");
        assert!(!breaker.fails(wave[0], now + FIRST));
        assert!(breaker.lets_through(now + FIRST).is_none());
        assert!(!breaker.fails(probe, now + FIRST));
        assert!(breaker.lets_through(now + FIRST * 3).is_some());
    }

    #[test]
    fn only_failures_in_a_row_count() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..100 {
            for _ in 0..FAILURES - 1 {
                let asked = breaker.lets_through(now).unwrap();
                assert!(!breaker.fails(asked, now));
            }
            breaker.works();
        }
        assert!(breaker.lets_through(now).is_some());
    }
}
