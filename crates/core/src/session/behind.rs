//! Catching up: a subscription that was not given all of its stream goes on where it was.
//!
//! Publications were missed, more came than could be held back, or the client does not read: in all
//! of these the subscription stands aside, and what it lacks is read from the stream, page by page,
//! whenever everything before has left the node. If the stream has it all, the client notices
//! nothing; else it is told that there is a gap. A session catches up in one channel at a time, so
//! that no more than a page is on its way.

use std::sync::Arc;

use crate::backend::BackendError;
use crate::channel::ChannelName;
use crate::error::{CloseReason, UnsubscribeReason};
use crate::gap::GapReason;
use crate::history::{HistoryPage, HistoryQuery};
use crate::limits::{CATCH_UP_RETRY_MS, Limits};
use crate::namespace::{ChannelOptions, RecoveryMode};
use crate::position::Position;
use crate::publication::{Message, Publication};
use crate::reply::Push;
use crate::time::Tick;

use super::subscription::{CONNECT_REPLY, LIVE, PARKED, Subscription};
use super::{Ask, Effect, Session, Surroundings, Ticket, recovery};

/// How far behind a subscription is. It is kept for a while after it has caught up: what is missed
/// in the same moment belongs to the same lag.
#[derive(Debug)]
pub(super) struct Behind {
    /// How far its client has been given the stream.
    position: Position,
    /// Since when it lags.
    since: Tick,
    /// Whether it does because its client reads too slowly.
    slow: bool,
    /// Whether anything was given to it since it was last told that it has missed something.
    moved: bool,
    /// When to go on, if not as soon as there is room.
    again_at: Option<Tick>,
    /// When it caught up.
    live_at: Option<Tick>,
}

impl Behind {
    fn new(position: Position, since: Tick) -> Self {
        Self { position, since, slow: false, moved: true, again_at: None, live_at: None }
    }

    /// Whether the stream has another name than the one its client knows.
    fn has_another_name(&self, page: &HistoryPage) -> bool {
        !self.position.epoch.is_empty() && self.position.epoch != page.top.epoch
    }
}

impl Subscription {
    /// Whether what it has missed is being read.
    fn is_catching_up(&self) -> bool {
        self.behind.is_some() && !matches!(self.waiting_for, LIVE | PARKED | CONNECT_REPLY)
    }

    /// Whether it only waits for room.
    fn is_ready(&self) -> bool {
        self.waiting_for == PARKED && self.behind.as_ref().is_some_and(|b| b.again_at.is_none())
    }

    /// When it has lagged for too long, or wants to go on.
    pub(super) fn lag_deadline(&self, limits: &Limits) -> Option<Tick> {
        let behind = self.behind.as_ref().filter(|_| self.waiting_for != LIVE)?;
        let end = behind.since.after(limits.lag_ms);
        Some(behind.again_at.map_or(end, |again| again.min(end)))
    }
}

/// What to read of a stream for a subscription that was given it up to `position`.
fn query(position: &Position, options: &ChannelOptions) -> HistoryQuery {
    match options.recovery_mode {
        RecoveryMode::Stream => HistoryQuery {
            since: Some(position.clone()),
            limit: options.recovery_limit.max(1),
            reverse: false,
        },
        RecoveryMode::Cache => recovery::query(Some(position), options),
    }
}

impl Session {
    /// A subscription that was released, or listened, has missed something behind `at`.
    pub(super) fn missed(
        &mut self,
        channel: &ChannelName,
        at: Position,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let live = |s: &Subscription| s.channel == *channel && s.waiting_for == LIVE;
        let Some(index) = self.subscriptions.iter().position(live) else { return };
        let busy = self.catches_up();
        let subscription = &mut self.subscriptions[index];
        let mut behind = match subscription.behind.take().filter(|b| b.live_at == Some(around.now))
        {
            Some(before) => Behind { position: at, live_at: None, ..*before },
            None => Behind::new(at, around.now),
        };
        // What brings nothing new is not tried again and again.
        if !behind.moved {
            behind.again_at = Some(around.now.after(CATCH_UP_RETRY_MS));
        }
        behind.moved = false;
        let at_once = behind.again_at.is_none() && !busy;
        subscription.behind = Some(Box::new(behind));
        if at_once {
            self.catch_up(index, around, effects);
        } else {
            subscription.waiting_for = PARKED;
            effects.push(Effect::Park { channel: channel.clone() });
            self.wait_for_room(effects);
        }
        self.plan_wake(around);
    }

