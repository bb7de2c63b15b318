//! Figures, and their two forms: a table for people, JSON for programs.

use std::fs;
use std::io::{self, Write};

use serde::Serialize;

use crate::error::{BenchError, Doing};
use crate::instrument::statistics::Spread;
use crate::instrument::targets::{Bounded, Limit, Target};

/// One line of the table.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    /// What was counted, with its unit.
    pub(crate) name: String,
    /// The server, over all runs.
    pub(crate) server: Option<Spread>,
    /// The floor, or whatever the server is compared with.
    pub(crate) floor: Option<Spread>,
    /// Server divided by floor, pair by pair.
    pub(crate) ratio: Option<Spread>,
    /// What the release is held to.
    pub(crate) target: Option<Target>,
}

impl Figure {
    /// A figure of which each run of the server is paired with the run of the floor that followed
    /// it.
    pub(crate) fn pairs(name: impl Into<String>, server: &[f64], floor: &[f64]) -> Self {
        let ratios: Vec<f64> = server
            .iter()
            .zip(floor)
            .filter(|(_, floor)| **floor > 0.0)
            .map(|(server, floor)| server / floor)
            .collect();
        Self {
            name: name.into(),
            server: Spread::of(server),
            floor: Spread::of(floor),
            ratio: Spread::of(&ratios),
            target: None,
        }
    }

    /// A figure that only the server has.
    pub(crate) fn alone(name: impl Into<String>, server: &[f64]) -> Self {
        Self::pairs(name, server, &[])
    }

    /// The same figure, held to a target.
    pub(crate) fn held_to(self, target: Option<Target>) -> Self {
        Self { target, ..self }
    }

    fn is_missed(&self) -> bool {
        self.target.is_some_and(|target| {
            let bounded = match target.of {
                Bounded::Ratio => self.ratio,
                Bounded::Value => self.server,
            };
            bounded.is_none_or(|spread| !target.limit.allows(spread.median))
        })
    }
}

/// What one scenario found.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Outcome {
    /// The scenario with its settings, in a few words.
    pub(crate) scenario: String,
    /// The figures.
    pub(crate) figures: Vec<Figure>,
    /// Deliveries that were missing or surplus, over all runs.
    pub(crate) lost: u64,
    /// Every run as it was read.
    pub(crate) runs: serde_json::Value,
}

/// Where the figures were taken.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    cpu: String,
    cores: usize,
    kernel: String,
}

impl Machine {
    /// This machine.
    pub(crate) fn here() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model =
            cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            cpu: model.map_or("unknown", |(_, model)| model.trim()).to_owned(),
            // Not what this process may use: by now it is pinned.
            cores: cpuinfo.lines().filter(|line| line.starts_with("processor")).count(),
            kernel: kernel.trim().to_owned(),
        }
    }
}

/// All that was found.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    /// Where.
    pub(crate) machine: Machine,
    /// Runs of each scenario.
    pub(crate) runs: u32,
    /// What.
    pub(crate) outcomes: Vec<Outcome>,
}

impl Report {
    /// Writes the report on stdout.
    ///
    /// # Errors
    /// Stdout is closed.
    pub(crate) fn print(&self, json: bool) -> Result<(), BenchError> {
        let mut stdout = io::stdout().lock();
        if json {
            serde_json::to_writer(&mut stdout, self).map_err(io::Error::from).doing("printing")?;
            return writeln!(stdout).doing("printing");
        }
        stdout.write_all(self.table().as_bytes()).doing("printing")
    }

    /// Deliveries missing or surplus in all.
    pub(crate) fn lost(&self) -> u64 {
        self.outcomes.iter().map(|outcome| outcome.lost).sum()
    }

    /// One line for each figure beyond its target.
    pub(crate) fn missed(&self) -> Vec<String> {
        let figures = self
            .outcomes
            .iter()
            .flat_map(|outcome| outcome.figures.iter().map(move |figure| (outcome, figure)));
        figures
            .filter(|(_, figure)| figure.is_missed())
            .map(|(outcome, figure)| format!("{}: {}", outcome.scenario, figure.name))
            .collect()
    }

    fn table(&self) -> String {
        let heads = ["", "server", "floor", "ratio", "(min-max)", "target"];
        let mut lines = vec![heads.map(str::to_owned)];
        for outcome in &self.outcomes {
            let mut title = heads.map(|_| String::new());
            title[0].clone_from(&outcome.scenario);
            lines.push(title);
            lines.extend(outcome.figures.iter().map(line));
            let mut lost = heads.map(|_| String::new());
            (lost[0], lost[1]) = ("  lost".into(), outcome.lost.to_string());
            lines.push(lost);
        }
        let widths: Vec<usize> = (0..heads.len())
            .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
            .collect();
        let machine = &self.machine;
        let mut table = format!(
            "{}, {} cores, Linux {}; medians of {}\n\n",
            machine.cpu, machine.cores, machine.kernel, self.runs
        );
        for line in lines {
            let mut text = format!("{:<width$}", line[0], width = widths[0]);
            for (cell, width) in line.iter().zip(&widths).skip(1) {
                text.push_str(&format!("  {cell:>width$}"));
            }
            table.push_str(text.trim_end());
            table.push('\n');
        }
        table
    }
}

