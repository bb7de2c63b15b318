//! One change of the faults, as an option or a command says it: `latency 200ms to-client`. Options may
//! separate the words by commas: `--latency 200ms,to-client`.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use trunkline_fault_proxy::{BlackHole, Direction, Faults, LineFaults, Probability};

use crate::quantity::{size, time};

/// A fault that takes the place of the one before of its kind, in one direction or both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Change {
    direction: Option<Direction>,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Latency(Duration),
    Jitter(Duration),
    Bandwidth(Option<NonZeroU64>),
    BlackHole(Option<BlackHole>),
    HalfOpen(bool),
    ResetAfter(Option<u64>),
    Corrupt(Probability),
    Chop(Option<NonZeroU32>),
}

impl Change {
    /// Reads what follows the name of a fault. `None` if there is no fault of that name.
    pub(crate) fn parse(name: &str, rest: &str) -> Option<Result<Self, String>> {
        let read: fn(Option<&str>) -> Result<Fault, String> = match name {
            "latency" => |value| time_or_off(value).map(Fault::Latency),
            "jitter" => |value| time_or_off(value).map(Fault::Jitter),
            "bandwidth" => |value| bandwidth(value).map(Fault::Bandwidth),
            "black-hole" => |value| black_hole(value).map(Fault::BlackHole),
            "half-open" => |value| half_open(value).map(Fault::HalfOpen),
            "reset-after" => |value| reset_after(value).map(Fault::ResetAfter),
            "corrupt" => |value| corrupt(value).map(Fault::Corrupt),
            "chop" => |value| chop(value).map(Fault::Chop),
            _ => return None,
        };
        let change = words(rest).and_then(|(value, direction)| {
            let fault = read(value).map_err(|error| format!("{name}: {error}"))?;
            Ok(Self { direction, fault })
        });
        Some(change)
    }

    /// Changes the faults.
    pub(crate) fn apply(self, faults: &mut Faults) {
        match self.direction {
            Some(direction) => self.fault.apply(faults.line_mut(direction)),
            None => {
                self.fault.apply(&mut faults.to_upstream);
                self.fault.apply(&mut faults.to_client);
            }
        }
    }
}

impl Fault {
    fn apply(self, line: &mut LineFaults) {
        match self {
            Self::Latency(latency) => line.latency = latency,
            Self::Jitter(jitter) => line.jitter = jitter,
            Self::Bandwidth(bandwidth) => line.bandwidth = bandwidth,
            Self::BlackHole(kind) => line.black_hole = kind,
            Self::HalfOpen(half_open) => line.half_open = half_open,
            Self::ResetAfter(bytes) => line.reset_after = bytes,
            Self::Corrupt(likely) => line.corruption = likely,
            Self::Chop(mean) => line.chop = mean,
        }
    }
}

/// Reads a value and a direction, each of which may be missing.
fn words(rest: &str) -> Result<(Option<&str>, Option<Direction>), String> {
    let (mut value, mut direction) = (None, None);
    for word in rest.split([' ', ',', '\t']).filter(|word| !word.is_empty()) {
        let second = match word {
            "to-upstream" => direction.replace(Direction::ToUpstream).is_some(),
            "to-client" => direction.replace(Direction::ToClient).is_some(),
            _ => value.replace(word).is_some(),
        };
        if second {
            return Err(format!("`{word}` is one too many: wants VALUE [to-upstream|to-client]"));
        }
    }
    Ok((value, direction))
}

