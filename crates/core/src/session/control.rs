//! What operators and the application ask of a session.

use std::sync::Arc;

use crate::application::Renewal;
use crate::channel::ChannelName;
use crate::control::Action;
use crate::error::{CloseReason, UnsubscribeReason};
use crate::position::{Epoch, Tag};
use crate::publication::{Message, Publication};
use crate::reply::Push;

use super::consulting::Renewer;
use super::subscribe::Wanted;
use super::{Effect, Origin, Phase, Session, Surroundings};

impl Session {
    pub(super) fn control(
        &mut self,
        action: Action,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        match action {
            Action::Disconnect(reason) => self.close(reason, effects),
            Action::Unsubscribe { channel } => {
                self.end_subscription(&channel, UnsubscribeReason::Server, effects);
            }
            Action::Send { channel, data, tags } => {
                if !matches!(self.phase, Phase::Connected) || !self.is_subscribed(&channel) {
                    return;
                }
                let message = Message::Publication(Arc::new(Publication {
                    epoch: Epoch::default(),
                    offset: 0,
                    tag: Tag::START,
                    before: None,
                    data,
                    info: None,
                    tags,
                    time: around.wall,
                }));
                effects.push(Effect::Push(Push::Message { channel, message, delta: false }));
            }
            Action::Refresh { expired, expires_at, info } => {
                if !self.is_connected() {
                    return;
                }
                self.renew(Renewal { expired, expires_at, info }, around, effects);
            }
            Action::Subscribe { channel, info, data } => {
                let room = self.subscriptions.len() < around.limits.channels_per_connection;
                let known = self.find(channel.as_str()).is_some();
                let Some(options) = around.namespaces.options(&channel) else { return };
                if known || !room || !self.is_connected() {
                    return;
                }
                if options.binary && !self.abilities.binary {
                    return self.close(CloseReason::InappropriateProtocol, effects);
                }
                let Ok(seat) = Self::seat(&channel, options, around) else { return };
                // A client that has not heard that it is connected hears both at once.
                let origin = match &mut self.phase {
                    Phase::Connecting(pending) => {
                        pending.expect();
                        Origin::Connect
                    }
                    _ => Origin::Server,
                };
                let wanted = Wanted {
                    origin,
                    recover: None,
                    reject_unrecovered: false,
                    required: false,
                    joins: options.join_leave && options.force_push_join_leave,
                    delta: false,
                    info,
                    expires_at: None,
                    credential: None,
                    data,
                    renewer: Renewer::Client,
                    seat,
                };
                self.enter_channel(channel, options, wanted, around, effects);
            }
        }
    }

    /// Ends a subscription, if there is one, and tells the client if it has heard of it.
    pub(super) fn end_subscription(
        &mut self,
        channel: &ChannelName,
        reason: UnsubscribeReason,
        effects: &mut Vec<Effect>,
    ) {
        let at = self.subscriptions.iter().position(|s| s.channel == *channel);
        let Some(at) = at else { return };
        let subscription = self.subscriptions.swap_remove(at);
        self.leave_channel(&subscription, effects);
        if let Phase::Connecting(pending) = &mut self.phase {
            return pending.forget(channel);
        }
        let channel = channel.as_str().into();
        effects.push(Effect::Push(Push::Unsubscribe { channel, reason }));
    }
}
