//! Masters that are killed with writes which nobody else has. What was acknowledged then is gone, and the
//! judge is told so: it asks that everyone who had seen it was told. Half of the channels fall silent before
//! that, so that nothing published later gives the loss away.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use trunkline_checker::event::Event;
use trunkline_rig::{Cluster, Redis};

use super::site::{Broker, Site};
use crate::chance::Chance;
use crate::failure::{Doing, Failure};
use crate::load::Load;

/// How long a new master may take: a few seconds, and ten more where sentinels disagree.
const ELECTION: Duration = Duration::from_secs(90);

/// How long publishing goes on while replicas are cut off, in milliseconds. A sentinel promotes no
/// replica that was cut off for thirty seconds.
const CUT_OFF: (u64, u64) = (300, 1500);

/// Slots that are moved under load.
const MOVES: usize = 4;

/// Lets the master of some sentinels die with writes that its replicas do not have.
pub(crate) fn sentinel(
    lasts: Duration,
    site: &Site,
    load: &Load,
    chance: &mut Chance,
) -> Result<String, Failure> {
    let Broker::Sentinel(sentinel) = &site.broker else {
        return Err(Failure::new("this scenario wants sentinels"));
    };
    let cut = chance.millis(CUT_OFF.0, CUT_OFF.1);
    sentinel.cut_replication().doing("cutting replicas off")?;
    thread::sleep(cut);
    load.hush();
    let old = sentinel.kill_master().doing("killing the master")?;
    let new = sentinel.wait_for_new_master(old, ELECTION).doing("waiting for a new master")?;
    load.recorder.note(&Event::RolledBack);
    thread::sleep(lasts);
    old.restart().doing("starting the old master")?;
    sentinel.wait_for_replicas(ELECTION).doing("waiting for replicas")?;
    // On a machine that is busy the new master may have been taken for dead as well, before anybody
    // had a copy of what it had acknowledged.
    if sentinel.master().is_none_or(|master| master.address() != new.address()) {
        load.recorder.note(&Event::RolledBack);
    }
    Ok(format!("master killed {} ms after replication ended", cut.as_millis()))
}

/// Moves slots of a cluster, then lets the master of one die with writes that its replica does not have.
pub(crate) fn cluster(
    lasts: Duration,
    site: &Site,
    load: &Load,
    chance: &mut Chance,
) -> Result<String, Failure> {
    let Broker::Cluster(cluster) = &site.broker else {
        return Err(Failure::new("this scenario wants a cluster"));
    };
    let slots = used_slots(cluster)?;
    let mut last = *slots.last().ok_or_else(|| Failure::new("the cluster holds nothing"))?;
    let mut moves = 0;
    for &slot in slots.iter().take(MOVES) {
        let from = cluster.master_of_slot(slot).doing("looking for a slot")?.address();
        let others: Vec<&Redis> =
            cluster.masters().into_iter().filter(|master| master.address() != from).collect();
        let to = others[chance.below(others.len() as u64) as usize];
        cluster.move_slot(slot, to).doing("moving a slot")?;
        (moves, last) = (moves + 1, slot);
        thread::sleep(chance.millis(50, 400));
    }
    let address = cluster.master_of_slot(last).doing("looking for a slot")?.address();
    let shard = (0..)
        .take(cluster.nodes().len())
        .find(|&shard| cluster.master(shard).is_some_and(|master| master.address() == address));
    let shard = shard.ok_or_else(|| Failure::new("a slot has a master of no shard"))?;
    let cut = chance.millis(CUT_OFF.0, CUT_OFF.1);
    cluster.cut_replication(shard).doing("cutting a replica off")?;
    thread::sleep(cut);
    load.hush();
    let old = cluster.kill_master(shard).doing("killing a master")?;
    cluster.wait_for_failover(ELECTION).doing("waiting for a new master")?;
    load.recorder.note(&Event::RolledBack);
    thread::sleep(lasts);
    old.restart().doing("starting the old master")?;
    cluster.wait_for_failover(ELECTION).doing("waiting for the cluster to agree")?;
    let cut = cut.as_millis();
    Ok(format!("{moves} slots moved, a master killed {cut} ms after replication ended"))
}

/// The slots that hold anything.
fn used_slots(cluster: &Cluster) -> Result<Vec<u16>, Failure> {
    let mut slots = BTreeSet::new();
    for master in cluster.masters() {
        let mut line = master.connect().doing("asking a master")?;
        let keys = line.command(&["KEYS", "*"]).doing("asking for keys")?;
        for key in keys.array() {
            let slot =
                line.command(&["CLUSTER", "KEYSLOT", &key.text()]).doing("asking for slots")?;
            slots.extend(slot.integer().and_then(|slot| u16::try_from(slot).ok()));
        }
    }
    Ok(slots.into_iter().collect())
}
