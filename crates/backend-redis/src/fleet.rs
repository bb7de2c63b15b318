//! Which server keeps which partition.

mod cluster;

use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use tokio::runtime::Handle;
use tokio::sync::Notify;
use trunkline_core::backend::BackendError;

use crate::caller::{Call, Elsewhere, TakeBack};
use crate::ear::Surroundings;
use crate::keys::{Keys, Partition};
use crate::limits::AGAIN_AFTER;
use crate::link::Access;
use crate::resp::command;
use crate::seat::{Finding, Seat};
use crate::server::Server;
use crate::url::{Deployment, RedisUrl};

/// All servers.
pub(crate) struct Fleet {
    me: Weak<Self>,
    runtime: Handle,
    keys: Keys,
    around: Arc<Surroundings>,
    /// The server of each partition.
    routes: RwLock<Vec<Arc<Server>>>,
    /// Says that the routes may be wrong.
    suspect: Arc<Notify>,
    /// Calls that wait to be made again.
    again: Mutex<Vec<Call>>,
}

/// How servers are found and entered.
pub(crate) struct Doors {
    pub(crate) servers: Vec<RedisUrl>,
    pub(crate) tls: Arc<rustls::ClientConfig>,
    pub(crate) sentinel_password: Option<Box<str>>,
    pub(crate) allow_eviction: bool,
    pub(crate) keys: Keys,
}

impl Fleet {
    /// The servers behind these doors: one cluster, or any number of servers that share the
    /// partitions evenly (partition `p` is kept by number `p % n` of `n`).
    pub(crate) fn start(
        runtime: &Handle,
        doors: &Doors,
        around: impl FnOnce(Box<dyn Fn() + Send + Sync>) -> Surroundings,
    ) -> Arc<Self> {
        let suspect = Arc::new(Notify::new());
        let suspected = Arc::clone(&suspect);
        let around = Arc::new(around(Box::new(move || suspected.notify_one())));
        let fleet = Arc::new_cyclic(|me| {
            let fleet = Self {
                me: Weak::clone(me),
                runtime: runtime.clone(),
                keys: doors.keys.clone(),
                around,
                routes: RwLock::default(),
                suspect,
                again: Mutex::default(),
            };
            let servers = fleet.first_servers(doors);
            let of = |p: Partition| Arc::clone(&servers[usize::from(p.0) % servers.len()]);
            *fleet.routes.write().unwrap_or_else(PoisonError::into_inner) =
                Partition::all().map(of).collect();
            fleet
        });
        if let Some(cluster) = cluster::Cluster::of(doors) {
            runtime.spawn(cluster::watch(Arc::downgrade(&fleet), cluster));
        }
        runtime.spawn(retry(Arc::downgrade(&fleet)));
        fleet
    }

    fn first_servers(&self, doors: &Doors) -> Vec<Arc<Server>> {
        let count = doors.servers.len();
        let server = |(at, url): (usize, &RedisUrl)| {
            let access = Access::of(url, doors);
            let finding = match &url.deployment {
                Deployment::Cluster(_) => {
                    return Server::nowhere(&self.runtime, &self.around, self.take_back());
                }
                Deployment::Single(address) => Finding::Fixed(address.clone()),
                Deployment::Sentinel { sentinels, master } => Finding::Sentinels {
                    sentinels: Mutex::new(sentinels.clone()),
                    master: master.clone(),
                    access: Access {
                        username: None,
                        password: doors.sentinel_password.clone(),
                        database: 0,
                        tls: access.tls.clone(),
                        allow_eviction: true,
                        keys: doors.keys.clone(),
                    },
                },
            };
            let first = Partition::all().find(|p| usize::from(p.0) % count == at);
            let first = first.unwrap_or(Partition::OF_NODES);
            let line = self.keys.probe(first, &self.around.node);
            self.server_at(finding, access, move || (first, line.clone()))
        };
        doors.servers.iter().enumerate().map(server).collect()
    }

    fn server_at(
        &self,
        finding: Finding,
        access: Access,
        probe: impl Fn() -> (Partition, String) + Send + Sync + 'static,
    ) -> Arc<Server> {
        let (name, seat) = (finding.name(), Seat::new(finding, access));
        Server::start(&self.runtime, name, seat, &self.around, self.take_back(), probe)
    }

    /// The server that keeps a partition.
    pub(crate) fn server(&self, partition: Partition) -> Arc<Server> {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&routes[usize::from(partition.0)])
    }

    /// Makes a call wherever its partition is.
    pub(crate) fn call(&self, call: Call) {
        self.server(call.partition).call(&self.runtime, call);
    }

    /// All servers, each once.
    pub(crate) fn servers(&self) -> Vec<Arc<Server>> {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let mut servers: Vec<Arc<Server>> = Vec::new();
        for server in &*routes {
            if !servers.iter().any(|known| Arc::ptr_eq(known, server)) {
                servers.push(Arc::clone(server));
            }
        }
        servers
    }

    /// The first thing that is wrong with any server.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.servers().iter().find_map(|server| server.health.trouble())
    }

    /// What takes back calls of a server that cannot take them.
    fn take_back(&self) -> TakeBack {
        let fleet = Weak::clone(&self.me);
        Arc::new(move |call, elsewhere| match fleet.upgrade() {
            Some(fleet) => fleet.redirect(call, &elsewhere),
            None => call.fail(BackendError::Stopped),
        })
    }

    fn redirect(&self, call: Call, elsewhere: &Elsewhere) {
        let server = |target: &str| {
            let name = cluster::address(target)?.to_string();
            self.servers().into_iter().find(|server| server.name == name)
        };
        match elsewhere {
            Elsewhere::Ask(target) => {
                if let Some(server) = server(target) {
                    let asking = Call::unheard(call.partition, command("ASKING"));
                    return server.caller.call_together([asking, call]);
                }
            }
            Elsewhere::Moved(target) => {
                self.suspect.notify_one();
                if let Some(server) = server(target) {
                    return server.call(&self.runtime, call);
                }
            }
            Elsewhere::Later => {}
        }
        self.suspect.notify_one();
        self.again.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }
}

/// Makes calls again that had to wait, wherever their partition is by then.
async fn retry(fleet: Weak<Fleet>) {
    loop {
        tokio::time::sleep(AGAIN_AFTER).await;
        let Some(fleet) = fleet.upgrade() else { return };
        let mut again = fleet.again.lock().unwrap_or_else(PoisonError::into_inner);
        let again = std::mem::take(&mut *again);
        again.into_iter().for_each(|call| fleet.call(call));
    }
}
