//! What the application is asked about a client, and what follows from its answers.

use bytes::Bytes;

use crate::application::{About, Approval, Call, Objection, Permission, Renewal, Response};
use crate::channel::ChannelName;
use crate::command::{ConnectRequest, Request};
use crate::error::{ClientError, CloseReason, UnsubscribeReason};
use crate::identity::Identity;
use crate::limits::RENEWAL_RETRY_MS;
use crate::namespace::ChannelOptions;
use crate::publication::Draft;
use crate::reply::Reply;
use crate::time::WallTime;

use super::effect::PermitTicket;
use super::subscribe::{Wanted, without};
use super::subscription::Subscription;
use super::{Abilities, Ask, Effect, Origin, Phase, Session, Surroundings, Ticket, succeed};

/// A client of which is not known yet who it is.
#[derive(Debug)]
pub(super) struct Coming {
    pub(super) origin: Origin,
    pub(super) request: ConnectRequest<'static>,
    /// What it asked for meanwhile, in order.
    pub(super) later: Vec<(Origin, Request<'static>)>,
}

/// Who says how long something may go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Renewer {
    /// The client, by a newer token.
    #[default]
    Client,
    /// The application, which is asked when it is time.
    Application,
    /// The application, which was asked.
    Asked,
}

impl Session {
    fn about(&self) -> About {
        let meta = self.extra.as_ref().and_then(|extra| extra.meta.clone());
        let Abilities { binary, pong, .. } = self.abilities;
        About { client: self.client, user: self.user.clone(), binary, one_way: !pong, meta }
    }

    fn consult(&mut self, ticket: Ticket, call: Call, effects: &mut Vec<Effect>) {
        self.asks += 1;
        effects.push(Effect::Ask { ticket, ask: Ask::Call(self.about(), call) });
    }

    /// Asks who the client is. Until that is known it has no place anywhere.
    pub(super) fn ask_who(
        &mut self,
        origin: Origin,
        request: &ConnectRequest<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let call = who(request);
        let request = request.clone().into_owned();
        self.phase = Phase::Coming(Box::new(Coming { origin, request, later: Vec::new() }));
        self.consult(Ticket::Connect, call, effects);
    }

    /// Calls a method of the node or of the application.
    pub(super) fn rpc(&mut self, id: u32, method: &str, data: &[u8], effects: &mut Vec<Effect>) {
        if self.asks_too_much() {
            return self.fail(id, ClientError::TooManyRequests, effects);
        }
        let call = Call::Rpc { method: method.into(), data: Bytes::copy_from_slice(data) };
        self.consult(Ticket::Reply(id), call, effects);
    }

    /// Says who the connection is. Of an anonymous one the application may know by now.
    pub(super) fn login(&mut self, id: u32, around: &Surroundings<'_>, effects: &mut Vec<Effect>) {
        if !self.user.is_anonymous() {
            return succeed(id, Reply::Login(self.user.clone()), effects);
        }
        if !around.policy.calls.connect {
            return self.close(CloseReason::Unauthorized, effects);
        }
        if self.asks_too_much() {
            return self.fail(id, ClientError::TooManyRequests, effects);
        }
        self.consult(Ticket::Login(id), who(&ConnectRequest::default()), effects);
    }

    /// Whether the application is to say who may subscribe, where nothing before it has.
    pub(super) fn asks_to_subscribe(
        channel: &ChannelName,
        options: &ChannelOptions,
        around: &Surroundings<'_>,
    ) -> bool {
        let listed = options.user_limited && channel.is_user_limited();
        options.asks_subscribe && around.policy.calls.subscribe && !channel.is_private() && !listed
    }

