//! Sizes and times as people write them: a whole number and a unit.

use trunkline_core::rate::Rate;

const SIZES: &[(&str, u64)] = &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

const TIMES: &[(&str, u64)] =
    &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// The bytes of a size such as `64KiB`.
pub(crate) fn bytes(text: &str) -> Option<u64> {
    read(text, SIZES)
}

/// The milliseconds of a time such as `25s`.
pub(crate) fn millis(text: &str) -> Option<u64> {
    read(text, TIMES)
}

/// The rate of a text such as `20/10s`, or `5/s` for one unit.
pub(crate) fn rate(text: &str) -> Option<Rate> {
    let (count, time) = text.split_once('/')?;
    let whole = time.starts_with(|c: char| c.is_ascii_digit());
    let per_ms = if whole { millis(time)? } else { millis(&format!("1{time}"))? };
    let digits = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
    let count = digits.then(|| count.parse().ok()).flatten()?;
    (count > 0 && per_ms > 0).then_some(Rate { count, per_ms })
}

/// A rate as it is written.
pub(crate) fn show_rate(rate: Rate) -> String {
    let time = show_millis(rate.per_ms);
    let digits = time.bytes().take_while(u8::is_ascii_digit).count();
    let time = if &time[..digits] == "1" { &time[digits..] } else { &time };
    format!("{}/{time}", rate.count)
}

/// A number of bytes in the largest unit that needs no fraction.
pub(crate) fn show_bytes(bytes: u64) -> String {
    show(bytes, SIZES, "B")
}

/// A number of milliseconds in the largest unit that needs no fraction.
pub(crate) fn show_millis(millis: u64) -> String {
    show(millis, TIMES, "s")
}

fn read(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn show(number: u64, units: &[(&str, u64)], unit_of_zero: &str) -> String {
    let fits = |factor: u64| number > 0 && number.is_multiple_of(factor);
    match units.iter().find(|(_, factor)| fits(*factor)) {
        Some((unit, factor)) => format!("{}{unit}", number / factor),
        None => format!("0{unit_of_zero}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_unit_is_known() {
        for (text, expected) in [
            ("500ms", 500),
            ("25s", 25_000),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("2d", 172_800_000),
            ("0s", 0),
        ] {
            assert_eq!((millis(text), show_millis(expected)), (Some(expected), text.into()));
        }
        for (text, expected) in
            [("1B", 1), ("64KiB", 65_536), ("1MiB", 1 << 20), ("3GiB", 3 << 30), ("0B", 0)]
        {
            assert_eq!((bytes(text), show_bytes(expected)), (Some(expected), text.into()));
        }
    }

    #[test]
    fn what_is_not_clear_is_not_guessed() {
        for text in
            ["", "s", "25", "25 s", " 25s", "25S", "2.5s", "-1s", "1m30s", "99999999999999d"]
        {
            assert_eq!(millis(text), None, "{text:?}");
        }
        for text in ["", "KiB", "64", "64kb", "64K", "64KB", "+1B", "99999999999999GiB"] {
            assert_eq!(bytes(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_rate_is_so_many_in_so_much_time() {
        for (text, count, per_ms) in
            [("5/s", 5, 1_000), ("20/10s", 20, 10_000), ("1/500ms", 1, 500), ("600/m", 600, 60_000)]
        {
            assert_eq!(rate(text), Some(Rate { count, per_ms }));
            assert_eq!(show_rate(Rate { count, per_ms }), text);
        }
        for text in
            ["", "5", "5/", "/s", "0/s", "5/0s", "-5/s", "5 / s", "5/x", "+5/s", "9999999999/s"]
        {
            assert_eq!(rate(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(number: u64) {
            prop_assert_eq!(millis(&show_millis(number)), Some(number));
            prop_assert_eq!(bytes(&show_bytes(number)), Some(number));
        }
    }
}
