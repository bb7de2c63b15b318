//! `[api]`: who may use the server API.

use trunkline_auth::Secret;

use super::Section;
use crate::key::{Key, Kind};

/// Who may use the server API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Api {
    /// Keys that open it.
    pub keys: Vec<Secret>,
}

pub(super) const SECTION: Section = Section {
    name: "api",
    doc: "Who may use the server API. Read again on SIGHUP.",
    keys: &[Key::new(
        "api.keys",
        Kind::Secrets(|config| &mut config.api.keys),
        "Keys for the header `X-API-Key`, each at least 16 bytes, at most two: one, and the next \
         while the application changes over. Without any, every request is refused.",
    )],
};
