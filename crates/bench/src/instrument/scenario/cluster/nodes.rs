//! Deliveries per second of several nodes, beside one node in memory with as many subscribers.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::{SECONDS, redis, setup};
use crate::args::ClusterArgs;
use crate::error::BenchError;
use crate::instrument::closed_loop::ClosedLoop;
use crate::instrument::connection::Plan;
use crate::instrument::process::Subject;
use crate::instrument::redis::Redis;
use crate::instrument::report::{Figure, Outcome};
use crate::instrument::scenario::durable::PAYLOAD;
use crate::instrument::scenario::meter::warn_if_disturbed;
use crate::instrument::scenario::{Bench, Run, as_json};
use crate::instrument::script::Script;
use crate::instrument::setup::Setup;
use crate::instrument::usage::{Cpu, machine_busy};

/// Channels, each with an equal share of every node's subscribers.
const CHANNELS: u16 = 10;
/// Publications in flight in each of them.
const WINDOW: u32 = 4;
/// How long each run goes unmeasured first.
const WARM_UP: Duration = Duration::from_secs(1);

/// What one run has delivered, and what it has cost in CPU seconds.
#[derive(Debug, Serialize)]
struct Delivered {
    deliveries: u64,
    publications: u64,
    /// Wall seconds.
    wall: f64,
    /// All nodes together.
    nodes: f64,
    /// Redis, if it is the bench's own; nothing without one.
    redis: f64,
    generator: f64,
    lost: u64,
}

/// Measures the nodes, in turn with the one.
pub(super) fn run(bench: &Bench, args: &ClusterArgs) -> Result<Outcome, BenchError> {
    let data = bench.data(PAYLOAD);
    let scenario = format!(
        "cluster: {} nodes (floor: one, in memory), {} subscribers each in {CHANNELS} channels, {} B",
        args.nodes,
        args.subscribers,
        data.len()
    );
    let redis = redis(args, None)?;
    let shared = setup(&redis);
    let alone = Setup { keep: shared.keep, ..Setup::default() };
    let script = bench.learn(&data)?;
    let all = args.nodes * args.subscribers;
    let show = |run: &Delivered| format!("{:.0}/s", run.deliveries as f64 / run.wall);
    let names = ["nodes", "one in memory"];
    let pairs = bench.in_turn(&scenario, names, show, |which| {
        let (nodes, setup, redis) =
            if which == 0 { (args.nodes, &shared, Some(&redis)) } else { (1, &alone, None) };
        let subjects =
            (0..nodes).map(|_| bench.subject(setup, &data)).collect::<Result<Vec<_>, _>>()?;
        measure(bench, subjects, redis, &script, &data, all)
    })?;
    let lost = pairs.server.iter().chain(&pairs.floor).map(|run| run.lost).sum();
    let figure = |name: &str, of: fn(&Delivered) -> f64| {
        let of_all = |runs: &[Delivered]| runs.iter().map(of).collect::<Vec<_>>();
        Figure::pairs(name, &of_all(&pairs.server), &of_all(&pairs.floor))
    };
    let figures = vec![
        figure("deliveries per second", |run| run.deliveries as f64 / run.wall),
        figure("publications per second", |run| run.publications as f64 / run.wall),
        figure("nodes' CPU, µs per delivery", |run| run.nodes * 1e6 / run.deliveries as f64),
        figure("nodes' CPU, µs per publication", |run| run.nodes * 1e6 / run.publications as f64),
        figure("CPU of Redis, µs per publication", |run| {
            run.redis * 1e6 / run.publications as f64
        }),
        figure("generator's CPU, µs per delivery", |run| {
            run.generator * 1e6 / run.deliveries as f64
        }),
    ];
    Ok(Outcome { scenario, figures, lost, runs: as_json(&pairs) })
}

/// CPU seconds so far: of nodes, Redis, generator and the whole machine.
fn clocks(subjects: &[Subject], redis: Option<&Redis>) -> Result<[f64; 4], BenchError> {
    let nodes = subjects.iter().map(|subject| Ok(subject.cpu()?.total()));
    let redis = redis.map(Redis::cpu).transpose()?.flatten();
    let generator = Cpu::of(std::process::id())?.total();
    let nodes = nodes.sum::<Result<f64, BenchError>>()?;
    Ok([nodes, redis.map_or(0.0, Cpu::total), generator, machine_busy()?])
}

fn measure(
    bench: &Bench,
    mut subjects: Vec<Subject>,
    redis: Option<&Redis>,
    script: &Script,
    data: &str,
    subscribers: u32,
) -> Result<Delivered, BenchError> {
    let others: Vec<Subject> = subjects.drain(1..).collect();
    let Some(subject) = subjects.pop() else {
        return Err(BenchError::Usage("there are no nodes".into()));
    };
    let run = Run { bench, subject, script, data };
    let mut generator = run.generator(CHANNELS)?;
    for other in &others {
        generator = generator.and_to(other.address);
    }
    subjects.push(run.subject);
    subjects.extend(others);
    let nodes = subjects.len() as u32;
    let publisher = generator.open_all([Plan::publisher()])?;
    // Connections go to nodes by turns, so that channels have to change by rounds.
    let channel = |nth: u32| (nth / nodes % u32::from(CHANNELS)) as u16;
    generator.open_all((0..subscribers).map(|nth| Plan::subscriber(channel(nth))))?;
    let members = |which| (0..subscribers).filter(|&nth| channel(nth) == which).count() as u32;
    let channels = (0..CHANNELS).map(|which| (publisher.clone(), members(which)));
    let mut load = ClosedLoop::new(channels, WINDOW, u32::MAX);
    let time = Duration::from_secs_f64(bench.seconds(SECONDS));
    let warm = Instant::now();
    load.run(&mut generator, || Ok(warm.elapsed() > WARM_UP.min(time)))?;
    let (before, clocks_before, begun) =
        (generator.seen(), clocks(&subjects, redis)?, Instant::now());
    load.run(&mut generator, || Ok(begun.elapsed() > time))?;
    let (after, clocks_after) = (generator.seen(), clocks(&subjects, redis)?);
    let wall = begun.elapsed().as_secs_f64();
    let [nodes, redis, own, machine] =
        std::array::from_fn(|which| clocks_after[which] - clocks_before[which]);
    warn_if_disturbed(machine - nodes - redis - own, wall);
    Ok(Delivered {
        deliveries: after.deliveries - before.deliveries,
        publications: after.published - before.published,
        wall,
        nodes,
        redis,
        generator: own,
        lost: load.lost(&generator),
    })
}
