//! `fanout`: one channel, many subscribers. What does one delivery cost?

use super::closed;
use super::meter::{Measured, figures};
use super::{Bench, CPU_SECONDS, PAYLOAD, Run, as_json};
use crate::args::{FanoutArgs, Settings};
use crate::error::BenchError;
use crate::instrument::closed_loop::ClosedLoop;
use crate::instrument::connection::Plan;
use crate::instrument::floor;
use crate::instrument::report::{Figure, Outcome};
use crate::instrument::setup::Setup;
use crate::instrument::targets::{self, Target};

impl FanoutArgs {
    /// The quoted forms.
    pub(super) fn quoted(settings: Settings) -> Self {
        let subscribers = Self::SUBSCRIBERS;
        Self { settings, subscribers, window: None, publishers: None, history: false }
    }
}

/// One form of the scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Form {
    subscribers: u32,
    window: u32,
    publishers: u32,
    /// Whether the channel keeps history, and is compared with one that does not.
    history: bool,
}

/// Publications that a channel with history keeps: as many as `serve --dev` does.
const KEEP: u32 = 100;

impl Form {
    fn target(self) -> Option<Target> {
        let quoted = self.subscribers == FanoutArgs::SUBSCRIBERS
            && matches!((self.window, self.publishers), (1, 1) | (64, 64));
        if self.history {
            return quoted.then_some(targets::FANOUT_HISTORY);
        }
        match (self.subscribers, self.window, self.publishers) {
            (FanoutArgs::SUBSCRIBERS, 1, 1) => Some(targets::FANOUT_ONE),
            (FanoutArgs::SUBSCRIBERS, 64, 64) => Some(targets::FANOUT_MANY),
            _ => None,
        }
    }
}

/// Measures the form asked for, or the two quoted ones.
pub(super) fn run(bench: &Bench, args: &FanoutArgs) -> Result<Vec<Outcome>, BenchError> {
    let (subscribers, history) = (args.subscribers, args.history);
    let form = |window, publishers| Form { subscribers, window, publishers, history };
    let forms = match (args.window, args.publishers) {
        (None, None) => vec![form(1, 1), form(64, 64)],
        (window, publishers) => vec![form(window.unwrap_or(1), publishers.unwrap_or(1))],
    };
    forms.into_iter().map(|form| one(bench, form)).collect()
}

fn one(bench: &Bench, form: Form) -> Result<Outcome, BenchError> {
    let data = bench.data(PAYLOAD);
    let each_in_flight = form.window.div_ceil(form.publishers) as usize;
    if each_in_flight * (data.len() + 128) > floor::RECEIVE {
        return Err(BenchError::Usage(format!(
            "one publisher may have {} KiB in flight: take a smaller --window or --payload, or more --publishers",
            floor::RECEIVE / 1024
        )));
    }
    let scenario = format!(
        "fanout{}: {} subscribers, {} publisher(s), {} in flight, {} B",
        if form.history { " with history (floor: without)" } else { "" },
        form.subscribers,
        form.publishers,
        form.window,
        data.len()
    );
    let seconds = bench.seconds(CPU_SECONDS);
    let measure = |run: &Run<'_>| measure(run, form, seconds);
    let pairs = if form.history {
        let kept = Setup { keep: KEEP, ..Setup::default() };
        let names = ["with history", "without"];
        let setups = [&kept, &Setup::default()];
        bench.against(&scenario, &data, names, setups, measure, Measured::show)?
    } else {
        bench.pairs(&scenario, &data, measure, Measured::show)?
    };
    let mut figures =
        figures("delivery", &pairs, form.target().filter(|_| bench.payload_is(PAYLOAD)));
    let coalesced = |runs: &[Measured]| {
        runs.iter().map(|run| run.count as f64 / run.reads as f64).collect::<Vec<_>>()
    };
    figures.push(Figure::pairs(
        "deliveries per read",
        &coalesced(&pairs.server),
        &coalesced(&pairs.floor),
    ));
    let lost = pairs.server.iter().chain(&pairs.floor).map(|run| run.lost).sum();
    Ok(Outcome { scenario, figures, lost, runs: as_json(&pairs) })
}

fn measure(run: &Run<'_>, form: Form, seconds: f64) -> Result<Measured, BenchError> {
    let mut generator = run.generator(1)?;
    let publishers = generator.open_all((0..form.publishers).map(|_| Plan::publisher()))?;
    generator.open_all((0..form.subscribers).map(|_| Plan::subscriber(0)))?;
    let mut load = ClosedLoop::new([(publishers, form.subscribers)], form.window, u32::MAX);
    closed::measure(run, &mut generator, &mut load, seconds)
}
