//! Publications per second at the backend itself, beside the same commands sent by a client that
//! does nothing else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use trunkline_core::channel::ChannelName;
use trunkline_core::namespace::Retention;

use super::{CHANNELS, KEEP, SECONDS, redis, wait_until_well};
use crate::args::ClusterArgs;
use crate::backend::Started;
use crate::error::BenchError;
use crate::instrument::bare_publisher::BarePublisher;
use crate::instrument::ledger::Ledger;
use crate::instrument::publishers::{self, Counter, Progress, Work};
use crate::instrument::redis::Redis;
use crate::instrument::report::{Figure, Outcome};
use crate::instrument::scenario::durable::{CHANNEL_BYTES, PAYLOAD, TTL_MS};
use crate::instrument::scenario::meter::warn_if_disturbed;
use crate::instrument::scenario::{Bench, Pairs, as_json, say};
use crate::instrument::targets;
use crate::instrument::usage::{Cpu, machine_busy};

/// How long each run goes unmeasured first.
const WARM_UP: Duration = Duration::from_millis(500);
/// Publications in flight while the channels are filled.
const FILLING: u32 = 1_024;

/// What one run acknowledged.
#[derive(Debug, Serialize)]
struct Measured {
    publications: u64,
    /// Wall seconds.
    wall: f64,
    /// CPU of this process, publishers included.
    cpu: Cpu,
    /// CPU of Redis, if it is the bench's own.
    redis: Option<Cpu>,
    /// Milliseconds until a publication was acknowledged.
    p50: f64,
    p99: f64,
}

impl Measured {
    fn per_second(&self) -> f64 {
        self.publications as f64 / self.wall
    }

    fn each(&self, cpu: Cpu) -> f64 {
        cpu.total() * 1e6 / self.publications.max(1) as f64
    }
}

/// Backend and floor, each with channels of its own in the same Redis.
struct Bed<'a> {
    bench: &'a Bench,
    redis: &'a Redis,
    work: &'a Work,
    started: Started,
    ledger: Ledger,
    floor: BarePublisher,
}

/// Measures the forms in turn, and within each the backend and the floor.
pub(super) fn run(bench: &Bench, args: &ClusterArgs) -> Result<Vec<Outcome>, BenchError> {
    let over_redis = bench.over_redis()?;
    let one = args.publishers.map(|publishers| vec![publishers]);
    let forms = one.unwrap_or_else(|| ClusterArgs::PUBLISHERS.to_vec());
    let data = bench.data(PAYLOAD);
    let name = |nth| ChannelName::parse(&format!("bench:{nth:04}"));
    let channels = (0..CHANNELS).map(name).collect::<Result<_, _>>();
    let retention = Retention { size: KEEP as usize, ttl_ms: TTL_MS, bytes: CHANNEL_BYTES };
    let channels = channels.map_err(|error| BenchError::Usage(error.to_string()))?;
    let work = Work::new(channels, &data, retention);
    let redis = redis(args, bench.cores.server)?;
    let prefix = &redis.prefix;
    let mut bed = Bed {
        bench,
        redis: &redis,
        work: &work,
        started: (over_redis.start)(&redis.url(), prefix, Arc::new(Counter::default()))
            .map_err(BenchError::Backend)?,
        ledger: Ledger::new(CHANNELS),
        floor: BarePublisher::new(&redis, &over_redis, &work, &format!("{prefix}-floor"))?,
    };
    wait_until_well(bench, &bed.started)?;
    let seconds = Duration::from_secs_f64(bench.seconds(SECONDS));
    bed.fill(u64::from(CHANNELS * KEEP), 2 * seconds)?;
    let mut found: Vec<Pairs<Measured>> =
        forms.iter().map(|_| Pairs { server: Vec::new(), floor: Vec::new() }).collect();
    for nth in 1..=bench.settings.runs {
        for (&in_flight, pairs) in forms.iter().zip(&mut found) {
            let backend = bed.backend(in_flight, seconds)?;
            let floor = bed.floor(in_flight, seconds)?;
            say(&format!(
                "cluster, {in_flight} in flight: run {nth}/{}: backend {:.0}/s, floor {:.0}/s",
                bench.settings.runs,
                backend.per_second(),
                floor.per_second()
            ));
            pairs.server.push(backend);
            pairs.floor.push(floor);
        }
    }
    let lost = bed.lost()?;
    let quoted = bench.payload_is(PAYLOAD);
    let outcomes = forms.iter().zip(found).enumerate().map(|(nth, (&in_flight, pairs))| {
        let scenario = format!(
            "cluster: {in_flight} in flight at the backend, {CHANNELS} channels that keep {KEEP}, {} B",
            data.len()
        );
        let target = (quoted && matches!(in_flight, 128 | 1_024)).then_some(targets::CLUSTER);
        // All forms share a backend; what it lost is told once.
        let lost = if nth == 0 { lost } else { 0 };
        Outcome { scenario, figures: figures(&pairs, target), lost, runs: as_json(&pairs) }
    });
    Ok(outcomes.collect())
}

