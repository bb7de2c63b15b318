//! What is measured: one file per scenario. Each starts the server and the floor afresh for every
//! run, in turn, so that a machine that becomes slower or faster meanwhile does so for both.

mod churn;
mod closed;
mod cluster;
mod durable;
mod fanout;
mod idle;
mod latency;
#[cfg(test)]
mod loopback_tests;
mod meter;
mod recover;
mod rooms;
mod slow;
mod sockets;
mod storm;

use std::io::Write as _;

use serde::Serialize;

use crate::args::{
    BenchArgs, ChurnArgs, DurableArgs, FanoutArgs, IdleArgs, LatencyArgs, RecoverArgs, RoomsArgs,
    Scenario, Settings, SlowArgs, StormArgs,
};
use crate::backend::{OpenBackend, OverRedis};
use crate::error::BenchError;
use crate::instrument::command;
use crate::instrument::connection::Dialogue;
use crate::instrument::generator::Generator;
use crate::instrument::interrupt::Interrupt;
use crate::instrument::pin::{self, Cores};
use crate::instrument::process::{Subject, Target};
use crate::instrument::report::{Machine, Outcome, Report};
use crate::instrument::script::Script;
use crate::instrument::setup::Setup;
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
        Scenario::Durable(args) => (args.settings.clone(), None),
        Scenario::Recover(args) => (args.settings.clone(), None),
        Scenario::Cluster(args) => (args.settings.clone(), None),
    };
    let target = match (&settings.url, settings.pid, &settings.server) {
        _ if target.is_some() => target.take().unwrap_or(Target::Floor),
        (Some(url), Some(pid), _) => Target::running(url, pid)?,
        (_, _, Some(command)) => Target::Command(command.clone()),
        _ => Target::Own,
    };
    let bench = Bench::new(settings.clone(), target, args.open, args.over_redis)?;
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
    open: Option<OpenBackend>,
    over_redis: Option<OverRedis>,
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
    fn new(
        settings: Settings,
        target: Target,
        open: Option<OpenBackend>,
        over_redis: Option<OverRedis>,
    ) -> Result<Self, BenchError> {
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
        Ok(Self { settings, target, cores, interrupt, open, over_redis })
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
            Scenario::Durable(args) => durable::run(self, &args),
            Scenario::Recover(args) => recover::run(self, &args),
            Scenario::Cluster(args) => cluster::run(self, &args),
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
        let any_setup = self.starts_servers().is_ok();
        if any_setup {
            // It would be a pity to find out at the end.
            self.backend()?;
        } else {
            say("with --url, what is about history is left out");
        }
        let mut outcomes = self.self_check(settings.clone())?;
        outcomes.push(idle::run(self, &IdleArgs::quoted(settings.clone()))?);
        outcomes.push(latency::run(self, &LatencyArgs::quoted(settings.clone()))?);
        outcomes.push(slow::run(self, &SlowArgs::quoted(settings.clone()))?);
        outcomes.push(churn::run(self, &ChurnArgs::quoted(settings.clone()))?);
        if any_setup {
            let fanout = FanoutArgs::quoted(settings.clone());
            outcomes.extend(fanout::run(self, &FanoutArgs { history: true, ..fanout })?);
            outcomes.extend(durable::run(self, &DurableArgs::quoted(settings.clone()))?);
            outcomes.extend(recover::run(self, &RecoverArgs::quoted(settings))?);
        }
        Ok(outcomes)
    }

    /// How the embedded backend is opened.
    fn backend(&self) -> Result<OpenBackend, BenchError> {
        self.open.ok_or_else(|| {
            BenchError::Usage("this program has no embedded backend that could be measured".into())
        })
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

    /// Starts the target, set up like this.
    fn subject(&self, setup: &Setup, data: &str) -> Result<Subject, BenchError> {
        Subject::target(&self.target, setup, data, self.cores.server, &self.interrupt)
    }

    /// Learns from the target, once, what the floor shall write.
    fn learn(&self, data: &str) -> Result<Script, BenchError> {
        let subject = self.subject(&Setup::default(), data)?;
        learn::script(subject.address, &subject.path, data)
    }

    /// Refuses a server that somebody else has started, for scenarios that set up their own.
    fn starts_servers(&self) -> Result<(), BenchError> {
        match self.target {
            Target::Running { .. } => Err(BenchError::Usage(
                "this scenario starts servers as it needs them: leave --url out".into(),
            )),
            _ => Ok(()),
        }
    }

    /// Starts the target once, without history, and measures it.
    fn server<T>(
        &self,
        script: &Script,
        data: &str,
        measure: impl FnOnce(&Run<'_>) -> Result<T, BenchError>,
    ) -> Result<T, BenchError> {
        self.server_with(&Setup::default(), script, data, measure)
    }

    /// Starts the target once, set up like this, and measures it.
    fn server_with<T>(
        &self,
        setup: &Setup,
        script: &Script,
        data: &str,
        measure: impl FnOnce(&Run<'_>) -> Result<T, BenchError>,
    ) -> Result<T, BenchError> {
        let subject = self.subject(setup, data)?;
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
        self.in_turn(scenario, ["server", "floor"], show, |subject| {
            if subject == 0 {
                return self.server(&script, data, &mut measure);
            }
            let subject = Subject::floor(&script, self.cores.server, &self.interrupt)?;
            measure(&Run { bench: self, subject, script: &script, data })
        })
    }

    /// Measures the server set up in two ways in turn, the first in the place of the server and the
    /// second in that of the floor; `names` are for the progress line.
    fn against<T>(
        &self,
        scenario: &str,
        data: &str,
        names: [&str; 2],
        setups: [&Setup; 2],
        mut measure: impl FnMut(&Run<'_>) -> Result<T, BenchError>,
        show: impl Fn(&T) -> String,
    ) -> Result<Pairs<T>, BenchError> {
        let script = self.learn(data)?;
        self.in_turn(scenario, names, show, |subject| {
            self.server_with(setups[subject], &script, data, &mut measure)
        })
    }

    /// Measures two subjects in turn, 0 and 1, as often as asked.
    fn in_turn<T>(
        &self,
        scenario: &str,
        names: [&str; 2],
        show: impl Fn(&T) -> String,
        mut measure: impl FnMut(usize) -> Result<T, BenchError>,
    ) -> Result<Pairs<T>, BenchError> {
        let mut pairs = Pairs { server: Vec::new(), floor: Vec::new() };
        for nth in 1..=self.settings.runs {
            let (server, floor) = (measure(0)?, measure(1)?);
            say(&format!(
                "{scenario}: run {nth}/{}: {} {}, {} {}",
                self.settings.runs,
                names[0],
                show(&server),
                names[1],
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
