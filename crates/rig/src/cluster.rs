//! A Redis Cluster: three masters with a replica each.

use std::net::SocketAddr;
use std::time::Duration;

use crate::error::Error;
use crate::options::{REPLICA, RedisOptions};
use crate::redis::Redis;
use crate::slots::{Move, SLOTS, owned};
use crate::wait;

/// Masters, and as many replicas.
const SHARDS: usize = 3;

/// Milliseconds of silence after which a node counts as down: more than a busy machine keeps one waiting.
const NODE_TIMEOUT: u32 = 4000;

/// How long nodes may take to find each other and to agree. A few seconds on an idle machine.
const MEETING: Duration = Duration::from_secs(40);

/// A node, and the name it has in the cluster.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) redis: Redis,
    pub(crate) id: String,
}

/// Six nodes, all ended on drop. Shard `i` are the nodes `i` and `i + 3`; the first begins as its
/// master, with a third of the slots.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Node>,
    credentials: String,
}

impl Cluster {
    /// Starts all of them with these options, and waits until every node says that the cluster is
    /// well and every replica has its master's data.
    ///
    /// # Errors
    ///
    /// As [`Redis::start`]; [`Error::Late`] if they do not find each other.
    pub fn start(options: &RedisOptions) -> Result<Self, Error> {
        let credentials = options.credentials();
        let mut options = RedisOptions { port: None, tls: false, ..options.clone() };
        let timeout = format!("cluster-node-timeout {NODE_TIMEOUT}");
        // However old its data are, a replica is to take over: tests keep masters stopped for long.
        let further = [
            "cluster-enabled yes",
            &timeout,
            "cluster-require-full-coverage no",
            "cluster-replica-validity-factor 0",
        ];
        options.lines.extend(further.map(str::to_owned));
        let nodes = (0..2 * SHARDS).map(|_| {
            let redis = Redis::start(&options)?;
            let id = redis.command(&["CLUSTER", "MYID"])?.text();
            Ok(Node { redis, id })
        });
        let cluster = Self { nodes: nodes.collect::<Result<_, Error>>()?, credentials };
        cluster.join()?;
        Ok(cluster)
    }

    /// All nodes, in the order in which they were started.
    #[must_use]
    pub fn nodes(&self) -> Vec<&Redis> {
        self.nodes.iter().map(|node| &node.redis).collect()
    }

    /// The masters that run, by shard. A shard whose master is down and not yet replaced has none.
    #[must_use]
    pub fn masters(&self) -> Vec<&Redis> {
        (0..SHARDS).filter_map(|shard| self.master(shard)).collect()
    }

    /// The master of a shard, if it runs.
    #[must_use]
    pub fn master(&self, shard: usize) -> Option<&Redis> {
        self.pair(shard).map(|node| &node.redis).find(|redis| redis.is_master())
    }

    /// The replica of a shard, if it runs.
    #[must_use]
    pub fn replica(&self, shard: usize) -> Option<&Redis> {
        let running =
            self.pair(shard).map(|node| &node.redis).filter(|redis| redis.pid().is_some());
        running.into_iter().find(|redis| !redis.is_master())
    }

    /// The master that holds a slot, as it says itself.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] if none that runs does.
    pub fn master_of_slot(&self, slot: u16) -> Result<&Redis, Error> {
        Ok(&self.owner(slot)?.redis)
    }

