//! Dead letters: events that a receiver did not take for as long as they were tried, a note for each
//! batch of them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use trunkline_core::note::{Change, Changed, Due, Note};
use trunkline_core::time::WallTime;

use crate::batch::{ATTEMPTS_TAG, Batch, TO_TAG};
use crate::outbox::{Outbox, Outcome, Place, json, to, value};
use crate::progress::Trying;
use crate::shared::wall_ms;

/// What the names of these notes begin with.
pub(crate) const PREFIX: &str = "dead:";

/// How long a dead letter is kept, in milliseconds (30 days): somebody has to notice.
const KEPT_MS: u64 = 30 * 86_400_000;

/// Notes that are looked at for one answer: those that are no letters of the receiver are passed over,
/// and where there are many, the answer says where to go on.
const LOOKED_AT: usize = 10_000;

/// Letters that are replayed or discarded by one request.
pub(crate) const AT_ONCE: usize = 1_000;

/// Events that were given up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Letter {
    /// Names it, among those of its receiver.
    #[serde(default)]
    pub id: String,
    /// The receiver.
    pub webhook: String,
    /// Why the last attempt failed.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When first, in milliseconds since the Unix epoch.
    pub first_tried: u64,
    /// When it was given up, in milliseconds since the Unix epoch.
    pub given_up: u64,
    /// The events.
    pub events: Vec<Box<RawValue>>,
}

/// Where a list goes on. Base64, as it is nobody else's to read.
fn cursor(place: &Place) -> String {
    URL_SAFE_NO_PAD.encode(format!("{} {} {}", place.0.0, place.1.channel, place.1.name))
}

impl Outbox {
    /// Puts a batch away that was tried for long enough. Doing it again does nothing.
    pub(crate) async fn bury(
        &self,
        webhook: &str,
        batch: &Batch,
        tried: &Trying,
        reason: &str,
    ) -> Outcome<()> {
        let id = format!("{}.{}", batch.up_to.epoch.as_str(), batch.up_to.offset);
        let letter = Letter {
            webhook: webhook.to_owned(),
            reason: reason.to_owned(),
            attempts: tried.attempt,
            first_tried: tried.since,
            given_up: wall_ms(),
            events: batch.events.clone(),
            id: id.clone(),
        };
        let key = self.key(&format!("{PREFIX}{webhook}:{id}"));
        self.change(to(key, None, &letter, Due::In(KEPT_MS))).await.map(drop)
    }

    /// Letters of a receiver, oldest first, and where the list goes on. `None` if `after` is not where
    /// one has ended.
    pub(crate) async fn letters(
        &self,
        webhook: &str,
        after: &str,
        limit: usize,
    ) -> Outcome<Option<(Vec<Letter>, Option<String>)>> {
        let after = match after {
            "" => None,
            text => match self.parse_cursor(text) {
                Some(place) => Some(place),
                None => return Ok(None),
            },
        };
        let (notes, next) = self.find(webhook, after, limit).await?;
        let letters = notes.iter().filter_map(value::<Letter>).collect();
        Ok(Some((letters, next.as_ref().map(cursor))))
    }

    fn parse_cursor(&self, text: &str) -> Option<Place> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let mut words = text.splitn(3, ' ');
        let due = WallTime(words.next()?.parse().ok()?);
        let channel = trunkline_core::channel::ChannelName::parse(words.next()?).ok()?;
        let name = words.next()?.into();
        Some((due, trunkline_core::note::NoteKey { channel, name }))
    }

    async fn find(
        &self,
        webhook: &str,
        mut after: Option<Place>,
        limit: usize,
    ) -> Outcome<(Vec<Note>, Option<Place>)> {
        let prefix = format!("{PREFIX}{webhook}:");
        let (mut found, mut looked) = (Vec::new(), 0);
        loop {
            let (page, end) = self.due(false, after.clone()).await?;
            looked += page.notes.len();
            for note in page.notes {
                if !note.key.name.starts_with(&prefix) {
                    continue;
                }
                if found.len() >= limit {
                    return Ok((found, after));
                }
                after = note.due.map(|due| (due, note.key.clone()));
                found.push(note);
            }
            match end {
                Some(end) => after = Some(end),
                None => return Ok((found, None)),
            }
            if looked >= LOOKED_AT {
                return Ok((found, after));
            }
        }
    }

    /// The notes of a letter, or of all of a receiver as far as they are moved at once, and whether
    /// there are more.
    async fn chosen(&self, webhook: &str, id: Option<&str>) -> Outcome<(Vec<Note>, bool)> {
        match id {
            Some(id) => {
                let note = self.read(&format!("{PREFIX}{webhook}:{id}")).await?;
                Ok((note.into_iter().collect(), false))
            }
            None => {
                let (mut notes, mut next) = self.find(webhook, None, AT_ONCE).await?;
                while notes.is_empty() && next.is_some() {
                    (notes, next) = self.find(webhook, next, AT_ONCE).await?;
                }
                Ok((notes, next.is_some()))
            }
        }
    }

    /// Puts letters into the outbox again, for their receiver only. Says how many, and whether there
    /// are more.
    pub(crate) async fn replay(&self, webhook: &str, id: Option<&str>) -> Outcome<(usize, bool)> {
        self.take_out(webhook, id, |letter| {
            let data = json(&letter.events)?;
            let attempts = letter.attempts.to_string().into();
            let tags = vec![(TO_TAG.into(), webhook.into()), (ATTEMPTS_TAG.into(), attempts)];
            Some(self.raw_draft(data, tags))
        })
        .await
    }

    /// Drops letters. Says how many, and whether there are more.
    pub(crate) async fn discard(&self, webhook: &str, id: Option<&str>) -> Outcome<(usize, bool)> {
        self.take_out(webhook, id, |_| None).await
    }

    async fn take_out(
        &self,
        webhook: &str,
        id: Option<&str>,
        draft: impl Fn(&Letter) -> Option<trunkline_core::publication::Draft>,
    ) -> Outcome<(usize, bool)> {
        let (notes, more) = self.chosen(webhook, id).await?;
        let mut taken = 0;
        for note in notes {
            let Some(letter) = value::<Letter>(&note) else { continue };
            let removal = Change::of(note.key.clone(), Some(&note), None);
            let change = Change { draft: draft(&letter), ..removal };
            match self.change(change).await {
                Ok(Changed::Made { .. }) => taken += 1,
                // Somebody else has.
                Ok(_) => {}
                // So many were, and the rest can be asked for again.
                Err(error) if taken == 0 => return Err(error),
                Err(_) => return Ok((taken, true)),
            }
        }
        Ok((taken, more))
    }
}
