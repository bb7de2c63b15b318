//! Times, sizes and addresses as people write them.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

/// Longest time that can be asked for. A test that waits longer has forgotten a unit.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Reads `1500us`, `20ms`, `3s` or `0`.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let wants =
        || format!("`{text}` is no time: wants a whole number with us, ms or s, as in 20ms");
    let (number, unit) = number_and_unit(text).ok_or_else(wants)?;
    let time = match unit {
        "us" => Duration::from_micros(number),
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "" if number == 0 => Duration::ZERO,
        _ => return Err(wants()),
    };
    if time > LONGEST {
        return Err(format!("`{text}` is longer than a day"));
    }
    Ok(time)
}

/// Reads `512`, `64KiB`, `1MiB` or `1GiB`.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let wants = || format!("`{text}` is no size: wants bytes, or KiB, MiB or GiB, as in 64KiB");
    let (number, unit) = number_and_unit(text).ok_or_else(wants)?;
    let factor = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(wants()),
    };
    number.checked_mul(factor).ok_or_else(wants)
}

/// Reads `HOST:PORT`.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let wants = |why| format!("`{text}` is no address: {why}; wants HOST:PORT");
    let mut found = text.to_socket_addrs().map_err(|error| wants(error.to_string()))?;
    found.next().ok_or_else(|| wants("the name has none".to_owned()))
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        assert_eq!(time("20ms"), Ok(Duration::from_millis(20)));
        assert_eq!(time("1500us"), Ok(Duration::from_micros(1500)));
        assert_eq!(time("3s"), Ok(Duration::from_secs(3)));
        assert_eq!(time("0"), Ok(Duration::ZERO));
        for wrong in ["20", "ms", "", "-1ms", "1.5s", "20 ms", "86401s", "99999999999999999999s"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_bytes_or_powers_of_1024() {
        assert_eq!(size("512"), Ok(512));
        assert_eq!(size("512B"), Ok(512));
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("1MiB"), Ok(1 << 20));
        assert_eq!(size("1GiB"), Ok(1 << 30));
        for wrong in ["64kb", "KiB", "", "-1", "99999999999GiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn addresses_have_a_port() {
        assert_eq!(address("127.0.0.1:6379"), Ok(([127, 0, 0, 1], 6379).into()));
        assert!(address("127.0.0.1").is_err());
    }
}
