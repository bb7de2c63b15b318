//! The life of a node, as others know it: a note that its node renews again and again. Whoever finds
//! it due may say that the node is dead.

use serde::{Deserialize, Serialize};

/// What the names of these notes begin with.
pub(crate) const PREFIX: &str = "node:";

/// For how long a life is believed in without being renewed, in milliseconds: longer than a broker
/// takes to fail over, and short enough that receivers hear of a death within the time in which
/// presence does ([`DEAD_NODE_MS`](trunkline_core::limits::DEAD_NODE_MS)).
pub(crate) const LIFE_MS: u64 = 25_000;

/// For how long whoever found a life to be over may take to give up its places, in milliseconds (2
/// minutes): then somebody else goes on.
pub(crate) const SWEEP_MS: u64 = 120_000;

/// How long a life that is due is looked at before it is said to be over, in milliseconds: where the
/// broker itself was away, all are due when it is back, and need a moment to renew.
pub(crate) const GRACE_MS: u64 = 6_000;

/// How often it is renewed, in milliseconds.
pub(crate) const RENEW_MS: u64 = 10_000;

/// How long it is remembered that a life has ended, in milliseconds (1 day): a node that was only cut
/// off finds out by then whether its last words were heard.
pub(crate) const REMEMBERED_MS: u64 = 86_400_000;

/// What its note says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    /// How often its node has put events into the outbox.
    pub(crate) written: u64,
    pub(crate) state: LifeState,
}

/// What others believe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LifeState {
    /// It lives.
    Alive,
    /// It has died, and somebody is telling receivers what that means.
    Dying,
    /// Everything has been told.
    Dead,
}

/// The name of a life's note.
pub(crate) fn name(life: &str) -> String {
    format!("{PREFIX}{life}")
}