    /// Asks whether the client may subscribe. The subscription has its place meanwhile, so that it
    /// is not asked for twice, and can be given up.
    pub(super) fn ask_to_subscribe(
        &mut self,
        channel: ChannelName,
        wanted: Wanted,
        effects: &mut Vec<Effect>,
    ) {
        let number = self.next_ticket();
        self.asked_for += 1;
        self.subscriptions.push(Subscription::asked_for(channel.clone(), number));
        let call = Call::Subscribe { channel: channel.clone() };
        let ticket = Ticket::Permit(Box::new(PermitTicket { number, channel, wanted }));
        effects.push(Effect::Ask { ticket, ask: Ask::Call(self.about(), call) });
    }

    /// Asks whether the client may publish.
    pub(super) fn ask_to_publish(&mut self, id: u32, draft: Draft, effects: &mut Vec<Effect>) {
        if self.asks_too_much() {
            return self.fail(id, ClientError::TooManyRequests, effects);
        }
        let call = Call::Publish { channel: draft.channel.clone(), data: draft.data.clone() };
        self.consult(Ticket::Approve(id, Box::new(draft)), call, effects);
    }

    /// Asks the application about what it has to renew now.
    pub(super) fn renew_what_is_due(
        &mut self,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let is_due = |expires_at: Option<WallTime>, renewer: &Renewer| {
            *renewer == Renewer::Application && expires_at.is_some_and(|then| then <= around.wall)
        };
        if let Some(extra) = &mut self.extra
            && is_due(extra.expires_at, &extra.renewer)
        {
            extra.renewer = Renewer::Asked;
            self.consult(Ticket::Refresh, Call::Refresh, effects);
        }
        let mut due = Vec::new();
        for subscription in &mut self.subscriptions {
            if let Some(extra) = &mut subscription.extra
                && is_due(extra.expires_at, &extra.renewer)
            {
                extra.renewer = Renewer::Asked;
                due.push(subscription.channel.clone());
            }
        }
        for channel in due {
            let call = Call::SubRefresh { channel: channel.clone() };
            self.consult(Ticket::SubRefresh(channel), call, effects);
        }
    }

    /// The application has answered, or does not.
    pub(super) fn called(
        &mut self,
        ticket: Ticket,
        answer: Result<Response, Objection>,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        if let Ticket::Permit(ticket) = ticket {
            return self.permitted(*ticket, answer, around, effects);
        }
        self.asks -= 1;
        match ticket {
            Ticket::Connect => self.identified(answer, around, effects),
            Ticket::Login(id) => self.logged_in(id, answer, around, effects),
            Ticket::Refresh => self.renewed(answer, around, effects),
            Ticket::SubRefresh(channel) => {
                self.subscription_renewed(&channel, answer, around, effects);
            }
            Ticket::Approve(id, draft) => self.approved(id, *draft, answer, around, effects),
            Ticket::Reply(id) => match answer {
                Ok(Response::Rpc(data)) => succeed(id, Reply::Rpc(data), effects),
                answer => self.object(id, answer.err(), effects),
            },
            // Only these are asked of the application.
            _ => {}
        }
    }

    /// A command fails for what the application says, or does not say.
    fn object(&mut self, id: u32, objection: Option<Objection>, effects: &mut Vec<Effect>) {
        match refusal(objection) {
            Ok(error) => self.fail(id, error, effects),
            Err(reason) => self.close(reason, effects),
        }
    }

