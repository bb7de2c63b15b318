//! `[rates]`: how often clients may do what.

use trunkline_core::rate::Rates as Each;

use super::Section;
use crate::key::{Key, Kind};

/// How often clients may do what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// On one connection.
    pub connection: Each,
    /// On all connections of a user.
    pub user: Each,
    /// On all connections from an address.
    pub address: Each,
}

pub(super) const SECTION: Section = Section {
    name: "rates",
    doc: "How often clients may do what. A rate of `20/10s` allows 20 at once, then one more every \
          half second; what has no rate may be done as often as one likes. Who is too fast is told \
          when to come back, or closed where there is no way to tell. Users and addresses are \
          counted over all nodes of a cluster, as closely as nodes hear of each other (a quarter \
          of a second). Of an IPv6 address the first 64 bits count. [rates.md](rates.md) has more.",
    keys: &[
        Key::with_example(
            "rates.address_connect",
            Kind::Rate(|config| &mut config.rates.address.connect),
            "\"20/s\"",
            "How often clients may connect from one address. Beyond it they are refused with HTTP 429 and `Retry-After`.",
        ),
        Key::with_example(
            "rates.address_subscribe",
            Kind::Rate(|config| &mut config.rates.address.subscribe),
            "\"50/s\"",
            "How often clients of one address may subscribe.",
        ),
        Key::with_example(
            "rates.address_publish",
            Kind::Rate(|config| &mut config.rates.address.publish),
            "\"20/s\"",
            "How often clients of one address may publish.",
        ),
        Key::with_example(
            "rates.address_commands",
            Kind::Rate(|config| &mut config.rates.address.command),
            "\"100/s\"",
            "How often clients of one address may send commands of any kind.",
        ),
        Key::with_example(
            "rates.user_connect",
            Kind::Rate(|config| &mut config.rates.user.connect),
            "\"20/s\"",
            "How often one user may connect.",
        ),
        Key::with_example(
            "rates.user_subscribe",
            Kind::Rate(|config| &mut config.rates.user.subscribe),
            "\"50/s\"",
            "How often one user may subscribe.",
        ),
        Key::with_example(
            "rates.user_publish",
            Kind::Rate(|config| &mut config.rates.user.publish),
            "\"20/s\"",
            "How often one user may publish.",
        ),
        Key::with_example(
            "rates.user_commands",
            Kind::Rate(|config| &mut config.rates.user.command),
            "\"100/s\"",
            "How often one user may send commands of any kind.",
        ),
        Key::with_example(
            "rates.connection_subscribe",
            Kind::Rate(|config| &mut config.rates.connection.subscribe),
            "\"50/s\"",
            "How often one connection may subscribe.",
        ),
        Key::with_example(
            "rates.connection_publish",
            Kind::Rate(|config| &mut config.rates.connection.publish),
            "\"20/s\"",
            "How often one connection may publish.",
        ),
        Key::with_example(
            "rates.connection_commands",
            Kind::Rate(|config| &mut config.rates.connection.command),
            "\"100/s\"",
            "How often one connection may send commands of any kind.",
        ),
    ],
};
