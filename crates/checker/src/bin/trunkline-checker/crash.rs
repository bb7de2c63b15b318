//! `crash`: the same run at a server that is killed in the middle of each round.

use std::fmt::Write as _;
use std::thread;
use std::time::Instant;

use trunkline_checker::event::{Event, Rules};
use trunkline_checker::judge::{Figures, Verdict};

use crate::api::Api;
use crate::args::CrashArgs;
use crate::chance::{Chance, fresh_seed};
use crate::failure::{Doing, Failure};
use crate::load::{Curfew, Load, Manner, Phase};
use crate::output::say;
use crate::recorder::Recorder;
use crate::server::{API_KEY, Keeping, PREFIX, RECOVERED_SURELY, Server, free_port};

/// How long a round has run when the server is killed, in milliseconds.
const UNTIL_KILL: (u64, u64) = (100, 1500);
/// A round is long once in so many: long enough for a server to do what it does every 10 s, such as
/// to bring its index up to date, and to be killed while it does.
const LONG: u64 = 8;
/// How long such a round has run when the server is killed, in milliseconds.
const UNTIL_KILL_LONG: (u64, u64) = (9_000, 14_000);
/// It is killed a second time, while it starts, once in so many rounds.
const KILLED_AGAIN: u64 = 3;
/// How long it has been starting then, in milliseconds.
const UNTIL_KILLED_AGAIN: (u64, u64) = (1, 60);
/// How long the server stays dead, in milliseconds.
const DEAD: (u64, u64) = (0, 300);
/// How long publishing goes on when it is back, in milliseconds.
const AFTERWARDS: (u64, u64) = (100, 700);

/// Runs the rounds; says whether all were clean.
pub(crate) fn run(args: &CrashArgs) -> Result<bool, Failure> {
    let seed = args.load.seed.unwrap_or_else(fresh_seed);
    let folder = tempfile::Builder::new().prefix("trunkline-checker-").tempdir();
    let folder = folder.doing("creating a folder")?;
    say(format_args!("seed {seed}, {} rounds, in {}", args.rounds, folder.path().display()));
    let outcome = rounds(args, seed, folder.path());
    if !matches!(outcome, Ok(true)) {
        say(format_args!("log, data and the server's output are in {}", folder.keep().display()));
    }
    outcome
}

fn rounds(args: &CrashArgs, seed: u64, folder: &std::path::Path) -> Result<bool, Failure> {
    let chance = Chance::new(seed);
    let address = free_port(chance.fork(u64::MAX - 1))?;
    let keeping = Keeping { retention: args.retention, delivery: args.delivery };
    let data = vec!["--data-dir".into(), folder.join("data").into()];
    let mut server = Server::prepare(&args.server, folder, address, keeping, data)?;
    let log = args.load.log.clone().unwrap_or_else(|| folder.join("log.jsonl"));
    let recorder = Recorder::new(Some(&log))?;
    recorder.note(&Event::Note { text: format!("seed {seed}") });
    recorder.note(&Event::Rules(Rules {
        keeps: Some(args.retention),
        recovery_limit: Some(RECOVERED_SURELY),
        rollback: false,
    }));
    let api = Api { address: server.address, key: API_KEY.to_owned() };
    let manner = Manner::default();
    let load = Load::new(vec![api], PREFIX, args.load.clone(), manner, seed, recorder);
    server.start()?;
    thread::scope(|scope| {
        let _curfew = Curfew(&load);
        load.start_subscribers(scope)?;
        let mut before = Figures::default();
        for round in 1..=args.rounds {
            let mut chance = chance.fork(u64::MAX - 1 - u64::from(round));
            load.set_phase(Phase::Storm);
            let publishers = load.start_publishers(scope, round)?;
            let told = crash(&mut server, &mut chance)?;
            load.stop_publishers(publishers)?;
            let settled = load.settle().map_err(|failure| server.explain(failure))?;
            say(format_args!(
                "round {round}: {told}, {settled}; {}; {}",
                since(&settled.verdict, &before),
                if settled.is_clean() { "clean" } else { "NOT CLEAN" },
            ));
            if !settled.is_clean() {
                say(&settled.verdict);
                return Ok(false);
            }
            before = settled.verdict.figures;
        }
        say(format_args!("{} rounds clean, seed {seed}: {before}", args.rounds));
        Ok(true)
    })
}

/// Kills the server at some moment, and starts it again; says how that went.
fn crash(server: &mut Server, chance: &mut Chance) -> Result<String, Failure> {
    let bounds = if chance.once_in(LONG) { UNTIL_KILL_LONG } else { UNTIL_KILL };
    let until = chance.millis(bounds.0, bounds.1);
    thread::sleep(until);
    server.kill()?;
    let mut told = format!("killed after {} ms", until.as_millis());
    if chance.once_in(KILLED_AGAIN) {
        let until = chance.millis(UNTIL_KILLED_AGAIN.0, UNTIL_KILLED_AGAIN.1);
        server.spawn()?;
        thread::sleep(until);
        server.kill()?;
        // Writing to a String does not fail.
        let _ = write!(told, " and {} ms into its start", until.as_millis());
    }
    thread::sleep(chance.millis(DEAD.0, DEAD.1));
    let begun = Instant::now();
    server.start()?;
    let _ = write!(told, ", ready in {} ms", begun.elapsed().as_millis());
    thread::sleep(chance.millis(AFTERWARDS.0, AFTERWARDS.1));
    Ok(told)
}

/// What a round added to the run.
fn since(verdict: &Verdict, before: &Figures) -> Figures {
    let now = &verdict.figures;
    Figures {
        acknowledged: now.acknowledged - before.acknowledged,
        refused: now.refused - before.refused,
        unknown: now.unknown - before.unknown,
        delivered: now.delivered - before.delivered,
        subscriptions: now.subscriptions - before.subscriptions,
        recovered: now.recovered - before.recovered,
        gaps: now.gaps - before.gaps,
    }
}