    fn identified(
        &mut self,
        answer: Result<Response, Objection>,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let coming = match std::mem::replace(&mut self.phase, Phase::Waiting) {
            Phase::Coming(coming) => *coming,
            other => {
                self.phase = other;
                return;
            }
        };
        let Coming { origin, request, later } = coming;
        let objection = match answer {
            Ok(Response::Connect(identity)) => {
                let claimed = request.claimed_user.as_deref();
                if identity.user.is_anonymous() && !around.policy.lets_anybody_in() {
                    return self.close(CloseReason::Unauthorized, effects);
                }
                if claimed.is_some_and(|user| user != identity.user.as_str()) {
                    return self.close(CloseReason::PermissionDenied, effects);
                }
                let renewer = match around.policy.calls.refresh {
                    true => Renewer::Application,
                    false => Renewer::Client,
                };
                self.let_in(*identity, renewer, origin, &request, around, effects);
                for (origin, request) in later {
                    if self.is_closed() {
                        return;
                    }
                    self.request(origin, request, around, effects);
                }
                return;
            }
            answer => answer.err(),
        };
        match (refusal(objection), origin) {
            (Err(reason), _) => self.close(reason, effects),
            (Ok(error), Origin::Command(id)) => {
                self.phase = Phase::Refused;
                self.fail(id, error, effects);
            }
            (Ok(ClientError::Application { temporary: false, .. }), _) => {
                self.close(CloseReason::Unauthorized, effects);
            }
            (Ok(_), _) => self.close(CloseReason::Unavailable, effects),
        }
    }

    fn logged_in(
        &mut self,
        id: u32,
        answer: Result<Response, Objection>,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        match answer {
            Ok(Response::Connect(identity)) if identity.user.is_anonymous() => {
                self.close(CloseReason::Unauthorized, effects);
            }
            Ok(Response::Connect(identity)) => {
                // A second message may have asked as well.
                if self.user.is_anonymous() {
                    self.bind(*identity, around, effects);
                }
                // Of the channels it brings there may be more than the connection may have.
                if self.is_closed() {
                    return;
                }
                succeed(id, Reply::Login(self.user.clone()), effects);
            }
            Err(Objection::Error { temporary: false, .. }) => {
                self.close(CloseReason::Unauthorized, effects);
            }
            answer => self.object(id, answer.err(), effects),
        }
    }

    /// The anonymous connection becomes its user's. Others see it go and the user come.
    fn bind(&mut self, identity: Identity, around: &Surroundings<'_>, effects: &mut Vec<Effect>) {
        let live: Vec<usize> =
            (0..self.subscriptions.len()).filter(|&at| self.subscriptions[at].is_live()).collect();
        let there = |session: &Self, at: usize| {
            let subscription = &session.subscriptions[at];
            (subscription.channel.clone(), session.info(subscription))
        };
        let as_nobody: Vec<_> = live.iter().map(|&at| there(self, at)).collect();
        let Identity { user, info, expires_at, meta, channels, .. } = identity;
        self.user = user;
        let since = self.since(around.wall);
        let extra = self.extra.get_or_insert_default();
        extra.meta = meta;
        extra.credential = since;
        if around.policy.calls.refresh {
            extra.renewer = Renewer::Application;
        }
        self.go_on_until(expires_at, info, around);
        effects.push(Effect::Bound { user: self.user.clone() });
        let exits = as_nobody.into_iter();
        effects.extend(exits.map(|(channel, info)| Effect::Exit { channel, info }));
        let enters = live.into_iter().map(|at| there(self, at));
        effects.extend(enters.map(|(channel, info)| Effect::Enter { channel, info }));
        let nowhere = ConnectRequest::default();
        self.subscribe_as_told(channels, &nowhere, Origin::Server, around, effects);
    }

    fn renewed(
        &mut self,
        answer: Result<Response, Objection>,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        match answer {
            Ok(Response::Renewal(renewal)) => self.renew(renewal, around, effects),
            answer => match refusal(answer.err()) {
                Err(reason) => self.close(reason, effects),
                // Whoever was let in stays while the application cannot say no.
                Ok(_) => self.go_on_until(Some(later(around.wall)), None, around),
            },
        }
        if self.is_closed() {
            return;
        }
        if let Some(extra) = &mut self.extra {
            extra.renewer = Renewer::Application;
        }
        self.plan_wake(around);
    }

