//! Cron expressions with a time zone.
//!
//! Five fields (minute, hour, day of the month, month, day of the week), or six with seconds before
//! them; `@daily` and the like. A job that names hours goes by what clocks show: what falls into the
//! hour that they skip comes when that hour is over, once for all times in it; and what they show
//! twice counts the first time only. A job of every hour goes on through both as if nothing were.

use std::str::FromStr;

use chrono::MappedLocalTime;
use chrono::{DateTime, FixedOffset, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use trunkline_core::schedule::Rule;
use trunkline_core::time::WallTime;

/// Longest expression that is looked at, in bytes.
const EXPRESSION_BYTES: usize = 256;

/// The furthest that clocks were ever put forward or back, in seconds: a day, across the date line.
const LONGEST_SHIFT_S: i64 = 86_400;

/// Whether a rule means anything, in words that say what is wrong.
pub(crate) fn check(rule: &Rule) -> Result<(), String> {
    zone(rule)?;
    cron(rule).map(drop)
}

fn cron(rule: &Rule) -> Result<Cron, String> {
    if rule.cron.len() > EXPRESSION_BYTES {
        return Err(format!("`cron` is longer than {EXPRESSION_BYTES} bytes"));
    }
    let parser = CronParser::builder().seconds(Seconds::Optional).build();
    parser.parse(&rule.cron).map_err(|error| format!("`cron`: {error}"))
}

fn zone(rule: &Rule) -> Result<Tz, String> {
    Tz::from_str(&rule.zone)
        .map_err(|_| "`zone` is no time zone such as \"Europe/Berlin\"".to_owned())
}

/// When something comes again, behind a time; none if never.
pub(crate) fn next(rule: &Rule, after: WallTime) -> Option<WallTime> {
    let (zone, cron) = (zone(rule).ok()?, cron(rule).ok()?);
    // A rule knows whole seconds, and would keep what is left of one.
    let seconds = after.0 / 1_000;
    let after = DateTime::<Utc>::from_timestamp(i64::try_from(seconds).ok()?, 0)?;
    let next = if is_of_every_hour(&cron) {
        next_through_shifts(&cron, zone, after)?
    } else {
        next_by_hours(&cron, zone, after)?
    };
    let next = u64::try_from(next.timestamp_millis()).ok().map(WallTime);
    // What does not move on would come again and again within the same moment.
    next.filter(|next| next.0 / 1_000 > seconds)
}

/// Whether no hour is named, or every one.
fn is_of_every_hour(cron: &Cron) -> bool {
    (0..24).all(|hour| cron.pattern.hour_match(hour).unwrap_or_default())
}

/// When a job that names hours comes again.
fn next_by_hours(cron: &Cron, zone: Tz, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let shown = after.with_timezone(&zone).naive_local();
    let from = match zone.from_local_datetime(&shown) {
        // Clocks show it the second time: all that they show twice has had its turn.
        MappedLocalTime::Ambiguous(_, second) if second == after => end_of_doubled(zone, shown),
        _ => shown,
    };
    // By a clock that is never put forward or back.
    let next = cron.find_next_occurrence(&from.and_utc(), false).ok()?.naive_utc();
    match zone.from_local_datetime(&next) {
        MappedLocalTime::Single(time) | MappedLocalTime::Ambiguous(time, _) => Some(time.to_utc()),
        MappedLocalTime::None => end_of_skipped(zone, next),
    }
}

/// The last second that clocks show twice in a row with this one.
fn end_of_doubled(zone: Tz, shown: NaiveDateTime) -> NaiveDateTime {
    let ahead = |seconds| shown + TimeDelta::seconds(seconds);
    let is_over = |seconds: &i64| {
        !matches!(zone.from_local_datetime(&ahead(*seconds)), MappedLocalTime::Ambiguous(..))
    };
    ahead(first((0, LONGEST_SHIFT_S), is_over) - 1)
}

/// When clocks that skip this time are put forward.
fn end_of_skipped(zone: Tz, skipped: NaiveDateTime) -> Option<DateTime<Utc>> {
    let at = skipped.and_utc().timestamp();
    let is_behind = |time: &i64| {
        let time = DateTime::<Utc>::from_timestamp(*time, 0);
        time.is_none_or(|time| time.with_timezone(&zone).naive_local() > skipped)
    };
    // Zones are less than a day from UTC.
    let around = (at - 2 * LONGEST_SHIFT_S, at + 2 * LONGEST_SHIFT_S);
    DateTime::from_timestamp(first(around, is_behind), 0)
}

/// The first number behind `low`, up to `high`, of which something is true that is so from there on.
fn first((mut low, mut high): (i64, i64), holds: impl Fn(&i64) -> bool) -> i64 {
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        match holds(&middle) {
            true => high = middle,
            false => low = middle,
        }
    }
    high
}

