//! What connections gain in a turn, and when it is written.

use std::rc::Rc;

use mio::{Interest, Token};
use smallvec::SmallVec;

use trunkline_core::codec::{Codec, Framing};
use trunkline_core::error::CloseReason;
use trunkline_core::hub::{ConnectionKey, UNMARKED};
use trunkline_core::session::Input;
use trunkline_telemetry::Closed;
use trunkline_transport::write_close;

use crate::outbox::{Outcome, Tally, Writer, Written};
use crate::shard::Shard;
use crate::turn::{ANSWERS, Marked, OPEN, Stretch};

/// Bytes a turn may gain before they are written (4 MiB), so that neither a burst in the mailbox nor
/// one client's large answers fill the memory.
const TURN_BYTES: usize = 4 * 1024 * 1024;

/// Entries a list of connections keeps room for between turns.
const LIST_KEPT: usize = 16 * 1024;

impl Shard {
    /// Appends a message of the connection's own codec to what it gains in this turn.
    pub(crate) fn encode_for(
        &mut self,
        key: ConnectionKey,
        encode: impl FnOnce(&dyn Codec, &mut Vec<u8>),
    ) {
        let settings = Rc::clone(&self.settings);
        if self.is_withheld(key) {
            return;
        }
        let Some(open) = self.connections[key as usize].open() else { return };
        let variant = open.variant;
        let codec = settings.codec(variant.codec);
        self.scratch.message.clear();
        encode(codec, &mut self.scratch.message);
        if self.scratch.message.is_empty() {
            return;
        }
        self.scratch.frame.clear();
        self.scratch.wrap(codec.framing(), variant.window_bits);
        let frame = std::mem::take(&mut self.scratch.frame);
        self.answer_with(key, |out| out.extend_from_slice(&frame));
        self.scratch.frame = frame;
    }

    /// Appends bytes to what a connection gains in this turn.
    pub(crate) fn answer_with(&mut self, key: ConnectionKey, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.turn.len(ANSWERS);
        write(self.turn.answers());
        let end = self.turn.len(ANSWERS);
        if start < end {
            self.turn.gained += (end - start) as usize;
            self.give(key, Stretch { batch: ANSWERS, start, end });
        }
    }

    /// Notes a stretch for a connection.
    pub(crate) fn give(&mut self, key: ConnectionKey, stretch: Stretch) {
        let Some(connection) = self.connections.get_mut(key as usize) else { return };
        match connection.stretches.last_mut() {
            // Answers that stand one behind the other are one stretch.
            Some(last) if last.batch == stretch.batch && last.end == stretch.start => {
                last.end = stretch.end;
            }
            last => {
                if last.is_none() {
                    self.dirty.push(key);
                }
                connection.stretches.push(stretch);
            }
        }
    }

    /// Makes sure that a connection is looked at when the turn ends.
    pub(crate) fn touch(&mut self, key: ConnectionKey) {
        self.dirty.push(key);
    }

    /// A connection leaves a group in the middle of a turn: what the group gained so far is its
    /// own, what comes is not.
    pub(crate) fn end_stretch(&mut self, key: ConnectionKey, batch: u32) {
        let end = self.turn.len(batch);
        let Some(connection) = self.connections.get_mut(key as usize) else { return };
        let mut open =
            connection.stretches.iter_mut().filter(|s| s.batch == batch && s.end == OPEN);
        match open.next() {
            Some(stretch) => stretch.end = end,
            None => self.give(key, Stretch { batch, start: 0, end }),
        }
    }

    /// Writes everything that was gained in this turn, and ends those that writing has ended.
    pub(crate) fn write_all(&mut self) {
        self.write_out();
        self.scratch.give_back();
        self.relieve();
        let Outcome { blocked, drained, slow, done, .. } = std::mem::take(&mut self.outcome);
        for key in blocked {
            self.watch(key, true);
        }
        for key in drained {
            self.tell_if_drained(key);
        }
        for key in slow {
            self.close_slow(key);
        }
        for key in done {
            self.remove(key);
        }
    }