    /// More waits for the connection than may: nothing more of any stream is to be queued for it.
    pub(super) fn crowded(&mut self, around: &Surroundings<'_>, effects: &mut Vec<Effect>) {
        for subscription in &mut self.subscriptions {
            match (subscription.waiting_for, &mut subscription.behind) {
                (PARKED, Some(behind)) => behind.slow = true,
                (LIVE, behind) if subscription.positioned => {
                    let Some(at) = (around.positions)(&subscription.channel) else { continue };
                    *behind = Some(Box::new(Behind { slow: true, ..Behind::new(at, around.now) }));
                    subscription.waiting_for = PARKED;
                    effects.push(Effect::Park { channel: subscription.channel.clone() });
                }
                (LIVE | CONNECT_REPLY, _) | (_, None) => {}
                (_, Some(behind)) => {
                    // The answer is not wanted any more; until it comes it counts like any other.
                    self.asks += 1;
                    behind.slow = true;
                    subscription.waiting_for = PARKED;
                    effects.push(Effect::Park { channel: subscription.channel.clone() });
                }
            }
        }
        self.wait_for_room(effects);
        self.plan_wake(around);
    }

    /// All that was gained has left: there is room for a page.
    pub(super) fn drained(&mut self, around: &Surroundings<'_>, effects: &mut Vec<Effect>) {
        self.waits_for_room = false;
        if self.catches_up() {
            return;
        }
        if let Some(index) = self.subscriptions.iter().position(Subscription::is_ready) {
            self.catch_up(index, around, effects);
        }
    }

    fn catches_up(&self) -> bool {
        self.subscriptions.iter().any(Subscription::is_catching_up)
    }

    /// Asks to be told when there is room, if anybody has a use for it.
    fn wait_for_room(&mut self, effects: &mut Vec<Effect>) {
        let ready = self.subscriptions.iter().any(Subscription::is_ready);
        if ready && !self.waits_for_room && !self.catches_up() {
            self.waits_for_room = true;
            effects.push(Effect::Drain);
        }
    }

    /// Reads what a subscription has missed.
    fn catch_up(&mut self, index: usize, around: &Surroundings<'_>, effects: &mut Vec<Effect>) {
        let number = self.next_ticket();
        let subscription = &mut self.subscriptions[index];
        let channel = subscription.channel.clone();
        let (Some(behind), Some(options)) =
            (&mut subscription.behind, around.namespaces.options(&channel))
        else {
            return;
        };
        behind.again_at = None;
        subscription.waiting_for = number;
        let query = query(&behind.position, options);
        let (joins, delta) = (subscription.joins, subscription.delta);
        effects.push(Effect::Hold { channel: channel.clone(), joins, delta });
        let ticket = Ticket::CatchUp { number, channel: channel.clone() };
        effects.push(Effect::Ask { ticket, ask: Ask::History { channel, query } });
    }

    /// What a subscription has missed was read.
    pub(super) fn caught_up(
        &mut self,
        (number, channel): (u32, &ChannelName),
        answer: Result<HistoryPage, BackendError>,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let asked = |s: &Subscription| s.waiting_for == number && s.channel == *channel;
        let Some(index) = self.subscriptions.iter().position(asked) else {
            self.asks -= 1;
            // It was ended while it caught up: the next one has its turn.
            return self.wait_for_room(effects);
        };
        self.subscriptions[index].waiting_for = PARKED;
        match (answer, around.namespaces.options(channel)) {
            (Ok(page), Some(options)) => self.go_through(index, page, options, around, effects),
            _ => {
                let again_at = Some(around.now.after(CATCH_UP_RETRY_MS));
                self.stand_aside(index, again_at, effects);
            }
        }
        if !self.is_closed() {
            self.wait_for_room(effects);
            self.plan_wake(around);
        }
    }

    /// Gives a page to the client, and goes on as it says.
    fn go_through(
        &mut self,
        index: usize,
        page: HistoryPage,
        options: &ChannelOptions,
        around: &Surroundings<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(behind) = &mut self.subscriptions[index].behind else { return };
        let outcome = match options.recovery_mode {
            RecoveryMode::Stream => page.recovers(&behind.position),
            RecoveryMode::Cache => {
                let start = recovery::start(Some(&behind.position), options, page.clone());
                start.gap.map_or(Ok(()), Err)
            }
        };
        match outcome {
            // Nothing is missing, but the name the client would come back under is an old one, and
            // its protocol proves positions by nothing else: it is to learn the new one.
            Ok(()) if !self.abilities.gaps && behind.has_another_name(&page) => {
                self.send_back(index, effects);
            }
            Ok(()) => {
                // Of a cache the client may have the latest already.
                let known = page.top.epoch == behind.position.epoch
                    && page.top.offset == behind.position.offset;
                let missed = if known { &[][..] } else { &page.publications };
                self.hand_over(index, missed, effects);
                self.live_again(index, page.top, around.now, effects);
            }
            Err(GapReason::Limit) => {
                if let Some(last) = page.publications.last() {
                    behind.position = last.position();
                }
                self.hand_over(index, &page.publications, effects);
                self.stand_aside(index, None, effects);
            }
            Err(reason) if self.abilities.gaps => {
                let (channel, position) = (self.subscriptions[index].channel.clone(), page.top);
                let push = Push::Gap { channel, reason, position: position.clone() };
                effects.push(Effect::Push(push));
                self.live_again(index, position, around.now, effects);
            }
            Err(reason) => self.lose(index, reason, effects),
        }
    }

