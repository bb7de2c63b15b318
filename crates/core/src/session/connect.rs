//! Letting a client in, and keeping its identity fresh.

use bytes::Bytes;

use crate::application::Renewal;
use crate::channel::ChannelName;
use crate::command::ConnectRequest;
use crate::error::{ClientError, CloseReason};
use crate::gate::TokenError;
use crate::identity::{Identity, ServerSubscription, UserId};
use crate::limits::{CLIENT_NAME_BYTES, CLIENT_VERSION_BYTES, USER_ID_BYTES};
use crate::reply::{ConnectResult, Push, RefreshResult, Reply, SubscribeResult};
use crate::time::WallTime;

use super::consulting::Renewer;
use super::later::Later;
use super::pace::pace_connect;
use super::revoking::since;
use super::subscribe::Wanted;
use super::{Effect, Extra, Origin, Phase, Session, Surroundings, seconds_until, succeed};

/// A connect reply that waits for the positions of server-side subscriptions.
#[derive(Debug)]
pub(super) struct Pending {
    origin: Origin,
    result: ConnectResult,
    waiting: usize,
    /// What the client asked for meanwhile, in order.
    pub(super) later: Later,
}

impl Pending {
    /// The reply waits for one subscription more.
    pub(super) fn expect(&mut self) {
        self.waiting += 1;
    }

    /// The reply is not to speak of a subscription that was ended meanwhile.
    pub(super) fn forget(&mut self, channel: &ChannelName) {
        self.result.subscriptions.retain(|(name, _)| name != channel);
    }
}

/// Why a client is not let in.
enum Refused {
    Error(ClientError),
    Close(CloseReason),
}

impl Session {
    pub(super) fn connect(
        &mut self,
        origin: Origin,
        request: &ConnectRequest<'_>,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let identity = match identify(request, around) {
            Ok(Some(identity)) => identity,
            Ok(None) => return self.ask_who(origin, request, around, effects),
            Err(Refused::Close(reason)) => return self.close(reason, effects),
            Err(Refused::Error(error)) => {
                let Origin::Command(id) = origin else {
                    let reason = match error {
                        ClientError::Unavailable => CloseReason::Unavailable,
                        _ => CloseReason::InvalidToken,
                    };
                    return self.close(reason, effects);
                };
                self.phase = Phase::Refused;
                return self.fail(id, error, effects);
            }
        };
        self.let_in(identity, Renewer::Client, origin, request, around, effects);
    }

    /// The client is known: it can be addressed from now on, and is told so when the channels it is
    /// given are there.
    pub(super) fn let_in(
        &mut self,
        identity: Identity,
        renewer: Renewer,
        origin: Origin,
        request: &ConnectRequest<'_>,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let Identity { user, info, expires_at, credential, data, meta, channels } = identity;
        let credential = credential.or_else(|| since(&user, around.wall));
        // Before it has its name: whoever is refused was never there.
        if let Err(error) = pace_connect(&user, around) {
            let Origin::Command(id) = origin else {
                return self.close(CloseReason::TooManyRequests, effects);
            };
            self.phase = Phase::Refused;
            return self.fail(id, error, effects);
        }
        self.user = user;
        if info.is_some() || expires_at.is_some() || credential.is_some() || meta.is_some() {
            let extra = Extra { conn_info: info, expires_at, renewer, credential, meta };
            self.extra = Some(Box::new(extra));
        }
        effects.push(Effect::Connected { user: self.user.clone() });
        self.start_heartbeat(around);
        let result = ConnectResult {
            client: self.client,
            expires_in: expires_at
                .filter(|_| renewer == Renewer::Client)
                .map(|then| seconds_until(then, around.wall)),
            ping_seconds: u32::try_from(around.limits.ping_ms.div_ceil(1000)).unwrap_or(u32::MAX),
            pong: self.abilities.pong,
            data,
            subscriptions: Vec::new(),
        };
        self.phase = Phase::Connecting(Box::new(Pending {
            origin,
            result,
            waiting: 1,
            later: Later::default(),
        }));
        // A client that has to be given what is unread gets it message by message, when it is in.
        let first = if self.abilities.unread { Origin::Server } else { Origin::Connect };
        if first == Origin::Server {
            self.connect_step(None, around, effects);
        }
        self.subscribe_as_told(channels, request, first, around, effects);
        if first == Origin::Connect {
            self.connect_step(None, around, effects);
        }
    }

    /// Makes the subscriptions that the identity brings with it.
    pub(super) fn subscribe_as_told(
        &mut self,
        mut channels: Vec<(ChannelName, ServerSubscription)>,
        request: &ConnectRequest<'_>,
        origin: Origin,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        if around.policy.inbox
            && let Some(personal) = ChannelName::personal(&self.user)
            && !channels.iter().any(|(channel, _)| *channel == personal)
        {
            channels.push((personal, ServerSubscription::default()));
        }
        for (channel, subscription) in channels {
            // A token may name channels of namespaces that are gone by now.
            let Some(options) = around.namespaces.options(&channel) else { continue };
            if self.is_subscribed(&channel) {
                continue;
            }
            if options.binary && !self.abilities.binary {
                return self.close(CloseReason::InappropriateProtocol, effects);
            }
            if self.subscriptions.len() >= around.limits.channels_per_connection {
                return self.close(CloseReason::ChannelLimit, effects);
            }
            let Ok(seat) = Self::seat(&channel, options, around) else {
                return self.close(CloseReason::ChannelLimit, effects);
            };
            let known = request.positions.iter().find(|(name, _)| name == channel.as_str());
            let wanted = Wanted {
                origin,
                recover: known.map(|(_, position)| position.clone()),
                reject_unrecovered: false,
                required: false,
                joins: options.join_leave && options.force_push_join_leave,
                delta: false,
                info: subscription.info,
                expires_at: None,
                credential: None,
                data: subscription.data,
                renewer: Renewer::Client,
                seat,
            };
            if let (Origin::Connect, Phase::Connecting(pending)) = (origin, &mut self.phase) {
                pending.expect();
            }
            self.enter_channel(channel, options, wanted, around, effects);
        }
    }

    /// One of the things the connect reply waits for is there.
    pub(super) fn connect_step(
        &mut self,
        subscription: Option<(ChannelName, SubscribeResult)>,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let Phase::Connecting(pending) = &mut self.phase else { return };
        pending.result.subscriptions.extend(subscription);
        pending.waiting -= 1;
        if pending.waiting > 0 {
            return;
        }
        let Phase::Connecting(pending) = std::mem::replace(&mut self.phase, Phase::Connected)
        else {
            return;
        };
        let Pending { origin, result, later, .. } = *pending;
        let channels: Vec<ChannelName> =
            result.subscriptions.iter().map(|(channel, _)| channel.clone()).collect();
        let positions: Vec<_> =
            result.subscriptions.iter().map(|(_, result)| result.top_for_client()).collect();
        match origin {
            Origin::Command(id) => succeed(id, Reply::Connect(Box::new(result)), effects),
            _ => effects.push(Effect::Push(Push::Connect(Box::new(result)))),
        }
        for (channel, position) in channels.into_iter().zip(positions) {
            self.go_live(&channel, position, effects);
        }
        for (origin, request) in later {
            if self.is_closed() {
                return;
            }
            self.request(origin, request, around, effects);
        }
    }

    pub(super) fn refresh(
        &mut self,
        id: u32,
        token: &str,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        if token.is_empty() {
            return self.close(CloseReason::BadRequest, effects);
        }
        let identity = match read_token(token, around) {
            Ok(identity) if identity.user == self.user => identity,
            Err(TokenError::Expired) => return self.close(CloseReason::Expired, effects),
            // The token it came with is still good, or has its grace: the client tries again.
            Err(TokenError::NotYet) => return self.fail(id, ClientError::Unavailable, effects),
            Ok(_) | Err(TokenError::Invalid) => {
                return self.close(CloseReason::InvalidToken, effects);
            }
        };
        let expires_in = identity.expires_at.map(|then| seconds_until(then, around.wall));
        self.go_on_until(identity.expires_at, identity.info, around);
        self.extra.get_or_insert_default().credential = identity.credential;
        let result = RefreshResult { client: self.client, expires_in };
        succeed(id, Reply::Refresh(Box::new(result)), effects);
    }

    /// Goes on as was said, or ends.
    pub(super) fn renew(
        &mut self,
        renewal: Renewal,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        if renewal.is_over(around.wall) {
            return self.close(CloseReason::Expired, effects);
        }
        self.go_on_until(renewal.expires_at, renewal.info, around);
    }

    /// From now on the connection expires then, and is shown to others like this.
    pub(super) fn go_on_until(
        &mut self,
        expires_at: Option<WallTime>,
        info: Option<Bytes>,
        around: &Surroundings<'_>,
    ) {
        // Where every client may do everything, none expires.
        let expires_at = expires_at.filter(|_| !around.policy.insecure);
        let extra = self.extra.get_or_insert_default();
        extra.expires_at = expires_at;
        if info.is_some() {
            extra.conn_info = info;
        }
        self.plan_wake(around);
    }
}

