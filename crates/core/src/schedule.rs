//! Schedules: publications that will be made at a time.
//!
//! A schedule is a [note](crate::note) beside the channel it is for, named `schedule:ID`, due when it
//! is to be published. Publishing it and changing the note are one step, so that it happens once,
//! whichever node does it. What was published leaves a note for a while, so that whoever cancels it
//! afterwards learns why that cannot be.

use bytes::Bytes;

use crate::limits::SCHEDULE_REMEMBERED_MS;
use crate::note::{Change, Due, Note, Wanted};
use crate::publication::{Draft, Tags};
use crate::time::WallTime;

/// What the names of schedules begin with.
pub const PREFIX: &str = "schedule:";

/// What is to be published, and what else there is to know about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// Its payload.
    pub data: Bytes,
    /// Labels of the publication.
    pub tags: Tags,
    /// It leaves no trace in the stream.
    pub skip_history: bool,
    /// It is dropped if it could not be published within so many milliseconds after it was due;
    /// `None` publishes it however late it is.
    pub late_ms: Option<u64>,
    /// It comes again and again, by this rule; opaque here.
    pub rule: Option<Rule>,
}

/// When something comes again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// A cron expression.
    pub cron: Box<str>,
    /// The name of a time zone.
    pub zone: Box<str>,
}

/// What a note of a schedule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// It waits.
    Waiting(Schedule),
    /// It was published, or dropped because it was too late.
    Fired,
}

/// What is to be done about a schedule that is due.
#[derive(Debug)]
pub enum Firing {
    /// Make this change; `late` says that nothing is published.
    Do {
        /// The change.
        change: Box<Change>,
        /// Whether it is too late to publish anything.
        late: bool,
    },
    /// It is not due at all.
    Nothing,
}

/// Decides what to do about a note that is due. `next` is when a schedule with a rule comes again,
/// behind a time; `write` puts an entry into the form of notes, and `draft` makes a publication for
/// the channel as it is kept now.
///
/// Of the times that a recurring schedule has missed, the last one counts: it is published once if that
/// is not too long ago, and goes on with the next that is still to come.
pub fn fire(
    note: &Note,
    entry: &Entry,
    now: WallTime,
    next: impl Fn(&Rule, WallTime) -> Option<WallTime>,
    write: impl Fn(&Entry) -> Bytes,
    draft: impl FnOnce(&Schedule) -> Draft,
) -> Firing {
    let Some(due) = note.due.filter(|due| *due <= now) else { return Firing::Nothing };
    let change = |wanted, draft| Change {
        when_due: true,
        draft,
        ..Change::of(note.key.clone(), Some(note), wanted)
    };
    let Entry::Waiting(schedule) = entry else {
        // It was remembered for long enough.
        return Firing::Do { change: Box::new(change(None, None)), late: false };
    };
    let rule = schedule.rule.as_ref();
    let is_late = |most| {
        let meant = rule.map_or(due, |rule| last_missed(due, now, |after| next(rule, after)));
        now.0.saturating_sub(meant.0) > most
    };
    let late = schedule.late_ms.is_some_and(is_late);
    // What is due at once would be published again, and again at once.
    let to_come = rule.and_then(|rule| next(rule, now)).filter(|next| *next > now);
    let wanted = match to_come {
        Some(next) => Wanted { value: note.value.clone(), due: Due::At(next) },
        None => {
            let remembered = Due::In(SCHEDULE_REMEMBERED_MS);
            Wanted { value: write(&Entry::Fired), due: remembered }
        }
    };
    let draft = (!late).then(|| draft(schedule));
    Firing::Do { change: Box::new(change(Some(wanted), draft)), late }
}

