//! How a subscription comes about: who may have it, and where it starts.

use std::sync::Arc;

use bytes::Bytes;

use crate::backend::BackendError;
use crate::channel::ChannelName;
use crate::command::SubscribeRequest;
use crate::error::{ClientError, CloseReason, UnsubscribeReason};
use crate::gate::{SubscriptionGrant, TokenError};
use crate::history::HistoryPage;
use crate::inbox::Inbox;
use crate::namespace::ChannelOptions;
use crate::position::Position;
use crate::publication::Message;
use crate::reply::{Push, Reply, SubscribeResult};
use crate::revocation::Credential;
use crate::time::WallTime;

use super::consulting::Renewer;
use super::effect::SubscribeTicket;
use super::recovery;
use super::seat::Seat;
use super::subscription::{CONNECT_REPLY, LIVE, Subscription, SubscriptionExtra};
use super::{
    Ask, Effect, Origin, ReadInbox, Session, Surroundings, Ticket, seconds_until, succeed,
};

/// A subscription that was found to be allowed.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) origin: Origin,
    pub(super) recover: Option<Position>,
    pub(super) reject_unrecovered: bool,
    pub(super) required: bool,
    pub(super) joins: bool,
    pub(super) delta: bool,
    pub(super) info: Option<Bytes>,
    pub(super) expires_at: Option<WallTime>,
    pub(super) credential: Option<Credential>,
    pub(super) data: Option<Bytes>,
    pub(super) renewer: Renewer,
    pub(super) seat: Option<Seat>,
}

/// Why a subscription is not made.
pub(super) enum Refused {
    Error(ClientError),
    Close(CloseReason),
}

impl From<ClientError> for Refused {
    fn from(error: ClientError) -> Self {
        Self::Error(error)
    }
}

impl SubscribeResult {
    /// The place up to which the client knows the channel once it has read this result.
    pub(super) fn top_for_client(&self) -> Option<Position> {
        let mut position = self.position.clone()?;
        // What is read already may have been left out at the end.
        if let Some(last) = self.publications.last()
            && last.offset > position.offset
        {
            position.offset = last.offset;
            position.tag = Some(last.tag);
        }
        Some(position)
    }
}

