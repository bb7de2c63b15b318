//! `idle`: how many bytes of process memory does an idle subscribed connection take?

use std::time::Duration;

use serde::Serialize;

use super::{Bench, PAYLOAD, Run, as_json, say};
use crate::args::{IdleArgs, Settings};
use crate::error::BenchError;
use crate::instrument::closed_loop::ClosedLoop;
use crate::instrument::connection::Plan;
use crate::instrument::generator::Generator;
use crate::instrument::process::Subject;
use crate::instrument::report::{Figure, Outcome};
use crate::instrument::targets;
use crate::instrument::usage::Memory;

/// Connections per channel.
const PER_CHANNEL: u32 = 10;
/// Publications each channel sees between the second and the third reading.
const BROADCASTS: u32 = 20;
/// How long the server may tidy up before its memory is read.
const SETTLE: Duration = Duration::from_secs(1);

impl IdleArgs {
    /// The quoted form.
    pub(super) fn quoted(settings: Settings) -> Self {
        Self { settings, from: Self::FROM, to: Self::TO }
    }
}

/// Memory at four moments.
#[derive(Debug, Serialize)]
struct Readings {
    empty: Memory,
    from: Memory,
    to: Memory,
    used: Memory,
    lost: u64,
    /// Connections between the second and the third.
    connections: u32,
}

impl Readings {
    fn per_connection(&self, of: impl Fn(&Memory) -> u64) -> f64 {
        (of(&self.to) as f64 - of(&self.from) as f64) / f64::from(self.connections)
    }

    fn growth_per_connection(&self, total: u32) -> f64 {
        (self.used.pss as f64 - self.to.pss as f64) / f64::from(total)
    }
}

/// Measures idle memory.
pub(super) fn run(bench: &Bench, args: &IdleArgs) -> Result<Outcome, BenchError> {
    let (from, to) = (args.from, args.to);
    if from >= to {
        return Err(BenchError::Usage("--from must be less than --to".into()));
    }
    let data = bench.data(PAYLOAD);
    let scenario = format!("idle: slope from {from} to {to} subscribed connections");
    let pairs = bench.pairs(
        &scenario,
        &data,
        |run| measure(run, from, to),
        |readings| format!("{:.0} B", readings.per_connection(|memory| memory.pss)),
    )?;
    let figure = |name: &str, of: &dyn Fn(&Readings) -> f64| {
        let of_all = |runs: &[Readings]| runs.iter().map(of).collect::<Vec<_>>();
        Figure::pairs(name, &of_all(&pairs.server), &of_all(&pairs.floor))
    };
    let target = ((from, to) == (IdleArgs::FROM, IdleArgs::TO)).then_some(targets::IDLE);
    let figures = vec![
        figure("bytes per connection (PSS)", &|run| run.per_connection(|memory| memory.pss))
            .held_to(target),
        figure("bytes per connection (private)", &|run| {
            run.per_connection(|memory| memory.private)
        }),
        figure("bytes per connection more after 20 broadcasts", &|run| {
            run.growth_per_connection(to)
        }),
        figure("MB without connections", &|run| run.empty.pss as f64 / 1e6),
        figure("MB with all", &|run| run.to.pss as f64 / 1e6),
        figure("MB after 20 broadcasts", &|run| run.used.pss as f64 / 1e6),
    ];
    let lost = pairs.server.iter().chain(&pairs.floor).map(|run| run.lost).sum();
    Ok(Outcome { scenario, figures, lost, runs: as_json(&pairs) })
}

fn measure(run: &Run<'_>, from: u32, to: u32) -> Result<Readings, BenchError> {
    let channels = to.div_ceil(PER_CHANNEL);
    let mut generator = run.generator(channels as u16)?;
    let subscriber = |nth: u32| Plan::subscriber((nth / PER_CHANNEL) as u16);
    let empty = run.subject.memory()?;
    generator.open_all((0..from).map(subscriber))?;
    let at_from = settled(&mut generator, &run.subject)?;
    generator.open_all((from..to).map(subscriber))?;
    let at_to = settled(&mut generator, &run.subject)?;
    let members = |channel: u32| {
        let start = channel * PER_CHANNEL;
        let end = to.min(start + PER_CHANNEL);
        (start..end, end - start)
    };
    let mut load = ClosedLoop::new((0..channels).map(members), 1, BROADCASTS);
    load.run(&mut generator, || Ok(false))?;
    let used = settled(&mut generator, &run.subject)?;
    let lost = load.lost(&generator);
    if lost > 0 {
        say(&format!("{lost} deliveries lost"));
    }
    Ok(Readings { empty, from: at_from, to: at_to, used, lost, connections: to - from })
}

fn settled(generator: &mut Generator, subject: &Subject) -> Result<Memory, BenchError> {
    generator.rest(SETTLE)?;
    subject.memory()
}
