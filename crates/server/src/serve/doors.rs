//! The addresses a node is reached at.

use std::net::{SocketAddr, TcpListener};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use trunkline_config::{Config, Listen};
use trunkline_shard::Listening;
use trunkline_transport::{
    Acceptor, ListenAddr, TlsAcceptor, bind_shared, bind_single, from_systemd,
};

use crate::cli::Failure;

/// Descriptors a node needs beside those of its clients.
const OWN_FILES: usize = 256;

/// Open listeners, and what they speak.
pub(super) struct Doors {
    /// Listeners for each shard.
    pub(super) listening: Vec<Vec<Listening>>,
    /// Where clients connect, with the port that was found.
    pub(super) listen: String,
    /// Where the admin listener is.
    pub(super) admin_address: SocketAddr,
    /// The certificate, if clients speak TLS.
    pub(super) tls: Option<TlsAcceptor>,
    /// How many shards there are to be.
    pub(super) threads: usize,
    admin: Option<TcpListener>,
}

impl Doors {
    /// Opens all listeners.
    pub(super) fn open(config: &Config) -> Result<Self, Failure> {
        let threads = match config.server.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
        .min(trunkline_core::limits::SHARDS);
        let tls = match config.server.tls.files() {
            Some((cert, key)) => Some(TlsAcceptor::load(cert, key).map_err(Failure::trouble)?),
            None => None,
        };
        let (listening, listen) = open_for_clients(config, threads)?;
        let address = config.server.admin_listen;
        let admin = TcpListener::bind(address).map_err(|error| cannot_listen(&address, &error))?;
        admin.set_nonblocking(true).map_err(|error| cannot_listen(&address, &error))?;
        let admin_address = admin.local_addr().map_err(|error| cannot_listen(&address, &error))?;
        Ok(Self { listening, listen, admin_address, tls, threads, admin: Some(admin) })
    }

    /// The admin listener, once.
    pub(super) fn admin(&mut self) -> Result<TcpListener, Failure> {
        self.admin.take().ok_or_else(|| Failure::trouble("the admin listener is gone"))
    }

    /// What to call the node: where it is.
    pub(super) fn name(&self) -> String {
        self.listen.clone()
    }
}

fn open_for_clients(
    config: &Config,
    threads: usize,
) -> Result<(Vec<Vec<Listening>>, String), Failure> {
    let listen = &config.server.listen;
    let mut listening: Vec<Vec<Listening>> = (0..threads).map(|_| Vec::new()).collect();
    let acceptors = match listen {
        Listen::Tcp(address) => {
            let group =
                bind_shared(*address, threads).map_err(|error| cannot_listen(address, &error))?;
            group.into_iter().map(Acceptor::from).collect()
        }
        Listen::Unix(path) => {
            let address = ListenAddr::Unix(path.clone());
            vec![bind_single(&address).map_err(|error| cannot_listen(&address, &error))?]
        }
        Listen::Systemd => from_systemd()
            .map_err(|error| Failure::trouble(format_args!("cannot listen: {error}")))?,
    };
    let Some(first) = acceptors.first() else {
        return Err(Failure::trouble(
            "server.listen is `systemd`, but systemd has opened no socket for this process",
        ));
    };
    for acceptor in &acceptors {
        if let Ok(ListenAddr::Tcp(address)) = acceptor.local_addr() {
            config.check_listening(address).map_err(Failure::trouble)?;
        }
    }
    let shown =
        first.local_addr().map_or_else(|_| listen.to_string(), |address| address.to_string());
    // Listeners of one address, one per shard, share their connections among themselves; those of
    // any other kind give theirs to all shards in turn.
    let spread = acceptors.len() != threads || !matches!(listen, Listen::Tcp(_));
    for (nth, acceptor) in acceptors.into_iter().enumerate() {
        listening[nth % threads].push(Listening { acceptor, spread });
    }
    Ok((listening, shown))
}

fn cannot_listen(address: &dyn std::fmt::Display, error: &std::io::Error) -> Failure {
    Failure::trouble(format_args!("cannot listen on {address}: {error}"))
}

/// Lets the process open as many files as the system allows it. Returns the connections it may
/// hold, at most `wanted`: one more would not be refused but fail.
pub(super) fn connections_possible(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let allowed = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let Some(allowed) = allowed.and_then(|allowed| usize::try_from(allowed).ok()) else {
        return wanted;
    };
    let possible = wanted.min(allowed.saturating_sub(OWN_FILES));
    if possible < wanted {
        tracing::info!(possible, wanted, "limits.connections is more than the system's file limit");
    }
    possible
}