impl Session {
    pub(super) fn subscribe(
        &mut self,
        origin: Origin,
        request: &SubscribeRequest<'_>,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let (channel, options, wanted) = match self.admit(origin, request, around) {
            Ok(admitted) => admitted,
            Err(Refused::Close(reason)) => return self.close(reason, effects),
            Err(Refused::Error(error)) if request.required => {
                return self.close(without(&error), effects);
            }
            Err(Refused::Error(error)) => {
                return self.refuse(origin, &request.channel, error, effects);
            }
        };
        match options {
            Some(options) => self.enter_channel(channel, options, wanted, around, effects),
            None => self.ask_to_subscribe(channel, wanted, effects),
        }
    }

    /// Decides whether the client may have the channel: the first rule that applies wins. Without
    /// options the application has to be asked.
    fn admit<'a>(
        &mut self,
        origin: Origin,
        request: &SubscribeRequest<'_>,
        around: &Surroundings<'a>,
    ) -> Result<(ChannelName, Option<&'a Arc<ChannelOptions>>, Wanted), Refused> {
        if self.find(&request.channel).is_some() {
            return Err(ClientError::AlreadySubscribed.into());
        }
        let (channel, options) = Self::channel(&request.channel, around)?;
        if self.subscriptions.len() >= around.limits.channels_per_connection {
            return Err(ClientError::LimitExceeded.into());
        }
        if options.binary && !self.abilities.binary {
            return Err(ClientError::NotAvailable.into());
        }
        let consults = Self::asks_to_subscribe(&channel, options, around);
        let asks = consults || options.has_positions() || !around.hears_at_once;
        if asks && self.asks_too_much() {
            return Err(ClientError::TooManyRequests.into());
        }
        let hears_joins =
            request.join_leave && self.may(options.read_presence, &channel, true, around);
        let mut wanted = Wanted {
            origin,
            recover: request.recover.clone().filter(|_| options.recovery),
            reject_unrecovered: request.reject_unrecovered,
            required: request.required,
            joins: options.join_leave && (options.force_push_join_leave || hears_joins),
            delta: request.delta
                && options.delta
                && options.has_positions()
                && self.abilities.delta,
            info: None,
            expires_at: None,
            credential: None,
            data: None,
            renewer: Renewer::Client,
            seat: None,
        };
        if !request.token.is_empty() {
            let grant = match read_token(&request.token, around) {
                Ok(grant) => grant,
                Err(TokenError::NotYet) => return Err(ClientError::Unavailable.into()),
                Err(TokenError::Expired) => return Err(ClientError::TokenExpired.into()),
                Err(TokenError::Invalid) => return Err(ClientError::PermissionDenied.into()),
            };
            if !grant.is_for(&self.user, self.client, &channel) {
                return Err(Refused::Close(CloseReason::InvalidToken));
            }
            wanted.info = grant.info;
            wanted.expires_at = grant.expires_at;
            wanted.credential = Some(grant.credential);
            wanted.seat = Self::seat(&channel, options, around)?;
            return Ok((channel, Some(options), wanted));
        }
        if consults {
            return Ok((channel, None, wanted));
        }
        let allowed = if around.policy.insecure {
            true
        } else if channel.is_private() {
            false
        } else if options.user_limited && channel.is_user_limited() {
            channel.lists_user(self.user.as_str())
        } else {
            options.subscribe.allows(self.user.is_anonymous(), false)
        };
        if !allowed {
            return Err(ClientError::PermissionDenied.into());
        }
        wanted.seat = Self::seat(&channel, options, around)?;
        Ok((channel, Some(options), wanted))
    }

    /// Adds the subscription. In a channel with positions its stream is read first, and what is
    /// published meanwhile is held back. In one without, the channel has to be heard first.
    pub(super) fn enter_channel(
        &mut self,
        channel: ChannelName,
        options: &Arc<ChannelOptions>,
        wanted: Wanted,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let Wanted { origin, recover, reject_unrecovered, required, joins, delta, .. } = wanted;
        let Wanted { info, expires_at, credential, data, renewer, seat, .. } = wanted;
        let positioned = options.has_positions();
        let asks = positioned || !around.hears_at_once;
        let number = if asks { self.next_ticket() } else { CONNECT_REPLY };
        let special =
            info.is_some() || expires_at.is_some() || credential.is_some() || seat.is_some();
        let extra = special.then(|| {
            Box::new(SubscriptionExtra { chan_info: info, expires_at, credential, renewer, seat })
        });
        self.subscriptions.push(Subscription {
            channel: channel.clone(),
            waiting_for: number,
            held: asks,
            positioned,
            joins,
            delta,
            overflow: options.overflow,
            server_side: matches!(origin, Origin::Server | Origin::Connect),
            extra,
            behind: None,
        });
        if expires_at.is_some() {
            self.plan_wake(around);
        }
        if !asks {
            let result = SubscribeResult {
                expires_in: self.told_expiry(&channel).map(|then| seconds_until(then, around.wall)),
                data,
                ..SubscribeResult::default()
            };
            return self.subscribed(origin, channel, result, around, effects);
        }
        let ask = if positioned {
            effects.push(Effect::Hold { channel: channel.clone(), joins, delta });
            let query = recovery::query(recover.as_ref(), options);
            match around.policy.inbox && channel.is_personal() {
                false => Ask::History { channel: channel.clone(), query },
                true if self.abilities.unread && recover.is_none() => {
                    let read = ReadInbox::Unread(options.recovery_limit);
                    Ask::Inbox { channel: channel.clone(), read }
                }
                true => Ask::Inbox { channel: channel.clone(), read: ReadInbox::Query(query) },
            }
        } else {
            effects.push(Effect::Attend { channel: channel.clone() });
            Ask::Hear(channel.clone())
        };
        let ticket = Ticket::Subscribe(Box::new(SubscribeTicket {
            number,
            origin,
            channel,
            options: Arc::clone(options),
            recover,
            reject_unrecovered,
            required,
            data,
        }));
        effects.push(Effect::Ask { ticket, ask });
    }

    /// A channel without positions is heard: the subscription can start.
    pub(super) fn heard(
        &mut self,
        ticket: SubscribeTicket,
        answer: Result<(), BackendError>,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(expires_at) = self.awaited(&ticket) else {
            return self.was_given_up(ticket.origin, around, effects);
        };
        if let Err(error) = answer {
            return self.abandon(&ticket, error.into(), effects);
        }
        let result = SubscribeResult {
            expires_in: expires_at.map(|then| seconds_until(then, around.wall)),
            data: ticket.data,
            ..SubscribeResult::default()
        };
        self.subscribed(ticket.origin, ticket.channel, result, around, effects);
    }

    /// When a subscription that waits for this ticket expires; `None` if none does any more.
    fn awaited(&mut self, ticket: &SubscribeTicket) -> Option<Option<WallTime>> {
        let subscription = self.find(ticket.channel.as_str())?;
        if subscription.waiting_for != ticket.number {
            return None;
        }
        subscription.waiting_for = CONNECT_REPLY;
        Some(self.told_expiry(&ticket.channel))
    }

    /// When a subscription expires, as its client has to know: not if the application is asked.
    fn told_expiry(&mut self, channel: &ChannelName) -> Option<WallTime> {
        let extra = self.find(channel.as_str())?.extra.as_ref()?;
        extra.expires_at.filter(|_| extra.renewer == Renewer::Client)
    }

    /// The user's inbox was looked into: the subscription of their channel can start. Its client is
    /// told what is read; one that cannot ask for what is not is given it at once.
    pub(super) fn looked_into(
        &mut self,
        mut ticket: SubscribeTicket,
        answer: Result<(Inbox, HistoryPage), BackendError>,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let (inbox, page) = match answer {
            Ok(found) => found,
            Err(error) => return self.positioned(ticket, Err(error), around, effects),
        };
        ticket.data = Some(inbox.to_json().into());
        if !self.abilities.unread || ticket.recover.is_some() {
            return self.positioned(ticket, Ok(page), around, effects);
        }
        if self.awaited(&ticket).is_none() {
            return self.was_given_up(ticket.origin, around, effects);
        }
        let position = match page.publications.last() {
            Some(last) => last.position(),
            None => page.top,
        };
        let unread = page.publications.into_iter().filter(|one| inbox.is_unread(one.offset));
        let result = SubscribeResult {
            recoverable: ticket.options.recovery,
            position: Some(position),
            publications: unread.collect(),
            data: ticket.data,
            ..SubscribeResult::default()
        };
        self.subscribed(ticket.origin, ticket.channel, result, around, effects);
    }

    /// The stream of a channel was read: the subscription can start.
    pub(super) fn positioned(
        &mut self,
        ticket: SubscribeTicket,
        answer: Result<HistoryPage, BackendError>,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(expires_at) = self.awaited(&ticket) else {
            return self.was_given_up(ticket.origin, around, effects);
        };
        let delta = self.find(ticket.channel.as_str()).is_some_and(|s| s.delta);
        let page = match answer {
            Ok(page) => page,
            Err(error) => return self.abandon(&ticket, error.into(), effects),
        };
        let start = recovery::start(ticket.recover.as_ref(), &ticket.options, page);
        if start.gap.is_some() && ticket.reject_unrecovered {
            return self.abandon(&ticket, ClientError::UnrecoverablePosition, effects);
        }
        let was_recovering = ticket.recover.is_some();
        let result = SubscribeResult {
            expires_in: expires_at.map(|then| seconds_until(then, around.wall)),
            recoverable: ticket.options.recovery,
            position: Some(start.position),
            was_recovering,
            recovered: was_recovering && start.gap.is_none(),
            gap: start.gap,
            delta,
            publications: start.publications,
            data: ticket.data,
        };
        self.subscribed(ticket.origin, ticket.channel, result, around, effects);
    }

    /// The stream of a channel was read for a subscription that was ended meanwhile.
    pub(super) fn was_given_up(
        &mut self,
        origin: Origin,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        self.asks -= 1;
        match origin {
            // Every command has its answer.
            Origin::Command(id) => self.fail(id, ClientError::Internal, effects),
            Origin::Connect => self.connect_step(None, around, effects),
            Origin::Url | Origin::Server => {}
        }
    }

    /// Tells the client that it is subscribed, and lets messages through.
    fn subscribed(
        &mut self,
        origin: Origin,
        channel: ChannelName,
        result: SubscribeResult,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let position = result.top_for_client();
        match origin {
            Origin::Connect => return self.connect_step(Some((channel, result)), around, effects),
            Origin::Command(id) => succeed(id, Reply::Subscribe(Box::new(result)), effects),
            Origin::Url | Origin::Server => {
                let mut result = Box::new(result);
                let delta = result.delta;
                let missed = std::mem::take(&mut result.publications);
                effects.push(Effect::Push(Push::Subscribe { channel: channel.clone(), result }));
                effects.extend(missed.into_iter().map(|publication| {
                    let message = Message::Publication(Arc::clone(&publication));
                    Effect::Push(Push::Message { channel: channel.clone(), message, delta })
                }));
            }
        }
        self.go_live(&channel, position, effects);
    }

    /// From now on the channel's messages reach the client.
    pub(super) fn go_live(
        &mut self,
        channel: &ChannelName,
        position: Option<Position>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(at) = self.subscriptions.iter().position(|s| s.channel == *channel) else {
            return;
        };
        self.subscriptions[at].waiting_for = LIVE;
        let channel = channel.clone();
        effects.push(match position {
            Some(after) => Effect::Release { channel: channel.clone(), after },
            None => {
                let Subscription { joins, overflow, .. } = self.subscriptions[at];
                Effect::Listen { channel: channel.clone(), joins, overflow }
            }
        });
        let info = self.info(&self.subscriptions[at]);
        effects.push(Effect::Enter { channel, info });
    }

    /// Gives up a subscription whose stream could not be read. A connection that must not be
    /// without it ends, so that its client comes back and tries again.
    fn abandon(&mut self, ticket: &SubscribeTicket, error: ClientError, effects: &mut Vec<Effect>) {
        if ticket.required || ticket.origin == Origin::Connect {
            return self.close(CloseReason::InsufficientState, effects);
        }
        self.subscriptions.retain(|subscription| subscription.channel != ticket.channel);
        effects.push(Effect::Unlisten { channel: ticket.channel.clone() });
        self.refuse(ticket.origin, ticket.channel.as_str(), error, effects);
    }

    pub(super) fn refuse(
        &mut self,
        origin: Origin,
        channel: &str,
        error: ClientError,
        effects: &mut Vec<Effect>,
    ) {
        match origin {
            Origin::Command(id) => self.fail(id, error, effects),
            Origin::Url | Origin::Server | Origin::Connect => {
                effects.push(Effect::Push(Push::Unsubscribe {
                    channel: channel.into(),
                    reason: UnsubscribeReason::Refused(error),
                }));
            }
        }
    }
}

/// Why a connection ends that is not to be without a channel it cannot have.
pub(super) fn without(error: &ClientError) -> CloseReason {
    match error {
        ClientError::LimitExceeded => CloseReason::ChannelLimit,
        _ => CloseReason::PermissionDenied,
    }
}

/// Reads a subscription token. One that was taken back is no better than a forged one.
pub(super) fn read_token(
    token: &str,
    around: &Surroundings<'_>,
) -> Result<SubscriptionGrant, TokenError> {
    let grant = around.gate.subscription(token, around.wall)?;
    match (around.objects)(&grant.user, &grant.credential) {
        Some(error) => Err(error),
        None => Ok(grant),
    }
}
