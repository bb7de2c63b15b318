//! `[rooms]`: the rooms endpoint.

use super::Section;
use crate::key::{Key, Kind};

/// The rooms endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rooms {
    /// Whether it is there.
    pub enabled: bool,
}

pub(super) const SECTION: Section = Section {
    name: "rooms",
    doc: "The endpoint `/api/v1/ws/{room_id}/{user_id}`: text in, JSON out, who comes and goes.",
    keys: &[Key::new(
        "rooms.enabled",
        Kind::Flag(|config| &mut config.rooms.enabled),
        "Serve the endpoint. Room `r` is the channel `rooms:r`; a namespace `rooms` is added \
         unless there is one, which must then have `join_leave`.",
    )],
};
