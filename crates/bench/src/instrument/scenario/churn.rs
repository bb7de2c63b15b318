//! `churn`: all connections are killed at once and come back, again and again. Does the server's
//! memory come back too?

use std::time::Duration;

use serde::Serialize;

use super::{Bench, PAYLOAD, Run, as_json, say};
use crate::args::{ChurnArgs, Settings};
use crate::error::BenchError;
use crate::instrument::connection::Plan;
use crate::instrument::report::{Figure, Outcome};
use crate::instrument::targets;
use crate::instrument::usage::Memory;

/// Connections per channel.
const PER_CHANNEL: u32 = 10;
/// How long the server may tidy up before its memory is read.
const SETTLE: Duration = Duration::from_secs(1);

impl ChurnArgs {
    /// The quoted form.
    pub(super) fn quoted(settings: Settings) -> Self {
        Self { settings, connections: Self::CONNECTIONS, times: Self::TIMES }
    }
}

/// Memory whenever all connections were there, and what the server had to say.
#[derive(Debug, Serialize)]
struct Churned {
    plateaus: Vec<Memory>,
    /// After the last have been killed too.
    empty: Memory,
    /// Lines of its stderr that report errors.
    errors: Vec<String>,
}

/// Measures memory over churn. One run: what does not come back shows in it already.
pub(super) fn run(bench: &Bench, args: &ChurnArgs) -> Result<Outcome, BenchError> {
    let scenario = format!(
        "churn: {} connections killed at once, {} times (1 run)",
        args.connections, args.times
    );
    let data = bench.data(PAYLOAD);
    let script = bench.learn(&data)?;
    let churned = bench.server(&script, &data, |run| measure(run, args, &scenario))?;
    for error in &churned.errors {
        say(&format!("the server's log: {error}"));
    }
    let megabytes = |memory: &Memory| memory.pss as f64 / 1e6;
    let first = churned.plateaus.first().map_or(0.0, megabytes);
    let highest = churned.plateaus.iter().skip(1).map(megabytes).fold(0.0, f64::max);
    let mut figures: Vec<Figure> = churned
        .plateaus
        .iter()
        .enumerate()
        .map(|(nth, memory)| {
            Figure::alone(format!("MB with all, time {}", nth + 1), &[megabytes(memory)])
        })
        .collect();
    figures.push(
        Figure::pairs("highest later MB (floor: the first)", &[highest], &[first])
            .held_to(Some(targets::CHURN)),
    );
    figures.push(Figure::alone("MB when all are gone", &[megabytes(&churned.empty)]));
    figures.push(
        Figure::alone("errors in its log", &[churned.errors.len() as f64])
            .held_to(Some(targets::NO_ERRORS)),
    );
    Ok(Outcome { scenario, figures, lost: 0, runs: as_json(&churned) })
}

fn measure(run: &Run<'_>, args: &ChurnArgs, scenario: &str) -> Result<Churned, BenchError> {
    let channels = args.connections.div_ceil(PER_CHANNEL);
    let mut generator = run.generator(channels as u16)?;
    let mut plateaus = Vec::new();
    for nth in 0..=args.times {
        generator.open_all(
            (0..args.connections).map(|nth| Plan::subscriber((nth / PER_CHANNEL) as u16)),
        )?;
        generator.rest(SETTLE)?;
        let memory = run.subject.memory()?;
        say(&format!("{scenario}: time {}: {:.1} MB", nth + 1, memory.pss as f64 / 1e6));
        plateaus.push(memory);
        generator.close_all();
    }
    generator.rest(SETTLE)?;
    let stderr = run.subject.stderr();
    let errors = stderr.lines().filter(|line| reports_error(line)).map(str::to_owned).collect();
    Ok(Churned { plateaus, empty: run.subject.memory()?, errors })
}

/// Whether a line of a log, in text or JSON, says that something went wrong.
fn reports_error(line: &str) -> bool {
    ["ERROR", "panicked"].iter().any(|word| line.contains(word))
}
