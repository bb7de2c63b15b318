//! `recover`: everybody was cut off, has missed something, and comes back at once. How long until
//! all have caught up, and what does it cost?

use std::time::{Duration, Instant};

use serde::Serialize;

use super::meter::{Cost, Meter};
use super::{Bench, PAYLOAD, as_json, say};
use crate::args::{RecoverArgs, Settings};
use crate::error::BenchError;
use crate::instrument::client::Client;
use crate::instrument::connection::{Dialogue, Plan};
use crate::instrument::generator::{Generator, STALLED, TICK, stalled};
use crate::instrument::process::Subject;
use crate::instrument::report::{Figure, Outcome};
use crate::instrument::returning::Returning;
use crate::instrument::setup::Setup;
use crate::instrument::{command, disk};

/// Publications that each channel has when the clients come for the first time.
const BEFORE: u32 = 3;
/// Publications a channel keeps beyond those that are missed.
const SPARE: u32 = 50;
/// Connections being made at any time when they come for the first time.
const OPENING: u32 = 128;
/// Connections begun at a time when all come back: between two such, the generator looks at what
/// has arrived.
const AT_A_TIME: usize = 64;
/// How long the server may tidy up after everybody is gone.
const SETTLE: Duration = Duration::from_secs(1);
/// Bytes of the smallest publication that has room for its number.
const SMALLEST: usize = 32;

impl RecoverArgs {
    /// The quoted form.
    pub(super) fn quoted(settings: Settings) -> Self {
        let (clients, channels, missed) = (Self::CLIENTS, Self::CHANNELS, Self::MISSED);
        Self { settings, clients, channels, missed, dir: None }
    }
}

/// Where the publications are when the clients come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    /// In the memory backend.
    InMemory,
    /// In the embedded backend, which has seen them come.
    Stored,
    /// In the embedded backend of a server that was killed meanwhile, and started again.
    Restarted,
}

/// One return.
#[derive(Debug, Serialize)]
struct Returned {
    clients: u32,
    /// Publications handed over.
    publications: u64,
    /// Milliseconds until half of the clients had caught up, and so on.
    p50: f64,
    p99: f64,
    lost: u64,
    #[serde(flatten)]
    cost: Cost,
}

impl Returned {
    fn each(&self, seconds: f64) -> f64 {
        seconds * 1e6 / f64::from(self.clients)
    }
}

/// Measures returns, with publications in all three places in turn.
pub(super) fn run(bench: &Bench, args: &RecoverArgs) -> Result<Vec<Outcome>, BenchError> {
    bench.starts_servers()?;
    let size = bench.data(PAYLOAD).len();
    if args.clients < args.channels {
        return Err(BenchError::Usage("--clients must be at least as many as --channels".into()));
    }
    if size < SMALLEST {
        return Err(BenchError::Usage(format!("--payload must be at least {SMALLEST} here")));
    }
    let scenario = format!(
        "{} clients in {} channels have missed {} of {size} B",
        args.clients, args.channels, args.missed
    );
    let (mut memory, mut stored, mut restarted) = (Vec::new(), Vec::new(), Vec::new());
    for nth in 1..=bench.settings.runs {
        for (name, kept, found) in [
            ("in memory", Kept::InMemory, &mut memory),
            ("stored", Kept::Stored, &mut stored),
            ("restarted", Kept::Restarted, &mut restarted),
        ] {
            let returned = measure(bench, args, kept, size)?;
            say(&format!(
                "recover, {name}: run {nth}/{}: {:.2} s, {:.0} µs each",
                bench.settings.runs,
                returned.cost.wall,
                returned.each(returned.cost.cpu.total())
            ));
            found.push(returned);
        }
    }
    let outcomes = [("", stored), (", server killed and restarted", restarted)];
    let outcomes = outcomes.into_iter().map(|(how, runs)| {
        let figures = figures(&runs, &memory);
        let lost = runs.iter().map(|run| run.lost).sum();
        let runs = serde_json::json!({ "stored": runs, "in_memory": memory });
        Outcome {
            scenario: format!("recover, stored{how} (floor: memory): {scenario}"),
            figures,
            lost,
            runs: as_json(&runs),
        }
    });
    let mut outcomes: Vec<Outcome> = outcomes.collect();
    // Both are compared with the same runs, whose losses are told once.
    outcomes[0].lost += memory.iter().map(|run| run.lost).sum::<u64>();
    Ok(outcomes)
}

fn figures(stored: &[Returned], memory: &[Returned]) -> Vec<Figure> {
    let figure = |name: &str, of: fn(&Returned) -> f64| {
        let of_all = |runs: &[Returned]| runs.iter().map(of).collect::<Vec<_>>();
        Figure::pairs(name, &of_all(stored), &of_all(memory))
    };
    vec![
        figure("seconds until all have caught up", |run| run.cost.wall),
        figure("ms until half have", |run| run.p50),
        figure("ms until 99 % have", |run| run.p99),
        figure("CPU, µs per client", |run| run.each(run.cost.cpu.total())),
        figure("generator's CPU, µs", |run| run.each(run.cost.generator.total())),
        figure("deliveries per second", |run| run.publications as f64 / run.cost.wall),
    ]
}

