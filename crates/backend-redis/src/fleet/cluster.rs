//! A Redis Cluster: who keeps which slot, as long as that lasts.

use std::sync::{Arc, PoisonError, Weak};

use super::{Doors, Fleet};
use crate::health::Part;
use crate::keys::Partition;
use crate::limits::{MASTERS, TOPOLOGY_EVERY, TOPOLOGY_PAUSE};
use crate::link::{Access, Trouble, dial};
use crate::resp::{Reply, command};
use crate::seat::Finding;
use crate::server::Server;
use crate::url::{Address, Deployment};

/// How to get to know a cluster.
pub(super) struct Cluster {
    seeds: Vec<Address>,
    access: Access,
}

/// Slots, from and to, and the master that keeps them.
type Range = (u16, u16, Address);

impl Cluster {
    /// The cluster behind these doors, if it is one.
    pub(super) fn of(doors: &Doors) -> Option<Self> {
        doors.servers.iter().find_map(|url| match &url.deployment {
            Deployment::Cluster(seeds) => {
                Some(Self { seeds: seeds.clone(), access: Access::of(url, doors) })
            }
            _ => None,
        })
    }

    /// Who keeps what, from the first node that can tell.
    async fn ranges(&self, known: Vec<Address>) -> Result<Vec<Range>, Trouble> {
        let mut trouble = Trouble::NoCluster;
        for address in known.iter().chain(&self.seeds) {
            match self.ask(address).await {
                Ok(ranges) if !ranges.is_empty() => return Ok(ranges),
                Ok(_) => {}
                Err(error) => trouble = error,
            }
        }
        Err(trouble)
    }

    async fn ask(&self, address: &Address) -> Result<Vec<Range>, Trouble> {
        let mut link = dial(address, &self.access).await?;
        let ask = vec![command("CLUSTER").arg("INFO"), command("CLUSTER").arg("SLOTS")];
        let answers = link.exchange(ask).await?;
        if let Some(error) = answers.iter().find(|answer| matches!(answer, Reply::Error(_))) {
            return Err(Trouble::of_reply(error));
        }
        // A node that is cut off from the others still tells what it knew.
        let whole = answers[0].text().is_some_and(|info| info.contains("cluster_state:ok"));
        let ranges = answers[1].list().unwrap_or_default();
        if !whole && ranges.is_empty() {
            return Err(Trouble::NoCluster);
        }
        Ok(ranges.iter().take(MASTERS * 64).filter_map(|entry| range(entry, address)).collect())
    }
}

/// One entry of CLUSTER SLOTS: from, to, the master as a list of host, port and more, and copies. A
/// host that is empty is the one that was asked.
fn range(entry: &Reply, asked: &Address) -> Option<Range> {
    let [from, to, master, ..] = entry.list()? else { return None };
    let master = master.list()?;
    let host = match master.first()?.text() {
        None | Some("" | "?") => asked.host.clone(),
        Some(host) => host.into(),
    };
    let port = u16::try_from(master.get(1)?.number()?).ok()?;
    let slot = |reply: &Reply| u16::try_from(reply.number()?).ok();
    Some((slot(from)?, slot(to)?, Address { host, port }))
}

/// An address as errors name it: `host:port`.
pub(super) fn address(text: &str) -> Option<Address> {
    let (host, port) = text.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Some(Address { host: host.into(), port: port.parse().ok()? })
}

/// Looks again and again who keeps what.
pub(super) async fn watch(fleet: Weak<Fleet>, cluster: Cluster) {
    loop {
        let Some(suspect) = ({
            let Some(fleet) = fleet.upgrade() else { return };
            let known = fleet.servers().iter().filter_map(|server| address(&server.name)).collect();
            match cluster.ranges(known).await {
                Ok(ranges) => fleet.route(&ranges, &cluster.access),
                Err(trouble) => fleet.cannot_be_known(&trouble),
            }
            Some(Arc::clone(&fleet.suspect))
        }) else {
            return;
        };
        tokio::select! {
            () = tokio::time::sleep(TOPOLOGY_EVERY) => {}
            () = suspect.notified() => tokio::time::sleep(TOPOLOGY_PAUSE).await,
        }
    }
}

