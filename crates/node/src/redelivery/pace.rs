//! When the messages of an inbox come again, decided from how old they are and when the inbox was
//! looked into before. Nothing else is remembered of any of them.

use bytes::Bytes;
use trunkline_core::limits::INBOX_AGAIN_MS;
use trunkline_core::time::WallTime;

/// What the note beside an inbox says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Looked {
    /// When the inbox was looked into; what should have come until then has come.
    pub(super) at: WallTime,
    /// The note is due no later than a message that enters now has to come again. One that is not has
    /// to be changed for it; and only such a one is forgotten, so that whoever forgets it and whoever
    /// counts on it cannot both succeed.
    pub(super) soon: bool,
}

/// What becomes of the note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is forgotten.
    Forget,
    /// It says this from now on, and is due then.
    Again(Looked, WallTime),
}

impl Looked {
    /// Reads what [`Looked::to_bytes`] wrote. Of what cannot be read all counts as due.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let read = || {
            let (at, soon) = std::str::from_utf8(bytes).ok()?.split_once(' ')?;
            Some(Self { at: WallTime(at.parse().ok()?), soon: soon == "soon" })
        };
        read().unwrap_or(Self { at: WallTime(0), soon: true })
    }

    /// The text of a note: `TIME soon` or `TIME later`, the time in milliseconds.
    pub(super) fn to_bytes(self) -> Bytes {
        format!("{} {}", self.at.0, if self.soon { "soon" } else { "later" }).into()
    }

    /// Whether a message that was sent then is to come again now.
    pub(super) fn missed(self, sent: WallTime, now: WallTime, after_ms: u64) -> bool {
        let (last, _) = around(now.0.saturating_sub(sent.0), after_ms);
        last > 0 && sent.0.saturating_add(last) > self.at.0
    }
}

/// Decides about a note that is due, given when the messages were sent that are unread; `any` says
/// whether some are, though there be none to be seen.
pub(super) fn judge(
    looked: Looked,
    (any, sent): (bool, impl Iterator<Item = WallTime>),
    now: WallTime,
    after_ms: u64,
) -> Fate {
    let soonest = WallTime(now.0.saturating_add(after_ms));
    if !any && !looked.soon {
        return Fate::Forget;
    }
    let next = |sent: WallTime| {
        let (_, next) = around(now.0.saturating_sub(sent.0), after_ms);
        WallTime(sent.0.saturating_add(next))
    };
    let due = sent.map(next).min().unwrap_or(soonest);
    let soon = any && due <= soonest;
    // What entered while the inbox was read was not seen, and has counted on the note being due soon.
    let due = if looked.soon { due.min(soonest) } else { due };
    Fate::Again(Looked { at: now, soon }, due)
}

