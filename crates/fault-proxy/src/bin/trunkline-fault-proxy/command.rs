//! The lines that are read from stdin.

use std::net::SocketAddr;
use std::str::FromStr;

use trunkline_fault_proxy::FaultProxy;

use crate::change::Change;
use crate::quantity::address;

/// What all commands are, for those who miss one.
const COMMANDS: &str = "latency, jitter, bandwidth, black-hole, half-open, reset-after, corrupt, chop, heal, \
     reset, refuse, accept, upstream, connections";

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Command {
    /// Changes a fault.
    Change(Change),
    /// Takes all faults away.
    Heal,
    /// Resets every connection.
    Reset,
    /// Resets new connections from now on.
    Refuse,
    /// Accepts new connections again.
    Accept,
    /// Leads new connections to another place.
    Upstream(SocketAddr),
    /// Asks how many connections there are.
    Connections,
}

impl FromStr for Command {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let line = line.trim();
        let (name, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        if let Some(change) = Change::parse(name, rest) {
            return change.map(Self::Change);
        }
        let rest = rest.trim();
        let command = match name {
            "upstream" => return address(rest).map(Self::Upstream),
            "heal" => Self::Heal,
            "reset" => Self::Reset,
            "refuse" => Self::Refuse,
            "accept" => Self::Accept,
            "connections" => Self::Connections,
            _ => return Err(format!("`{name}` is no command: wants one of {COMMANDS}")),
        };
        if rest.is_empty() { Ok(command) } else { Err(format!("{name}: `{rest}` is too much")) }
    }
}

impl Command {
    /// Carries it out and says how it is answered.
    pub(crate) fn carry_out(self, proxy: &FaultProxy) -> String {
        match self {
            Self::Change(change) => proxy.change(|faults| change.apply(faults)),
            Self::Heal => proxy.heal(),
            Self::Reset => proxy.reset_all(),
            Self::Refuse => proxy.refuse(true),
            Self::Accept => proxy.refuse(false),
            Self::Upstream(address) => proxy.set_upstream(address),
            Self::Connections => return format!("ok {}", proxy.connections()),
        }
        "ok".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_words() {
        assert_eq!("heal\n".parse(), Ok(Command::Heal));
        assert_eq!("  reset \r\n".parse(), Ok(Command::Reset));
        assert_eq!("refuse".parse(), Ok(Command::Refuse));
        assert_eq!("accept".parse(), Ok(Command::Accept));
        assert_eq!("connections".parse(), Ok(Command::Connections));
        let upstream = Command::Upstream(([127, 0, 0, 1], 6379).into());
        assert_eq!("upstream 127.0.0.1:6379".parse(), Ok(upstream));
        assert!(matches!("latency 5ms".parse(), Ok(Command::Change(_))));
    }

    #[test]
    fn what_is_no_command_is_refused() {
        for (line, words) in [
            ("", "`` is no command: wants one of latency,"),
            ("explode", "`explode` is no command"),
            ("heal me", "heal: `me` is too much"),
            ("upstream", "`` is no address"),
            ("latency soon", "latency: `soon` is no time"),
        ] {
            let error = line.parse::<Command>().unwrap_err();
            assert!(error.starts_with(words), "{error}");
        }
    }
}