impl Fleet {
    /// Nobody tells who keeps what. Of servers that are known it is not the last word.
    fn cannot_be_known(&self, trouble: &Trouble) {
        match self.servers().iter().find(|server| server.is_nowhere()) {
            Some(nowhere) => nowhere.health.is_in_trouble(Part::Commands, trouble),
            None => tracing::warn!(why = %trouble, "the Redis Cluster does not answer"),
        }
    }

    /// Routes each partition to the master of its slot, and moves what waits for it there.
    fn route(&self, ranges: &[Range], access: &Access) {
        let before = self.servers();
        let mut servers = before.clone();
        let mut routes = Vec::new();
        for partition in Partition::all() {
            let slot = partition.slot();
            let range = ranges.iter().find(|(from, to, _)| (*from..=*to).contains(&slot));
            let Some((_, _, address)) = range else {
                // Nobody has the slot: whoever had it is asked until somebody does.
                routes.push(self.server(partition));
                continue;
            };
            let name = address.to_string();
            let server = match servers.iter().find(|server| server.name == name) {
                Some(server) => Arc::clone(server),
                None => {
                    let server = self.master(address.clone(), access.clone());
                    servers.push(Arc::clone(&server));
                    server
                }
            };
            routes.push(server);
        }
        *self.routes.write().unwrap_or_else(PoisonError::into_inner) = routes;
        for server in before {
            self.move_what_is_elsewhere(&server);
        }
    }

    fn master(&self, address: Address, access: Access) -> Arc<Server> {
        let (fleet, name) = (Weak::clone(&self.me), address.to_string());
        self.server_at(Finding::Fixed(address), access, move || {
            let fleet = fleet.upgrade();
            let first = fleet.as_ref().and_then(|fleet| {
                Partition::all().find(|partition| fleet.server(*partition).name == name)
            });
            let partition = first.unwrap_or(Partition::OF_NODES);
            let line = |fleet: &Arc<Self>| fleet.keys.probe(partition, &fleet.around.node);
            (partition, fleet.as_ref().map(line).unwrap_or_default())
        })
    }

    fn move_what_is_elsewhere(&self, server: &Arc<Server>) {
        let keeper = |line: &str| self.keys.partition(line).map(|partition| self.server(partition));
        let lines = server
            .ear
            .take(|line| keeper(line).is_some_and(|keeper| !Arc::ptr_eq(&keeper, server)));
        for (line, moved) in lines {
            if let Some(keeper) = keeper(&line) {
                keeper.ear.take_over(line, moved);
            }
        }
        if !self.servers().iter().any(|known| Arc::ptr_eq(known, server)) {
            server.take_calls().into_iter().for_each(|call| self.call(call));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_is_not_named_is_the_one_that_was_asked() {
        let text = |text: &str| Reply::Bytes(text.to_owned().into());
        let entry = |host| {
            let master = Reply::List(vec![host, Reply::Number(7001), text("id")]);
            Reply::List(vec![Reply::Number(0), Reply::Number(99), master])
        };
        let asked = Address { host: "10.0.0.1".into(), port: 7000 };
        let at = |host: &str| Some((0, 99, Address { host: host.into(), port: 7001 }));
        assert_eq!(range(&entry(text("h")), &asked), at("h"));
        assert_eq!(range(&entry(text("")), &asked), at("10.0.0.1"));
        assert_eq!(range(&entry(Reply::Nil), &asked), at("10.0.0.1"));
        assert_eq!(range(&Reply::List(vec![]), &asked), None);
    }

    #[test]
    fn errors_name_addresses_of_all_kinds() {
        let at = |host: &str| Some(Address { host: host.into(), port: 1 });
        assert_eq!(address("h:1"), at("h"));
        assert_eq!(address("::1:1"), at("::1"));
        assert_eq!(address("[::1]:1"), at("::1"));
        assert_eq!(address("h"), None);
    }
}