/// When such a job comes again: by a clock that nobody puts forward or back while it shows the time of
/// the zone, and by the next such clock from then on.
fn next_through_shifts(cron: &Cron, zone: Tz, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let offset = |time: DateTime<Utc>| zone.offset_from_utc_datetime(&time.naive_utc()).fix();
    let by_clock = |clock: FixedOffset, after: DateTime<Utc>| {
        let next = cron.find_next_occurrence(&after.with_timezone(&clock), false);
        next.ok().map(|next| next.to_utc())
    };
    let clock = offset(after);
    let next = by_clock(clock, after)?;
    if offset(next) == clock {
        return Some(next);
    }
    let is_shifted =
        |time: &i64| DateTime::from_timestamp(*time, 0).is_none_or(|time| offset(time) != clock);
    let shifted = first((after.timestamp(), next.timestamp()), is_shifted);
    by_clock(offset(next), DateTime::from_timestamp(shifted - 1, 0)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(cron: &str, zone: &str) -> Rule {
        Rule { cron: cron.into(), zone: zone.into() }
    }

    fn ms(text: &str) -> WallTime {
        let time = DateTime::parse_from_rfc3339(text).unwrap();
        WallTime(u64::try_from(time.timestamp_millis()).unwrap())
    }

    fn after(cron: &str, zone: &str, time: &str) -> WallTime {
        next(&rule(cron, zone), ms(time)).unwrap()
    }

    #[test]
    fn a_time_is_that_of_its_zone() {
        let next = after("30 8 * * *", "Europe/Berlin", "2026-01-10T07:00:00Z");
        assert_eq!(next, ms("2026-01-10T08:30:00+01:00"));
        let next = after("30 8 * * MON-FRI", "America/New_York", "2026-01-10T07:00:00Z");
        assert_eq!(next, ms("2026-01-12T08:30:00-05:00"));
        let next = after("*/15 * * * * *", "UTC", "2026-01-10T07:00:15Z");
        assert_eq!(next, ms("2026-01-10T07:00:30Z"));
    }

    #[test]
    fn a_day_that_skips_an_hour_has_all_its_jobs() {
        // Berlin goes from 2:00 to 3:00.
        let next = after("30 2 * * *", "Europe/Berlin", "2026-03-29T00:00:00+01:00");
        assert_eq!(next, ms("2026-03-29T03:00:00+02:00"));
    }

    #[test]
    fn a_job_does_not_come_twice_in_the_hour_that_does() {
        // Berlin goes from 3:00 back to 2:00.
        let first = after("30 2 * * *", "Europe/Berlin", "2026-10-25T00:00:00+02:00");
        assert_eq!(first, ms("2026-10-25T02:30:00+02:00"));
        let second = next(&rule("30 2 * * *", "Europe/Berlin"), first).unwrap();
        assert_eq!(second, ms("2026-10-26T02:30:00+01:00"));
    }

    #[test]
    fn all_that_the_skipped_hour_has_comes_once_when_it_is_over() {
        for cron in ["0 2,14 * * *", "0,30 2 * * *", "15 2-4 * * *", "*/20 2 * * *", "0 2,3 * * *"]
        {
            let over = after(cron, "Europe/Berlin", "2026-03-29T01:59:00+01:00");
            assert_eq!(over, ms("2026-03-29T03:00:00+02:00"), "{cron}");
        }
        for (cron, then) in [
            ("0 2,14 * * *", "2026-03-29T14:00:00+02:00"),
            ("0,30 2 * * *", "2026-03-30T02:00:00+02:00"),
            ("15 2-4 * * *", "2026-03-29T03:15:00+02:00"),
            ("30 2 * * *", "2026-03-30T02:30:00+02:00"),
        ] {
            assert_eq!(after(cron, "Europe/Berlin", "2026-03-29T03:00:00+02:00"), ms(then));
        }
        // Half an hour there, and a whole day that was skipped at the date line.
        let lord_howe = |from| after("10,40 2 * * *", "Australia/Lord_Howe", from);
        assert_eq!(lord_howe("2026-10-04T01:30:00+10:30"), ms("2026-10-04T02:30:00+11:00"));
        assert_eq!(lord_howe("2026-10-04T02:30:00+11:00"), ms("2026-10-04T02:40:00+11:00"));
        let apia = after("0 8 30 12 *", "Pacific/Apia", "2011-12-29T12:00:00-10:00");
        assert_eq!(apia, ms("2011-12-31T00:00:00+14:00"));
    }

    #[test]
    fn what_is_asked_for_in_the_hour_that_comes_twice_is_still_to_come() {
        for (cron, from, then) in [
            ("30 2 * * *", "2026-10-25T02:10:00+01:00", "2026-10-26T02:30:00+01:00"),
            ("30 2 * * *", "2026-10-25T02:40:00+02:00", "2026-10-26T02:30:00+01:00"),
            ("30 2 * * *", "2026-10-25T02:10:00+02:00", "2026-10-25T02:30:00+02:00"),
            ("*/10 1-4 * * *", "2026-10-25T02:10:00+01:00", "2026-10-25T03:00:00+01:00"),
            ("*/10 1-4 * * *", "2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00"),
            ("*/10 1-4 * * *", "2026-10-25T02:59:59+01:00", "2026-10-25T03:00:00+01:00"),
            ("*/10 1-4 * * *", "2026-10-25T02:50:00+02:00", "2026-10-25T03:00:00+01:00"),
            ("*/10 1-4 * * *", "2026-10-25T02:40:00+02:00", "2026-10-25T02:50:00+02:00"),
            ("0 2,3 * * *", "2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00"),
        ] {
            assert_eq!(after(cron, "Europe/Berlin", from), ms(then), "{cron} after {from}");
        }
    }

    #[test]
    fn whatever_is_asked_for_is_still_to_come() {
        for (zone, day) in [
            ("Europe/Berlin", "2026-03-28T12:00:00Z"),
            ("Europe/Berlin", "2026-10-24T12:00:00Z"),
            ("Australia/Lord_Howe", "2026-04-04T03:00:00Z"),
            ("Australia/Lord_Howe", "2026-10-03T03:00:00Z"),
            // There it is at midnight.
            ("Africa/Cairo", "2026-04-23T12:00:00Z"),
            ("Africa/Cairo", "2026-10-29T12:00:00Z"),
        ] {
            for cron in ["30 2 * * *", "*/10 1-4 * * *", "0,30 0-2 * * *", "7 * * * *"] {
                let rule = rule(cron, zone);
                for minute in (0..24 * 60).step_by(7) {
                    let at = WallTime(ms(day).0 + minute * 60_000 + 500);
                    assert!(next(&rule, at).unwrap() > at, "{cron} in {zone} after {at:?}");
                }
            }
        }
    }

    #[test]
    fn what_means_nothing_is_refused_in_words() {
        for (cron, zone, word) in [
            ("", "UTC", "cron"),
            ("* * * *", "UTC", "cron"),
            ("61 * * * *", "UTC", "cron"),
            ("* * * * * * * *", "UTC", "cron"),
            ("every day", "UTC", "cron"),
            ("* * * * *", "Berlin", "zone"),
            ("* * * * *", "", "zone"),
        ] {
            let complaint = check(&rule(cron, zone)).unwrap_err();
            assert!(complaint.contains(word), "{cron:?} {zone:?}: {complaint}");
        }
        assert_eq!(next(&rule("0 0 30 2 *", "UTC"), WallTime(0)), None, "never");
    }

    #[test]
    fn what_comes_every_so_often_goes_on_through_hours_that_are_skipped_or_doubled() {
        for (cron, minutes) in [
            ("*/30 * * * *", 30),
            ("15 * * * *", 60),
            ("15 0-23 * * *", 60),
            ("0 */20 * * * *", 20),
        ] {
            for from in ["2026-03-28T22:00:00Z", "2026-10-24T22:00:00Z"] {
                let rule = rule(cron, "Europe/Berlin");
                let mut at = next(&rule, ms(from)).unwrap();
                for _ in 0..12 {
                    let later = next(&rule, at).unwrap();
                    assert_eq!(later.0 - at.0, minutes * 60_000, "{cron} after {at:?}");
                    at = later;
                }
            }
        }
        // Half an hour is put back there: the minute is that of the clock again afterwards.
        let lord_howe = rule("45 * * * *", "Australia/Lord_Howe");
        let last = ms("2026-04-05T01:45:00+11:00");
        assert_eq!(next(&lord_howe, last), Some(ms("2026-04-05T01:45:00+10:30")));
        let yearly = rule("0 * 1 1 *", "Europe/Berlin");
        let next_year = next(&yearly, ms("2026-07-01T00:00:00Z"));
        assert_eq!(next_year, Some(ms("2027-01-01T00:00:00+01:00")));
    }
}
