//! The node says that it lives, and learns whether others believe it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use trunkline_core::backend::BackendError;

use super::Inner;
use super::resync::Seen;
use crate::caller::script;
use crate::keys::{PARTITIONS, Partition};
use crate::limits::LOOK_EVERY;
use crate::resp::{Command, Reply};
use crate::scripts::{BURY, RENEW, Script};

/// What Redis knows of a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It lasts.
    Renewed,
    /// It begins, or Redis has lost what it had.
    New,
    /// It was taken for over.
    Dead,
}

/// What the task remembers between renewals.
struct Memory {
    /// The servers as they were seen last.
    seen: Vec<Seen>,
    /// Partitions whose server is another one since the last renewal.
    elsewhere: Vec<Partition>,
    /// The connection over which it was renewed last.
    connection: Option<u64>,
    /// Lives that are over, to be swept once everything is written anew.
    former: Vec<(String, Instant)>,
    /// Whether this life was renewed before.
    known: bool,
}

/// Keeps the lease, as long as there is a roster.
pub(super) async fn keep(inner: Weak<Inner>) {
    let mut memory = Memory {
        seen: vec![None; PARTITIONS],
        elsewhere: Vec::new(),
        connection: None,
        former: Vec::new(),
        known: false,
    };
    loop {
        let (every, again) = {
            let Some(inner) = inner.upgrade() else { return };
            let again = inner.renew(&mut memory).await;
            inner.bury_former(&mut memory).await;
            (inner.lease / 4, again)
        };
        if again {
            continue;
        }
        let due = Instant::now() + every;
        while Instant::now() < due {
            sleep(LOOK_EVERY.min(every)).await;
            let Some(inner) = inner.upgrade() else { return };
            if inner.look(&mut memory) {
                break;
            }
        }
    }
}

impl Inner {
    /// Renews the lease; true if it has to be done again at once.
    async fn renew(&self, memory: &mut Memory) -> bool {
        memory.elsewhere.extend(self.moved(&mut memory.seen));
        let connection = self.connection(Partition::OF_NODES);
        let standing = match connection {
            Some(_) => self.ask_standing().await,
            None => None,
        };
        if standing.is_none() || connection != memory.connection {
            self.set_steady(None);
        }
        memory.connection = connection;
        match standing {
            None => memory.connection = None,
            Some(Standing::Dead) => {
                self.leased.store(false, Ordering::Release);
                let over = self.life();
                tracing::warn!(life = %over, "this node was taken for dead, and enters all its connections anew");
                let patience = Instant::now() + 2 * self.lease;
                memory.former.push((over, patience));
                memory.known = false;
                // All of it is written anew anyway.
                memory.elsewhere.clear();
                self.book().begin_life();
                // One at a time, so that shards get in between.
                Partition::all().for_each(|partition| self.book().say_anew(partition));
                return true;
            }
            Some(standing) => {
                if standing == Standing::New && memory.known {
                    tracing::warn!("Redis has lost who is where, and is told again");
                    memory.elsewhere = Partition::all().collect();
                }
                self.doubt(std::mem::take(&mut memory.elsewhere));
                memory.known = true;
                let steady = *self.steady.lock().unwrap_or_else(PoisonError::into_inner);
                self.set_steady(steady.or_else(|| Some(Instant::now())));
                self.leased.store(true, Ordering::Release);
                self.stirred.notify_one();
            }
        }
        false
    }

    /// Looks where the servers are; true if one of them is another one, which is a reason to renew
    /// the lease: only a node that is not taken for dead knows who has heard of its members.
    fn look(&self, memory: &mut Memory) -> bool {
        memory.elsewhere.extend(self.moved(&mut memory.seen));
        let connection = self.connection(Partition::OF_NODES);
        let is_elsewhere = connection.is_some() && connection != memory.connection;
        if is_elsewhere {
            // The lease may be gone there, and nobody could take back what is written without one.
            self.leased.store(false, Ordering::Release);
        }
        // A server that can be reached again may be what writes were waiting for.
        self.stirred.notify_one();
        is_elsewhere || !memory.elsewhere.is_empty()
    }

    async fn ask_standing(&self) -> Option<Standing> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        let lease = u64::try_from(self.lease.as_millis()).unwrap_or(u64::MAX);
        let command = self.of_lives(&RENEW).arg(self.life()).number(lease);
        let reply = self.ask(Partition::OF_NODES, &RENEW, command).await.ok()?;
        match reply.text()? {
            "RENEWED" => Some(Standing::Renewed),
            "NEW" => Some(Standing::New),
            "DEAD" => Some(Standing::Dead),
            _ => None,
        }
    }

    /// Has former lives swept once more: a write may have come through after the others had done
    /// so.
    async fn bury_former(&self, memory: &mut Memory) {
        if memory.former.is_empty() || !memory.known {
            return;
        }
        let is_calm = self.book().is_calm();
        let mut left = Vec::new();
        for (life, patience) in std::mem::take(&mut memory.former) {
            let is_time = is_calm || Instant::now() > patience;
            if !is_time || self.bury(&life).await.is_err() {
                left.push((life, patience));
            }
        }
        memory.former = left;
    }

    /// Says that a life is over.
    pub(super) async fn bury(&self, life: &str) -> Result<Reply, BackendError> {
        let command = self.of_lives(&BURY).arg(life);
        self.ask(Partition::OF_NODES, &BURY, command).await
    }

    /// Begins a call of a script about lives.
    pub(super) fn of_lives(&self, used: &'static Script) -> Command {
        script(used, 2).arg(self.keys.leases()).arg(self.keys.dead())
    }

    fn set_steady(&self, since: Option<Instant>) {
        *self.steady.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    /// Whether the way to Redis has been open for so long that all nodes that live must have said
    /// so. When Redis was away for longer than a lease all of them seem dead at first.
    pub(super) fn is_steady(self: &Arc<Self>) -> bool {
        let enough: Duration = self.lease / 2;
        let since = *self.steady.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() >= enough)
    }
}
