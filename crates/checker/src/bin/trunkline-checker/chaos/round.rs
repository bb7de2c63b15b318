//! One round of a scenario: everything is started, everybody talks, harm is done and healed, all catch
//! up, and the judge says whether the promise was kept.

use std::fmt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use trunkline_checker::event::{Event, GapReason, Rules};

use super::harm;
use super::scenario::{Plan, Scenario};
use super::site::Site;
use crate::args::LoadArgs;
use crate::chance::Chance;
use crate::failure::Failure;
use crate::load::{Curfew, Load, Manner, Phase, Settled};
use crate::recorder::Recorder;
use crate::server::PREFIX;
use crate::socket::LOOK;

/// How long everybody talks before harm is done, in milliseconds.
const BEFORE: (u64, u64) = (300, 1500);

/// How long publishing goes on when it is healed, in milliseconds.
const AFTERWARDS: (u64, u64) = (300, 1000);

/// A crowd larger than this looks at its plans seldom, so that it costs no core.
const CROWD: u32 = 200;

/// How long somebody of a crowd looks for a message.
const LONG_LOOK: Duration = Duration::from_millis(500);

/// Publications that must be recovered, by their number: bytes bound a recovery as well (512 KiB), and
/// one weighs at most some 620 of them with what Redis keeps beside it.
const RECOVERED_SURELY: u64 = 800;

/// One round, as it is to be.
pub(crate) struct Round<'r> {
    pub(crate) server: &'r Path,
    pub(crate) scenario: Scenario,
    pub(crate) plan: Plan,
    /// How long harm lasts.
    pub(crate) lasts: Duration,
    pub(crate) seed: u64,
    /// How long subscribers may take to catch up, in seconds.
    pub(crate) patience: u64,
    /// Where all files of the round are.
    pub(crate) folder: &'r Path,
}

/// How a round came out.
pub(crate) struct Report {
    told: String,
    settled: Settled,
    returns: Vec<Duration>,
    /// What was expected of the harm and did not happen.
    harmless: Option<&'static str>,
}

impl Round<'_> {
    /// Runs it.
    ///
    /// # Errors
    /// Something ended or did not answer that should have, so that there is nothing to judge.
    pub(crate) fn run(&self) -> Result<Report, Failure> {
        let Self { plan, seed, .. } = self;
        let mut site = Site::start(self.server, self.scenario, plan, *seed, self.folder)?;
        let outcome = self.at(&mut site);
        if !outcome.as_ref().is_ok_and(Report::is_clean) {
            site.keep_logs();
        }
        // Whoever ended by himself is the better explanation of a failure.
        site.is_well()?;
        outcome
    }

    fn at(&self, site: &mut Site) -> Result<Report, Failure> {
        let mut chance = Chance::new(self.seed).fork(u64::MAX - 2);
        let load =
            Load::new(site.apis(), PREFIX, self.load(), self.manner(), self.seed, self.recorder()?);
        thread::scope(|scope| {
            let _curfew = Curfew(&load);
            load.set_phase(Phase::Calm);
            load.start_subscribers(scope)?;
            load.wait_until_all_are_here()?;
            load.set_phase(Phase::Storm);
            let publishers = load.start_publishers(scope, 1)?;
            thread::sleep(chance.millis(BEFORE.0, BEFORE.1));
            let told = harm::run(self.scenario, self.lasts, site, &load, &mut chance)?;
            thread::sleep(chance.millis(AFTERWARDS.0, AFTERWARDS.1));
            load.stop_publishers(publishers)?;
            let settled = load.settle()?;
            let harmless = self.missing(&settled, &load.returns());
            Ok(Report { told, settled, returns: load.returns(), harmless })
        })
    }

    fn recorder(&self) -> Result<Recorder, Failure> {
        let recorder = Recorder::new(Some(&self.folder.join("log.jsonl")))?;
        let text = format!("{}, seed {}", self.scenario.name(), self.seed);
        recorder.note(&Event::Note { text });
        recorder.note(&Event::Rules(Rules {
            keeps: Some(self.plan.retention),
            recovery_limit: Some(RECOVERED_SURELY),
            rollback: false,
        }));
        Ok(recorder)
    }

    fn load(&self) -> LoadArgs {
        let Plan { publishers, subscribers, channels, rate, .. } = self.plan;
        LoadArgs {
            publishers,
            subscribers,
            channels,
            rate,
            seed: Some(self.seed),
            log: None,
            patience: self.patience,
        }
    }

    fn manner(&self) -> Manner {
        let look = if self.plan.subscribers > CROWD { LONG_LOOK } else { LOOK };
        Manner { restless: self.plan.restless, look, patient: true, ..Manner::default() }
    }

    /// What the harm should have done to somebody: a round in which it did not says nothing.
    fn missing(&self, settled: &Settled, returns: &[Duration]) -> Option<&'static str> {
        let verdict = &settled.verdict;
        let (missing, what) = match self.scenario {
            Scenario::NodeKilled | Scenario::Moving => (returns.is_empty(), "nobody had to move"),
            Scenario::Failover => (verdict.rolled_back == 0, "nothing was rolled back"),
            Scenario::Trimmed => {
                (!verdict.gaps.contains_key(&GapReason::Trimmed), "nobody missed what was trimmed")
            }
            _ => (false, ""),
        };
        missing.then_some(what)
    }
}

impl Report {
    /// Whether nothing is wrong.
    pub(crate) fn is_clean(&self) -> bool {
        self.settled.is_clean() && self.harmless.is_none()
    }

    /// What is wrong, in many lines.
    pub(crate) fn accusation(&self) -> String {
        self.settled.verdict.to_string()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { told, settled, returns, harmless } = self;
        let verdict = &settled.verdict;
        write!(f, "{told}; {}; gaps", verdict.figures)?;
        if verdict.gaps.is_empty() {
            f.write_str(" none")?;
        }
        for (reason, count) in &verdict.gaps {
            write!(f, " {reason} {count}")?;
        }
        if verdict.rolled_back > 0 {
            write!(f, "; rolled back {}", verdict.rolled_back)?;
        }
        if let (Some(p50), Some(p99), Some(last)) =
            (share(returns, 50), share(returns, 99), returns.last())
        {
            let (p50, p99, last) = (p50.as_millis(), p99.as_millis(), last.as_millis());
            let count = returns.len();
            write!(
                f,
                "; {count} lost their connection, back in {p50} ms (p50), {p99} ms (p99), {last} ms (worst)"
            )?;
        }
        write!(f, "; {settled}; ")?;
        match (settled.is_clean(), harmless) {
            (true, None) => f.write_str("clean"),
            (true, Some(missing)) => write!(f, "NO HARM DONE: {missing}"),
            (false, _) => f.write_str("NOT CLEAN"),
        }
    }
}

/// The value that so many of a hundred do not exceed.
fn share(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((sorted.len() * percent / 100).min(last)).copied()
}
