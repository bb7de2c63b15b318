//! The command line.

use std::net::SocketAddr;

use clap::Parser;

use crate::change::Change;
use crate::quantity::address;

const EXAMPLE: &str = "\
Faults are for both directions unless their value says to-upstream or to-client, as in
--latency 20ms,to-client. Each is also a command on stdin, and the end of stdin ends the proxy.

Example: a node whose Redis answers 20 ms late, and after a while not at all
  $ trunkline-fault-proxy --listen 127.0.0.1:7000 --upstream 127.0.0.1:6379 --latency 20ms,to-client
  ready listen=127.0.0.1:7000 seed=338107442
  black-hole to-client
  ok
  heal
  ok";

/// Stands between two sides of TCP connections and does to bytes what networks do.
#[derive(Debug, Parser)]
#[command(name = "trunkline-fault-proxy", version, about, after_help = EXAMPLE)]
pub(crate) struct Args {
    /// Where clients connect; port 0 is any free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0", value_parser = address)]
    pub(crate) listen: SocketAddr,
    /// Where their connections lead
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    pub(crate) upstream: SocketAddr,
    /// Decides every random choice; another one each time unless given
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Run until killed, without reading stdin
    #[arg(long)]
    pub(crate) no_commands: bool,
    /// How much later everything arrives
    #[arg(long, value_name = "TIME", value_parser = fault("latency"))]
    latency: Vec<Change>,
    /// Up to how much later than that, at random
    #[arg(long, value_name = "TIME", value_parser = fault("jitter"))]
    jitter: Vec<Change>,
    /// Bytes a second
    #[arg(long, value_name = "SIZE", value_parser = fault("bandwidth"))]
    bandwidth: Vec<Change>,
    /// Nothing arrives: swallow (the default) discards, stall no longer reads
    #[arg(long, value_name = "KIND", value_parser = fault("black-hole"))]
    black_hole: Vec<Change>,
    /// The end of one side is kept from the other: on or off
    #[arg(long, value_name = "on", value_parser = fault("half-open"))]
    half_open: Vec<Change>,
    /// Reset a connection that has passed on so many bytes
    #[arg(long, value_name = "SIZE", value_parser = fault("reset-after"))]
    reset_after: Vec<Change>,
    /// How likely a byte arrives with one bit flipped
    #[arg(long, value_name = "PROBABILITY", value_parser = fault("corrupt"))]
    corrupt: Vec<Change>,
    /// Cut into pieces of so many bytes on average, each written by itself
    #[arg(long, value_name = "SIZE", value_parser = fault("chop"))]
    chop: Vec<Change>,
}

impl Args {
    /// The faults to begin with.
    pub(crate) fn changes(&self) -> impl Iterator<Item = Change> {
        let faults = [
            &self.latency,
            &self.jitter,
            &self.bandwidth,
            &self.black_hole,
            &self.half_open,
            &self.reset_after,
            &self.corrupt,
            &self.chop,
        ];
        faults.into_iter().flatten().copied()
    }
}

/// Reads the value of an option as the rest of the command with the same name.
fn fault(name: &'static str) -> impl Fn(&str) -> Result<Change, String> + Clone {
    move |value| {
        Change::parse(name, value).unwrap_or_else(|| Err(format!("there is no fault `{name}`")))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::CommandFactory;
    use trunkline_fault_proxy::{BlackHole, Faults, LineFaults, Probability};

    use super::*;

    const PROGRAM: [&str; 3] = ["trunkline-fault-proxy", "--upstream", "127.0.0.1:6379"];

    fn faults(options: &[&str]) -> Faults {
        let args = Args::try_parse_from(PROGRAM.iter().chain(options)).unwrap();
        let mut faults = Faults::NONE;
        args.changes().for_each(|change| change.apply(&mut faults));
        faults
    }

    #[test]
    fn the_options_are_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_fault_is_an_option() {
        for option in [
            ["--latency", "1s"],
            ["--jitter", "1s"],
            ["--bandwidth", "1KiB"],
            ["--black-hole", "to-client"],
            ["--half-open", "on"],
            ["--reset-after", "9"],
            ["--corrupt", "0.5"],
            ["--chop", "3"],
        ] {
            assert_ne!(faults(&option), Faults::NONE, "{option:?}");
        }
    }

    #[test]
    fn an_option_may_be_given_for_each_direction() {
        let both = ["--latency", "1ms,to-client", "--latency", "2ms,to-upstream"];
        let late = |millis| LineFaults::late(Duration::from_millis(millis));
        assert_eq!(faults(&both), Faults { to_upstream: late(2), to_client: late(1) });
    }

    #[test]
    fn options_add_up() {
        let line = LineFaults {
            corruption: Probability::new(0.0001).unwrap(),
            black_hole: Some(BlackHole::Stall),
            ..LineFaults::NONE
        };
        let options = ["--corrupt", "0.0001", "--black-hole", "stall"];
        assert_eq!(faults(&options), Faults::both(line));
    }
}
