//! `storm`: connect, upgrade, open a session, subscribe, gone, as fast as it goes. What does one
//! connection cost?

use std::time::{Duration, Instant};

use super::meter::{Measured, Meter, figures, long_enough};
use super::{Bench, CPU_SECONDS, PAYLOAD, Run, as_json};
use crate::args::{Settings, StormArgs};
use crate::error::BenchError;
use crate::instrument::connection::Plan;
use crate::instrument::generator::{Generator, STALLED, TICK, stalled};
use crate::instrument::load::Silence;
use crate::instrument::report::Outcome;
use crate::instrument::targets;

/// Connections subscribe to these channels in turn.
const CHANNELS: u16 = 1_000;
/// How long the storm blows unmeasured first.
const WARM_UP: Duration = Duration::from_secs(1);

impl StormArgs {
    /// The quoted form.
    pub(super) fn quoted(settings: Settings) -> Self {
        Self { settings, in_flight: Self::IN_FLIGHT }
    }
}

/// Measures a storm.
pub(super) fn run(bench: &Bench, args: &StormArgs) -> Result<Outcome, BenchError> {
    let in_flight = args.in_flight;
    let scenario = format!("storm: connect and subscribe, {in_flight} in flight");
    let seconds = bench.seconds(CPU_SECONDS);
    let data = bench.data(PAYLOAD);
    let measure = |run: &Run<'_>| measure(run, in_flight, seconds);
    let pairs = bench.pairs(&scenario, &data, measure, Measured::show)?;
    let target = (in_flight == StormArgs::IN_FLIGHT).then_some(targets::STORM);
    let figures = figures("connection", &pairs, target);
    Ok(Outcome { scenario, figures, lost: 0, runs: as_json(&pairs) })
}

fn measure(run: &Run<'_>, in_flight: u32, seconds: f64) -> Result<Measured, BenchError> {
    let mut generator = run.generator(CHANNELS)?;
    let warm = Instant::now();
    let warm_up = WARM_UP.min(Duration::from_secs_f64(seconds));
    storm(&mut generator, in_flight, || Ok(warm.elapsed() > warm_up))?;
    let reads = generator.seen().reads;
    let meter = Meter::start(&run.subject)?;
    let enough = long_enough(&meter, &run.subject, seconds);
    let count = storm(&mut generator, in_flight, enough)?;
    let cost = meter.stop(&run.subject)?;
    Ok(Measured { count, reads: generator.seen().reads - reads, lost: 0, cost })
}

/// Makes connections and resets each as soon as it has subscribed, until `enough`; returns how
/// many. A connection that fails is an error, so none is ever lost.
fn storm(
    generator: &mut Generator,
    in_flight: u32,
    mut enough: impl FnMut() -> Result<bool, BenchError>,
) -> Result<u64, BenchError> {
    let (mut opened, mut subscribed) = (0_u32, 0);
    let mut blowing = true;
    let mut moved = Instant::now();
    while blowing || generator.opening() > 0 {
        while blowing && generator.opening() < in_flight {
            opened += 1;
            generator.open(Plan::subscriber((opened % u32::from(CHANNELS)) as u16))?;
        }
        generator.turn(TICK, &mut Silence)?;
        for ready in generator.take_ready() {
            generator.close(ready);
            subscribed += 1;
            moved = Instant::now();
        }
        if moved.elapsed() > STALLED {
            return Err(stalled("connections were being made"));
        }
        blowing = blowing && !enough()?;
    }
    Ok(subscribed)
}