/// Reads a connection token. Where every client may do everything none needs a newer one.
fn read_token(token: &str, around: &Surroundings<'_>) -> Result<Identity, TokenError> {
    let mut identity = around.gate.connection(token, around.wall)?;
    let shown = identity.credential.as_ref();
    if let Some(error) = shown.and_then(|shown| (around.objects)(&identity.user, shown)) {
        return Err(error);
    }
    identity.expires_at = identity.expires_at.filter(|_| !around.policy.insecure);
    Ok(identity)
}

/// Finds out who the client is: token first, then the application, then whatever is allowed without
/// either. `None` if the application has to be asked.
fn identify(
    request: &ConnectRequest<'_>,
    around: &Surroundings<'_>,
) -> Result<Option<Identity>, Refused> {
    if request.name.len() > CLIENT_NAME_BYTES || request.version.len() > CLIENT_VERSION_BYTES {
        return Err(Refused::Close(CloseReason::BadRequest));
    }
    let claimed = request.claimed_user.as_deref();
    if claimed.is_some_and(|user| user.len() > USER_ID_BYTES) {
        return Err(Refused::Close(CloseReason::BadRequest));
    }
    if !request.token.is_empty() {
        let identity = match read_token(&request.token, around) {
            Ok(identity) => identity,
            Err(TokenError::Expired) => return Err(Refused::Error(ClientError::TokenExpired)),
            Err(TokenError::Invalid) => return Err(Refused::Close(CloseReason::InvalidToken)),
            Err(TokenError::NotYet) => return Err(Refused::Error(ClientError::Unavailable)),
        };
        if claimed.is_some_and(|user| user != identity.user.as_str()) {
            return Err(Refused::Close(CloseReason::PermissionDenied));
        }
        return Ok(Some(identity));
    }
    match claimed {
        Some(user) if around.policy.insecure => {
            Ok(Some(Identity { user: UserId::new(user), ..Identity::default() }))
        }
        _ if around.policy.calls.connect => Ok(None),
        Some(_) => Err(Refused::Close(CloseReason::PermissionDenied)),
        None if around.policy.lets_anybody_in() => Ok(Some(Identity::default())),
        None => Err(Refused::Close(CloseReason::Unauthorized)),
    }
}
