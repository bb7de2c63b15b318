//! `slow`: what does one subscriber that never reads do to the latency of the others, and to the
//! server's memory?
//!
//! The server is compared with itself, undisturbed, in alternating runs. Publications are large, so
//! that within a run the one that does not read fills what the kernel keeps for it, then the
//! server's queue, and is closed when that has reached its bound.

use serde::Serialize;

use super::latency::Latencies;
use super::{Bench, Run, as_json, say};
use crate::args::{Settings, SlowArgs};
use crate::error::{BenchError, Doing};
use crate::instrument::connection::Plan;
use crate::instrument::deaf::{Deaf, Fate};
use crate::instrument::open_loop::OpenLoop;
use crate::instrument::report::{Figure, Outcome};
use crate::instrument::targets;

/// Bytes of data in a publication unless said otherwise.
const PAYLOAD: u32 = 8_192;
/// Wall seconds of one run unless said otherwise: at 80 KB a second for each subscriber, a queue of
/// 1 MiB is full after 13.
const SECONDS: f64 = 20.0;

impl SlowArgs {
    /// The quoted form.
    pub(super) fn quoted(settings: Settings) -> Self {
        Self { settings, subscribers: Self::SUBSCRIBERS, rate: Self::RATE }
    }
}

/// One run, with or without the one that does not read.
#[derive(Debug, Clone, Copy, Serialize)]
struct Observed {
    #[serde(flatten)]
    latencies: Latencies,
    /// How much more memory (bytes, RSS) the server ever had than before the first publication.
    growth: u64,
    /// How often the one that does not read was closed by the server; 0 or 1.
    closed: u32,
}

/// Measures what a slow subscriber costs.
pub(super) fn run(bench: &Bench, args: &SlowArgs) -> Result<Outcome, BenchError> {
    let data = bench.data(PAYLOAD);
    let scenario = format!(
        "slow: 1 of {} never reads, {} publications/s, {} B",
        args.subscribers,
        args.rate,
        data.len()
    );
    let seconds = bench.seconds(SECONDS);
    let script = bench.learn(&data)?;
    let (mut disturbed, mut calm) = (Vec::new(), Vec::new());
    for nth in 1..=bench.settings.runs {
        for (deaf, runs) in [(true, &mut disturbed), (false, &mut calm)] {
            let observed = bench.server(&script, &data, |run| measure(run, args, seconds, deaf))?;
            let which = if deaf { "one not reading" } else { "all reading" };
            let shown = observed.latencies.show();
            say(&format!("{scenario}: run {nth}/{}: {which} {shown}", bench.settings.runs));
            runs.push(observed);
        }
    }
    let figure = |name: &str, of: fn(&Observed) -> f64| {
        let of_all = |runs: &[Observed]| runs.iter().map(of).collect::<Vec<_>>();
        Figure::pairs(name, &of_all(&disturbed), &of_all(&calm))
    };
    let figures = vec![
        figure("p50, ms (floor: all reading)", |run| run.latencies.p50),
        figure("p99, ms (floor: all reading)", |run| run.latencies.p99)
            .held_to(Some(targets::SLOW)),
        figure("memory grew by, MB", |run| run.growth as f64 / 1e6),
        Figure::alone(
            "memory grew more than all reading, MB",
            &disturbed
                .iter()
                .zip(&calm)
                .map(|(disturbed, calm)| (disturbed.growth as f64 - calm.growth as f64) / 1e6)
                .collect::<Vec<_>>(),
        ),
        figure("closed by the server (1 = yes)", |run| f64::from(run.closed)),
    ];
    let lost = disturbed.iter().chain(&calm).map(|run| run.latencies.lost).sum();
    let runs = as_json(&serde_json::json!({ "one_not_reading": disturbed, "all_reading": calm }));
    Ok(Outcome { scenario, figures, lost, runs })
}

fn measure(
    run: &Run<'_>,
    args: &SlowArgs,
    seconds: f64,
    with_deaf: bool,
) -> Result<Observed, BenchError> {
    let mut generator = run.generator(1)?;
    let publisher = generator.open_all([Plan::publisher()])?.start;
    let deaf = if with_deaf {
        let slow = generator.open_all([Plan { channel: Some(0), narrow: true }])?.start;
        generator.deafen(slow)?
    } else {
        generator.open_all([Plan::subscriber(0)])?;
        None
    };
    generator.open_all((1..args.subscribers).map(|_| Plan::subscriber(0)))?;
    let listening = args.subscribers - u32::from(with_deaf);
    let before = run.subject.memory()?.rss;
    let mut most = before;
    let mut load = OpenLoop::new(args.rate, seconds);
    let lost = load.run(&mut generator, publisher, listening, || {
        most = most.max(run.subject.memory()?.rss);
        Ok(())
    })?;
    let fate =
        deaf.map(Deaf::fate).transpose().doing("reading what the slow subscriber was left")?;
    let closed = fate.is_some_and(|fate| fate != Fate::Open);
    Ok(Observed {
        latencies: Latencies::of(load.histogram(), lost),
        growth: most - before,
        closed: u32::from(closed),
    })
}
