//! What a session keeps of a channel, and how it ends.

use std::sync::Arc;

use bytes::Bytes;

use crate::channel::ChannelName;
use crate::error::{ClientError, CloseReason};
use crate::gate::TokenError;
use crate::identity::ClientInfo;
use crate::namespace::Overflow;
use crate::reply::Reply;
use crate::revocation::Credential;
use crate::time::WallTime;

use super::behind::Behind;
use super::consulting::Renewer;
use super::seat::Seat;
use super::subscribe::read_token;
use super::{Effect, Phase, Session, Surroundings, seconds_until, succeed};

/// A channel the client is subscribed to, or about to be.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) channel: ChannelName,
    /// The ticket it waits for, [`CONNECT_REPLY`], or [`LIVE`].
    pub(super) waiting_for: u32,
    /// Whether the hub knows of it meanwhile: its messages are held back, or it is given none yet.
    pub(super) held: bool,
    /// Whether it has a place in the stream.
    pub(super) positioned: bool,
    pub(super) joins: bool,
    pub(super) delta: bool,
    pub(super) overflow: Overflow,
    pub(super) server_side: bool,
    pub(super) extra: Option<Box<SubscriptionExtra>>,
    /// How far it is behind, if it was live before.
    pub(super) behind: Option<Box<Behind>>,
}

/// [`Subscription::waiting_for`] of one that receives messages.
pub(super) const LIVE: u32 = 0;

/// [`Subscription::waiting_for`] of one that stands aside until there is room for what it lacks.
pub(super) const PARKED: u32 = u32::MAX - 1;

/// [`Subscription::waiting_for`] of one that starts with the connect reply.
pub(super) const CONNECT_REPLY: u32 = u32::MAX;

/// What most subscriptions are without: what only a token or the application says, and a seat.
#[derive(Debug, Default)]
pub(super) struct SubscriptionExtra {
    pub(super) chan_info: Option<Bytes>,
    pub(super) expires_at: Option<WallTime>,
    pub(super) credential: Option<Credential>,
    pub(super) renewer: Renewer,
    #[expect(dead_code, reason = "it is there to be dropped with the subscription")]
    pub(super) seat: Option<Seat>,
}

impl Subscription {
    /// One that may not be allowed: nobody but the session knows of it.
    pub(super) fn asked_for(channel: ChannelName, number: u32) -> Self {
        Self {
            channel,
            waiting_for: number,
            held: false,
            positioned: false,
            joins: false,
            delta: false,
            overflow: Overflow::default(),
            server_side: false,
            extra: None,
            behind: None,
        }
    }

    /// Whether it may not be allowed.
    pub(super) fn is_asked_for(&self) -> bool {
        !self.held && !matches!(self.waiting_for, LIVE | PARKED | CONNECT_REPLY)
    }

    /// Whether others know that its client is in the channel.
    pub(super) fn is_live(&self) -> bool {
        self.waiting_for == LIVE || self.behind.is_some()
    }
}

impl Session {
    /// Leaves all channels, for good.
    pub(super) fn leave(&mut self, effects: &mut Vec<Effect>) {
        self.phase = Phase::Closed;
        for subscription in std::mem::take(&mut self.subscriptions) {
            self.leave_channel(&subscription, effects);
        }
    }

    pub(super) fn leave_channel(&mut self, subscription: &Subscription, effects: &mut Vec<Effect>) {
        let channel = subscription.channel.clone();
        match subscription.waiting_for {
            LIVE | PARKED => {}
            CONNECT_REPLY if !subscription.held => return,
            CONNECT_REPLY => {}
            _ if subscription.is_asked_for() => {
                self.asked_for -= 1;
                self.asks += 1;
                return;
            }
            // Nobody wants the answer any more; until it comes it counts like any other.
            _ => self.asks += 1,
        }
        effects.push(Effect::Unlisten { channel: channel.clone() });
        if subscription.is_live() {
            let info = self.info(subscription);
            effects.push(Effect::Exit { channel, info });
        }
    }

    pub(super) fn find(&mut self, channel: &str) -> Option<&mut Subscription> {
        self.subscriptions.iter_mut().find(|s| s.channel.as_str() == channel)
    }

    /// Whether the client counts as the channel's subscriber. While it waits for its place in the
    /// stream it does: it was let in, and may go on before the answer is there.
    pub(super) fn is_subscribed(&self, channel: &ChannelName) -> bool {
        self.subscriptions.iter().any(|s| s.channel == *channel && !s.is_asked_for())
    }

    /// What others learn about this connection in a channel.
    pub(super) fn info(&self, subscription: &Subscription) -> Arc<ClientInfo> {
        Arc::new(ClientInfo {
            user: self.user.clone(),
            client: self.client,
            conn_info: self.extra.as_ref().and_then(|extra| extra.conn_info.clone()),
            chan_info: subscription.extra.as_ref().and_then(|extra| extra.chan_info.clone()),
        })
    }

    pub(super) fn next_ticket(&mut self) -> u32 {
        self.last_ticket = match self.last_ticket + 1 {
            PARKED => 1,
            next => next,
        };
        self.last_ticket
    }

    pub(super) fn unsubscribe(&mut self, id: u32, channel: &str, effects: &mut Vec<Effect>) {
        if let Some(at) = self.subscriptions.iter().position(|s| s.channel.as_str() == channel) {
            let subscription = self.subscriptions.swap_remove(at);
            self.leave_channel(&subscription, effects);
        }
        succeed(id, Reply::Unsubscribe, effects);
    }

    pub(super) fn sub_refresh(
        &mut self,
        id: u32,
        channel: &str,
        token: &str,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let (user, client) = (self.user.clone(), self.client);
        if !self.subscriptions.iter().any(|s| s.channel.as_str() == channel) {
            return self.fail(id, ClientError::BadRequest, effects);
        }
        let grant = match read_token(token, around) {
            Ok(grant) => grant,
            Err(TokenError::NotYet) => return self.fail(id, ClientError::Unavailable, effects),
            Err(TokenError::Expired) => return self.fail(id, ClientError::TokenExpired, effects),
            Err(TokenError::Invalid) => {
                return self.fail(id, ClientError::PermissionDenied, effects);
            }
        };
        let Some(subscription) = self.find(channel) else { return };
        if !grant.is_for(&user, client, &subscription.channel) {
            return self.close(CloseReason::InvalidToken, effects);
        }
        let extra = subscription.extra.get_or_insert_default();
        extra.expires_at = grant.expires_at;
        extra.credential = Some(grant.credential);
        if grant.info.is_some() {
            extra.chan_info = grant.info;
        }
        let expires_in = grant.expires_at.map(|then| seconds_until(then, around.wall));
        self.plan_wake(around);
        succeed(id, Reply::SubRefresh(expires_in), effects);
    }
}
