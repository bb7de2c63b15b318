//! `rooms`: many small channels, one publication in flight in each, its members publishing in turn.

use super::closed;
use super::meter::{Measured, figures};
use super::{Bench, CPU_SECONDS, PAYLOAD, Run, as_json};
use crate::args::{RoomsArgs, Settings};
use crate::error::BenchError;
use crate::instrument::closed_loop::ClosedLoop;
use crate::instrument::connection::Plan;
use crate::instrument::report::Outcome;
use crate::instrument::targets;

/// Connections that one process may have open.
const MOST: u32 = 16_000;

impl RoomsArgs {
    /// The quoted form.
    pub(super) fn quoted(settings: Settings) -> Self {
        Self { settings, rooms: Self::ROOMS, members: Self::MEMBERS }
    }
}

/// Measures rooms.
pub(super) fn run(bench: &Bench, args: &RoomsArgs) -> Result<Outcome, BenchError> {
    let (rooms, members) = (args.rooms, args.members);
    if rooms * members > MOST {
        return Err(BenchError::Usage(format!("rooms times members may be {MOST} at most")));
    }
    let data = bench.data(PAYLOAD);
    let scenario =
        format!("rooms: {rooms} of {members} members, 1 in flight each, {} B", data.len());
    let seconds = bench.seconds(CPU_SECONDS);
    let measure = |run: &Run<'_>| measure(run, rooms, members, seconds);
    let pairs = bench.pairs(&scenario, &data, measure, Measured::show)?;
    let quoted = (rooms, members) == (RoomsArgs::ROOMS, RoomsArgs::MEMBERS);
    let target = (quoted && bench.payload_is(PAYLOAD)).then_some(targets::ROOMS);
    let lost = pairs.server.iter().chain(&pairs.floor).map(|run| run.lost).sum();
    let figures = figures("delivery", &pairs, target);
    Ok(Outcome { scenario, figures, lost, runs: as_json(&pairs) })
}

fn measure(run: &Run<'_>, rooms: u32, members: u32, seconds: f64) -> Result<Measured, BenchError> {
    let mut generator = run.generator(rooms as u16)?;
    let plans = (0..rooms * members).map(|nth| Plan::subscriber((nth / members) as u16));
    let first = generator.open_all(plans)?.start;
    let channels = (0..rooms).map(|room| {
        let start = first + room * members;
        (start..start + members, members)
    });
    let mut load = ClosedLoop::new(channels, 1, u32::MAX);
    closed::measure(run, &mut generator, &mut load, seconds)
}
