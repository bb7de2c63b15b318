//! The scripts that run inside Redis, each one atomic step.

use std::sync::OnceLock;

use sha1::{Digest, Sha1};

/// A script, whole.
pub(crate) struct Script {
    parts: &'static [&'static str],
    made: OnceLock<Made>,
}

struct Made {
    text: String,
    sha: String,
}

const PRELUDE: &str = include_str!("prelude.lua");

/// Places a message.
pub(crate) static PUBLISH: Script =
    Script::new(&[include_str!("arguments.lua"), "\n", PRELUDE, "\n", include_str!("publish.lua")]);

/// Changes a note, and may place a message in the same step: with the very text that places one
/// otherwise.
pub(crate) static CHANGE: Script = Script::new(&[
    include_str!("change_head.lua"),
    "\n",
    PRELUDE,
    "\nlocal function publish()\n",
    include_str!("publish.lua"),
    "\nend\n",
    include_str!("change.lua"),
]);

/// Looks through notes.
pub(crate) static PENDING: Script = Script::new(&[include_str!("pending.lua")]);

/// Reads a stream.
pub(crate) static HISTORY: Script = Script::new(&[PRELUDE, include_str!("history.lua")]);

/// Forgets the records of a stream.
pub(crate) static CLEAR: Script = Script::new(&[PRELUDE, include_str!("clear.lua")]);

/// What a script that only adds begins with: a server that is full refuses it whole.
const REFUSED_WHEN_FULL: &str = "#!lua\n";

/// What a script that takes back begins with: a server that is full wants it all the more.
const ALLOWED_WHEN_FULL: &str = "#!lua flags=allow-oom\n";

const MEMBER: &str = include_str!("member.lua");
const LEASE: &str = include_str!("lease.lua");

/// Enters a connection in a channel.
pub(crate) static ENTER: Script =
    Script::new(&[REFUSED_WHEN_FULL, MEMBER, include_str!("enter.lua")]);

/// Takes a connection out of a channel.
pub(crate) static EXIT: Script =
    Script::new(&[ALLOWED_WHEN_FULL, MEMBER, include_str!("exit.lua")]);

/// Takes back what a dead node had entered.
pub(crate) static SWEEP: Script =
    Script::new(&[ALLOWED_WHEN_FULL, MEMBER, include_str!("sweep.lua")]);

/// Lists who is in a channel.
pub(crate) static MEMBERS: Script = Script::new(&[include_str!("members.lua")]);

/// Counts who is in a channel.
pub(crate) static STATS: Script = Script::new(&[include_str!("stats.lua")]);

/// Says that a node lives.
pub(crate) static RENEW: Script = Script::new(&[LEASE, include_str!("renew.lua")]);

/// Finds nodes that have died.
pub(crate) static CLAIM: Script = Script::new(&[LEASE, include_str!("claim.lua")]);

/// Says that a dead node has left nothing.
pub(crate) static DONE: Script = Script::new(&[LEASE, include_str!("done.lua")]);

/// Says that a life of a node is over.
pub(crate) static BURY: Script = Script::new(&[LEASE, include_str!("bury.lua")]);

/// Says what a user may not do.
pub(crate) static MAY: Script = Script::new(&[include_str!("may.lua")]);

/// All of them.
pub(crate) fn all() -> [&'static Script; 15] {
    [
        &PUBLISH, &HISTORY, &CLEAR, &MAY, &ENTER, &EXIT, &SWEEP, &MEMBERS, &STATS, &RENEW, &CLAIM,
        &DONE, &BURY, &CHANGE, &PENDING,
    ]
}

/// The script by which anybody who can reach Redis publishes, as nodes do; its head says what it
/// wants. There is no line break at its end: a shell would cut it off, and the script would have
/// another name in Redis.
#[must_use]
pub fn publish_script() -> &'static str {
    PUBLISH.text()
}

/// The script by which anybody who can reach Redis schedules a publication; its head says what it
/// wants.
#[must_use]
pub fn schedule_script() -> &'static str {
    include_str!("schedule.lua").trim_ascii_end()
}

impl Script {
    const fn new(parts: &'static [&'static str]) -> Self {
        Self { parts, made: OnceLock::new() }
    }

    fn made(&self) -> &Made {
        self.made.get_or_init(|| {
            let text = self.parts.concat().trim_end().to_owned();
            let sha = Sha1::digest(text.as_bytes());
            Made { sha: sha.iter().map(|byte| format!("{byte:02x}")).collect(), text }
        })
    }

    /// What Redis is given.
    pub(crate) fn text(&self) -> &str {
        &self.made().text
    }

    /// The SHA-1 of it in hexadecimal digits, by which Redis knows it once it was given.
    pub(crate) fn sha(&self) -> &str {
        &self.made().sha
    }
}
