//! Looks after what is due among the notes of the outbox and is no life: dead letters that nobody
//! wants, messages that nobody reads.
//!
//! Every node does, and each thing is done by the one whose change of its note is made. There may be
//! thousands, and each takes a few questions, one after the other: the `warden` does not wait for it.

use std::sync::Arc;

use tokio::time::sleep;
use trunkline_core::note::Note;
use trunkline_core::time::WallTime;

use crate::letters;
use crate::outbox::Outcome;
use crate::reminders::{self, Reminders};
use crate::shared::Shared;
use crate::warden::LOOK_EVERY;

/// Looks until it is dropped.
pub(crate) async fn run(shared: Arc<Shared>, reminders: Option<Reminders>) {
    // The sender is shared: it does not end before this does.
    let _ = shared.life.subscribe().wait_for(Option::is_some).await;
    loop {
        if let Err(error) = look(&shared, reminders.as_ref()).await {
            tracing::debug!(%error, "the outbox is looked after later");
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn look(shared: &Shared, reminders: Option<&Reminders>) -> Outcome<()> {
    let mut pages = shared.outbox.pages(true);
    while let Some(page) = pages.next().await? {
        for note in &page.notes {
            attend(shared, reminders, note, page.now).await?;
        }
    }
    Ok(())
}

async fn attend(
    shared: &Shared,
    reminders: Option<&Reminders>,
    note: &Note,
    now: WallTime,
) -> Outcome<()> {
    let name = &*note.key.name;
    if name.starts_with(letters::PREFIX) {
        shared.outbox.remove(note).await
    } else if !name.starts_with(reminders::PREFIX) {
        Ok(())
    } else if let Some(reminders) = reminders {
        if let Err(error) = reminders.remind(shared, note, now).await {
            // Inboxes may be kept elsewhere than the outbox: others can be looked into.
            tracing::debug!(%error, "an inbox could not be looked into");
        }
        Ok(())
    } else {
        // Nobody wants to hear of it any more.
        shared.outbox.remove(note).await
    }
}
