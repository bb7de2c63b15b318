//! `trunkline repair`: makes a data directory usable again.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use trunkline_backend_embedded::{Cause, Repaired};
use trunkline_config::{Config, Overrides};

use super::{Failure, Output, environment};

/// The arguments of `repair`.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("where").args(["data_dir", "config"]).required(true)),
    after_help = "\
Example: trunkline repair --data-dir /var/lib/trunkline

No node may be running on the directory. What cannot be read is set aside beside it, never deleted.
Clients that had seen more than is left are told so when they come back."
)]
pub(crate) struct RepairArgs {
    /// The directory that `serve` could not open
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Configuration file (TOML) that names the directory
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The directory was brought back from a copy, and clients may have seen more than it holds
    #[arg(long)]
    from_copy: bool,
}

/// Repairs the directory and says what was done.
///
/// # Errors
/// There is no such directory, a process has it, or it cannot be written.
pub(crate) fn run(args: &RepairArgs) -> Result<(), Failure> {
    let data_dir = match (&args.data_dir, &args.config) {
        (Some(data_dir), _) => data_dir.clone(),
        (None, config) => {
            let config = Config::load(config.as_deref(), environment(), &Overrides::default())
                .map_err(Failure::trouble)?;
            config.storage.data_dir()
        }
    };
    let cause = if args.from_copy { Cause::Copy } else { Cause::Damage };
    if !data_dir.is_dir() {
        let shown = data_dir.display();
        return Err(Failure::trouble(format_args!("{shown} is no directory: nothing to repair")));
    }
    let repaired =
        trunkline_backend_embedded::repair(&data_dir, cause).map_err(Failure::trouble)?;
    let mut output = Output::stdout();
    for line in report(&repaired) {
        output.line(&line)?;
    }
    Ok(())
}

/// What was done, for people.
fn report(repaired: &Repaired) -> Vec<String> {
    if !repaired.changed {
        return vec!["everything is in order; nothing was changed".into()];
    }
    let mut lines = Vec::new();
    if let Some(fault) = &repaired.log.fault {
        lines.push(format!("the log: {fault}"));
    }
    if repaired.log.checkpoint_rebuilt {
        lines.push("the log: its checkpoint could not be read and was made anew".into());
    }
    if let Some(lost) = &repaired.log.lost {
        lines.push(format!("the log was cut before record {}", lost.first));
    }
    if let Some(index) = &repaired.index {
        lines.push(format!("the index: {index}"));
    }
    if repaired.damaged_streams > 0 {
        lines.push(format!("streams known to have lost something: {}", repaired.damaged_streams));
    }
    lines.extend(repaired.set_aside.iter().map(|file| format!("set aside: {}", file.display())));
    lines.push("repaired; clients that saw more than is left will be told so".into());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repair_says_what_it_did() {
        let nothing = Repaired::default();
        assert_eq!(report(&nothing), ["everything is in order; nothing was changed"]);
        let repaired = Repaired {
            changed: true,
            index: Some("cannot be read".into()),
            damaged_streams: 3,
            set_aside: vec!["d/damaged-index.redb".into()],
            ..Repaired::default()
        };
        assert_eq!(
            report(&repaired),
            [
                "the index: cannot be read",
                "streams known to have lost something: 3",
                "set aside: d/damaged-index.redb",
                "repaired; clients that saw more than is left will be told so",
            ]
        );
    }
}
