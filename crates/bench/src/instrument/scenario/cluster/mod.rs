//! `cluster`: what several nodes with one Redis take, and how near is that to what Redis alone takes
//! of the same commands?

mod nodes;
mod port;
mod resubscribe;

use std::thread;
use std::time::{Duration, Instant};

use super::{Bench, say, sockets};
use crate::args::{ClusterArgs, ClusterPart};
use crate::backend::{OverRedis, Started};
use crate::error::BenchError;
use crate::instrument::generator::stalled;
use crate::instrument::redis::Redis;
use crate::instrument::report::Outcome;
use crate::instrument::setup::Setup;

/// Publications that each channel keeps.
const KEEP: u32 = 100;
/// Channels that are published in, by turns.
const CHANNELS: u32 = 1_000;
/// Wall seconds of one run unless said otherwise.
const SECONDS: f64 = 5.0;
/// How long a backend may take until it hears everything.
const READY: Duration = Duration::from_secs(30);
/// How often it is asked.
const LOOK: Duration = Duration::from_millis(1);

/// Measures the part asked for, or all.
pub(super) fn run(bench: &Bench, args: &ClusterArgs) -> Result<Vec<Outcome>, BenchError> {
    bench.starts_servers()?;
    let wanted = |part| args.part.is_none_or(|only| only == part);
    let mut outcomes = Vec::new();
    if wanted(ClusterPart::Port) {
        outcomes.extend(port::run(bench, args)?);
    }
    if wanted(ClusterPart::Sockets) {
        let redis = redis(args, None)?;
        let scenario = format!("cluster {}", sockets::form(bench));
        let seconds = bench.seconds(SECONDS);
        outcomes.push(sockets::compare(bench, scenario, &setup(&redis), CHANNELS, seconds)?);
    }
    if wanted(ClusterPart::Nodes) {
        outcomes.push(nodes::run(bench, args)?);
    }
    if wanted(ClusterPart::Resubscribe) {
        match &args.redis {
            None => outcomes.push(resubscribe::run(bench, args)?),
            Some(_) => say("with --redis, nothing is restarted: resubscribe is left out"),
        }
    }
    Ok(outcomes)
}

/// The Redis to be used, if it is the bench's own on this core, or else on that of the generator.
fn redis(args: &ClusterArgs, core: Option<usize>) -> Result<Redis, BenchError> {
    match &args.redis {
        Some(url) => Redis::running(url),
        None => Redis::start(core),
    }
}

/// A node that shares this Redis.
fn setup(redis: &Redis) -> Setup {
    Setup { keep: KEEP, redis: Some((redis.url(), redis.prefix.clone())), ..Setup::default() }
}

impl Bench {
    fn over_redis(&self) -> Result<OverRedis, BenchError> {
        self.over_redis.ok_or_else(|| {
            BenchError::Usage(
                "this program has no backend over Redis that could be measured".into(),
            )
        })
    }
}

/// Waits until the backend hears everything it listens to.
fn wait_until_well(bench: &Bench, started: &Started) -> Result<(), BenchError> {
    let deadline = Instant::now() + READY;
    while let Some(trouble) = (started.trouble)() {
        bench.interrupt.check()?;
        if Instant::now() > deadline {
            return Err(stalled(&format!("the backend said: {trouble}")));
        }
        thread::sleep(LOOK);
    }
    Ok(())
}
