//! What the application is asked about a client, and what follows from its answers.

use bytes::Bytes;

use crate::application::{About, Approval, Call, Objection, Permission, Renewal, Response};
use crate::channel::ChannelName;
use crate::error::{ClientError, CloseReason, UnsubscribeReason};
use crate::limits::{CALLS_IN_FLIGHT, RENEWAL_RETRY_MS};
use crate::namespace::ChannelOptions;
use crate::publication::Draft;
use crate::reply::Reply;
use crate::time::WallTime;

use super::effect::PermitTicket;
use super::subscribe::{Wanted, without};
use super::subscription::Subscription;
use super::{Abilities, Ask, Effect, Session, Surroundings, Ticket, succeed};

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

    pub(super) fn consult(&mut self, ticket: Ticket, call: Call, effects: &mut Vec<Effect>) {
        self.asks += 1;
        self.calls += 1;
        effects.push(Effect::Ask { ticket, ask: Ask::Call(self.about(), call) });
    }

    /// Whether the application is asked so much for this client that it may ask no more itself.
    pub(super) fn calls_too_much(&self) -> bool {
        self.calls >= CALLS_IN_FLIGHT || self.asks_too_much()
    }

    /// Calls a method of the node or of the application.
    pub(super) fn rpc(&mut self, id: u32, method: &str, data: &[u8], effects: &mut Vec<Effect>) {
        if self.calls_too_much() {
            return self.fail(id, ClientError::TooManyRequests, effects);
        }
        let call = Call::Rpc { method: method.into(), data: Bytes::copy_from_slice(data) };
        self.consult(Ticket::Reply(id), call, effects);
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
        if self.calls_too_much() {
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
        self.calls -= 1;
        match ticket {
            Ticket::Connect => self.identified(answer, around, effects),
            Ticket::Login(id, asked_at) => {
                self.logged_in((id, asked_at), answer, around, effects);
            }
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
    pub(super) fn object(
        &mut self,
        id: u32,
        objection: Option<Objection>,
        effects: &mut Vec<Effect>,
    ) {
        match refusal(objection) {
            Ok(error) => self.fail(id, error, effects),
            Err(reason) => self.close(reason, effects),
        }
    }

    fn renewed(
        &mut self,
        answer: Result<Response, Objection>,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        match answer {
            Ok(Response::Renewal(renewal)) => self.renew(renewal, around, effects),
            Err(Objection::Error { temporary: false, .. }) => {
                self.close(CloseReason::Expired, effects);
            }
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
            Err(Objection::Error { temporary: false, .. }) => {
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

/// What a client is told of an objection, or why its connection ends. An answer of the wrong kind is
/// none.
pub(super) fn refusal(objection: Option<Objection>) -> Result<ClientError, CloseReason> {
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
