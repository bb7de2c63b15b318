//! A master with two replicas, and three sentinels that put one of them in its place.

use std::net::SocketAddr;
use std::time::Duration;

use crate::error::Error;
use crate::options::{REPLICA, RIG, RedisOptions, SECRET, common};
use crate::port::free_port;
use crate::redis::{Redis, folder};
use crate::resp::Reply;
use crate::wait;

/// What the sentinels call the master.
const NAME: &str = "main";

/// Servers, of which the first begins as the master.
const SERVERS: usize = 3;

/// Sentinels, of which two must agree.
const SENTINELS: usize = 3;

/// Milliseconds of silence after which a server counts as down: more than a busy machine keeps one waiting.
const DOWN_AFTER: u32 = 3000;

/// Milliseconds a failover may take before another is begun.
const FAILOVER: u32 = 5000;

/// How long sentinels may take to know each other and the replicas. They greet every two seconds.
const MEETING: Duration = Duration::from_secs(30);

/// Three servers and three sentinels, all ended on drop.
#[derive(Debug)]
pub struct Sentinel {
    servers: Vec<Redis>,
    sentinels: Vec<Redis>,
    credentials: String,
}

impl Sentinel {
    /// Starts all of them, each server with these options, and waits until every sentinel knows the
    /// others and both replicas.
    ///
    /// # Errors
    ///
    /// As [`Redis::start`]; [`Error::Late`] if they do not find each other.
    pub fn start(options: &RedisOptions) -> Result<Self, Error> {
        let credentials = options.credentials();
        let options = RedisOptions { port: None, tls: false, ..options.clone() };
        let started = (0..SERVERS).map(|_| Redis::start(&options));
        let servers = started.collect::<Result<Vec<_>, _>>()?;
        for replica in &servers[1..] {
            replica.follow(&servers[0])?;
        }
        let started = (0..SENTINELS).map(|_| sentinel(&servers[0]));
        let sentinels = started.collect::<Result<Vec<_>, _>>()?;
        let this = Self { servers, sentinels, credentials };
        wait::until_holds("sentinels knowing everybody", MEETING, || this.is_met())?;
        Ok(this)
    }

    /// The server that the sentinels call the master, if one that runs agrees with it.
    #[must_use]
    pub fn master(&self) -> Option<&Redis> {
        let named = self.named()?;
        self.servers.iter().find(|server| server.address() == named && server.is_master())
    }

    /// All servers, in the order in which they were started.
    #[must_use]
    pub fn servers(&self) -> &[Redis] {
        &self.servers
    }

    /// The servers that run and are replicas.
    #[must_use]
    pub fn replicas(&self) -> Vec<&Redis> {
        let running = self.servers.iter().filter(|server| server.pid().is_some());
        running.filter(|server| !server.is_master()).collect()
    }

    /// The sentinels as processes, to be killed or stopped.
    #[must_use]
    pub fn sentinels(&self) -> &[Redis] {
        &self.sentinels
    }

