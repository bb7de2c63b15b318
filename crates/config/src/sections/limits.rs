//! `[limits]`: the bounds an operator may move.

use super::Section;
use crate::key::{Key, Kind};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const GIB: usize = 1024 * MIB;
const HOUR_MS: u64 = 3_600_000;

pub(super) const SECTION: Section = Section {
    name: "limits",
    doc: "Bounds on what one client can cost. The defaults are safe for a node that the world \
          can reach.",
    keys: &[
        Key::new(
            "limits.frame_bytes",
            Kind::Size(|config| &mut config.limits.frame_bytes, 128, 64 * MIB),
            "Bytes of one incoming WebSocket frame.",
        ),
        Key::new(
            "limits.message_bytes",
            Kind::Size(|config| &mut config.limits.message_bytes, 128, 64 * MIB),
            "Bytes of one incoming message, all its frames together, after inflating.",
        ),
        Key::new(
            "limits.head_bytes",
            Kind::Size(|config| &mut config.limits.head_bytes, 512, MIB),
            "Bytes of the head of an HTTP request.",
        ),
        Key::new(
            "limits.head_fields",
            Kind::Count(|config| &mut config.limits.head_fields, 8, 1000),
            "Header fields of an HTTP request.",
        ),
        Key::new(
            "limits.api_body_bytes",
            Kind::Size(|config| &mut config.limits.api_body_bytes, KIB, 256 * MIB),
            "Bytes of the body of a server API request.",
        ),
        Key::new(
            "limits.outbound_bytes",
            Kind::Size(|config| &mut config.limits.outbound_bytes, KIB, GIB),
            "Bytes that may wait for one connection. Beyond them its streams are paused, which it \
             reads on later, other channels drop as their namespace says, and a connection that \
             is over the bound even so is closed as slow. No less than `limits.message_bytes`.",
        ),
        Key::new(
            "limits.lag",
            Kind::Time(|config| &mut config.limits.lag_ms, 100, HOUR_MS),
            "How long a connection whose streams are paused has to catch up before it is closed \
             as slow.",
        ),
        Key::new(
            "limits.channels_per_connection",
            Kind::Count(|config| &mut config.limits.channels_per_connection, 1, 100_000),
            "Channels one connection may be subscribed to.",
        ),
        Key::new(
            "limits.history_page",
            Kind::Count(|config| &mut config.limits.history_page, 1, 100_000),
            "Publications that one history answer may hold.",
        ),
        Key::new(
            "limits.connections",
            Kind::Count(|config| &mut config.limits.connections, 1, 10_000_000),
            "Connections the node accepts; beyond it new ones are refused at once.",
        ),
        Key::new(
            "limits.connections_per_address",
            Kind::Count(|config| &mut config.limits.connections_per_address, 0, 1_000_000),
            "Connections the node holds from one address; 0 is no bound. Beyond it clients are \
             refused with HTTP 429 and `Retry-After`. Of an IPv6 address the first 64 bits count, \
             and behind `server.trusted_proxies` the client's.",
        ),
        Key::new(
            "limits.handshake",
            Kind::Time(|config| &mut config.limits.handshake_ms, 100, HOUR_MS),
            "How long a peer has to finish TLS and its request head.",
        ),
        Key::new(
            "limits.connect",
            Kind::Time(|config| &mut config.limits.connect_ms, 100, HOUR_MS),
            "How long a client has to send `connect` once its WebSocket is open.",
        ),
        Key::new(
            "limits.ping",
            Kind::Time(|config| &mut config.limits.ping_ms, 100, HOUR_MS),
            "How long between pings; shorter than the idle timeout of every proxy on the way.",
        ),
        Key::new(
            "limits.pong",
            Kind::Time(|config| &mut config.limits.pong_ms, 50, HOUR_MS),
            "How long a client has to answer a ping; shorter than `limits.ping`.",
        ),
    ],
};
