//! Tells receivers which channels are occupied and who is a member, by way of the
//! [`ledger`](crate::ledger).

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use trunkline_core::backend::BackendError;
use trunkline_core::note::Changed;

use crate::ending::unbroken;
use crate::ledger::{self, Entry};
use crate::occupancy::News;
use crate::outbox::value;
use crate::shared::{RETRY, Shared};

/// Places that are told of at the same time: enough to keep a broker busy, or to fill a batch of a
/// disk.
const AT_ONCE: usize = 128;

/// Tells until it is dropped.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut life = shared.life.subscribe();
    // The sender is shared: it does not end before this does.
    let _ = life.wait_for(Option::is_some).await;
    let mut telling = JoinSet::new();
    loop {
        let mut wake_at = None;
        while telling.len() < AT_ONCE {
            match shared.next_news() {
                Ok(news) => drop(telling.spawn(tell(Arc::clone(&shared), news))),
                Err(next) => {
                    wake_at = next;
                    break;
                }
            }
        }
        let pause = wake_at.map_or(RETRY, |then| shared.until(then));
        tokio::select! {
            Some(told) = telling.join_next() => unbroken(told),
            _ = timeout(pause, shared.moved.notified()) => {}
        }
    }
}

/// Tells one thing, until it is done.
async fn tell(shared: Arc<Shared>, news: News) {
    let mut found = None;
    loop {
        let note = match found.take() {
            Some(note) => note,
            None => match shared.outbox.read(&ledger::name(&news.place)).await {
                Ok(note) => note,
                Err(_) => {
                    sleep(RETRY).await;
                    continue;
                }
            },
        };
        // The one it has by now: it may have begun another one.
        let Some(life) = shared.life.borrow().clone() else { break };
        let entry = note.as_ref().and_then(value::<Entry>);
        let correction = ledger::correct(entry.as_ref(), &news.place, &life, news.occupied);
        let Some(correction) = correction else { break };
        let tells = u64::from(correction.told.is_some());
        let change = shared.correction(&news.place, note.as_ref(), correction);
        match shared.outbox.change(change).await {
            Ok(Changed::Made { .. }) => {
                shared.metrics.node.webhook_events.add(tells);
                break;
            }
            Ok(Changed::Refused(note)) => found = Some(note),
            Ok(Changed::Early(note)) => found = Some(Some(note)),
            Err(BackendError::Full | BackendError::NotesFull) => {
                shared.lose(tells);
                break;
            }
            Err(_) => sleep(RETRY).await,
        }
    }
    shared.told(&news);
}
