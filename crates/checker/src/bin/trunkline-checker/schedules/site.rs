//! The nodes, what is behind them, and what is done to them.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use trunkline_rig::{Fsync, Port, Redis, RedisOptions, free_port};

use super::Keeper;
use crate::api::Api;
use crate::args::Delivery;
use crate::failure::{Doing, Failure};
use crate::server::{API_KEY, Keeping, Server};

/// Nodes that share the Redis.
const NODES: usize = 3;

/// So long Redis is away while all nodes live: what is due meanwhile is overdue then (1.5 s), and any of
/// them may do it.
const OVERDUE: Duration = Duration::from_secs(2);

/// More than one channel gets.
const KEPT: u64 = 100_000;

/// Everything that runs. Dropped, it ends: nodes first.
pub(super) struct Site {
    /// Those that are to live, the last of them to the end.
    nodes: Vec<Server>,
    redis: Option<Redis>,
    _ports: Vec<Port>,
}

impl Site {
    /// Starts everything, with files in `folder`, and waits until all is ready.
    ///
    /// # Errors
    /// Something does not start; says what, with its last words.
    pub(super) fn start(program: &Path, keeper: Keeper, folder: &Path) -> Result<Self, Failure> {
        // Whatever was acknowledged is there after a restart.
        let options = RedisOptions { append_only: Some(Fsync::Always), ..RedisOptions::default() };
        let redis = match keeper {
            Keeper::Redis => Some(Redis::start(&options).doing("starting Redis")?),
            Keeper::Embedded => None,
        };
        let mut site = Self { nodes: Vec::new(), redis, _ports: Vec::new() };
        let count = if site.redis.is_some() { NODES } else { 1 };
        for number in 0..count {
            let port = free_port().doing("looking for a port")?;
            let folder = folder.join(format!("node-{number}"));
            fs::create_dir_all(&folder).doing("creating a folder for a node")?;
            let arguments: Vec<OsString> = match &site.redis {
                Some(redis) => vec!["--redis".into(), redis.url().into()],
                None => vec!["--data-dir".into(), folder.join("data").into()],
            };
            let keeping = Keeping { retention: KEPT, delivery: Delivery::Stored };
            let mut node = Server::prepare(program, &folder, port.address(), keeping, arguments)?;
            node.start()?;
            site.nodes.push(node);
            site._ports.push(port);
        }
        Ok(site)
    }

    /// The server API of every node that is to live.
    pub(super) fn apis(&self) -> Vec<Api> {
        let api = |node: &Server| Api { address: node.address, key: API_KEY.to_owned() };
        self.nodes.iter().map(api).collect()
    }

    /// The server API of a node that lives to the end.
    pub(super) fn survivor(&self) -> Api {
        let last = &self.nodes[self.nodes.len() - 1];
        Api { address: last.address, key: API_KEY.to_owned() }
    }

    /// Does something to them, as the number says, and says what. It is over when this returns.
    ///
    /// # Errors
    /// It cannot be done, or what was killed does not come back.
    pub(super) fn harm(&mut self, number: usize) -> Result<&'static str, Failure> {
        match &self.redis {
            None => {
                self.nodes[0].kill()?;
                self.nodes[0].start()?;
                Ok("the node was killed and came back")
            }
            Some(_) if (1..NODES).contains(&number) => {
                self.nodes.remove(0).kill()?;
                Ok("a node was killed for good")
            }
            Some(redis) => {
                redis.kill();
                if number == 0 {
                    thread::sleep(OVERDUE);
                }
                redis.restart().doing("starting Redis again")?;
                Ok("Redis was killed and came back")
            }
        }
    }

    /// Whether every node runs that we have not ended.
    ///
    /// # Errors
    /// One has ended by itself.
    pub(super) fn is_well(&mut self) -> Result<(), Failure> {
        self.nodes.iter_mut().try_for_each(Server::still_runs)
    }
}