    /// Where the nodes listen.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(|node| node.redis.address()).collect()
    }

    /// As in `redis+cluster://user:password@host:port,host:port,host:port`, naming the three nodes
    /// that began as masters.
    #[must_use]
    pub fn url(&self) -> String {
        let addresses = self.addresses();
        let seeds: Vec<String> = addresses[..SHARDS].iter().map(ToString::to_string).collect();
        format!("redis+cluster://{}{}", self.credentials, seeds.join(","))
    }

    /// Moves a slot with all its keys to another master while both serve it.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if a node does not agree, as when `to` is a replica.
    pub fn move_slot(&self, slot: u16, to: &Redis) -> Result<(), Error> {
        let moving = self.begin_move(slot, to)?;
        moving.all_keys()?;
        moving.finish()
    }

    /// Begins to move a slot, and leaves it half-way: new keys go to `to`, and clients are sent back
    /// and forth with `ASK`, until [`Move::finish`].
    ///
    /// # Errors
    ///
    /// As [`Cluster::move_slot`]; [`Error::Gone`] if `to` is no node of this cluster.
    pub fn begin_move(&self, slot: u16, to: &Redis) -> Result<Move<'_>, Error> {
        let to = self.nodes.iter().find(|node| node.redis.address() == to.address());
        Move::begin(&self.nodes, slot, self.owner(slot)?, to.ok_or(Error::Gone("target"))?)
    }

    /// Cuts a shard's replica off: from now on its master acknowledges what nobody else has, as
    /// [`Sentinel::cut_replication`](crate::Sentinel::cut_replication) does it. A replica takes over
    /// all the same, however old its data are.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] if there is no master; [`Error::Late`] if the replica stays.
    pub fn cut_replication(&self, shard: usize) -> Result<(), Error> {
        let master = self.master(shard).ok_or(Error::Gone("master"))?;
        let mut line = master.connect()?;
        line.command(&["ACL", "SETUSER", REPLICA, "off"])?;
        line.command(&["CLIENT", "KILL", "TYPE", "replica"])?;
        wait::until_holds("the replica cut off", MEETING, || {
            let role = master.command(&["ROLE"])?;
            Ok(role.array().get(2).is_some_and(|replicas| replicas.array().is_empty()))
        })
    }

    /// Kills the master of a shard with SIGKILL and returns it, to be started again later.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] if there is none at the moment.
    pub fn kill_master(&self, shard: usize) -> Result<&Redis, Error> {
        let master = self.master(shard).ok_or(Error::Gone("master"))?;
        master.kill();
        Ok(master)
    }

    /// Waits until every shard has a running master again, and all nodes that run agree on who holds
    /// which slot. On an idle machine that takes five to eight seconds after a kill.
    ///
    /// # Errors
    ///
    /// [`Error::Late`] after `within`.
    pub fn wait_for_failover(&self, within: Duration) -> Result<(), Error> {
        wait::until_holds("every slot having a master", within, || self.is_whole())
    }

    /// Makes a cluster of nodes that do not know each other yet.
    fn join(&self) -> Result<(), Error> {
        for (shard, node) in self.nodes.iter().take(SHARDS).enumerate() {
            let share = |shard: usize| usize::from(SLOTS) * shard / SHARDS;
            let slots = (share(shard)..share(shard + 1)).map(|slot| slot.to_string());
            let mut command = vec!["CLUSTER".to_owned(), "ADDSLOTS".to_owned()];
            command.extend(slots);
            node.redis.command(&command)?;
            // Different ones from the start, so that masters need not settle it among themselves.
            node.redis.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(shard + 1).to_string()])?;
        }
        for (at, node) in self.nodes.iter().enumerate() {
            let mut line = node.redis.connect()?;
            for other in &self.nodes[at + 1..] {
                let address = other.redis.address();
                let (host, port) = (address.ip().to_string(), address.port().to_string());
                line.command(&["CLUSTER", "MEET", &host, &port])?;
            }
        }
        wait::until_holds("nodes knowing each other", MEETING, || {
            self.everywhere(|_, table| {
                Ok(table.lines().filter(|line| is_linked(line)).count() == 2 * SHARDS)
            })
        })?;
        for (replica, master) in self.nodes[SHARDS..].iter().zip(&self.nodes) {
            replica.redis.command(&["CLUSTER", "REPLICATE", &master.id])?;
        }
        wait::until_holds("cluster_state:ok everywhere", MEETING, || {
            let replicas =
                |table: &str| table.lines().filter(|line| line.contains("slave")).count();
            Ok(self.everywhere(|_, table| Ok(replicas(table) == SHARDS))?
                && self.nodes[SHARDS..]
                    .iter()
                    .all(|node| node.redis.is_following().unwrap_or(false))
                && self.is_whole()?)
        })
    }

    /// Whether every shard has a master, and every node that runs sees each slot where its owner
    /// says that it is.
    fn is_whole(&self) -> Result<bool, Error> {
        let claims = self.running().map(|node| Ok((&node.id, owned(&table(node)?, None))));
        let claims = claims.collect::<Result<Vec<_>, Error>>()?;
        let held: usize =
            claims.iter().flat_map(|(_, ranges)| ranges).map(ExactSizeIterator::len).sum();
        if self.masters().len() != SHARDS || held != usize::from(SLOTS) {
            return Ok(false);
        }
        self.everywhere(|node, table| {
            let info = node.redis.command(&["CLUSTER", "INFO"])?.text();
            let agrees = claims.iter().all(|(id, ranges)| owned(table, Some(id)) == *ranges);
            Ok(agrees && info.contains("cluster_state:ok"))
        })
    }

    /// Whether something holds of every running node and its table of nodes.
    fn everywhere(
        &self,
        holds: impl Fn(&Node, &str) -> Result<bool, Error>,
    ) -> Result<bool, Error> {
        for node in self.running() {
            if !holds(node, &table(node)?)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn owner(&self, slot: u16) -> Result<&Node, Error> {
        for node in self.running() {
            if owned(&table(node)?, None).iter().any(|range| range.contains(&slot)) {
                return Ok(node);
            }
        }
        Err(Error::Gone("owning"))
    }

    fn running(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.redis.pid().is_some())
    }

    fn pair(&self, shard: usize) -> impl Iterator<Item = &Node> {
        self.nodes.iter().skip(shard).step_by(SHARDS)
    }
}

/// What a node knows of all nodes: a line each.
fn table(node: &Node) -> Result<String, Error> {
    Ok(node.redis.command(&["CLUSTER", "NODES"])?.text())
}

/// Whether a line of the table is of a node that was met and is connected.
fn is_linked(line: &str) -> bool {
    line.contains(" connected") && !line.contains("handshake")
}
