//! A measured closed loop: warm up, let all arrive, measure, let all arrive.

use std::time::{Duration, Instant};

use super::Run;
use super::meter::{Measured, Meter, long_enough};
use crate::error::BenchError;
use crate::instrument::closed_loop::ClosedLoop;
use crate::instrument::generator::Generator;

/// How long the work runs unmeasured first: every socket has grown its buffers and every page has
/// been touched.
const WARM_UP: Duration = Duration::from_secs(1);

/// Measures `load`, for at least `seconds` of the process's CPU. Nothing is in flight when the
/// clocks are read, so that every delivery counted was paid for.
pub(super) fn measure(
    run: &Run<'_>,
    generator: &mut Generator,
    load: &mut ClosedLoop,
    seconds: f64,
) -> Result<Measured, BenchError> {
    let warm = Instant::now();
    let warm_up = WARM_UP.min(Duration::from_secs_f64(seconds));
    load.run(generator, || Ok(warm.elapsed() > warm_up))?;
    let before = generator.seen();
    let meter = Meter::start(&run.subject)?;
    load.run(generator, long_enough(&meter, &run.subject, seconds))?;
    let cost = meter.stop(&run.subject)?;
    let after = generator.seen();
    Ok(Measured {
        count: after.deliveries - before.deliveries,
        reads: after.reads - before.reads,
        lost: load.lost(generator),
        cost,
    })
}