    fn hand_over(
        &mut self,
        index: usize,
        publications: &[Arc<Publication>],
        effects: &mut Vec<Effect>,
    ) {
        let Subscription { channel, delta, behind, .. } = &mut self.subscriptions[index];
        if let Some(behind) = behind.as_mut().filter(|_| !publications.is_empty()) {
            behind.moved = true;
        }
        effects.extend(publications.iter().map(|publication| {
            let message = Message::Publication(Arc::clone(publication));
            Effect::Push(Push::Message { channel: channel.clone(), message, delta: *delta })
        }));
    }

    fn live_again(&mut self, index: usize, after: Position, now: Tick, effects: &mut Vec<Effect>) {
        let subscription = &mut self.subscriptions[index];
        subscription.waiting_for = LIVE;
        if let Some(behind) = &mut subscription.behind {
            behind.live_at = Some(now);
        }
        effects.push(Effect::Release { channel: subscription.channel.clone(), after });
    }

    fn stand_aside(&mut self, index: usize, again_at: Option<Tick>, effects: &mut Vec<Effect>) {
        let subscription = &mut self.subscriptions[index];
        subscription.waiting_for = PARKED;
        if let Some(behind) = &mut subscription.behind {
            behind.again_at = again_at;
        }
        effects.push(Effect::Park { channel: subscription.channel.clone() });
    }

    /// Looks after those who lag: one that reads too slowly ends the connection, one whose stream
    /// could not be read in time goes on with a gap.
    pub(super) fn end_lags(&mut self, around: &Surroundings<'_>, effects: &mut Vec<Effect>) {
        let mut index = 0;
        while index < self.subscriptions.len() {
            let subscription = &mut self.subscriptions[index];
            index += 1;
            if subscription.waiting_for == LIVE {
                subscription.behind = None;
            }
            let Some(behind) = &mut subscription.behind else { continue };
            if behind.again_at.is_some_and(|then| then <= around.now) {
                behind.again_at = None;
            }
            if around.now < behind.since.after(around.limits.lag_ms) {
                continue;
            }
            if behind.slow {
                return self.close(CloseReason::Slow, effects);
            }
            if !self.abilities.gaps {
                let before = self.subscriptions.len();
                self.lose(index - 1, GapReason::Overflow, effects);
                if self.is_closed() {
                    return;
                }
                // Another has taken its place.
                index -= before - self.subscriptions.len();
                continue;
            }
            self.skip(index - 1, effects);
        }
        self.wait_for_room(effects);
    }

    /// Goes on with what comes next.
    fn skip(&mut self, index: usize, effects: &mut Vec<Effect>) {
        let subscription = &mut self.subscriptions[index];
        if subscription.is_catching_up() {
            self.asks += 1;
        }
        let Subscription { joins, delta, .. } = *subscription;
        let channel = subscription.channel.clone();
        subscription.waiting_for = LIVE;
        subscription.behind = None;
        effects.push(Effect::Hold { channel: channel.clone(), joins, delta });
        effects.push(Effect::Skip { channel, reason: GapReason::Overflow });
    }

    /// Ends a subscription that cannot be kept complete.
    fn lose(&mut self, index: usize, reason: GapReason, effects: &mut Vec<Effect>) {
        effects.push(Effect::Lost(reason));
        self.send_back(index, effects);
    }

    /// Ends a subscription so that the client comes back to it. Whoever was subscribed by the server
    /// has no way to, so its connection ends instead.
    fn send_back(&mut self, index: usize, effects: &mut Vec<Effect>) {
        if self.subscriptions[index].server_side {
            return self.close(CloseReason::InsufficientState, effects);
        }
        let subscription = self.subscriptions.swap_remove(index);
        self.leave_channel(&subscription, effects);
        effects.push(Effect::Push(Push::Unsubscribe {
            channel: subscription.channel.as_str().into(),
            reason: UnsubscribeReason::InsufficientState,
        }));
    }
}
