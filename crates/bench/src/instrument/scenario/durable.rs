//! `durable`: how many publications a second are on disk and acknowledged, at the backend itself,
//! and how near is that to what the disk takes? Then the same through sockets.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use trunkline_core::channel::ChannelName;
use trunkline_core::namespace::Retention;

use super::meter::warn_if_disturbed;
use super::{Bench, Pairs, as_json, say, sockets};
use crate::args::{DurableArgs, Settings};
use crate::backend::{OpenBackend, Opened, Written};
use crate::error::BenchError;
use crate::instrument::disk;
use crate::instrument::histogram::Histogram;
use crate::instrument::ledger::Ledger;
use crate::instrument::mirror::{self, Batches};
use crate::instrument::pin::Unpinned;
use crate::instrument::publishers::{self, Counter, Progress, Work};
use crate::instrument::report::{Figure, Outcome};
use crate::instrument::targets;
use crate::instrument::usage::{Cpu, machine_busy};

/// Bytes of data in a publication unless said otherwise.
pub(super) const PAYLOAD: u32 = 256;
/// Wall seconds of one run unless said otherwise: the backend brings its index up to date every ten
/// seconds, which is part of what a publication costs.
pub(super) const SECONDS: f64 = 12.0;
/// The floor, which has nothing of the kind, is measured for this part of the time.
const FLOOR_PART: u32 = 4;
/// How long each run goes unmeasured first.
const WARM_UP: Duration = Duration::from_secs(1);
/// Publications in flight while the channels are filled.
const FILLING: u32 = 1_024;
/// Milliseconds that publications are kept: longer than any bench.
pub(super) const TTL_MS: u64 = 86_400_000;
/// Bytes that a channel may keep: more than the largest number of the largest publications here.
pub(super) const CHANNEL_BYTES: usize = 1 << 30;

impl DurableArgs {
    /// The quoted forms.
    pub(super) fn quoted(settings: Settings) -> Self {
        let (channels, keep) = (Self::CHANNELS, Self::KEEP);
        Self { settings, publishers: None, channels, keep, dir: None }
    }

    /// Whether the target is for this.
    fn is_quoted(&self, publishers: u32) -> bool {
        (publishers, self.channels, self.keep) == (1_024, Self::CHANNELS, Self::KEEP)
    }
}

/// Measures the form asked for, or the quoted ones.
pub(super) fn run(bench: &Bench, args: &DurableArgs) -> Result<Vec<Outcome>, BenchError> {
    bench.starts_servers()?;
    let open = bench.backend()?;
    match args.publishers {
        Some(publishers) => at_the_port(bench, args, open, &[publishers]),
        None => {
            let mut outcomes = at_the_port(bench, args, open, &DurableArgs::PUBLISHERS)?;
            outcomes.push(sockets::run(bench, args)?);
            Ok(outcomes)
        }
    }
}

/// What one run acknowledged, or what the disk alone took.
#[derive(Debug, Serialize)]
struct Measured {
    publications: u64,
    /// Wall seconds.
    wall: f64,
    /// CPU of this process, publishers included.
    cpu: Cpu,
    batches: u64,
    bytes: u64,
    /// Milliseconds until a publication was acknowledged, or that a batch took.
    p50: f64,
    p99: f64,
}

impl Measured {
    fn per_second(&self) -> f64 {
        self.publications as f64 / self.wall
    }

    fn show(&self) -> String {
        format!("{:.0}/s", self.per_second())
    }
}

/// The backend of a scenario, opened afresh for every run, and what it was given so far.
struct Bed<'a> {
    bench: &'a Bench,
    open: OpenBackend,
    data_dir: PathBuf,
    /// Where the floor writes.
    floor: PathBuf,
    work: Work,
    ledger: Ledger,
    counter: Arc<Counter>,
    /// Publications found missing when the backend was opened again.
    missing: u64,
}