    /// Writes before the end of a turn that has gained so much that it should not gain more. Only
    /// between two events: a new member of a group has to note what of the group's batch is not for
    /// it before anything is written.
    pub(crate) fn write_if_much(&mut self) {
        if self.turn.gained > TURN_BYTES {
            self.write_out();
            // What the rest of the turn brings is not to wait for them as well.
            self.relieve();
        }
    }

    /// Tells those for whom too much waits, so that of streams nothing is added to it.
    fn relieve(&mut self) {
        for key in std::mem::take(&mut self.outcome.crowded) {
            self.tell(key, Input::Crowded);
        }
    }

    /// Tells a session that wants to know that everything is out, if it is.
    fn tell_if_drained(&mut self, key: ConnectionKey) {
        let Some(connection) = self.connections.get_mut(key as usize) else { return };
        if connection.drains && connection.queue.is_none() && !connection.socket.has_pending() {
            connection.drains = false;
            self.tell(key, Input::Drained);
        }
    }

    fn write_out(&mut self) {
        let mut writer = Writer {
            connections: &mut self.connections,
            turn: &mut self.turn,
            outcome: &mut self.outcome,
            most: self.settings.node.limits.outbound_bytes,
            tally: Tally::default(),
        };
        let marked = std::mem::take(&mut writer.turn.marked);
        for &Marked { listeners, group, batch } in &marked {
            // The channel may have lost its last listener after it was marked.
            let group = self.hub.group_mut(listeners, group).filter(|group| group.mark == batch);
            let Some(group) = group else { continue };
            group.mark = UNMARKED;
            for &key in group.members() {
                writer.give_batch(key, batch, &mut self.dirty);
            }
        }
        writer.turn.marked = marked;
        for &key in &self.dirty {
            writer.write_to(key);
        }
        let Tally { bytes, dropped } = writer.tally;
        self.counters().bytes_out.add(bytes);
        self.counters().messages_dropped.add(dropped);
        self.dirty.clear();
        self.dirty.shrink_to(LIST_KEPT);
        self.turn.clear();
    }

    /// A socket has room again.
    pub(crate) fn writable(&mut self, key: ConnectionKey) {
        let Some(connection) = self.connections.get_mut(key as usize) else { return };
        let mut bytes = 0;
        let written = connection.write_queue(&mut bytes);
        self.settings.node.metrics.shard(self.index).bytes_out.add(bytes);
        match written {
            Written::All => {
                if connection.is_finished() {
                    return self.remove(key);
                }
                self.watch(key, false);
                self.tell_if_drained(key);
            }
            Written::Queued | Written::Crowded | Written::TooMuch => {}
            Written::Broken => self.remove(key),
        }
    }

    /// Asks to be told when a socket has room, or no longer.
    fn watch(&mut self, key: ConnectionKey, room: bool) {
        let Some(connection) = self.connections.get_mut(key as usize) else { return };
        if connection.watches_room == room {
            return;
        }
        connection.watches_room = room;
        let interest =
            if room { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        let token = Token(key as usize);
        if self.poll.registry().reregister(&mut connection.socket, token, interest).is_err() {
            self.remove(key);
        }
    }

    /// Ends a connection that does not read what it is sent: everything that waits is dropped but
    /// the piece that may be half out, and the reason is put behind it.
    pub(crate) fn close_slow(&mut self, key: ConnectionKey) {
        let settings = Rc::clone(&self.settings);
        let Some(open) = self.connections.get_mut(key as usize).and_then(|c| c.open()) else {
            return;
        };
        let codec = settings.codec(open.variant.codec);
        let mut farewell = Vec::new();
        if codec.framing() == Framing::EventStream {
            codec.encode_farewell(&CloseReason::Slow, &mut farewell);
        } else {
            let (code, words) = codec.close_code(&CloseReason::Slow);
            write_close(&mut farewell, code, &words);
        }
        self.counters().disconnects.add(Closed::Slow, 1);
        self.counters().slow_closes.add(1);
        self.tell(key, Input::Gone);
        self.part(key, &CloseReason::Slow);
        let connection = &mut self.connections[key as usize];
        connection.stretches = SmallVec::new();
        let queue = connection.queue.get_or_insert_default();
        queue.give_up();
        queue.push(farewell.into());
        self.leave_open(key, false);
        self.watch(key, true);
    }
}
