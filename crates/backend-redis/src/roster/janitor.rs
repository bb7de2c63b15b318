//! Takes back what dead nodes have said. Any node may; two that do it at once do no harm, and what
//! one leaves undone another one takes up.

use std::sync::{Arc, Weak};

use tokio::time::sleep;
use trunkline_core::backend::BackendError;

use super::Inner;
use crate::caller::script;
use crate::keys::Partition;
use crate::limits::{CLAIMS, DEAD_REMEMBERED_MS, SWEEP_MEMBERS, SWEEP_PARTITIONS};
use crate::scripts::{CLAIM, DONE, SWEEP};

/// Looks after the dead, as long as there is a roster.
pub(super) async fn run(inner: Weak<Inner>) {
    loop {
        let every = {
            let Some(inner) = inner.upgrade() else { return };
            if inner.is_steady() {
                // What failed is claimed again, by whoever can reach Redis.
                if let Err(error) = inner.bury_the_dead().await {
                    tracing::debug!(%error, "dead nodes are looked after later");
                }
            }
            inner.lease / 4
        };
        sleep(every).await;
    }
}

impl Inner {
    async fn bury_the_dead(self: &Arc<Self>) -> Result<(), BackendError> {
        loop {
            let claimed = self.claim().await?;
            if claimed.is_empty() {
                return Ok(());
            }
            for life in claimed {
                tracing::info!(%life, "a node is gone, and what it had said is taken back");
                self.sweep(&life).await?;
                let command = self.of_lives(&DONE).arg(&life);
                self.ask(Partition::OF_NODES, &DONE, command).await?;
            }
        }
    }

    async fn claim(&self) -> Result<Vec<String>, BackendError> {
        let mine = u64::try_from((self.lease / 4).as_millis()).unwrap_or(u64::MAX);
        let command = self.of_lives(&CLAIM).number(mine).number(CLAIMS).number(DEAD_REMEMBERED_MS);
        let reply = self.ask(Partition::OF_NODES, &CLAIM, command).await?;
        let lives = reply.list().ok_or(BackendError::Unavailable)?;
        Ok(lives.iter().filter_map(|life| life.text().map(str::to_owned)).collect())
    }

    /// Takes back all that a life had entered, some of it from some partitions at a time.
    async fn sweep(self: &Arc<Self>, life: &str) -> Result<(), BackendError> {
        let all: Vec<Partition> = Partition::all().collect();
        for some in all.chunks(SWEEP_PARTITIONS) {
            let mut left = some.to_vec();
            while !left.is_empty() {
                let sweeping = left.iter().map(|&partition| {
                    let (inner, life) = (Arc::clone(self), life.to_owned());
                    let step = async move { (partition, inner.sweep_some(partition, &life).await) };
                    tokio::spawn(step)
                });
                let sweeping: Vec<_> = sweeping.collect();
                left.clear();
                for step in sweeping {
                    let (partition, remaining) = step.await.map_err(|_| BackendError::Stopped)?;
                    if remaining? > 0 {
                        left.push(partition);
                    }
                }
            }
        }
        Ok(())
    }

    /// Answers how many are left in the partition.
    async fn sweep_some(&self, partition: Partition, life: &str) -> Result<i64, BackendError> {
        let [members, users, line] = self.keys.before_channel(partition);
        let command = script(&SWEEP, 1)
            .arg(self.keys.members_of(partition, life))
            .arg(life)
            .number(SWEEP_MEMBERS)
            .arg(members)
            .arg(users)
            .arg(line);
        let reply = self.ask(partition, &SWEEP, command).await?;
        reply.number().ok_or(BackendError::Unavailable)
    }
}