/// The last age up to this one at which a message comes again, 0 before the first; and the next. The
/// first is `after_ms`, each wait behind it is twice as long as the one before, up to an hour.
fn around(age: u64, after_ms: u64) -> (u64, u64) {
    let after_ms = after_ms.max(1);
    let longest = after_ms.max(INBOX_AGAIN_MS);
    let (mut last, mut wait) = (0, after_ms);
    while wait < longest && last + wait <= age {
        last += wait;
        wait = (2 * wait).min(longest);
    }
    // From here on all are as long.
    last += (age - last) / wait * wait;
    (last, last.saturating_add(wait))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER: u64 = 1_000;
    const NOW: WallTime = WallTime(100_000);

    /// The ages up to this one at which a message comes again.
    fn ages(until: u64, after_ms: u64) -> Vec<u64> {
        let next = |age: &u64| Some(around(*age, after_ms).1);
        std::iter::successors(next(&0), next).take_while(|age| *age <= until).collect()
    }

    fn judged(looked: Looked, ages: &[u64]) -> Fate {
        let sent = ages.iter().map(|age| WallTime(NOW.0 - age));
        judge(looked, (!ages.is_empty(), sent), NOW, AFTER)
    }

    #[test]
    fn each_wait_is_twice_as_long_up_to_an_hour() {
        assert_eq!(ages(40_000, AFTER), [1_000, 3_000, 7_000, 15_000, 31_000]);
        let hour = 3_600_000;
        let half = ages(6 * hour, hour / 2);
        let waits: Vec<_> = half.windows(2).map(|two| two[1] - two[0]).collect();
        assert_eq!((half[0], &waits[..]), (hour / 2, &[hour; 5][..]));
        assert_eq!(ages(10 * hour, 3 * hour), [3 * hour, 6 * hour, 9 * hour]);
    }

    #[test]
    fn a_message_comes_once_for_each_time_that_has_passed() {
        let looked = |at| Looked { at: WallTime(at), soon: true };
        let missed = |at, now| looked(at).missed(WallTime(10_000), WallTime(now), AFTER);
        assert!(!missed(0, 10_999) && missed(0, 11_000) && missed(10_999, 11_000));
        assert!(!missed(11_000, 12_999) && missed(11_000, 13_000));
        assert!(missed(10_999, 60_000) && !missed(60_000, 60_001), "however many were missed");
        assert!(!missed(0, 9_000), "clocks may go back");
    }

    #[test]
    fn it_is_due_when_the_next_message_is() {
        let looked = Looked { at: WallTime(0), soon: false };
        let at = |soon| Looked { at: NOW, soon };
        assert_eq!(judged(looked, &[1_000]), Fate::Again(at(false), WallTime(NOW.0 + 2_000)));
        assert_eq!(judged(looked, &[8_000, 400]), Fate::Again(at(true), WallTime(NOW.0 + 600)));
        assert_eq!(judged(looked, &[400, 2_900]), Fate::Again(at(true), WallTime(NOW.0 + 100)));
    }

    #[test]
    fn what_may_have_entered_meanwhile_is_looked_for_once() {
        let counted_on = Looked { at: WallTime(0), soon: true };
        let once = Looked { at: NOW, soon: false };
        assert_eq!(judged(counted_on, &[8_000]), Fate::Again(once, WallTime(NOW.0 + AFTER)));
        assert_eq!(judged(once, &[8_000]), Fate::Again(once, WallTime(NOW.0 + 7_000)));
    }

    #[test]
    fn what_somebody_counts_on_is_not_forgotten_at_once() {
        let later = Looked { at: WallTime(5), soon: false };
        assert_eq!(judged(later, &[]), Fate::Forget);
        let idle = Fate::Again(Looked { at: NOW, soon: false }, WallTime(NOW.0 + AFTER));
        assert_eq!(judged(Looked { soon: true, ..later }, &[]), idle);
    }

    #[test]
    fn unread_messages_that_cannot_be_seen_are_looked_for_again() {
        let looked = Looked { at: WallTime(5), soon: false };
        let fate = judge(looked, (true, std::iter::empty()), NOW, AFTER);
        assert_eq!(fate, Fate::Again(Looked { at: NOW, soon: true }, WallTime(NOW.0 + AFTER)));
    }

    #[test]
    fn a_note_says_what_was_written() {
        for soon in [true, false] {
            let looked = Looked { at: WallTime(1_234), soon };
            assert_eq!(Looked::from_bytes(&looked.to_bytes()), looked);
        }
        assert_eq!(Looked::from_bytes(b"?"), Looked { at: WallTime(0), soon: true });
    }

    #[test]
    fn looking_more_often_sends_no_more() {
        for after_ms in [1_000, 7_000, 2_000_000, 3_600_000, 7_200_000] {
            let due = ages(40_000_000, after_ms);
            for every in [100, 450, 700_000] {
                let mut looked = Looked::default();
                let mut came = 0;
                for now in (0..=40_000_000).step_by(every).map(|age| WallTime(1 + age)) {
                    came += usize::from(looked.missed(WallTime(1), now, after_ms));
                    looked.at = now;
                }
                // Those between two looks come once.
                let mut looks: Vec<_> = due.iter().map(|age| age.div_ceil(every as u64)).collect();
                looks.dedup();
                looks.retain(|look| look * every as u64 <= 40_000_000);
                assert_eq!(came, looks.len(), "{after_ms}, every {every}");
            }
        }
    }
}