    fn subscription_renewed(
        &mut self,
        channel: &ChannelName,
        answer: Result<Response, Objection>,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(at) = self.subscriptions.iter().position(|s| s.channel == *channel) else {
            return;
        };
        let Some(extra) = &mut self.subscriptions[at].extra else { return };
        if extra.renewer != Renewer::Asked {
            return;
        }
        extra.renewer = Renewer::Application;
        match answer {
            Ok(Response::Renewal(renewal)) if renewal.is_over(around.wall) => {
                return self.end_subscription(channel, UnsubscribeReason::Expired, effects);
            }
            Ok(Response::Renewal(Renewal { expires_at, info, .. })) => {
                extra.expires_at = expires_at;
                if info.is_some() {
                    extra.chan_info = info;
                }
            }
            answer => match refusal(answer.err()) {
                Err(reason) => return self.close(reason, effects),
                Ok(_) => extra.expires_at = Some(later(around.wall)),
            },
        }
        self.plan_wake(around);
    }

    fn approved(
        &mut self,
        id: u32,
        mut draft: Draft,
        answer: Result<Response, Objection>,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        match answer {
            Ok(Response::Publish(Approval { data, json, skip_history })) => {
                let options = around.namespaces.options(&draft.channel);
                if data.is_some() && !json && !options.is_some_and(|options| options.binary) {
                    return self.object(id, None, effects);
                }
                if let Some(data) = data {
                    draft.data = data;
                }
                if skip_history {
                    draft.retention = None;
                }
                self.ask(Ticket::Reply(id), Ask::Publish(draft), effects);
            }
            answer => self.object(id, answer.err(), effects),
        }
    }

    fn permitted(
        &mut self,
        ticket: PermitTicket,
        answer: Result<Response, Objection>,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let PermitTicket { number, channel, mut wanted } = ticket;
        let awaited = |s: &Subscription| s.channel == channel && s.waiting_for == number;
        let Some(at) = self.subscriptions.iter().position(awaited) else {
            return self.was_given_up(wanted.origin, around, effects);
        };
        self.subscriptions.swap_remove(at);
        self.asked_for -= 1;
        let refused = match answer {
            Ok(Response::Subscribe(Permission { info, data, expires_at })) => {
                (wanted.info, wanted.data, wanted.expires_at) = (info, data, expires_at);
                if around.policy.calls.sub_refresh {
                    wanted.renewer = Renewer::Application;
                }
                let Some(options) = around.namespaces.options(&channel) else { return };
                // Only now: whoever may not have it is to take it from nobody.
                match Self::seat(&channel, options, around) {
                    Ok(seat) => {
                        wanted.seat = seat;
                        return self.enter_channel(channel, options, wanted, around, effects);
                    }
                    Err(error) => Ok(error),
                }
            }
            answer => refusal(answer.err()),
        };
        match refused {
            Err(reason) => self.close(reason, effects),
            Ok(error) if wanted.required => self.close(without(&error), effects),
            Ok(error) => self.refuse(wanted.origin, channel.as_str(), error, effects),
        }
    }
}

/// The question who a client is.
fn who(request: &ConnectRequest<'_>) -> Call {
    let data = (!request.data.is_empty()).then(|| Bytes::copy_from_slice(&request.data));
    Call::Connect { name: (*request.name).into(), version: (*request.version).into(), data }
}

/// What a client is told of an objection, or why its connection ends. An answer of the wrong kind is
/// none.
fn refusal(objection: Option<Objection>) -> Result<ClientError, CloseReason> {
    match objection {
        Some(Objection::Error { code, message, temporary }) => {
            Ok(ClientError::Application { code, message, temporary })
        }
        Some(Objection::Disconnect { code, reason }) => {
            Err(CloseReason::Custom(code, reason.into_string().into()))
        }
        Some(Objection::Failed(error)) => Ok(error),
        Some(Objection::Unavailable) | None => Ok(ClientError::Unavailable),
    }
}

/// When to ask again.
fn later(now: WallTime) -> WallTime {
    WallTime(now.0.saturating_add(RENEWAL_RETRY_MS))
}
