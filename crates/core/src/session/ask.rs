//! What a client asks of channels: publishing, history, presence.

use bytes::Bytes;

use crate::backend::BackendError;
use crate::channel::ChannelName;
use crate::command::Payload;
use crate::error::ClientError;
use crate::history::HistoryQuery;
use crate::identity::ClientInfo;
use crate::limits::ASKS_IN_FLIGHT;
use crate::namespace::Access;
use crate::position::Position;
use crate::publication::Draft;
use crate::reply::Reply;

use super::{Answer, Ask, Effect, Session, Surroundings, Ticket, succeed};

impl Session {
    /// Whether `access` lets this client do a thing in `channel`.
    pub(super) fn may(
        &self,
        access: Access,
        channel: &ChannelName,
        subscribed: bool,
        around: &Surroundings<'_>,
    ) -> bool {
        let subscribed = subscribed || self.is_subscribed(channel);
        around.policy.insecure || access.allows(self.user.is_anonymous(), subscribed)
    }

    pub(super) fn publish(
        &mut self,
        id: u32,
        channel: &str,
        data: Payload<'_>,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        match self.draft(channel, data, around) {
            Ok((draft, true)) => self.ask_to_publish(id, draft, effects),
            Ok((draft, false)) => self.ask(Ticket::Reply(id), Ask::Publish(draft), effects),
            Err(error) => self.fail(id, error, effects),
        }
    }

    /// Publishes into the only channel the client has asked for. What the server subscribed it to
    /// does not count: the client need not even know of it.
    pub(super) fn say(
        &mut self,
        id: u32,
        data: Payload<'_>,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let mut own = self.subscriptions.iter().filter(|subscription| !subscription.server_side);
        let (Some(only), None) = (own.next(), own.next()) else {
            return self.fail(id, ClientError::BadRequest, effects);
        };
        let channel = only.channel.clone();
        self.publish(id, channel.as_str(), data, around, effects);
    }

    /// What is to be published, and whether the application is to be asked about it.
    fn draft(
        &self,
        channel: &str,
        data: Payload<'_>,
        around: &Surroundings<'_>,
    ) -> Result<(Draft, bool), ClientError> {
        let (channel, options) = Self::channel(channel, around)?;
        let asks = options.asks_publish && around.policy.calls.publish;
        if !asks && !self.may(options.publish, &channel, false, around) {
            return Err(ClientError::PermissionDenied);
        }
        if data.bytes.is_empty() || !(data.json || options.binary) {
            return Err(ClientError::BadRequest);
        }
        let subscription = self.subscriptions.iter().find(|s| s.channel == channel);
        let info = ClientInfo {
            user: self.user.clone(),
            client: self.client,
            conn_info: self.extra.as_ref().and_then(|extra| extra.conn_info.clone()),
            chan_info: subscription
                .and_then(|s| s.extra.as_ref())
                .and_then(|extra| extra.chan_info.clone()),
        };
        let draft = Draft {
            data: Bytes::from(data.bytes.into_owned()),
            info: Some(info),
            ..Draft::within(channel, options)
        };
        Ok((draft, asks))
    }

    pub(super) fn history(
        &mut self,
        id: u32,
        channel: &str,
        (limit, since, reverse): (Option<usize>, Option<Position>, bool),
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let allowed = Self::channel(channel, around).and_then(|(channel, options)| {
            let readable = self.abilities.binary || !options.binary;
            if options.retention.is_none() || !readable {
                Err(ClientError::NotAvailable)
            } else if !self.may(options.history, &channel, false, around) {
                Err(ClientError::PermissionDenied)
            } else {
                Ok(channel)
            }
        });
        match allowed {
            Ok(channel) => {
                let most = around.limits.history_page;
                let limit = limit.map_or(most, |limit| limit.min(most));
                let query = HistoryQuery { since, limit, reverse };
                let ticket = match query.since.clone() {
                    Some(since) => Ticket::History(id, Box::new(since)),
                    None => Ticket::Reply(id),
                };
                self.ask(ticket, Ask::History { channel, query }, effects);
            }
            Err(error) => self.fail(id, error, effects),
        }
    }

    pub(super) fn presence(
        &mut self,
        id: u32,
        channel: &str,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        match self.presence_channel(channel, around) {
            Ok(channel) => self.ask(Ticket::Reply(id), Ask::Presence(channel), effects),
            Err(error) => self.fail(id, error, effects),
        }
    }

    pub(super) fn presence_stats(
        &mut self,
        id: u32,
        channel: &str,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        match self.presence_channel(channel, around) {
            Ok(channel) => self.ask(Ticket::Reply(id), Ask::PresenceStats(channel), effects),
            Err(error) => self.fail(id, error, effects),
        }
    }

    fn presence_channel(
        &self,
        channel: &str,
        around: &Surroundings<'_>,
    ) -> Result<ChannelName, ClientError> {
        let (channel, options) = Self::channel(channel, around)?;
        if !options.presence {
            Err(ClientError::NotAvailable)
        } else if !self.may(options.read_presence, &channel, false, around) {
            Err(ClientError::PermissionDenied)
        } else {
            Ok(channel)
        }
    }

    /// Whether so many answers are outstanding that nothing more may be asked.
    pub(super) fn asks_too_much(&self) -> bool {
        self.asks as usize >= ASKS_IN_FLIGHT
    }

    pub(super) fn ask(&mut self, ticket: Ticket, ask: Ask, effects: &mut Vec<Effect>) {
        if self.asks_too_much() {
            let id = match ticket {
                Ticket::Reply(id) | Ticket::History(id, _) => id,
                _ => 0,
            };
            return self.fail(id, ClientError::TooManyRequests, effects);
        }
        self.asks += 1;
        effects.push(Effect::Ask { ticket, ask });
    }

    pub(super) fn answer(
        &mut self,
        ticket: Ticket,
        answer: Answer,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let answer = match answer {
            Answer::Called(answer) => return self.called(ticket, answer, around, effects),
            answer => answer,
        };
        let id = match ticket {
            Ticket::Subscribe(ticket) => {
                return match answer {
                    Answer::History(answer) => self.positioned(*ticket, answer, around, effects),
                    Answer::Inbox(answer) => self.looked_into(*ticket, answer, around, effects),
                    Answer::Heard(answer) => self.heard(*ticket, answer, around, effects),
                    _ => {}
                };
            }
            Ticket::CatchUp { number, channel } => {
                if let Answer::History(answer) = answer {
                    self.caught_up((number, &channel), answer, around, effects);
                }
                return;
            }
            Ticket::History(id, since) => match answer {
                Answer::History(Ok(page)) if page.continues(&since).is_err() => {
                    self.asks -= 1;
                    return self.fail(id, ClientError::UnrecoverablePosition, effects);
                }
                _ => id,
            },
            Ticket::Reply(id) => id,
            // These are answered by the application only.
            Ticket::Connect
            | Ticket::Login(..)
            | Ticket::Refresh
            | Ticket::Permit(_)
            | Ticket::Approve(..)
            | Ticket::SubRefresh(_) => return,
        };
        self.asks -= 1;
        match answer {
            Answer::Published(Ok(_)) => succeed(id, Reply::Publish, effects),
            Answer::History(Ok(page)) => succeed(id, Reply::History(page), effects),
            Answer::Presence(Ok(list)) => succeed(id, Reply::Presence(list), effects),
            Answer::PresenceStats(Ok(stats)) => succeed(id, Reply::PresenceStats(stats), effects),
            // It was looked at above.
            Answer::Called(_) => {}
            // Only subscriptions ask for these.
            Answer::Heard(Ok(())) | Answer::Inbox(Ok(_)) => {}
            Answer::Published(Err(error))
            | Answer::History(Err(error))
            | Answer::Heard(Err(error))
            | Answer::Inbox(Err(error))
            | Answer::Presence(Err(error))
            | Answer::PresenceStats(Err(error)) => self.fail(id, error.into(), effects),
        }
    }
}

impl From<BackendError> for ClientError {
    fn from(error: BackendError) -> Self {
        match error {
            BackendError::Overloaded => Self::TooManyRequests,
            BackendError::Full | BackendError::NotesFull => Self::StorageFull,
            BackendError::Unavailable | BackendError::Unconfirmed => Self::Unavailable,
            BackendError::Stopped => Self::Internal,
        }
    }
}
