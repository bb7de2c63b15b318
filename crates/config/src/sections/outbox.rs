//! `[outbox]`: where events wait for those who are told of them.

use super::Section;
use crate::key::{Key, Kind};

const MIB: usize = 1024 * 1024;
const GIB: usize = 1024 * MIB;
const DAY_MS: u64 = 86_400_000;

/// Where events wait for those who are told of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbox {
    /// Publications it keeps at most, each with one event or many.
    pub size: usize,
    /// Milliseconds it keeps them at most.
    pub ttl_ms: u64,
    /// Bytes they may weigh together.
    pub bytes: usize,
}

impl Default for Outbox {
    fn default() -> Self {
        Self { size: 1_000_000, ttl_ms: 7 * DAY_MS, bytes: 256 * MIB }
    }
}

pub(super) const SECTION: Section = Section {
    name: "outbox",
    doc: "Where events wait until those who are to be told have taken them; only with a table of \
          `[[webhooks]]` there is one. [webhooks.md](webhooks.md) has more.",
    keys: &[
        Key::new(
            "outbox.size",
            Kind::Count(|config| &mut config.outbox.size, 1, 10_000_000),
            "Publications it keeps at most, each with one event or many. Who is so far behind that \
             some were dropped is told so, with `events_lost`.",
        ),
        Key::new(
            "outbox.ttl",
            Kind::Time(|config| &mut config.outbox.ttl_ms, 1_000, 365 * DAY_MS),
            "How long one is kept at most.",
        ),
        Key::new(
            "outbox.bytes",
            Kind::Size(|config| &mut config.outbox.bytes, MIB, 64 * GIB),
            "Bytes they may weigh together.",
        ),
    ],
};