    /// Where the sentinels listen.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.sentinels.iter().map(Redis::address).collect()
    }

    /// As in `redis+sentinel://user:password@host:port,host:port,host:port/main/0`. The credentials
    /// are those of the servers; sentinels ask for none.
    #[must_use]
    pub fn url(&self) -> String {
        let addresses: Vec<String> = self.addresses().iter().map(ToString::to_string).collect();
        format!("redis+sentinel://{}{}/{NAME}/0", self.credentials, addresses.join(","))
    }

    /// Kills the master with SIGKILL and returns it, to be started again later: it comes back as a
    /// master that the sentinels make a replica.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] if there is none at the moment.
    pub fn kill_master(&self) -> Result<&Redis, Error> {
        let master = self.master().ok_or(Error::Gone("master"))?;
        master.kill();
        Ok(master)
    }

    /// Cuts the replicas off: from now on the master acknowledges what nobody else has. Sentinels see
    /// all servers up, and a replica's data is what it was at the cut.
    ///
    /// The user that replicas log in as is switched off at the master and their connections are
    /// closed. Stopping the replicas would not do: what had reached their sockets would still be read
    /// when they went on.
    ///
    /// A sentinel promotes no replica that was cut off for longer than ten times its patience of one
    /// second, so the master has to be killed sooner than that.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] if there is no master; [`Error::Late`] if a replica stays.
    pub fn cut_replication(&self) -> Result<(), Error> {
        let master = self.master().ok_or(Error::Gone("master"))?;
        let mut line = master.connect()?;
        line.command(&["ACL", "SETUSER", REPLICA, "off"])?;
        line.command(&["CLIENT", "KILL", "TYPE", "replica"])?;
        wait::until_holds("replicas cut off", MEETING, || {
            let role = master.command(&["ROLE"])?;
            Ok(role.array().get(2).is_some_and(|replicas| replicas.array().is_empty()))
        })
    }

    /// Lets replicas in again, and waits until all that run follow.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] if there is no master; [`Error::Late`] if they do not follow.
    pub fn mend_replication(&self) -> Result<(), Error> {
        let master = self.master().ok_or(Error::Gone("master"))?;
        master.command(&["ACL", "SETUSER", REPLICA, "on"])?;
        self.wait_for_replicas(MEETING)
    }

    /// Waits until all servers that run but one are replicas and follow it.
    ///
    /// # Errors
    ///
    /// [`Error::Late`] after `within`.
    pub fn wait_for_replicas(&self, within: Duration) -> Result<(), Error> {
        wait::until_holds("replicas following", within, || {
            let running = self.servers.iter().filter(|server| server.pid().is_some()).count();
            let following =
                self.servers.iter().filter(|server| server.is_following().unwrap_or(false));
            Ok(self.master().is_some() && following.count() + 1 == running)
        })
    }

    /// Waits until the sentinels name a running master other than `old`, and returns it. On an idle
    /// machine that takes two to four seconds after a kill; where sentinels vote for different ones,
    /// ten more.
    ///
    /// # Errors
    ///
    /// [`Error::Late`] after `within`.
    pub fn wait_for_new_master(&self, old: &Redis, within: Duration) -> Result<&Redis, Error> {
        wait::until("a new master", within, || {
            Ok(self.master().filter(|master| master.address() != old.address()))
        })
    }

    /// The address of the master, if all sentinels that run name the same.
    fn named(&self) -> Option<SocketAddr> {
        let running = self.sentinels.iter().filter(|sentinel| sentinel.pid().is_some());
        let mut names = running.map(|sentinel| {
            let answer = sentinel.command(&["SENTINEL", "get-master-addr-by-name", NAME]).ok()?;
            let [host, port] = answer.array() else { return None };
            format!("{}:{}", host.text(), port.text()).parse().ok()
        });
        let first = names.next()??;
        names.all(|name| name == Some(first)).then_some(first)
    }

    /// Whether every sentinel knows the other two, and both replicas with their links.
    fn is_met(&self) -> Result<bool, Error> {
        for sentinel in &self.sentinels {
            let others = sentinel.command(&["SENTINEL", "SENTINELS", NAME])?;
            let replicas = sentinel.command(&["SENTINEL", "REPLICAS", NAME])?;
            let linked = replicas.array().iter().filter(|replica| {
                let fields: Vec<String> = replica.array().iter().map(Reply::text).collect();
                fields.chunks_exact(2).any(|pair| pair == ["master-link-status", "ok"])
            });
            if others.array().len() != SENTINELS - 1 || linked.count() != SERVERS - 1 {
                return Ok(false);
            }
            sentinel.command(&["SENTINEL", "CKQUORUM", NAME])?;
        }
        Ok(true)
    }
}

/// Starts a sentinel that watches `master`.
fn sentinel(master: &Redis) -> Result<Redis, Error> {
    let (folder, port) = (folder()?, free_port()?);
    let (ip, master_port) = (master.address().ip(), master.address().port());
    let quorum = SENTINELS / 2 + 1;
    let file = common(folder.path())
        + &format!(
            "port {}\nsentinel monitor {NAME} {ip} {master_port} {quorum}\n\
             sentinel auth-user {NAME} {RIG}\nsentinel auth-pass {NAME} {SECRET}\n\
             sentinel down-after-milliseconds {NAME} {DOWN_AFTER}\n\
             sentinel failover-timeout {NAME} {FAILOVER}\n",
            port.number()
        );
    Redis::launch(folder, port, &file, &["--sentinel"])
}