/// Reads a value that must be there, unless it is `off`.
fn unless_off<T>(
    value: Option<&str>,
    wants: &str,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, String> {
    match value {
        None => Err(format!("wants {wants} or off")),
        Some("off") => Ok(None),
        Some(value) => read(value).map(Some),
    }
}

fn time_or_off(value: Option<&str>) -> Result<Duration, String> {
    unless_off(value, "a time as in 20ms,", time).map(Option::unwrap_or_default)
}

fn bandwidth(value: Option<&str>) -> Result<Option<NonZeroU64>, String> {
    unless_off(value, "bytes a second as in 64KiB,", |value| {
        NonZeroU64::new(size(value)?).ok_or_else(|| "0 is a black hole".to_owned())
    })
}

fn reset_after(value: Option<&str>) -> Result<Option<u64>, String> {
    unless_off(value, "a number of bytes", size)
}

fn corrupt(value: Option<&str>) -> Result<Probability, String> {
    let likely = unless_off(value, "a probability as in 0.001,", |value| {
        let number = value.parse().ok().and_then(Probability::new);
        number.ok_or_else(|| format!("`{value}` is no number from 0 to 1"))
    })?;
    Ok(likely.unwrap_or(Probability::NEVER))
}

fn chop(value: Option<&str>) -> Result<Option<NonZeroU32>, String> {
    unless_off(value, "bytes of a piece on average", |value| {
        let mean = u32::try_from(size(value)?).ok().and_then(NonZeroU32::new);
        mean.ok_or_else(|| format!("`{value}` is not from 1 to 4294967295"))
    })
}

fn black_hole(value: Option<&str>) -> Result<Option<BlackHole>, String> {
    match value {
        None | Some("swallow") => Ok(Some(BlackHole::Swallow)),
        Some("stall") => Ok(Some(BlackHole::Stall)),
        Some("off") => Ok(None),
        Some(other) => Err(format!("`{other}` is not swallow, stall or off")),
    }
}

fn half_open(value: Option<&str>) -> Result<bool, String> {
    match value {
        None | Some("on") => Ok(true),
        Some("off") => Ok(false),
        Some(other) => Err(format!("`{other}` is not on or off")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(name: &str, rest: &str) -> Faults {
        let mut faults = Faults::NONE;
        Change::parse(name, rest).unwrap().unwrap().apply(&mut faults);
        faults
    }

    fn error(name: &str, rest: &str) -> String {
        Change::parse(name, rest).unwrap().unwrap_err()
    }

    #[test]
    fn a_change_is_for_both_directions_unless_it_names_one() {
        let late = LineFaults::late(Duration::from_millis(20));
        assert_eq!(after("latency", "20ms"), Faults::both(late));
        for one in ["20ms to-client", "20ms,to-client", "to-client,20ms"] {
            assert_eq!(after("latency", one), Faults::towards(Direction::ToClient, late));
        }
    }

    #[test]
    fn every_fault_has_a_name() {
        let faults = LineFaults {
            latency: Duration::from_secs(1),
            jitter: Duration::from_millis(5),
            bandwidth: NonZeroU64::new(1 << 20),
            black_hole: Some(BlackHole::Stall),
            half_open: true,
            reset_after: Some(0),
            corruption: Probability::new(0.25).unwrap(),
            chop: NonZeroU32::new(3),
        };
        let mut changed = Faults::NONE;
        let changes = [
            ("latency", "1s"),
            ("jitter", "5ms"),
            ("bandwidth", "1MiB"),
            ("black-hole", "stall"),
            ("half-open", ""),
            ("reset-after", "0"),
            ("corrupt", "0.25"),
            ("chop", "3"),
        ];
        for (name, rest) in changes {
            Change::parse(name, rest).unwrap().unwrap().apply(&mut changed);
        }
        assert_eq!(changed, Faults::both(faults));
        for (name, _) in changes {
            Change::parse(name, "off").unwrap().unwrap().apply(&mut changed);
        }
        assert_eq!(changed, Faults::NONE);
        assert_eq!(Change::parse("lattency", "1s"), None);
    }

    #[test]
    fn a_black_hole_swallows_unless_told_otherwise() {
        let hole = LineFaults::black_hole(BlackHole::Swallow);
        assert_eq!(after("black-hole", "to-client"), Faults::towards(Direction::ToClient, hole));
    }

    #[test]
    fn what_is_wrong_is_said_with_what_is_right() {
        assert_eq!(error("latency", ""), "latency: wants a time as in 20ms, or off");
        assert_eq!(
            error("latency", "20"),
            "latency: `20` is no time: wants a whole number with us, ms or s, as in 20ms"
        );
        assert_eq!(error("corrupt", "2"), "corrupt: `2` is no number from 0 to 1");
        assert_eq!(error("bandwidth", "0"), "bandwidth: 0 is a black hole");
        assert_eq!(error("chop", "0"), "chop: `0` is not from 1 to 4294967295");
        assert_eq!(
            error("jitter", "5ms 6ms"),
            "`6ms` is one too many: wants VALUE [to-upstream|to-client]"
        );
        assert!(error("black-hole", "to-client to-upstream").starts_with("`to-upstream` is one"));
        assert!(error("half-open", "maybe").contains("on or off"));
    }
}
