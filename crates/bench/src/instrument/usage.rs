//! What the operating system says a process has used (`proc(5)`).

use std::fs;
use std::ops::Sub;

use serde::Serialize;

use crate::error::{BenchError, Doing};

/// CPU time of a process since its start, all its threads together, or between two readings.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub(crate) struct Cpu {
    /// Seconds in user mode.
    pub(crate) user: f64,
    /// Seconds in the kernel.
    pub(crate) system: f64,
}

impl Cpu {
    /// Reads `/proc/PID/stat`; its resolution is a clock tick, usually 10 ms.
    ///
    /// # Errors
    /// The process is gone.
    pub(crate) fn of(pid: u32) -> Result<Self, BenchError> {
        let path = format!("/proc/{pid}/stat");
        let stat = fs::read_to_string(&path).doing(&format!("reading {path}"))?;
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        cpu(&stat, ticks).ok_or_else(|| BenchError::Protocol(format!("{path}: {stat}")))
    }

    /// User and system together, in seconds.
    pub(crate) fn total(self) -> f64 {
        self.user + self.system
    }
}

impl Sub for Cpu {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self { user: self.user - earlier.user, system: self.system - earlier.system }
    }
}

fn cpu(stat: &str, ticks_per_second: f64) -> Option<Cpu> {
    // The program's name stands in parentheses and may contain anything, parentheses too.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11).map(str::parse::<u64>);
    let (user, system) = (fields.next()?.ok()?, fields.next()?.ok()?);
    Some(Cpu { user: user as f64 / ticks_per_second, system: system as f64 / ticks_per_second })
}

/// Seconds that all cores of the machine have been busy since it started, time stolen by its host
/// included.
///
/// # Errors
/// `/proc/stat` cannot be read.
pub(crate) fn machine_busy() -> Result<f64, BenchError> {
    let stat = fs::read_to_string("/proc/stat").doing("reading /proc/stat")?;
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    busy(&stat, ticks).ok_or_else(|| BenchError::Protocol("/proc/stat without cpu line".into()))
}

fn busy(stat: &str, ticks_per_second: f64) -> Option<f64> {
    let fields = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let fields: Vec<u64> =
        fields.split_ascii_whitespace().map_while(|field| field.parse().ok()).collect();
    // user nice system IDLE IOWAIT irq softirq steal; guest time is part of user time.
    let [user, nice, system, _, _, irq, softirq, steal, ..] = fields[..] else { return None };
    Some((user + nice + system + irq + softirq + steal) as f64 / ticks_per_second)
}

/// Memory of a process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub(crate) struct Memory {
    /// Resident.
    pub(crate) rss: u64,
    /// Resident, pages shared with other processes divided among them.
    pub(crate) pss: u64,
    /// Resident and its own alone.
    pub(crate) private: u64,
}

impl Memory {
    /// Reads `/proc/PID/smaps_rollup`.
    ///
    /// # Errors
    /// The process is gone, or belongs to another user.
    pub(crate) fn of(pid: u32) -> Result<Self, BenchError> {
        let path = format!("/proc/{pid}/smaps_rollup");
        let rollup = fs::read_to_string(&path).doing(&format!("reading {path}"))?;
        memory(&rollup).ok_or_else(|| BenchError::Protocol(format!("{path}: {rollup}")))
    }
}

fn memory(rollup: &str) -> Option<Memory> {
    let field = |name: &str| -> Option<u64> {
        let value = rollup.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        let kilobytes: u64 = value.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
        Some(kilobytes * 1024)
    };
    Some(Memory {
        rss: field("Rss")?,
        pss: field("Pss")?,
        private: field("Private_Clean")? + field("Private_Dirty")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_is_read_behind_any_program_name() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 95 0 0 0 250 1025 0 0 20 0 1 0 11 9 9";
        assert_eq!(cpu(stat, 100.0), Some(Cpu { user: 2.5, system: 10.25 }));
        assert_eq!(cpu("42 (x) S 1", 100.0), None);
        assert_eq!(cpu("", 100.0), None);
    }

    #[test]
    fn a_busy_machine_is_told_from_an_idle_one() {
        let stat = "cpu  100 10 200 5000 70 3 4 5 50 0\ncpu0 1 2 3 4 5 6 7 8 9 0\n";
        assert_eq!(busy(stat, 100.0), Some(3.22));
        assert_eq!(busy("cpu0 1 2", 100.0), None);
    }

    #[test]
    fn memory_is_summed_from_a_rollup() {
        let rollup = "55d-7ff ---p 00000000 00:00 0 [rollup]\nRss:  2048 kB\nPss:  1024 kB\n\
                      Pss_Dirty: 8 kB\nPrivate_Clean: 100 kB\nPrivate_Dirty: 400 kB\n";
        let expected = Memory { rss: 2048 * 1024, pss: 1024 * 1024, private: 500 * 1024 };
        assert_eq!(memory(rollup), Some(expected));
        assert_eq!(memory("Rss: many"), None);
    }

    #[test]
    fn this_process_has_used_something() {
        let pid = std::process::id();
        assert!(Cpu::of(pid).unwrap().total() >= 0.0);
        assert!(Memory::of(pid).unwrap().private > 0);
        assert!(machine_busy().unwrap() > 0.0);
    }
}
