//! Notices when another server answers than before, which may know less: what this node has said is
//! written again, and what it has taken back is taken back again.

use std::collections::BTreeSet;
use std::sync::{Arc, MutexGuard, PoisonError, Weak};

use tokio::time::sleep;
use trunkline_core::backend::BackendError;
use trunkline_core::channel::ChannelName;
use trunkline_core::identity::ClientId;

use super::Inner;
use super::book::Key;
use crate::keys::Partition;
use crate::limits::{LOOK_EVERY, SCAN_MEMBERS};
use crate::resp::{Reply, command};
use crate::server::Server;

/// The server of a partition, and the connection to it.
pub(super) type Seen = Option<(Weak<Server>, u64)>;

/// Finds strays, as long as there is a roster.
pub(super) async fn run(inner: Weak<Inner>) {
    loop {
        {
            let Some(inner) = inner.upgrade() else { return };
            loop {
                let first = inner.unsure().pop_first();
                let Some(partition) = first else { break };
                if inner.find_strays(partition).await.is_err() {
                    inner.unsure().insert(partition);
                    break;
                }
            }
        }
        sleep(LOOK_EVERY).await;
    }
}

impl Inner {
    /// The partitions whose server was connected anew, or is another one, since it was looked last.
    pub(super) fn moved(&self, seen: &mut [Seen]) -> Vec<Partition> {
        let Some(fleet) = self.fleet.upgrade() else { return Vec::new() };
        let mut elsewhere = Vec::new();
        for partition in Partition::all() {
            let server = fleet.server(partition);
            let Some(connection) = server.health.connection() else { continue };
            let seen = &mut seen[usize::from(partition.0)];
            let is_same = |(known, number): &(Weak<Server>, u64)| {
                std::ptr::eq(known.as_ptr(), Arc::as_ptr(&server)) && *number == connection
            };
            match seen {
                Some(known) if is_same(known) => continue,
                // Nothing can have been lost that nobody has kept.
                None => {}
                Some(_) => elsewhere.push(partition),
            }
            *seen = Some((Arc::downgrade(&server), connection));
        }
        elsewhere
    }

    /// These partitions may lack what this node has said.
    pub(super) fn doubt(&self, partitions: Vec<Partition>) {
        // One at a time, so that shards get in between.
        partitions.iter().for_each(|&partition| self.book().doubt(partition));
        self.unsure().extend(partitions);
    }

    fn unsure(&self) -> MutexGuard<'_, BTreeSet<Partition>> {
        self.unsure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes out what Redis has of this node and the node does not know: exits were lost.
    async fn find_strays(&self, partition: Partition) -> Result<(), BackendError> {
        let of = self.keys.members_of(partition, &self.life());
        let mut cursor = "0".to_owned();
        loop {
            let scan = command("SSCAN").arg(&of).arg(&cursor).arg("COUNT").number(SCAN_MEMBERS);
            let reply = self.ask_plain(partition, scan, None).await?;
            let Some([next, found]) = reply.list() else { return Ok(()) };
            let found = found.list().unwrap_or_default();
            let mut book = self.book();
            for key in found.iter().filter_map(key) {
                book.found(partition, key);
            }
            drop(book);
            self.stirred.notify_one();
            match next.text() {
                None | Some("0") => return Ok(()),
                Some(next) => next.clone_into(&mut cursor),
            }
        }
    }
}

fn key(entry: &Reply) -> Option<Key> {
    let (client, channel) = entry.text()?.split_once(' ')?;
    Some(Key { channel: ChannelName::parse(channel).ok()?, client: ClientId::parse(client)? })
}
