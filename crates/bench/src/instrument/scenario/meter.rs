//! Reads CPU clocks before and after a piece of work.

use std::time::Instant;

use serde::Serialize;

use super::{Pairs, say};
use crate::error::BenchError;
use crate::instrument::process::Subject;
use crate::instrument::report::Figure;
use crate::instrument::targets::Target;
use crate::instrument::usage::{Cpu, machine_busy};

/// Processes other than server and generator may use this share of one core before a run is called
/// disturbed.
const DISTURBED: f64 = 0.2;

/// The clocks at the beginning.
#[derive(Debug)]
pub(super) struct Meter {
    start: Instant,
    subject: Cpu,
    generator: Cpu,
    machine: f64,
}

/// What a piece of work has cost.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Cost {
    /// Wall seconds.
    pub(super) wall: f64,
    /// CPU seconds of the measured process.
    pub(super) cpu: Cpu,
    /// CPU seconds of the generator.
    pub(super) generator: Cpu,
    /// CPU seconds of everything else on the machine.
    pub(super) foreign: f64,
}

impl Meter {
    /// Reads the clocks.
    pub(super) fn start(subject: &Subject) -> Result<Self, BenchError> {
        Ok(Self {
            start: Instant::now(),
            subject: subject.cpu()?,
            generator: Cpu::of(std::process::id())?,
            machine: machine_busy()?,
        })
    }

    /// Reads them again.
    pub(super) fn stop(&self, subject: &Subject) -> Result<Cost, BenchError> {
        let cpu = subject.cpu()? - self.subject;
        let generator = Cpu::of(std::process::id())? - self.generator;
        let machine = machine_busy()? - self.machine;
        let wall = self.start.elapsed().as_secs_f64();
        let foreign = (machine - cpu.total() - generator.total()).max(0.0);
        warn_if_disturbed(foreign, wall);
        Ok(Cost { wall, cpu, generator, foreign })
    }

    /// Seconds of wall time and of the process's CPU time since the beginning.
    pub(super) fn elapsed(&self, subject: &Subject) -> Result<(f64, f64), BenchError> {
        let cpu = subject.cpu()? - self.subject;
        Ok((self.start.elapsed().as_secs_f64(), cpu.total()))
    }
}

/// Says so when others used the machine, for so many CPU seconds of so many on the wall.
pub(super) fn warn_if_disturbed(foreign: f64, wall: f64) {
    if foreign > wall * DISTURBED {
        let share = 100.0 * foreign / wall;
        say(&format!("disturbed: other processes used {share:.0} % of a core meanwhile"));
    }
}

/// Decides when a run has been long enough: `seconds` of CPU, or four times as long on the wall for
/// a process that is mostly waiting.
pub(super) fn long_enough<'a>(
    meter: &'a Meter,
    subject: &'a Subject,
    seconds: f64,
) -> impl FnMut() -> Result<bool, BenchError> + 'a {
    // Reading the clocks is not free; a twentieth of a second is precise enough.
    let mut next = 0.05;
    move || {
        if meter.start.elapsed().as_secs_f64() < next {
            return Ok(false);
        }
        let (wall, cpu) = meter.elapsed(subject)?;
        next = wall + 0.05;
        Ok(cpu >= seconds || wall >= 4.0 * seconds)
    }
}

/// A cost and how many pieces of work it was for.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Measured {
    /// Pieces of work.
    pub(super) count: u64,
    /// Reads the generator needed.
    pub(super) reads: u64,
    /// Pieces missing or surplus.
    pub(super) lost: u64,
    #[serde(flatten)]
    pub(super) cost: Cost,
}

impl Measured {
    /// Microseconds of CPU per piece.
    pub(super) fn each(&self, seconds: f64) -> f64 {
        seconds * 1e6 / self.count.max(1) as f64
    }

    /// For the progress line.
    pub(super) fn show(&self) -> String {
        format!("{:.3} µs", self.each(self.cost.cpu.total()))
    }
}

/// The figures that CPU scenarios have in common; `what` is one piece of work.
pub(super) fn figures(what: &str, pairs: &Pairs<Measured>, target: Option<Target>) -> Vec<Figure> {
    let figure = |name: String, of: &dyn Fn(&Measured) -> f64| {
        let of_all = |runs: &[Measured]| runs.iter().map(of).collect::<Vec<_>>();
        Figure::pairs(name, &of_all(&pairs.server), &of_all(&pairs.floor))
    };
    vec![
        figure(format!("CPU, µs per {what}"), &|run| run.each(run.cost.cpu.total()))
            .held_to(target),
        figure("user, µs".into(), &|run| run.each(run.cost.cpu.user)),
        figure("system, µs".into(), &|run| run.each(run.cost.cpu.system)),
        figure("generator's CPU, µs".into(), &|run| run.each(run.cost.generator.total())),
        figure("per second".into(), &|run| run.count as f64 / run.cost.wall),
    ]
}
