//! `[server]` and `[server.tls]`: addresses, threads, shutting down.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use trunkline_core::limits::SHARDS;

use super::Section;
use crate::key::{Key, Kind};
use crate::listen::Listen;

/// Where and how the node runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Where clients and the server API connect.
    pub listen: Listen,
    /// Where health and metrics are.
    pub admin_listen: SocketAddr,
    /// Shards; 0 is one per core.
    pub threads: usize,
    /// Milliseconds between turning unready and sending clients away when the node goes down.
    pub shutdown_delay_ms: u64,
    /// Milliseconds over which clients are told to reconnect elsewhere when the node goes down.
    pub shutdown_spread_ms: u64,
    /// Milliseconds after the delay at which the node goes down in any case.
    pub shutdown_deadline_ms: u64,
    /// The client listener may be reached from other machines without TLS.
    pub allow_public: bool,
    /// The admin listener may be reached from other machines.
    pub allow_public_admin: bool,
    /// Addresses and networks of proxies.
    pub trusted_proxies: Vec<String>,
    /// The certificate of the client listener.
    pub tls: Tls,
}

/// The certificate of the client listener; both files or neither.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// The certificate chain, in PEM.
    pub cert_file: Option<PathBuf>,
    /// Its private key, in PEM.
    pub key_file: Option<PathBuf>,
}

impl Tls {
    /// Certificate and key, if the listener is to speak TLS.
    #[must_use]
    pub fn files(&self) -> Option<(&PathBuf, &PathBuf)> {
        self.cert_file.as_ref().zip(self.key_file.as_ref())
    }
}

impl Default for Server {
    fn default() -> Self {
        let loopback = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        Self {
            listen: Listen::Tcp(loopback(8000)),
            admin_listen: loopback(9000),
            threads: 0,
            // Nobody asks a node of its own whether it is ready, and `docker stop` kills after
            // 10 s: whoever has a balancer says how long it takes to notice.
            shutdown_delay_ms: 0,
            shutdown_spread_ms: 5_000,
            shutdown_deadline_ms: 30_000,
            allow_public: false,
            allow_public_admin: false,
            trusted_proxies: Vec::new(),
            tls: Tls::default(),
        }
    }
}

pub(super) const SECTION: Section = Section {
    name: "server",
    doc: "Where and how the node runs.",
    keys: &[
        Key::new(
            "server.listen",
            Kind::Listen(|config| &mut config.server.listen),
            "Where clients and the server API connect: an IP address and a port (0 is any free \
             one), a Unix socket, or the sockets that systemd opened.",
        ),
        Key::new(
            "server.admin_listen",
            Kind::Address(|config| &mut config.server.admin_listen),
            "Where `/health`, `/ready` and `/metrics` are.",
        ),
        Key::new(
            "server.threads",
            Kind::Count(|config| &mut config.server.threads, 0, SHARDS),
            "Threads that hold connections, each for itself; 0 is one per core.",
        ),
        Key::new(
            "server.shutdown_delay",
            Kind::Time(|config| &mut config.server.shutdown_delay_ms, 0, 600_000),
            "On SIGTERM `/ready` answers 503 at once, and clients are still let in for this time, \
             until whoever balances the load has noticed. Behind a balancer: its check's interval \
             times the failures it wants, and a second or two.",
        ),
        Key::new(
            "server.shutdown_spread",
            Kind::Time(|config| &mut config.server.shutdown_spread_ms, 0, 600_000),
            "After `server.shutdown_delay` clients are told to reconnect elsewhere one after the \
             other, over this time, so that the other nodes do not meet them all at once.",
        ),
        Key::new(
            "server.shutdown_deadline",
            Kind::Time(|config| &mut config.server.shutdown_deadline_ms, 0, 3_600_000),
            "How long after `server.shutdown_delay` the node ends in any case; no shorter than \
             `server.shutdown_spread`.",
        ),
        Key::new(
            "server.allow_public",
            Kind::Flag(|config| &mut config.server.allow_public),
            "Listen beyond loopback without TLS. For nodes behind a proxy that speaks TLS.",
        ),
        Key::new(
            "server.allow_public_admin",
            Kind::Flag(|config| &mut config.server.allow_public_admin),
            "Let other machines reach the admin listener, which asks nobody for a key.",
        ),
        Key::with_example(
            "server.trusted_proxies",
            Kind::Texts(|config| &mut config.server.trusted_proxies),
            "[\"10.0.0.0/8\"]",
            "Addresses and networks of the proxies before the node: of a request that comes from one \
             of them the client's address is taken from `X-Forwarded-For`. It is what limits by \
             address count. With any, whoever connects to a Unix socket is one of them.",
        ),
    ],
};

pub(super) const TLS_SECTION: Section = Section {
    name: "server.tls",
    doc: "The certificate of the client listener, read again on SIGHUP. Without it the listener \
          speaks plain HTTP.",
    keys: &[
        Key::with_example(
            "server.tls.cert_file",
            Kind::Path(|config| &mut config.server.tls.cert_file),
            "\"/etc/trunkline/cert.pem\"",
            "The certificate chain, in PEM.",
        ),
        Key::with_example(
            "server.tls.key_file",
            Kind::Path(|config| &mut config.server.tls.key_file),
            "\"/etc/trunkline/key.pem\"",
            "The private key of the certificate, in PEM.",
        ),
    ],
};
