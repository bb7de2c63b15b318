//! Becomes the program to be measured, already pinned and bound to die with the bench.
//!
//! Both are properties of a process that survive `exec`, so this small detour gives a pinned server
//! from its first instruction on, and one that ends even when the bench itself is killed without a
//! chance to clean up.

use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

use crate::args::LaunchArgs;
use crate::error::{BenchError, Doing};
use crate::instrument::pin;

/// Pins, asks to be killed with the parent, and becomes the command. Returns only to say why that
/// failed.
pub(crate) fn run(args: &LaunchArgs) -> Result<(), BenchError> {
    if let Some(core) = args.core {
        pin::to(core)?;
    }
    set_parent_process_death_signal(Some(Signal::KILL)).doing("tying the server to the bench")?;
    // The bench may have ended before it could be watched; then somebody else has adopted this
    // process.
    if getppid() != Pid::from_raw(args.parent as i32) {
        return Err(BenchError::Interrupted);
    }
    let [program, arguments @ ..] = &args.command[..] else {
        return Err(BenchError::Usage("nothing to launch".into()));
    };
    Err(Command::new(program).args(arguments).exec()).doing(&format!("starting {program}"))
}