fn at_the_port(
    bench: &Bench,
    args: &DurableArgs,
    open: OpenBackend,
    forms: &[u32],
) -> Result<Vec<Outcome>, BenchError> {
    let directory = disk::directory(args.dir.as_deref())?;
    if disk::is_memory(directory.path())? {
        say("this is no disk but memory: name a directory on a disk with --dir");
    }
    let data = bench.data(PAYLOAD);
    let seconds = Duration::from_secs_f64(bench.seconds(SECONDS));
    let name = |nth| ChannelName::parse(&format!("bench:{nth:04}"));
    let channels = (0..args.channels).map(name).collect::<Result<_, _>>();
    // The backend has threads of its own, and the floor has nobody to share a core with.
    let _unpinned = Unpinned::from_now(&bench.cores)?;
    let mut bed = Bed {
        bench,
        open,
        data_dir: directory.path().join("data"),
        floor: directory.path().join("floor"),
        work: Work::new(
            channels.map_err(|error| BenchError::Usage(error.to_string()))?,
            &data,
            Retention { size: args.keep as usize, ttl_ms: TTL_MS, bytes: CHANNEL_BYTES },
        ),
        ledger: Ledger::new(args.channels),
        counter: Arc::default(),
        missing: 0,
    };
    bed.fill(u64::from(args.channels) * u64::from(args.keep), 2 * seconds)?;
    let mut found: Vec<Pairs<Measured>> =
        forms.iter().map(|_| Pairs { server: Vec::new(), floor: Vec::new() }).collect();
    for nth in 1..=bench.settings.runs {
        for (&publishers, pairs) in forms.iter().zip(&mut found) {
            let (server, floor) = bed.pair(publishers, seconds)?;
            say(&format!(
                "durable, {publishers} in flight: run {nth}/{}: backend {}, floor {}",
                bench.settings.runs,
                server.show(),
                floor.show()
            ));
            pairs.server.push(server);
            pairs.floor.push(floor);
        }
    }
    let lost = bed.lost()?;
    let quoted = bench.payload_is(PAYLOAD);
    let outcomes = forms.iter().zip(found).enumerate().map(|(nth, (&publishers, pairs))| {
        let scenario = format!(
            "durable: {publishers} in flight at the backend, {} channels that keep {}, {} B",
            args.channels,
            args.keep,
            data.len()
        );
        let target = (quoted && args.is_quoted(publishers)).then_some(targets::DURABLE);
        let figures = figures(&pairs, target);
        // All forms share a backend; what it lost is told once.
        let lost = if nth == 0 { lost } else { 0 };
        Outcome { scenario, figures, lost, runs: as_json(&pairs) }
    });
    Ok(outcomes.collect())
}

fn figures(pairs: &Pairs<Measured>, target: Option<targets::Target>) -> Vec<Figure> {
    let figure = |name: &str, of: fn(&Measured) -> f64| {
        let of_all = |runs: &[Measured]| runs.iter().map(of).collect::<Vec<_>>();
        Figure::pairs(name, &of_all(&pairs.server), &of_all(&pairs.floor))
    };
    let per_batch = |run: &Measured| run.publications as f64 / run.batches.max(1) as f64;
    vec![
        figure("acknowledged per second", Measured::per_second).held_to(target),
        figure("p50, ms (floor: a batch)", |run| run.p50),
        figure("p99, ms (floor: a batch)", |run| run.p99),
        figure("CPU, µs per publication", |run| {
            run.cpu.total() * 1e6 / run.publications.max(1) as f64
        }),
        figure("publications per batch", per_batch),
        figure("bytes per publication", |run| run.bytes as f64 / run.publications.max(1) as f64),
    ]
}

/// The clocks and counters at the beginning of a measurement.
struct Begun {
    at: Instant,
    written: Written,
    cpu: Cpu,
    machine: f64,
}

impl Begun {
    fn now(written: Written) -> Result<Self, BenchError> {
        let (at, cpu) = (Instant::now(), Cpu::of(std::process::id())?);
        Ok(Self { at, written, cpu, machine: machine_busy()? })
    }

