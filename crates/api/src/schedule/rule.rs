//! Cron expressions with a time zone.
//!
//! Five fields (minute, hour, day of the month, month, day of the week), or six with seconds before
//! them; `@daily` and the like. In the hour that a clock skips a job at a fixed time comes when the
//! hour is over; in the hour that comes twice it comes once, the first time. A job of every hour goes
//! on through both as if nothing were.

use std::str::FromStr;

use chrono::{DateTime, FixedOffset, Offset as _, TimeZone as _, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use trunkline_core::schedule::Rule;
use trunkline_core::time::WallTime;

/// Longest expression that is looked at, in bytes.
const EXPRESSION_BYTES: usize = 256;

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
    let after = DateTime::<Utc>::from_timestamp(i64::try_from(after.0 / 1_000).ok()?, 0)?;
    let next = if is_of_every_hour(rule) {
        next_through_shifts(&cron, zone, after)?
    } else {
        cron.find_next_occurrence(&after.with_timezone(&zone), false).ok()?.to_utc()
    };
    u64::try_from(next.timestamp_millis()).ok().map(WallTime)
}

/// Whether no hour is named.
fn is_of_every_hour(rule: &Rule) -> bool {
    let fields: Vec<&str> = rule.cron.split_whitespace().collect();
    match fields[..] {
        [name] => name.eq_ignore_ascii_case("@hourly"),
        [_, hour, _, _, _] | [_, _, hour, _, _, _] => hour == "*",
        _ => false,
    }
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
    let (mut before, mut shifted) = (after.timestamp(), next.timestamp());
    while shifted - before > 1 {
        let middle = before + (shifted - before) / 2;
        match offset(DateTime::from_timestamp(middle, 0)?) == clock {
            true => before = middle,
            false => shifted = middle,
        }
    }
    by_clock(offset(next), DateTime::from_timestamp(before, 0)?)
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
        for (cron, minutes) in [("*/30 * * * *", 30), ("15 * * * *", 60), ("0 */20 * * * *", 20)] {
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
