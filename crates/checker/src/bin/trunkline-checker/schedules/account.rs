//! What came of the schedules, and whether that is what was promised.

use std::fmt;

use super::planned::Planned;
use crate::api::Api;
use crate::failure::Failure;

/// How long everything may take once service is back, in milliseconds.
const RECOVERED: u64 = 10_000;

/// How late those that are judged may be in calm, in milliseconds.
const LATE: u64 = 1_000;

/// A time in which something was broken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) from: u64,
    /// When it was whole again, or what lives had to go on without it.
    pub(super) back: u64,
}

/// The account of a run.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// So many of a hundred are judged by how late they are in calm.
    judged: usize,
    published: usize,
    missing: Vec<u32>,
    twice: Vec<u32>,
    early: Vec<u32>,
    /// Cancelled ones, and such that nobody has scheduled.
    unwanted: Vec<u32>,
    /// Later than they may be, even where something was broken.
    overdue: Vec<u32>,
    /// How late they were, in milliseconds, in order: of those that were due in calm.
    calm: Vec<u64>,
    /// Of those that were due while something was broken, or recovered from that.
    broken: Vec<u64>,
}

impl Account {
    /// Reads what was published, and compares.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn of(planned: &Planned, api: &Api, windows: &[Window]) -> Result<Self, Failure> {
        let seen = planned.seen(api)?;
        Ok(Self::compare(planned, seen.iter().map(|seen| (seen.data, seen.time)), windows))
    }

    fn compare(
        planned: &Planned,
        seen: impl Iterator<Item = (u32, u64)>,
        windows: &[Window],
    ) -> Self {
        let due = planned.due();
        let mut account = Self { judged: planned.judged(), ..Self::default() };
        let mut times = vec![0_u32; due.len()];
        for (number, time) in seen {
            account.published += 1;
            let Some(&due) = due.get(number as usize) else {
                account.unwanted.push(number);
                continue;
            };
            times[number as usize] += 1;
            account.place(number, due, time, windows);
        }
        for (number, times) in (0..).zip(times) {
            match (planned.is_cancelled(number), times) {
                (true, 0) | (false, 1) => {}
                (true, _) => account.unwanted.push(number),
                (false, 0) => account.missing.push(number),
                (false, _) => account.twice.push(number),
            }
        }
        account.calm.sort_unstable();
        account.broken.sort_unstable();
        account
    }

    /// Judges the time of one.
    fn place(&mut self, number: u32, due: u64, time: u64, windows: &[Window]) {
        if time < due {
            self.early.push(number);
        }
        let late = time.saturating_sub(due);
        match windows
            .iter()
            .rev()
            .find(|window| (window.from..=window.back + RECOVERED).contains(&due))
        {
            // Neither is one calm that waited for something to come back.
            Some(window) => {
                if time > due.max(window.back) + RECOVERED {
                    self.overdue.push(number);
                }
                self.broken.push(late);
            }
            None => {
                if late > RECOVERED {
                    self.overdue.push(number);
                }
                self.calm.push(late);
            }
        }
    }

    /// Whether it is as it was promised.
    pub(super) fn is_clean(&self) -> bool {
        self.faults().iter().all(|(_, which)| which.is_empty())
            && percentile(&self.calm, self.judged).is_some_and(|late| late <= LATE)
    }

    fn faults(&self) -> [(&'static str, &[u32]); 5] {
        [
            ("missing", &self.missing),
            ("published twice", &self.twice),
            ("early", &self.early),
            ("unwanted", &self.unwanted),
            ("later than 10 s after service was back", &self.overdue),
        ]
    }
}

/// The value that so many of a hundred do not exceed.
fn percentile(sorted: &[u64], percent: usize) -> Option<u64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((sorted.len() * percent / 100).min(last)).copied()
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} published", self.published)?;
        for (name, late) in [("in calm", &self.calm), ("around the harm", &self.broken)] {
            if let (Some(p50), Some(p99), Some(worst)) =
                (percentile(late, 50), percentile(late, 99), late.last())
            {
                let count = late.len();
                write!(
                    f,
                    "; {count} {name}: {p50} ms late (p50), {p99} ms (p99), {worst} ms (worst)"
                )?;
            }
        }
        for (what, which) in self.faults() {
            if let Some(first) = which.first() {
                write!(f, "; {} {what}, such as {first}", which.len())?;
            }
        }
        f.write_str(if self.is_clean() { "; clean" } else { "; NOT CLEAN" })
    }
}

#[cfg(test)]
mod tests {
    use super::super::planned::Plan;
    use super::*;

    const WINDOW: Window = Window { from: 100_000, back: 101_000 };

    /// 0 is cancelled, and all others are due at these times.
    fn compared(due: &[u64], seen: &[(u32, u64)]) -> Account {
        let planned = Planned::of(Plan::new(due.len() as u32, true), due.to_vec());
        Account::compare(&planned, seen.iter().copied(), &[WINDOW])
    }

    #[test]
    fn once_and_in_time_is_clean() {
        let account = compared(&[5, 10, 20], &[(1, 10), (2, 25)]);
        assert!(account.is_clean(), "{account}");
        assert_eq!(account.calm, [0, 5]);
    }

    #[test]
    fn every_fault_is_found() {
        for (seen, words) in [
            (&[(1, 10)][..], "1 missing, such as 2"),
            (&[(1, 10), (2, 20), (2, 20)], "1 published twice, such as 2"),
            (&[(1, 9), (2, 20)], "1 early, such as 1"),
            (&[(0, 5), (1, 10), (2, 20)], "1 unwanted, such as 0"),
            (&[(1, 10), (2, 20), (7, 20)], "1 unwanted, such as 7"),
            (&[(1, 10), (2, 10_021)], "1 later than"),
            (&[(1, 10), (2, 1_021)], "NOT CLEAN"),
        ] {
            let account = compared(&[5, 10, 20], seen);
            assert!(!account.is_clean() && account.to_string().contains(words), "{account}");
        }
    }

    #[test]
    fn one_of_a_few_may_be_late_unless_it_is_long() {
        let seen = [(1, 10), (2, 10), (3, 1_011)];
        for short in [true, false] {
            let planned = Planned::of(Plan::new(4, short), vec![5, 10, 10, 10]);
            let account = Account::compare(&planned, seen.into_iter(), &[]);
            assert_eq!(account.is_clean(), short, "{account}");
        }
    }

    #[test]
    fn what_is_due_while_something_is_broken_has_until_it_is_back_and_a_while() {
        let calm = (1, 10);
        let account = compared(&[5, 10, 100_500], &[calm, (2, 111_000)]);
        assert!(account.is_clean() && account.broken == [10_500], "{account}");
        assert!(!compared(&[5, 10, 100_500], &[calm, (2, 111_001)]).is_clean());
    }
}
