//! `latency`: how long does a delivery take when publications leave at a fixed rate?

use serde::Serialize;

use super::{Bench, PAYLOAD, Run, as_json};
use crate::args::{LatencyArgs, Settings};
use crate::error::BenchError;
use crate::instrument::connection::Plan;
use crate::instrument::histogram::Histogram;
use crate::instrument::open_loop::OpenLoop;
use crate::instrument::report::{Figure, Outcome};

/// Wall seconds of one run unless said otherwise.
const SECONDS: f64 = 10.0;

impl LatencyArgs {
    /// The quoted form: 50,000 deliveries a second, about a third of what one core can do.
    pub(super) fn quoted(settings: Settings) -> Self {
        Self { settings, subscribers: Self::SUBSCRIBERS, rate: Self::RATE }
    }
}

/// Latencies of one run.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Latencies {
    /// Milliseconds that half of the deliveries did not exceed, and so on.
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) p999: f64,
    /// How many deliveries were timed.
    pub(super) count: u64,
    pub(super) lost: u64,
}

impl Latencies {
    /// Reads a histogram of nanoseconds.
    pub(super) fn of(histogram: &Histogram, lost: u64) -> Self {
        let milliseconds = |share| histogram.percentile(share) as f64 / 1e6;
        Self {
            p50: milliseconds(0.5),
            p99: milliseconds(0.99),
            p999: milliseconds(0.999),
            count: histogram.count(),
            lost,
        }
    }

    /// For the progress line.
    pub(super) fn show(&self) -> String {
        format!("p50 {:.1} p99 {:.1} ms", self.p50, self.p99)
    }
}

/// Measures latency.
pub(super) fn run(bench: &Bench, args: &LatencyArgs) -> Result<Outcome, BenchError> {
    let (subscribers, rate) = (args.subscribers, args.rate);
    let data = bench.data(PAYLOAD);
    let scenario =
        format!("latency: {subscribers} subscribers, {rate} publications/s, {} B", data.len());
    let seconds = bench.seconds(SECONDS);
    let measure = |run: &Run<'_>| measure(run, subscribers, rate, seconds);
    let pairs = bench.pairs(&scenario, &data, measure, Latencies::show)?;
    let figure = |name: &str, of: fn(&Latencies) -> f64| {
        let of_all = |runs: &[Latencies]| runs.iter().map(of).collect::<Vec<_>>();
        Figure::pairs(name, &of_all(&pairs.server), &of_all(&pairs.floor))
    };
    let figures = vec![
        figure("p50, ms", |run| run.p50),
        figure("p99, ms", |run| run.p99),
        figure("p99.9, ms", |run| run.p999),
    ];
    let lost = pairs.server.iter().chain(&pairs.floor).map(|run| run.lost).sum();
    Ok(Outcome { scenario, figures, lost, runs: as_json(&pairs) })
}

fn measure(
    run: &Run<'_>,
    subscribers: u32,
    rate: u32,
    seconds: f64,
) -> Result<Latencies, BenchError> {
    let mut generator = run.generator(1)?;
    let publisher = generator.open_all([Plan::publisher()])?.start;
    generator.open_all((0..subscribers).map(|_| Plan::subscriber(0)))?;
    let mut load = OpenLoop::new(rate, seconds);
    let lost = load.run(&mut generator, publisher, subscribers, || Ok(()))?;
    Ok(Latencies::of(load.histogram(), lost))
}
