//! Writes what has changed, as many entries at once as there are.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use tokio::sync::Notify;
use tokio::time::sleep;
use trunkline_core::backend::BackendError;

use super::Inner;
use super::book::{Deed, Loudness, Settled, Write};
use crate::caller::{Answer, Call, script};
use crate::limits::LOOK_EVERY;
use crate::scripts::{ENTER, EXIT};
use crate::wire::{info, member};

/// Writes, as long as there is a roster.
pub(super) async fn run(inner: Weak<Inner>, stirred: Arc<Notify>) {
    loop {
        stirred.notified().await;
        loop {
            let Some(inner) = inner.upgrade() else { return };
            if inner.failed.swap(false, Ordering::Relaxed) {
                drop(inner);
                // What fails at once would fail again at once.
                sleep(LOOK_EVERY).await;
                continue;
            }
            if !inner.leased.load(Ordering::Acquire) {
                break;
            }
            let writes = inner.book().take(|partition| inner.connection(partition).is_some());
            if writes.is_empty() {
                break;
            }
            inner.writes.fetch_add(writes.len() as u64, Ordering::Relaxed);
            writes.into_iter().for_each(|write| inner.write(write));
        }
    }
}

impl Inner {
    fn write(self: &Arc<Self>, write: Write) {
        let Write { partition, key, life: number, deed } = write;
        let life = self.life_of(number);
        let (used, keys) = match &deed {
            Deed::Enter(..) => (&ENTER, &self.keys),
            Deed::Exit(_) => (&EXIT, &self.keys),
        };
        let command = script(used, 3)
            .arg(keys.members(partition, &key.channel))
            .arg(keys.users(partition, &key.channel))
            .arg(keys.members_of(partition, &life))
            .arg(keys.line(partition, &key.channel))
            .arg(key.client.to_string())
            .arg(&life)
            .arg(key.channel.as_str());
        let flag = |loudness| if loudness == Loudness::Silent { "1" } else { "" };
        let (command, entered) = match deed {
            Deed::Enter(who, telling, loudness) => {
                let command = command
                    .arg(member::telling(telling))
                    .arg(who.user.as_str())
                    .arg(info::encode(&who))
                    .arg(flag(loudness));
                (command, true)
            }
            Deed::Exit(loudness) => (command.arg(self.node.as_str()).arg(flag(loudness)), false),
        };
        let settled = Settled { partition, key, life: number, entered };
        let inner = Arc::downgrade(self);
        let done = move |answer: Result<Answer, BackendError>| {
            if let Some(inner) = inner.upgrade() {
                inner.settle(&settled, answer.is_ok());
            }
        };
        let call = Call::new(partition, command, Box::new(done));
        self.call(call.of_script(used).repeatable());
    }

    fn settle(&self, write: &Settled, done: bool) {
        if !done {
            self.failed.store(true, Ordering::Relaxed);
        }
        if self.book().settle(write, done) {
            self.stirred.notify_one();
        }
    }
}
