//! Publications that are stored, through sockets: the parts of `durable` and `cluster` that have a
//! server.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::durable::{self, PAYLOAD};
use super::meter::{Cost, Meter};
use super::{Bench, Run, as_json};
use crate::args::DurableArgs;
use crate::error::BenchError;
use crate::instrument::connection::Plan;
use crate::instrument::disk;
use crate::instrument::pipelines::Pipelines;
use crate::instrument::report::{Figure, Outcome};
use crate::instrument::setup::Setup;

/// Connections that publish.
const CONNECTIONS: u32 = 16;
/// Publications each has in flight.
const IN_FLIGHT: u32 = 64;
/// How long they publish unmeasured first.
const WARM_UP: Duration = Duration::from_secs(1);

/// What one run has acknowledged.
#[derive(Debug, Serialize)]
struct Acknowledged {
    count: u64,
    /// Milliseconds between sending and acknowledgement.
    p50: f64,
    p99: f64,
    #[serde(flatten)]
    cost: Cost,
}

impl Acknowledged {
    fn per_second(&self) -> f64 {
        self.count as f64 / self.cost.wall
    }
}

/// How it is measured, in a few words.
pub(super) fn form(bench: &Bench) -> String {
    format!(
        "through sockets (floor: memory): {CONNECTIONS} connections, {IN_FLIGHT} in flight each, {} B",
        bench.data(PAYLOAD).len()
    )
}

/// Measures a server that stores, in turn with one that keeps in memory.
pub(super) fn run(bench: &Bench, args: &DurableArgs) -> Result<Outcome, BenchError> {
    let scenario = format!("durable {}", form(bench));
    let directory = disk::directory(args.dir.as_deref())?;
    let data_dir = Some(directory.path().join("data"));
    let stored = Setup { keep: args.keep, data_dir, ..Setup::default() };
    let seconds = bench.seconds(durable::SECONDS);
    compare(bench, scenario, &stored, args.channels, seconds)
}

/// Measures a server set up like this, in turn with one that keeps as much in memory.
pub(super) fn compare(
    bench: &Bench,
    scenario: String,
    stored: &Setup,
    channels: u32,
    seconds: f64,
) -> Result<Outcome, BenchError> {
    let memory = Setup { keep: stored.keep, ..Setup::default() };
    let pairs = bench.against(
        &scenario,
        &bench.data(PAYLOAD),
        ["stored", "in memory"],
        [stored, &memory],
        |run| measure(run, channels as u16, Duration::from_secs_f64(seconds)),
        |run| format!("{:.0}/s", run.per_second()),
    )?;
    let figure = |name: &str, of: fn(&Acknowledged) -> f64| {
        let of_all = |runs: &[Acknowledged]| runs.iter().map(of).collect::<Vec<_>>();
        Figure::pairs(name, &of_all(&pairs.server), &of_all(&pairs.floor))
    };
    let figures = vec![
        figure("acknowledged per second", Acknowledged::per_second),
        figure("p50, ms", |run| run.p50),
        figure("p99, ms", |run| run.p99),
        figure("CPU, µs per publication", |run| {
            run.cost.cpu.total() * 1e6 / run.count.max(1) as f64
        }),
        figure("generator's CPU, µs", |run| {
            run.cost.generator.total() * 1e6 / run.count.max(1) as f64
        }),
    ];
    Ok(Outcome { scenario, figures, lost: 0, runs: as_json(&pairs) })
}

/// Every publication is acknowledged in the end, or this fails: none is ever lost.
fn measure(run: &Run<'_>, channels: u16, time: Duration) -> Result<Acknowledged, BenchError> {
    let mut generator = run.generator(channels)?;
    let connections = generator.open_all((0..CONNECTIONS).map(|_| Plan::publisher()))?;
    let mut load = Pipelines::new(connections, IN_FLIGHT, channels);
    let warm = Instant::now();
    load.run(&mut generator, || Ok(warm.elapsed() > WARM_UP.min(time)))?;
    let before = generator.seen().replies;
    load.take_latencies();
    let meter = Meter::start(&run.subject)?;
    let begun = Instant::now();
    load.run(&mut generator, || Ok(begun.elapsed() > time))?;
    let cost = meter.stop(&run.subject)?;
    let latencies = load.take_latencies();
    let milliseconds = |share| latencies.percentile(share) as f64 / 1e6;
    Ok(Acknowledged {
        count: generator.seen().replies - before,
        p50: milliseconds(0.5),
        p99: milliseconds(0.99),
        cost,
    })
}
