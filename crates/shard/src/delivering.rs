//! A message to its listeners: encoded once for all who receive the same bytes.

use std::ops::Range;
use std::rc::Rc;

use smallvec::SmallVec;

use trunkline_core::channel::ChannelName;
use trunkline_core::codec::{Form, Framing};
use trunkline_core::hub::{Arrival, Feed, Variant};
use trunkline_core::namespace::Overflow;
use trunkline_core::publication::Message;
use trunkline_core::session::Input;
use trunkline_transport::{Opcode, write_frame};

use crate::settings::Settings;
use crate::shard::{Scratch, Shard};

/// Payloads shorter than this go out uncompressed: compression without context gains nothing.
const WORTH_DEFLATING: usize = 64;

impl Shard {
    /// Hands a message to the listeners of its channel.
    pub(crate) fn deliver(&mut self, channel: &ChannelName, message: &Message) {
        let Some(mut index) = self.hub.find(channel) else { return };
        let listeners = self.hub.listeners_mut(index);
        match listeners.arrive(message) {
            Arrival::Next => {}
            Arrival::Known => return listeners.hold_back(message),
            Arrival::Missed => {
                self.tell_of_hole(index, channel);
                let Some(found) = self.hub.find(channel) else { return };
                index = found;
                self.hub.listeners_mut(index).goes_on_at(message);
            }
        }
        self.hub.listeners_mut(index).hold_back(message);
        self.encode(index, channel, message);
        if self.hub.listeners_mut(index).position().is_some() {
            self.move_those_who_may(index, channel, message);
        }
    }

    /// Publications of a channel may have been lost on their way here.
    pub(crate) fn doubt(&mut self, channel: &ChannelName) {
        let Some(index) = self.hub.find(channel) else { return };
        // Those who know more than has come wait for what may never come.
        let ahead = self.hub.listeners_mut(index).ahead();
        self.tell_of_hole(index, channel);
        for (key, at) in ahead {
            self.tell(key, Input::Missed { channel: channel.clone(), at });
        }
        // What came last may be lost, and the stream go on behind an earlier place.
        if let Some(index) = self.hub.find(channel) {
            self.hub.listeners_mut(index).forget_place();
        }
    }

    /// Tells those who listen with positions that they may have missed something. They are held
    /// again, so that what comes now is for none of them.
    fn tell_of_hole(&mut self, index: u32, channel: &ChannelName) {
        let listeners = self.hub.listeners_mut(index);
        let Some(at) = listeners.position().cloned() else { return };
        for key in listeners.following() {
            self.tell(key, Input::Missed { channel: channel.clone(), at: at.clone() });
        }
    }

    /// Encodes a message once for each group that is to hear it.
    fn encode(&mut self, index: u32, channel: &ChannelName, message: &Message) {
        let settings = Rc::clone(&self.settings);
        let listeners = self.hub.listeners_mut(index);
        let is_publication = matches!(message, Message::Publication(_));
        let patch = listeners.patch(message);
        let base = patch.as_ref().and_then(|_| listeners.base());
        let mut deliveries = 0;
        // Groups of one look differ in what they hear, or in what becomes of what they do not read.
        let mut encoded: SmallVec<[(Look, Range<usize>); 4]> = SmallVec::new();
        self.scratch.frame.clear();
        for (at, group) in listeners.groups_mut().iter_mut().enumerate() {
            if group.members().is_empty() || !group.hears(message) {
                continue;
            }
            let form = match group.feed {
                _ if !is_publication => Form::Whole,
                Feed::Loose(_) | Feed::Whole => Form::Whole,
                Feed::First => Form::Delta(None),
                Feed::Differences => {
                    let codec = settings.codec(group.variant.codec);
                    let kept = base.as_ref().is_some_and(|base| codec.keeps(base));
                    Form::Delta(patch.as_deref().filter(|_| kept))
                }
            };
            let look = Look::of(group.variant, form);
            let known = encoded.iter().find(|(known, _)| *known == look);
            let frame = match known {
                Some((_, frame)) => frame.clone(),
                None => {
                    let start = self.scratch.frame.len();
                    let variant = group.variant;
                    encode_message(&settings, variant, channel, message, form, &mut self.scratch);
                    let frame = start..self.scratch.frame.len();
                    encoded.push((look, frame.clone()));
                    frame
                }
            };
            if frame.is_empty() {
                continue;
            }
            let batch = self.turn.mark(&mut group.mark, index, at);
            self.turn.gained += frame.len();
            self.turn.batch(batch).extend_from_slice(&self.scratch.frame[frame]);
            if let Feed::Loose(policy @ (Overflow::DropOldest | Overflow::KeepLatest)) = group.feed
            {
                self.turn.end_frame(batch, channel, policy, is_publication);
            }
            deliveries += group.members().len() as u64;
        }
        let counters = settings.node.metrics.shard(self.index);
        counters.shard_messages.add(1);
        counters.deliveries.add(deliveries);
    }

    /// After a publication some listeners stand elsewhere: those who received their first one whole
    /// receive differences, and those who knew more than had come may not any more.
    fn move_those_who_may(&mut self, index: u32, channel: &ChannelName, message: &Message) {
        let listeners = self.hub.listeners_mut(index);
        let first = listeners.delivered(message);
        let ahead = listeners.ahead();
        for key in first {
            self.move_on(key, channel);
        }
        for (key, after) in ahead {
            self.release_again(key, channel, &after);
        }
    }
}

/// What decides the bytes of a message.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Look {
    variant: Variant,
    differences: bool,
    patched: bool,
}

impl Look {
    fn of(variant: Variant, form: Form<'_>) -> Self {
        let differences = matches!(form, Form::Delta(_));
        Self { variant, differences, patched: matches!(form, Form::Delta(Some(_))) }
    }
}

/// Appends a message with its frame header to `scratch.frame`; nothing if the protocol has no such
/// message.
fn encode_message(
    settings: &Settings,
    variant: Variant,
    channel: &ChannelName,
    message: &Message,
    form: Form<'_>,
    scratch: &mut Scratch,
) {
    scratch.message.clear();
    let codec = settings.codec(variant.codec);
    codec.encode_message(channel, message, form, &mut scratch.message);
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
