//! `drive`: a run at a server that somebody else has started.

use std::thread;
use std::time::Duration;

use trunkline_checker::event::Event;

use crate::api::Api;
use crate::args::DriveArgs;
use crate::chance::fresh_seed;
use crate::failure::Failure;
use crate::load::{Curfew, Load, Manner};
use crate::output::say;
use crate::recorder::Recorder;

/// Drives, judges, and says whether the run is clean.
pub(crate) fn run(args: DriveArgs) -> Result<bool, Failure> {
    let seed = args.load.seed.unwrap_or_else(fresh_seed);
    say(format_args!("seed {seed}"));
    let recorder = Recorder::new(args.load.log.as_deref())?;
    recorder.note(&Event::Note { text: format!("seed {seed}") });
    recorder.note(&Event::Rules(args.rules()));
    let api = Api { address: args.url, key: args.api_key };
    // Whether the server is there and the key is right is better said now than by everybody.
    api.top(&format!("{}0", args.prefix))?;
    let manner = Manner::default();
    let load = Load::new(vec![api], &args.prefix, args.load, manner, seed, recorder);
    let settled = thread::scope(|scope| {
        let _curfew = Curfew(&load);
        load.start_subscribers(scope)?;
        let publishers = load.start_publishers(scope, 1)?;
        thread::sleep(Duration::from_secs_f64(args.seconds.clamp(0.0, 86_400.0)));
        load.stop_publishers(publishers)?;
        load.settle()
    })?;
    say(&settled);
    say(&settled.verdict);
    Ok(settled.is_clean())
}
