//! Deadlines of a session: to introduce itself, to answer pings, to renew its tokens.

use crate::error::{CloseReason, UnsubscribeReason};
use crate::limits::{EXPIRY_GRACE_MS, Limits};
use crate::time::{Tick, WallTime};

use super::consulting::Renewer;
use super::{Effect, Phase, Session, Surroundings};

/// When the session must be looked at next, and what it waits for.
#[derive(Debug)]
pub(super) struct Heartbeat {
    pub(super) wake_at: Tick,
    pub(super) awaits_pong: bool,
    next_ping: Tick,
}

impl Heartbeat {
    pub(super) fn new(now: Tick, limits: &Limits) -> Self {
        let deadline = now.after(limits.connect_ms);
        Self { wake_at: deadline, awaits_pong: false, next_ping: deadline }
    }

    /// Until when the last ping may be answered: at the latest when the next one is due.
    fn pong_deadline(&self, limits: &Limits) -> Tick {
        let spare = limits.ping_ms.saturating_sub(limits.pong_ms);
        Tick(self.next_ping.0.saturating_sub(spare))
    }
}

impl Session {
    /// Starts pinging. The first ping comes at a moment between half an interval and a whole one,
    /// taken from the random id, so that clients that came together do not answer together.
    pub(super) fn start_heartbeat(&mut self, around: &Surroundings<'_>) {
        let interval = around.limits.ping_ms;
        let half = interval / 2;
        let spread = u64::try_from(self.client.0 % u128::from(half.max(1))).unwrap_or(0);
        self.heartbeat.next_ping = around.now.after(interval - half + spread);
        self.plan_wake(around);
    }

    pub(super) fn pong(&mut self, around: &Surroundings<'_>, effects: &mut Vec<Effect>) {
        if !self.heartbeat.awaits_pong {
            self.close(CloseReason::BadRequest, effects);
            return;
        }
        self.heartbeat.awaits_pong = false;
        self.plan_wake(around);
    }

    pub(super) fn timer(&mut self, around: &Surroundings<'_>, effects: &mut Vec<Effect>) {
        if around.now < self.heartbeat.wake_at {
            return;
        }
        match self.phase {
            Phase::Waiting | Phase::Refused => return self.close(CloseReason::Stale, effects),
            // It is the application that does not say who the client is.
            Phase::Coming(_) => return self.close(CloseReason::Unavailable, effects),
            _ => {}
        }
        self.renew_what_is_due(around, effects);
        let overdue = |then: Option<WallTime>| {
            then.is_some_and(|then| then.0.saturating_add(EXPIRY_GRACE_MS) <= around.wall.0)
        };
        if overdue(self.extra.as_ref().and_then(|extra| extra.expires_at)) {
            return self.close(CloseReason::Expired, effects);
        }
        self.end_expired(overdue, effects);
        self.end_lags(around, effects);
        if self.is_closed() {
            return;
        }
        if self.heartbeat.awaits_pong && around.now >= self.heartbeat.pong_deadline(around.limits) {
            return self.close(CloseReason::NoPong, effects);
        }
        if around.now >= self.heartbeat.next_ping {
            effects.push(Effect::Ping);
            self.heartbeat.awaits_pong = self.abilities.pong;
            self.heartbeat.next_ping = around.now.after(around.limits.ping_ms);
        }
        self.plan_wake(around);
    }

    fn end_expired(
        &mut self,
        overdue: impl Fn(Option<WallTime>) -> bool,
        effects: &mut Vec<Effect>,
    ) {
        let expired =
            |s: &super::Subscription| overdue(s.extra.as_ref().and_then(|extra| extra.expires_at));
        while let Some(at) = self.subscriptions.iter().position(expired) {
            let channel = self.subscriptions[at].channel.clone();
            self.end_subscription(&channel, UnsubscribeReason::Expired, effects);
        }
    }

    /// Sets the alarm to the earliest of all deadlines.
    pub(super) fn plan_wake(&mut self, around: &Surroundings<'_>) {
        // Whoever has to show a newer token is given some time; the application is asked at once.
        let end = |expires_at: Option<WallTime>, renewer: Renewer| {
            let grace = if renewer == Renewer::Application { 0 } else { EXPIRY_GRACE_MS };
            expires_at.map(|then| then.0.saturating_add(grace))
        };
        let of_connection =
            self.extra.as_ref().and_then(|extra| end(extra.expires_at, extra.renewer));
        let of_subscriptions = self.subscriptions.iter().filter_map(|s| {
            s.extra.as_ref().and_then(|extra| end(extra.expires_at, extra.renewer))
        });
        let expiry = of_connection
            .into_iter()
            .chain(of_subscriptions)
            .min()
            .map(|end| around.now.after(end.saturating_sub(around.wall.0)));
        let pulse = if self.heartbeat.awaits_pong {
            self.heartbeat.pong_deadline(around.limits)
        } else {
            self.heartbeat.next_ping
        };
        let lags = self.subscriptions.iter().filter_map(|s| s.lag_deadline(around.limits));
        self.heartbeat.wake_at = expiry.into_iter().chain(lags).fold(pulse, Tick::min);
    }
}
