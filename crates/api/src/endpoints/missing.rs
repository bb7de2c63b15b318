//! What an answer over all nodes says of what it lacks.

use serde::Serialize;
use trunkline_core::signal::NodeId;
use trunkline_core::survey::Surveyed;

/// Nothing at all, when it lacks nothing.
#[derive(Serialize)]
pub(super) struct Missing<'a> {
    /// The `uid` of each node that did not answer in time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    silent: Vec<&'a str>,
    /// There is more than one answer lists.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    more: bool,
}

/// What this one lacks.
pub(super) fn of<T>(surveyed: &Surveyed<T>) -> Missing<'_> {
    let silent = surveyed.silent.iter().map(NodeId::as_str).collect();
    Missing { silent, more: surveyed.more }
}