    /// What came since, when so many publications did.
    fn until_now(
        &self,
        publications: u64,
        written: Written,
        latencies: &Histogram,
    ) -> Result<Measured, BenchError> {
        let wall = self.at.elapsed().as_secs_f64();
        let cpu = Cpu::of(std::process::id())? - self.cpu;
        warn_if_disturbed(machine_busy()? - self.machine - cpu.total(), wall);
        let milliseconds = |share| latencies.percentile(share) as f64 / 1e6;
        Ok(Measured {
            publications,
            wall,
            cpu,
            batches: written.batches - self.written.batches,
            bytes: written.bytes - self.written.bytes,
            p50: milliseconds(0.5),
            p99: milliseconds(0.99),
        })
    }
}

impl Bed<'_> {
    fn open(&self) -> Result<Opened, BenchError> {
        (self.open)(&self.data_dir, self.counter.clone()).map_err(BenchError::Backend)
    }

    /// Publishes unmeasured, so that channels are as full as they will be; for a limited time.
    fn fill(&mut self, publications: u64, time: Duration) -> Result<(), BenchError> {
        let opened = self.open()?;
        let begun = Instant::now();
        let enough = |progress: &mut Progress| {
            Ok(progress.acknowledged >= publications || begun.elapsed() > time)
        };
        self.publish(&opened, FILLING, enough)
    }

    fn publish(
        &mut self,
        opened: &Opened,
        in_flight: u32,
        enough: impl FnMut(&mut Progress) -> Result<bool, BenchError>,
    ) -> Result<(), BenchError> {
        let interrupt = &self.bench.interrupt;
        let backend = &*opened.backend;
        publishers::run(backend, &self.work, in_flight, &mut self.ledger, interrupt, enough)
    }

    /// One run of the backend, and one of the disk alone with the same batches. The backend is
    /// closed meanwhile, so that it does nothing in the background.
    fn pair(&mut self, in_flight: u32, time: Duration) -> Result<(Measured, Measured), BenchError> {
        let backend = self.backend(in_flight, time)?;
        let (publications, batches) = (backend.publications, backend.batches);
        let seen = Batches { publications, batches, bytes: backend.bytes };
        let begun = Begun::now(Written::default())?;
        let taken = mirror::follow(seen, &self.floor, time / FLOOR_PART, &self.bench.interrupt)?;
        let written = Written { batches: taken.latencies.count(), bytes: taken.bytes };
        let floor = begun.until_now(taken.publications, written, &taken.latencies)?;
        Ok((backend, floor))
    }

    fn backend(&mut self, in_flight: u32, time: Duration) -> Result<Measured, BenchError> {
        let opened = self.open()?;
        self.missing += self.ledger.missing(&*opened.backend, &self.work.channels)?;
        let opening = Instant::now();
        let (mut begun, mut measured) = (None, None);
        self.publish(&opened, in_flight, |progress| match &begun {
            None => {
                if opening.elapsed() >= WARM_UP.min(time) {
                    *progress = Progress::default();
                    begun = Some(Begun::now((opened.written)())?);
                }
                Ok(false)
            }
            Some(begun) => {
                let enough = begun.at.elapsed() >= time;
                if enough {
                    let written = (opened.written)();
                    let publications = progress.acknowledged;
                    measured = Some(begun.until_now(publications, written, &progress.latencies)?);
                }
                Ok(enough)
            }
        })?;
        measured.ok_or_else(|| BenchError::Backend("it was not measured".into()))
    }

    /// Publications that have no place of their own, were not delivered once, or are not there when
    /// the backend is opened one last time.
    fn lost(&self) -> Result<u64, BenchError> {
        let opened = self.open()?;
        let missing = self.ledger.missing(&*opened.backend, &self.work.channels)?;
        Ok(self.ledger.lost(self.counter.delivered()) + self.missing + missing)
    }
}