fn line(figure: &Figure) -> [String; 6] {
    let median = |spread: Option<Spread>| spread.map_or(String::new(), |s| number(s.median));
    let range = figure.ratio.map_or(String::new(), |s| format!("({:.2}-{:.2})", s.min, s.max));
    let target = figure.target.map_or(String::new(), |target| {
        let verdict = if figure.is_missed() { "MISSED" } else { "met" };
        match target.limit {
            Limit::AtMost(most) => format!("<= {} {verdict}", number(most)),
            Limit::AtLeast(least) => format!(">= {} {verdict}", number(least)),
        }
    });
    let ratio = figure.ratio.map_or(String::new(), |spread| format!("{:.3}", spread.median));
    [
        format!("  {}", figure.name),
        median(figure.server),
        median(figure.floor),
        ratio,
        range,
        target,
    ]
}

/// Three significant digits or all before the point, thousands parted by spaces.
fn number(value: f64) -> String {
    let decimals = match value.abs() {
        0.0 | 100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    let digits = text.find('.').unwrap_or(text.len());
    let mut parted = String::new();
    for (at, digit) in text.chars().enumerate() {
        if at > 0 && at < digits && (digits - at).is_multiple_of(3) && !parted.ends_with('-') {
            parted.push(' ');
        }
        parted.push(digit);
    }
    parted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instrument::targets;

    #[test]
    fn numbers_are_readable() {
        let shown = [0.0, 0.0843, 5.314, 12.25, 187_000.4, -1_234.0, -123.0].map(number);
        assert_eq!(shown, ["0", "0.084", "5.31", "12.2", "187 000", "-1 234", "-123"]);
    }

    #[test]
    fn ratios_are_taken_pair_by_pair() {
        let figure = Figure::pairs("x", &[2.0, 30.0, 4.0], &[1.0, 10.0, 2.0]);
        assert_eq!(figure.ratio, Some(Spread { median: 2.0, min: 2.0, max: 3.0 }));
        assert_eq!(figure.floor.unwrap().median, 2.0);
    }

    #[test]
    fn a_target_is_missed_beyond_it_and_without_a_number() {
        let held = |server, floor| {
            Figure::pairs("x", &[server], &[floor]).held_to(Some(targets::FANOUT_ONE)).is_missed()
        };
        assert!(!held(1.15, 1.0));
        assert!(held(1.16, 1.0));
        assert!(Figure::alone("x", &[1.0]).held_to(Some(targets::FANOUT_ONE)).is_missed());
        assert!(!Figure::alone("x", &[2_048.0]).held_to(Some(targets::IDLE)).is_missed());
        let fast = |server| {
            Figure::pairs("x", &[server], &[1.0]).held_to(Some(targets::DURABLE)).is_missed()
        };
        assert!(!fast(0.35));
        assert!(fast(0.34));
    }

    #[test]
    fn programs_read_a_target_by_its_side() {
        let told = serde_json::to_value([targets::FANOUT_ONE, targets::DURABLE]).unwrap();
        let expected = serde_json::json!([
            { "at_most": 1.15, "aim": 1.05, "of": "ratio" },
            { "at_least": 0.35, "aim": null, "of": "ratio" },
        ]);
        assert_eq!(told, expected);
    }

    #[test]
    fn the_table_is_aligned_and_says_what_was_missed() {
        let report = Report {
            machine: Machine { cpu: "a CPU".into(), cores: 2, kernel: "6".into() },
            runs: 1,
            outcomes: vec![Outcome {
                scenario: "fanout".into(),
                figures: vec![
                    Figure::pairs("CPU", &[6.0], &[5.0]).held_to(Some(targets::FANOUT_ONE)),
                    Figure::alone("deliveries/s", &[150_000.0]),
                ],
                lost: 0,
                runs: serde_json::Value::Null,
            }],
        };
        assert_eq!(report.missed(), ["fanout: CPU"]);
        let table = report.table();
        let lines: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(
            lines,
            [
                "                 server  floor  ratio    (min-max)          target",
                "fanout",
                "  CPU              6.00   5.00  1.200  (1.20-1.20)  <= 1.15 MISSED",
                "  deliveries/s  150 000",
                "  lost                0",
            ]
        );
    }
}