fn figures(pairs: &Pairs<Measured>, target: Option<targets::Target>) -> Vec<Figure> {
    let figure = |name: &str, of: fn(&Measured) -> Option<f64>| {
        let of_all = |runs: &[Measured]| runs.iter().filter_map(of).collect::<Vec<_>>();
        Figure::pairs(name, &of_all(&pairs.server), &of_all(&pairs.floor))
    };
    vec![
        figure("acknowledged per second", |run| Some(run.per_second())).held_to(target),
        figure("p50, ms", |run| Some(run.p50)),
        figure("p99, ms", |run| Some(run.p99)),
        figure("CPU, µs per publication", |run| Some(run.each(run.cpu))),
        figure("CPU of Redis, µs", |run| run.redis.map(|cpu| run.each(cpu))),
    ]
}

/// The clocks at the beginning of a measurement.
struct Begun {
    at: Instant,
    cpu: Cpu,
    redis: Option<Cpu>,
    machine: f64,
}

impl Begun {
    fn now(redis: &Redis) -> Result<Self, BenchError> {
        let (at, cpu) = (Instant::now(), Cpu::of(std::process::id())?);
        Ok(Self { at, cpu, redis: redis.cpu()?, machine: machine_busy()? })
    }

    fn until_now(&self, progress: &Progress, redis: &Redis) -> Result<Measured, BenchError> {
        let wall = self.at.elapsed().as_secs_f64();
        let cpu = Cpu::of(std::process::id())? - self.cpu;
        let redis = redis.cpu()?.zip(self.redis).map(|(now, then)| now - then);
        let ours = cpu.total() + redis.map_or(0.0, Cpu::total);
        warn_if_disturbed(machine_busy()? - self.machine - ours, wall);
        let milliseconds = |share| progress.latencies.percentile(share) as f64 / 1e6;
        let (p50, p99) = (milliseconds(0.5), milliseconds(0.99));
        Ok(Measured { publications: progress.acknowledged, wall, cpu, redis, p50, p99 })
    }
}

/// Says of a run when it is over; what came of it is left in `measured`.
fn timed<'a>(
    redis: &'a Redis,
    time: Duration,
    measured: &'a mut Option<Measured>,
) -> impl FnMut(&mut Progress) -> Result<bool, BenchError> + 'a {
    let opening = Instant::now();
    let mut begun: Option<Begun> = None;
    move |progress| {
        let Some(begun) = &begun else {
            if opening.elapsed() >= WARM_UP.min(time) {
                *progress = Progress::default();
                begun = Some(Begun::now(redis)?);
            }
            return Ok(false);
        };
        let enough = begun.at.elapsed() >= time;
        if enough {
            *measured = Some(begun.until_now(progress, redis)?);
        }
        Ok(enough)
    }
}

impl Bed<'_> {
    /// Publishes unmeasured, so that channels are as full as they will be; for a limited time.
    fn fill(&mut self, publications: u64, time: Duration) -> Result<(), BenchError> {
        let enough = || {
            let begun = Instant::now();
            move |progress: &mut Progress| {
                Ok(progress.acknowledged >= publications || begun.elapsed() > time)
            }
        };
        self.publish(FILLING, enough())?;
        self.floor.run(FILLING, &self.bench.interrupt, enough())
    }

    fn publish(
        &mut self,
        in_flight: u32,
        enough: impl FnMut(&mut Progress) -> Result<bool, BenchError>,
    ) -> Result<(), BenchError> {
        let (backend, interrupt) = (&*self.started.backend, &self.bench.interrupt);
        publishers::run(backend, self.work, in_flight, &mut self.ledger, interrupt, enough)
    }

    fn backend(&mut self, in_flight: u32, time: Duration) -> Result<Measured, BenchError> {
        let mut measured = None;
        self.publish(in_flight, timed(self.redis, time, &mut measured))?;
        measured.ok_or_else(|| BenchError::Backend("it was not measured".into()))
    }

    fn floor(&mut self, in_flight: u32, time: Duration) -> Result<Measured, BenchError> {
        let mut measured = None;
        let enough = timed(self.redis, time, &mut measured);
        self.floor.run(in_flight, &self.bench.interrupt, enough)?;
        measured.ok_or_else(|| BenchError::Backend("the floor was not measured".into()))
    }

    /// Publications that have no place of their own, or that Redis does not hold. Nobody listened,
    /// so there was nothing to deliver.
    fn lost(&self) -> Result<u64, BenchError> {
        let missing = self.ledger.missing(&*self.started.backend, &self.work.channels)?;
        Ok(self.ledger.lost(self.ledger.total()) + missing)
    }
}