/// The last time from `due` on that is not after `now`, found by halving: however often something
/// comes, a few dozen questions tell.
fn last_missed(
    due: WallTime,
    now: WallTime,
    next: impl Fn(WallTime) -> Option<WallTime>,
) -> WallTime {
    let (mut last, mut none_behind) = (due, now);
    while none_behind.0.saturating_sub(last.0) > 1 {
        let middle = WallTime(last.0 + (none_behind.0 - last.0) / 2);
        match next(middle).filter(|later| (middle.0 + 1..=now.0).contains(&later.0)) {
            Some(later) => last = later,
            None => none_behind = middle,
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::ChannelName;
    use crate::note::{Expected, NoteKey};

    fn note(due: u64) -> Note {
        let key = NoteKey { channel: ChannelName::parse("a").unwrap(), name: "schedule:1".into() };
        Note { key, version: 7, due: Some(WallTime(due)), value: "v".into() }
    }

    /// With a rule it comes every so many milliseconds.
    fn at(now: u64, late_ms: Option<u64>, every: Option<u64>) -> Firing {
        let rule = every.map(|_| Rule { cron: "".into(), zone: "".into() });
        let entry = Entry::Waiting(Schedule { late_ms, rule, ..Schedule::default() });
        let draft = |_: &Schedule| Draft::new(ChannelName::parse("a").unwrap());
        let next =
            |_: &Rule, after: WallTime| every.map(|every| WallTime((after.0 / every + 1) * every));
        fire(&note(100), &entry, WallTime(now), next, |_| "fired".into(), draft)
    }

    fn change(firing: Firing) -> (Change, bool) {
        let Firing::Do { change, late } = firing else { panic!("it is due") };
        (*change, late)
    }

    #[test]
    fn it_is_not_done_early() {
        assert!(matches!(at(99, None, None), Firing::Nothing));
    }

    #[test]
    fn it_is_published_once_and_remembered() {
        let (change, late) = change(at(100, None, None));
        assert!(!late && change.when_due && change.expected == Expected::Version(7));
        let wanted = change.wanted.unwrap();
        assert_eq!((&*wanted.value, wanted.due), (&b"fired"[..], Due::In(SCHEDULE_REMEMBERED_MS)));
        assert!(change.draft.is_some());
    }

    #[test]
    fn what_comes_again_is_due_again() {
        let (change, _) = change(at(100, None, Some(20)));
        let wanted = change.wanted.unwrap();
        assert_eq!((&*wanted.value, wanted.due), (&b"v"[..], Due::At(WallTime(120))));
    }

    #[test]
    fn of_many_missed_times_the_last_counts() {
        for (every, now, late_ms, published, again) in [
            (20, 1_000_005, None, true, 1_000_020),
            (20, 1_000_005, Some(5), true, 1_000_020),
            (20, 1_000_006, Some(5), false, 1_000_020),
            (20, 1_000_000, Some(0), true, 1_000_020),
            (20, 119, Some(19), true, 120),
            (20, 119, Some(18), false, 120),
            (1_000, 1_900, Some(900), true, 2_000),
            (1_000, 1_900, Some(899), false, 2_000),
        ] {
            let (change, late) = change(at(now, late_ms, Some(every)));
            assert_eq!((change.draft.is_some(), late), (published, !published), "at {now}");
            assert_eq!(change.wanted.unwrap().due, Due::At(WallTime(again)));
        }
    }

    #[test]
    fn what_comes_again_in_the_past_does_not_come_again() {
        for past in [0, 99, 100, 150] {
            let rule = Some(Rule { cron: "".into(), zone: "".into() });
            let schedule = Schedule { late_ms: Some(500), rule, ..Schedule::default() };
            let draft = |_: &Schedule| Draft::new(ChannelName::parse("a").unwrap());
            let next = |_: &Rule, _| Some(WallTime(past));
            let entry = Entry::Waiting(schedule);
            let firing = fire(&note(100), &entry, WallTime(150), next, |_| "fired".into(), draft);
            let wanted = change(firing).0.wanted.unwrap();
            assert_eq!(wanted.due, Due::In(SCHEDULE_REMEMBERED_MS), "{past}");
        }
    }

    #[test]
    fn what_is_too_late_is_not_published() {
        assert!(change(at(110, Some(10), None)).0.draft.is_some());
        let (change, late) = change(at(111, Some(10), None));
        assert!(late && change.draft.is_none() && change.wanted.is_some());
    }

    #[test]
    fn what_was_remembered_for_long_enough_is_forgotten() {
        let draft = |_: &Schedule| panic!("nothing is published");
        let fired = Entry::Fired;
        let firing = fire(&note(100), &fired, WallTime(100), |_, _| None, |_| "".into(), draft);
        assert!(change(firing).0.wanted.is_none());
    }
}
