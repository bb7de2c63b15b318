//! A listener whose past is being read, and what came meanwhile.

use crate::limits::JOINING_BUFFER;
use crate::position::{Position, Step};
use crate::publication::Message;

use super::ConnectionKey;
use super::group::{Feed, Variant};

/// A listener that stands apart until its past was read.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) connection: ConnectionKey,
    pub(super) variant: Variant,
    pub(super) joins: bool,
    pub(super) delta: bool,
    /// What came meanwhile; `None` once it was too much.
    messages: Option<Vec<Message>>,
    /// The place its client knows, when this shard has not come as far yet.
    pub(super) ahead: Option<Position>,
}

impl Held {
    pub(super) fn new(
        connection: ConnectionKey,
        variant: Variant,
        joins: bool,
        delta: bool,
    ) -> Self {
        Self { connection, variant, joins, delta, messages: Some(Vec::new()), ahead: None }
    }

    /// The feed it will have.
    pub(super) fn feed(&self) -> Feed {
        if self.delta { Feed::First } else { Feed::Whole }
    }

    pub(super) fn hold_back(&mut self, message: &Message) {
        let audible = self.joins || matches!(message, Message::Publication(_));
        let Some(messages) = self.messages.as_mut().filter(|_| audible) else { return };
        if messages.len() < JOINING_BUFFER {
            messages.push(message.clone());
        } else {
            self.messages = None;
        }
    }

    /// What a client that knows the stream up to `after` is to be given of what came, and the place
    /// where it is then; `None` if that is not all there was.
    pub(super) fn beyond(&self, after: &Position) -> Option<(Vec<Message>, Position)> {
        let (mut beyond, mut at) = (Vec::new(), after.clone());
        for message in self.messages.as_ref()? {
            if let Message::Publication(publication) = message
                && publication.offset > 0
            {
                match at.step(publication) {
                    Step::Next => at = publication.position(),
                    Step::Known => continue,
                    Step::Elsewhere => return None,
                }
            }
            beyond.push(message.clone());
        }
        Some((beyond, at))
    }
}
