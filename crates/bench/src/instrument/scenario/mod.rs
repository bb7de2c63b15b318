//! What is measured: one file per scenario. Each starts the server and the floor afresh for every
//! run, in turn, so that a machine that becomes slower or faster meanwhile does so for both.

mod churn;
mod closed;
mod fanout;
mod idle;
mod latency;
#[cfg(test)]
mod loopback_tests;
mod meter;
mod rooms;
mod slow;
mod storm;

use std::io::Write as _;

use serde::Serialize;

use crate::args::{
    BenchArgs, ChurnArgs, FanoutArgs, IdleArgs, LatencyArgs, RoomsArgs, Scenario, Settings,
    SlowArgs, StormArgs,
};
use crate::error::BenchError;
use crate::instrument::command;
use crate::instrument::connection::Dialogue;
use crate::instrument::generator::Generator;
use crate::instrument::interrupt::Interrupt;
use crate::instrument::pin::{self, Cores};
use crate::instrument::process::{Subject, Target};
use crate::instrument::report::{Machine, Outcome, Report};
use crate::instrument::script::Script;
use crate::instrument::{floor, launch, learn};

/// Bytes of data in a publication unless said otherwise.
const PAYLOAD: u32 = 128;
/// CPU seconds of one run unless said otherwise.
const CPU_SECONDS: f64 = 5.0;

/// Does what was asked.
pub(crate) fn run(args: BenchArgs) -> Result<(), BenchError> {
    let (settings, mut target) = match &args.scenario {
        Scenario::Floor(args) => return floor::run(args.listen, &Script::load(&args.script)?),
        Scenario::Launch(args) => return launch::run(args),
        Scenario::SelfCheck(settings) => (settings.clone(), Some(Target::Floor)),
        Scenario::All(settings) => (settings.clone(), None),
        Scenario::Fanout(args) => (args.settings.clone(), None),
        Scenario::Rooms(args) => (args.settings.clone(), None),
        Scenario::Idle(args) => (args.settings.clone(), None),
        Scenario::Storm(args) => (args.settings.clone(), None),
        Scenario::Latency(args) => (args.settings.clone(), None),
        Scenario::Slow(args) => (args.settings.clone(), None),
        Scenario::Churn(args) => (args.settings.clone(), None),
    };
    let target = match (&settings.url, settings.pid, &settings.server) {
        _ if target.is_some() => target.take().unwrap_or(Target::Floor),
        (Some(url), Some(pid), _) => Target::running(url, pid)?,
        (_, _, Some(command)) => Target::Command(command.clone()),
        _ => Target::Own,
    };
    let bench = Bench::new(settings.clone(), target)?;
    let outcomes = bench.outcomes(args.scenario)?;
    let report = Report { machine: Machine::here(), runs: settings.runs, outcomes };
    report.print(settings.json)?;
    let missed = report.missed();
    match report.lost() {
        0 if settings.check && !missed.is_empty() => Err(BenchError::Missed(missed)),
        0 => Ok(()),
        lost => Err(BenchError::Lost(lost)),
    }
}

/// What all scenarios need.
#[derive(Debug)]
struct Bench {
    settings: Settings,
    target: Target,
    cores: Cores,
    interrupt: Interrupt,
}

/// The runs of a scenario: the server's, and the floor's after each.
#[derive(Debug, Serialize)]
struct Pairs<T> {
    server: Vec<T>,
    floor: Vec<T>,
}

/// One process under measurement, ready, and what to say to it.
struct Run<'a> {
    bench: &'a Bench,
    subject: Subject,
    script: &'a Script,
    data: &'a str,
}

impl Run<'_> {
    /// A generator that knows the first `channels` channels.
    fn generator(&self, channels: u16) -> Result<Generator, BenchError> {
        let subject = &self.subject;
        let pongs = self.script.wants_pongs();
        let dialogue = Dialogue::new(subject.address, &subject.path, pongs, channels, self.data);
        Generator::new(subject.address, dialogue, self.bench.interrupt.clone())
    }
}

impl Bench {
    fn new(settings: Settings, target: Target) -> Result<Self, BenchError> {
        if settings.seconds.is_some_and(|seconds| !(0.01..=3_600.0).contains(&seconds)) {
            return Err(BenchError::Usage("--seconds wants 0.01 to 3600".into()));
        }
        let interrupt = Interrupt::listen()?;
        pin::raise_open_files()?;
        let cores = pin::cores()?;
        match cores.generator {
            Some(core) => pin::to(core)?,
            None => say("one core only: server and generator share it, CPU figures are coarse"),
        }
        Ok(Self { settings, target, cores, interrupt })
    }

