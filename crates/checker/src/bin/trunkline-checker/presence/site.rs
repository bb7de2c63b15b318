//! What the run stands on: one Redis and three nodes, whose channels tell who is in them.

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use trunkline_rig::{Port, Redis, RedisOptions, free_port};

use super::token::SECRET;
use crate::api::Api;
use crate::failure::{Doing, Failure};
use crate::server::{API_KEY, Server};

/// Nodes that share the Redis.
pub(super) const NODES: usize = 3;

/// Everything that runs. Dropped, it ends: nodes first.
pub(super) struct Site {
    pub(super) nodes: Vec<Server>,
    pub(super) redis: Redis,
    _ports: Vec<Port>,
}

impl Site {
    /// Starts everything, with files in `folder`, and waits until all is ready.
    ///
    /// # Errors
    /// Something does not start; says what, with its last words.
    pub(super) fn start(program: &Path, folder: &Path) -> Result<Self, Failure> {
        let redis = Redis::start(&RedisOptions::default()).doing("starting Redis")?;
        let mut site = Self { nodes: Vec::new(), redis, _ports: Vec::new() };
        for number in 0..NODES {
            let port = free_port().doing("looking for a port")?;
            let folder = folder.join(format!("node-{number}"));
            fs::create_dir_all(&folder).doing("creating a folder for a node")?;
            let address = port.address();
            let redis: Vec<OsString> = vec!["--redis".into(), site.redis.url().into()];
            let file = configuration(address);
            let mut node = Server::configured(program, &folder, address, &file, redis)?;
            node.start()?;
            site.nodes.push(node);
            site._ports.push(port);
        }
        Ok(site)
    }

    /// Where the nodes listen.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(|node| node.address).collect()
    }

    /// The server API of every node.
    pub(super) fn apis(&self) -> Vec<Api> {
        let api = |node: &Server| Api { address: node.address, key: API_KEY.to_owned() };
        self.nodes.iter().map(api).collect()
    }

    /// Whether every node runs that we have not ended.
    ///
    /// # Errors
    /// One has ended by itself.
    pub(super) fn is_well(&mut self) -> Result<(), Failure> {
        self.nodes.iter_mut().try_for_each(Server::still_runs)
    }
}

/// The name of a channel.
pub(super) fn channel(number: usize) -> String {
    format!("who:{number}")
}

/// The number in the name of a channel.
pub(super) fn number(channel: &str) -> Option<usize> {
    channel.strip_prefix("who:")?.parse().ok()
}

fn configuration(address: SocketAddr) -> String {
    format!(
        r#"[server]
listen = "{address}"
admin_listen = "127.0.0.1:0"

[token]
hmac_secret = "{SECRET}"

[api]
keys = ["{API_KEY}"]

[[namespaces]]
name = "who"
presence = true
join_leave = true
allow_subscribe_for_client = true
allow_presence_for_subscriber = true
"#
    )
}
