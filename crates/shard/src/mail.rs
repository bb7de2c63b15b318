//! Events from other threads.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use smallvec::SmallVec;

use trunkline_core::channel::ChannelName;
use trunkline_core::codec::Framing;
use trunkline_core::control::{Action, Control};
use trunkline_core::error::CloseReason;
use trunkline_core::hub::{ConnectionKey, Variant};
use trunkline_core::publication::Message;
use trunkline_core::session::Input;
use trunkline_node::event::Event;
use trunkline_transport::{Opcode, write_frame};

use crate::connection::Stage;
use crate::settings::Settings;
use crate::shard::{Scratch, Shard, State};

/// Payloads shorter than this go out uncompressed: compression without context gains nothing.
const WORTH_DEFLATING: usize = 64;

impl Shard {
    /// Takes one event.
    pub(crate) fn receive(&mut self, event: Event) {
        match event {
            Event::Deliver { channel, message } => self.deliver(&channel, &message),
            Event::Answer { connection, client, ticket, answer } => {
                let open = self.connections.get_mut(connection as usize).and_then(|c| c.open());
                if open.is_some_and(|open| open.session.client() == client) {
                    self.tell(connection, Input::Answer(ticket, answer));
                }
            }
            Event::Control(control) => self.control(&control),
            Event::Survey(survey) => {
                survey.report(self.hub.channels().map(|l| (l.channel(), l.len())));
            }
            Event::Drain { spread_ms } => self.drain(spread_ms),
            Event::Stop => self.stop(),
        }
    }

    /// Encodes a message once for each group that is to hear it.
    fn deliver(&mut self, channel: &ChannelName, message: &Arc<Message>) {
        let Some(index) = self.hub.find(channel) else { return };
        let settings = Rc::clone(&self.settings);
        let mut deliveries = 0;
        let listeners = self.hub.listeners_mut(index);
        listeners.hold_back(message);
        // Groups of one variant differ in what they hear, not in how it looks.
        let mut encoded: SmallVec<[(Variant, Range<usize>); 4]> = SmallVec::new();
        self.scratch.frame.clear();
        for (at, group) in listeners.groups_mut().iter_mut().enumerate() {
            if group.members().is_empty() || !group.hears(message) {
                continue;
            }
            let known = encoded.iter().find(|(variant, _)| *variant == group.variant);
            let frame = match known {
                Some((_, frame)) => frame.clone(),
                None => {
                    let start = self.scratch.frame.len();
                    encode_message(&settings, group.variant, channel, message, &mut self.scratch);
                    let frame = start..self.scratch.frame.len();
                    encoded.push((group.variant, frame.clone()));
                    frame
                }
            };
            if frame.is_empty() {
                continue;
            }
            let batch = self.turn.mark(&mut group.mark, index, at);
            self.turn.gained += frame.len();
            self.turn.batch(batch).extend_from_slice(&self.scratch.frame[frame]);
            deliveries += group.members().len() as u64;
        }
        let counters = settings.node.metrics.shard(self.index);
        counters.shard_messages.add(1);
        counters.deliveries.add(deliveries);
    }

    fn control(&mut self, control: &Control) {
        let concerned: Vec<ConnectionKey> = if control.target.user.is_anonymous() {
            let anonymous = |(at, connection): (usize, &crate::connection::Connection)| {
                let Stage::Open(open) = &connection.stage else { return None };
                let session = &open.session;
                let meant = session.is_connected() && session.user().is_anonymous();
                meant.then(|| ConnectionKey::try_from(at).unwrap_or(ConnectionKey::MAX))
            };
            self.connections.iter().filter_map(anonymous).collect()
        } else {
            self.users.get(&control.target.user).map(|keys| keys.to_vec()).unwrap_or_default()
        };
        for key in concerned {
            let Some(open) = self.connections[key as usize].open() else { continue };
            if control.target.includes(open.session.client()) {
                self.tell(key, Input::Control(control.action.clone()));
            }
        }
    }

    /// Takes no more connections, and sends those there are away one after the other.
    fn drain(&mut self, spread_ms: u64) {
        if self.state == State::Stopping {
            return;
        }
        self.state = State::Draining;
        for mut listening in self.listeners.drain(..) {
            // The listener is closed next, which ends its registration in any case.
            let _ = self.poll.registry().deregister(&mut listening.acceptor);
        }
        let keys: Vec<usize> = self.connections.iter().map(|(at, _)| at).collect();
        let all = keys.len().max(1) as u64;
        for (nth, at) in keys.into_iter().enumerate() {
            let at_ms = spread_ms.saturating_mul(nth as u64) / all;
            self.leaving
                .push_back((self.now.after(at_ms), ConnectionKey::try_from(at).unwrap_or(0)));
        }
        self.send_away();
    }

    /// Sends away whose time to leave has come.
    pub(crate) fn send_away(&mut self) {
        while let Some(&(when, key)) = self.leaving.front() {
            if when > self.now {
                break;
            }
            self.leaving.pop_front();
            self.dismiss(key);
        }
    }

    fn dismiss(&mut self, key: ConnectionKey) {
        match self.connections.get(key as usize).map(|connection| &connection.stage) {
            Some(Stage::Open(_)) => {
                let action = Action::Disconnect(CloseReason::Shutdown);
                self.tell(key, Input::Control(action));
            }
            Some(Stage::Head(_)) => self.remove(key),
            Some(Stage::Closing { .. }) | None => {}
        }
    }

    fn stop(&mut self) {
        if self.state == State::Serving {
            self.drain(0);
        }
        self.state = State::Stopping;
        let keys: Vec<usize> = self.connections.iter().map(|(at, _)| at).collect();
        for at in keys {
            let key = ConnectionKey::try_from(at).unwrap_or(0);
            self.dismiss(key);
        }
        self.write_all();
        let left: Vec<usize> = self.connections.iter().map(|(at, _)| at).collect();
        for at in left {
            self.remove(ConnectionKey::try_from(at).unwrap_or(0));
        }
    }
}

/// Appends a message with its frame header to `scratch.frame`; nothing if the protocol has no such
/// message.
fn encode_message(
    settings: &Settings,
    variant: Variant,
    channel: &ChannelName,
    message: &Message,
    scratch: &mut Scratch,
) {
    scratch.message.clear();
    let codec = settings.codec(variant.codec);
    codec.encode_message(channel, message, &mut scratch.message);
    if !scratch.message.is_empty() {
        scratch.wrap(codec.framing(), variant.window_bits);
    }
}

impl Scratch {
    /// Appends the message in its frame to `frame`.
    pub(crate) fn wrap(&mut self, framing: Framing, window_bits: u8) {
        let opcode = match framing {
            Framing::Text => Opcode::Text,
            Framing::Binary => Opcode::Binary,
            Framing::EventStream => return self.frame.extend_from_slice(&self.message),
        };
        if window_bits > 0 && self.message.len() >= WORTH_DEFLATING {
            self.deflated.clear();
            self.deflater.compress(window_bits, &self.message, &mut self.deflated);
            if self.deflated.len() < self.message.len() {
                return write_frame(&mut self.frame, opcode, true, &self.deflated);
            }
        }
        write_frame(&mut self.frame, opcode, false, &self.message);
    }
}