    fn outcomes(&self, scenario: Scenario) -> Result<Vec<Outcome>, BenchError> {
        match scenario {
            Scenario::Fanout(args) => fanout::run(self, &args),
            Scenario::Rooms(args) => Ok(vec![rooms::run(self, &args)?]),
            Scenario::Idle(args) => Ok(vec![idle::run(self, &args)?]),
            Scenario::Storm(args) => Ok(vec![storm::run(self, &args)?]),
            Scenario::Latency(args) => Ok(vec![latency::run(self, &args)?]),
            Scenario::Slow(args) => Ok(vec![slow::run(self, &args)?]),
            Scenario::Churn(args) => Ok(vec![churn::run(self, &args)?]),
            Scenario::SelfCheck(settings) => self.self_check(settings),
            Scenario::All(settings) => self.all(settings),
            Scenario::Floor(_) | Scenario::Launch(_) => Ok(Vec::new()),
        }
    }

    /// The scenarios that compare with the floor: against itself every ratio should be 1.
    fn self_check(&self, settings: Settings) -> Result<Vec<Outcome>, BenchError> {
        let mut outcomes = fanout::run(self, &FanoutArgs::quoted(settings.clone()))?;
        outcomes.push(rooms::run(self, &RoomsArgs::quoted(settings.clone()))?);
        outcomes.push(storm::run(self, &StormArgs::quoted(settings))?);
        Ok(outcomes)
    }

    fn all(&self, settings: Settings) -> Result<Vec<Outcome>, BenchError> {
        let mut outcomes = self.self_check(settings.clone())?;
        outcomes.push(idle::run(self, &IdleArgs::quoted(settings.clone()))?);
        outcomes.push(latency::run(self, &LatencyArgs::quoted(settings.clone()))?);
        outcomes.push(slow::run(self, &SlowArgs::quoted(settings.clone()))?);
        outcomes.push(churn::run(self, &ChurnArgs::quoted(settings))?);
        Ok(outcomes)
    }

    /// JSON data of the size asked for.
    fn data(&self, default: u32) -> String {
        command::payload(self.settings.payload.unwrap_or(default) as usize)
    }

    /// Whether publications carry as much data as the targets are for.
    fn payload_is(&self, quoted: u32) -> bool {
        self.settings.payload.is_none_or(|payload| payload == quoted)
    }

    fn seconds(&self, default: f64) -> f64 {
        self.settings.seconds.unwrap_or(default)
    }

    /// Learns from the target, once, what the floor shall write.
    fn learn(&self, data: &str) -> Result<Script, BenchError> {
        let subject = Subject::target(&self.target, data, self.cores.server, &self.interrupt)?;
        learn::script(subject.address, &subject.path, data)
    }

    /// Starts the target once and measures it.
    fn server<T>(
        &self,
        script: &Script,
        data: &str,
        measure: impl FnOnce(&Run<'_>) -> Result<T, BenchError>,
    ) -> Result<T, BenchError> {
        let subject = Subject::target(&self.target, data, self.cores.server, &self.interrupt)?;
        measure(&Run { bench: self, subject, script, data })
    }

    /// Measures server and floor in turn, each started afresh, as often as asked; `show` puts a
    /// result on the progress line.
    fn pairs<T>(
        &self,
        scenario: &str,
        data: &str,
        mut measure: impl FnMut(&Run<'_>) -> Result<T, BenchError>,
        show: impl Fn(&T) -> String,
    ) -> Result<Pairs<T>, BenchError> {
        let script = self.learn(data)?;
        let mut pairs = Pairs { server: Vec::new(), floor: Vec::new() };
        for nth in 1..=self.settings.runs {
            let server = self.server(&script, data, &mut measure)?;
            let subject = Subject::floor(&script, self.cores.server, &self.interrupt)?;
            let floor = measure(&Run { bench: self, subject, script: &script, data })?;
            say(&format!(
                "{scenario}: run {nth}/{}: server {}, floor {}",
                self.settings.runs,
                show(&server),
                show(&floor)
            ));
            pairs.server.push(server);
            pairs.floor.push(floor);
        }
        Ok(pairs)
    }
}

/// One line of progress on stderr.
fn say(line: &str) {
    // Nobody listening is no reason to stop measuring.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Every run as a JSON value for the report.
fn as_json(runs: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(runs).unwrap_or_default()
}
