//! `[users]`: how often one may be connected.

use super::Section;
use crate::key::{Key, Kind};

pub(super) const SECTION: Section = Section {
    name: "users",
    doc: "How often a user may be connected. [inbox.md](inbox.md) says what all devices of a user \
          share.",
    keys: &[
        Key::new(
            "users.connections",
            Kind::Count(|config| &mut config.limits.connections_per_user, 0, 1_000_000),
            "Connections one user may have to this node; 0 is no bound. One more is closed as soon \
             as it is made (code 3504, `connection limit`). Anonymous clients are not counted.",
        ),
        Key::new(
            "users.single_connection",
            Kind::Flag(|config| &mut config.limits.single_connection),
            "A user has one connection: a new one closes all others, on all nodes (code 4501, \
             `connected elsewhere`).",
        ),
    ],
};