/// Everybody comes, is cut off, misses something, and comes back.
fn measure(
    bench: &Bench,
    args: &RecoverArgs,
    kept: Kept,
    size: usize,
) -> Result<Returned, BenchError> {
    let directory = disk::directory(args.dir.as_deref())?;
    let data_dir = (kept != Kept::InMemory).then(|| directory.path().join("data"));
    let setup = Setup { keep: BEFORE + args.missed + SPARE, data_dir, redis: None };
    let mut subject = bench.subject(&setup, "{}")?;
    let mut load = Returning::new(args.channels, size);
    publish(&subject, args.channels, 1..=BEFORE, size)?;
    let mut generator = generator(bench, &subject, args.channels, None)?;
    arrive(&mut generator, args, &mut load)?;
    let places = load.places().ok_or_else(|| {
        BenchError::Protocol("subscriptions of a channel with history have no place".into())
    })?;
    generator.close_all();
    rest(&mut generator, &mut load)?;
    publish(&subject, args.channels, BEFORE + 1..=BEFORE + args.missed, size)?;
    if kept == Kept::Restarted {
        drop(subject);
        subject = bench.subject(&setup, "{}")?;
    }
    let mut generator = self::generator(bench, &subject, args.channels, Some(&places))?;
    let meter = Meter::start(&subject)?;
    load.come_back(args.missed);
    let mut lost = come_back(&mut generator, args, &mut load)?;
    let cost = meter.stop(&subject)?;
    let handed_over = u64::from(load.done()) * u64::from(args.missed);
    let publications = handed_over.saturating_sub(load.lost());
    let milliseconds = |share| load.latencies().percentile(share) as f64 / 1e6;
    let (p50, p99) = (milliseconds(0.5), milliseconds(0.99));
    // That they are there again shows only when something more is published.
    load.go_on();
    let next = BEFORE + args.missed + 1;
    publish(&subject, args.channels, next..=next, size)?;
    lost += wait(&mut generator, args.clients, &mut load)?;
    lost += load.lost();
    if let Some(wrong) = load.wrong() {
        say(&format!("not what was missed: {wrong}"));
    }
    Ok(Returned { clients: args.clients, publications, p50, p99, lost, cost })
}

/// Publishes these numbers in every channel, one after the other.
fn publish(
    subject: &Subject,
    channels: u32,
    numbers: impl IntoIterator<Item = u32>,
    size: usize,
) -> Result<(), BenchError> {
    let (mut client, _) = Client::connect(subject.address, &subject.path)?;
    let commands = numbers.into_iter().flat_map(|number| {
        let data = command::numbered(number.into(), size);
        (0..channels).map(move |channel| command::publish(channel as u16, &data))
    });
    client.ask_all(commands)
}

fn generator(
    bench: &Bench,
    subject: &Subject,
    channels: u32,
    places: Option<&[(String, u64)]>,
) -> Result<Generator, BenchError> {
    let (_, pongs) = Client::connect(subject.address, &subject.path)?;
    let dialogue = Dialogue::new(subject.address, &subject.path, pongs, channels as u16, "{}");
    let dialogue = match places {
        Some(places) => dialogue.returning(places),
        None => dialogue,
    };
    Generator::new(subject.address, dialogue, bench.interrupt.clone())
}

fn plans(args: &RecoverArgs) -> impl Iterator<Item = Plan> {
    let channels = args.channels;
    (0..args.clients).map(move |nth| Plan::subscriber((nth % channels) as u16))
}

/// They come for the first time, a bounded number at a time.
fn arrive(
    generator: &mut Generator,
    args: &RecoverArgs,
    load: &mut Returning,
) -> Result<(), BenchError> {
    let mut plans = plans(args).fuse();
    let mut moved = Instant::now();
    while load.done() < args.clients {
        while generator.opening() < OPENING
            && let Some(plan) = plans.next()
        {
            generator.open(plan)?;
        }
        generator.turn(TICK, load)?;
        if !generator.take_ready().is_empty() {
            moved = Instant::now();
        } else if moved.elapsed() > STALLED {
            return Err(stalled("connections were being made"));
        }
    }
    Ok(())
}

/// They come back, as fast as the generator can begin connections; returns how many publications
/// were still due when nothing moved any more.
fn come_back(
    generator: &mut Generator,
    args: &RecoverArgs,
    load: &mut Returning,
) -> Result<u64, BenchError> {
    let plans: Vec<Plan> = plans(args).collect();
    for plans in plans.chunks(AT_A_TIME) {
        for plan in plans {
            generator.open(*plan)?;
        }
        generator.turn(Duration::ZERO, load)?;
    }
    wait(generator, args.clients, load)
}

/// Until all clients have what they are owed; returns how many publications were still due when
/// nothing moved any more.
fn wait(generator: &mut Generator, clients: u32, load: &mut Returning) -> Result<u64, BenchError> {
    let mut moved = (Instant::now(), load.done());
    while load.done() < clients && moved.0.elapsed() < STALLED {
        generator.turn(TICK, load)?;
        if load.done() != moved.1 {
            moved = (Instant::now(), load.done());
        }
    }
    generator.take_ready();
    Ok(u64::from(clients.saturating_sub(load.done())) * load.owed())
}

/// Gives the server time, as long as it may take to tidy up.
fn rest(generator: &mut Generator, load: &mut Returning) -> Result<(), BenchError> {
    let begun = Instant::now();
    while begun.elapsed() < SETTLE {
        generator.turn(TICK, load)?;
    }
    Ok(())
}
