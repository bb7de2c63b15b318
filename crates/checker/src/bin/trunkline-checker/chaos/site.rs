//! What one round stands on: Redis in one of its shapes, three nodes, and a proxy before one of them.

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use trunkline_fault_proxy::{FaultProxy, Options};
use trunkline_rig::{Cluster, Fsync, Port, Redis, RedisOptions, Sentinel, free_port};

use super::scenario::{Plan, Scenario, Shape};
use crate::api::Api;
use crate::args::Delivery;
use crate::failure::{Doing, Failure};
use crate::server::{API_KEY, Keeping, Server};

/// Nodes that share the Redis. Three, so that clients of a dead one come to two others.
const NODES: usize = 3;

/// Redis in one of its shapes.
#[derive(Debug)]
pub(crate) enum Broker {
    Single(Redis),
    Sentinel(Sentinel),
    Cluster(Cluster),
}

impl Broker {
    fn start(scenario: Scenario, shape: Shape) -> Result<Self, trunkline_rig::Error> {
        let options = RedisOptions {
            // Whatever was acknowledged is there after a restart.
            append_only: Some(Fsync::Always),
            pubsub_buffer: scenario.pubsub_buffer(),
            ..RedisOptions::default()
        };
        Ok(match shape {
            Shape::Single => Self::Single(Redis::start(&options)?),
            Shape::Sentinel => Self::Sentinel(Sentinel::start(&RedisOptions::default())?),
            Shape::Cluster => Self::Cluster(Cluster::start(&RedisOptions::default())?),
        })
    }

    fn url(&self) -> String {
        match self {
            Self::Single(redis) => redis.url(),
            Self::Sentinel(sentinel) => sentinel.url(),
            Self::Cluster(cluster) => cluster.url(),
        }
    }

    /// The one server there is.
    pub(crate) fn single(&self) -> Result<&Redis, Failure> {
        match self {
            Self::Single(redis) => Ok(redis),
            _ => Err(Failure::new("this scenario wants a Redis that stands alone")),
        }
    }

    fn servers(&self) -> Vec<&Redis> {
        match self {
            Self::Single(redis) => vec![redis],
            Self::Sentinel(sentinel) => {
                sentinel.servers().iter().chain(sentinel.sentinels()).collect()
            }
            Self::Cluster(cluster) => cluster.nodes(),
        }
    }
}

/// Everything that runs in a round. Dropped, it ends: nodes first.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) nodes: Vec<Server>,
    pub(crate) proxy: Option<FaultProxy>,
    pub(crate) broker: Broker,
    folder: PathBuf,
    _ports: Vec<Port>,
}

impl Site {
    /// Starts everything, with files in `folder`, and waits until all is ready.
    ///
    /// # Errors
    /// Something does not start; says what, with its last words.
    pub(crate) fn start(
        program: &Path,
        scenario: Scenario,
        plan: &Plan,
        seed: u64,
        folder: &Path,
    ) -> Result<Self, Failure> {
        let broker = Broker::start(scenario, plan.shape).doing("starting Redis")?;
        let url = broker.url();
        let mut site = Self {
            nodes: Vec::new(),
            proxy: None,
            broker,
            folder: folder.to_owned(),
            _ports: Vec::new(),
        };
        if plan.proxied {
            let redis = site.broker.single()?.address();
            let proxy = FaultProxy::spawn(Options::to(redis, seed)).doing("starting a proxy")?;
            site.proxy = Some(proxy);
        }
        let keeping = Keeping { retention: plan.retention, delivery: Delivery::Stored };
        for number in 0..NODES {
            let port = free_port().doing("looking for a port")?;
            let folder = folder.join(format!("node-{number}"));
            fs::create_dir_all(&folder).doing("creating a folder for a node")?;
            let proxied = site.proxy.as_ref().filter(|_| number == 0).map(FaultProxy::address);
            let url = proxied.map_or_else(|| url.clone(), |at| format!("redis://{at}/0"));
            let arguments: Vec<OsString> = vec!["--redis".into(), url.into()];
            let mut node = Server::prepare(program, &folder, port.address(), keeping, arguments)?;
            node.start()?;
            site.nodes.push(node);
            site._ports.push(port);
        }
        Ok(site)
    }

    /// The server API of every node.
    pub(crate) fn apis(&self) -> Vec<Api> {
        let api = |node: &Server| Api { address: node.address, key: API_KEY.to_owned() };
        self.nodes.iter().map(api).collect()
    }

    /// Whether every node runs that we have not ended.
    ///
    /// # Errors
    /// One has ended by itself.
    pub(crate) fn is_well(&mut self) -> Result<(), Failure> {
        self.nodes.iter_mut().try_for_each(Server::still_runs)
    }

    /// Keeps what the servers of Redis have logged, which otherwise goes with them.
    pub(crate) fn keep_logs(&self) {
        for (number, server) in self.broker.servers().into_iter().enumerate() {
            // It is for people who look into a failure, and not worth another one.
            let _ =
                fs::copy(server.folder().join("log"), self.folder.join(format!("redis-{number}")));
        }
    }
}

/// The addresses from which somebody is connected for pub/sub, as a Redis tells.
///
/// # Errors
/// It does not answer.
pub(crate) fn listeners(redis: &Redis) -> Result<Vec<SocketAddr>, Failure> {
    let list = redis.command(&["CLIENT", "LIST", "TYPE", "pubsub"]).doing("asking Redis")?.text();
    let address =
        |line: &str| line.split(' ').find_map(|field| field.strip_prefix("addr="))?.parse().ok();
    Ok(list.lines().filter_map(address).collect())
}
