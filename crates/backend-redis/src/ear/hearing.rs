//! Hearing over a connection that stands.

use std::collections::HashSet;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::time::{Instant, interval, timeout};
use trunkline_core::channel::ChannelName;
use trunkline_core::publication::Message;

use super::lines::Step;
use super::{Ear, Subject};
use crate::health::{Health, Part};
use crate::limits::{BUFFER_KEPT, FULL_LOOK_EVERY, LOOK_EVERY, PROBE_AFTER, PROBE_DEADLINE};
use crate::link::{Link, Trouble, Wire};
use crate::resp::{Command, Reply, command, decode};
use crate::wire::line::{Told, read};

/// When something came last, and when it was tried whether anything does.
struct Silence {
    heard: Instant,
    probed: Option<Instant>,
}

impl Ear {
    /// Subscribes to what is wanted, and hands on what comes, until the connection is lost.
    pub(super) async fn hear(&self, link: Link, health: &Health, probe: impl Fn()) -> Trouble {
        let Link { wire, buffer } = link;
        let (read, write) = tokio::io::split(wire);
        let silence = std::sync::Mutex::new(Silence { heard: Instant::now(), probed: None });
        tokio::select! {
            trouble = self.ask(write) => trouble,
            trouble = self.listen_to(read, buffer, &silence, health) => trouble,
            trouble = self.watch(&silence, probe) => trouble,
        }
    }

    async fn ask(&self, mut write: WriteHalf<Box<dyn Wire>>) -> Trouble {
        loop {
            let step = self.lines().step(Instant::now());
            let (name, lines) = match step {
                Some(Step::Subscribe(lines)) => ("SSUBSCRIBE", lines),
                Some(Step::Unsubscribe(lines)) => ("SUNSUBSCRIBE", lines),
                None => {
                    self.0.changed.notified().await;
                    continue;
                }
            };
            let command = lines.iter().fold(command(name), Command::arg);
            if let Err(error) = write.write_all(&command.finish()).await {
                return Trouble::Lost(error);
            }
        }
    }

    async fn listen_to(
        &self,
        mut read: ReadHalf<Box<dyn Wire>>,
        mut buffer: BytesMut,
        silence: &std::sync::Mutex<Silence>,
        health: &Health,
    ) -> Trouble {
        // Channels of which something came while the shards had no room.
        let mut behind: HashSet<ChannelName> = HashSet::new();
        loop {
            if !behind.is_empty() && !self.0.around.sink.overloaded() {
                behind.drain().for_each(|channel| self.0.around.sink.doubt(&channel));
            }
            let reading = read.read_buf(&mut buffer);
            let read = if behind.is_empty() {
                reading.await
            } else {
                match timeout(FULL_LOOK_EVERY, reading).await {
                    Ok(read) => read,
                    Err(_) => continue,
                }
            };
            match read {
                Ok(0) => return Trouble::Closed,
                Ok(_) => {}
                Err(error) => return Trouble::Lost(error),
            }
            if let Ok(mut silence) = silence.lock() {
                *silence = Silence { heard: Instant::now(), probed: None };
            }
            let full = self.0.around.sink.overloaded();
            let mut at = 0;
            loop {
                match decode(&buffer[at..]) {
                    Ok(Some((reply, length))) => {
                        at += length;
                        if let Err(trouble) = self.take_in(&reply, full, &mut behind, health) {
                            return trouble;
                        }
                    }
                    Ok(None) => break,
                    Err(_) => return Trouble::Malformed,
                }
            }
            buffer.advance(at);
            if buffer.is_empty() && buffer.capacity() > BUFFER_KEPT {
                buffer = BytesMut::new();
            }
            buffer.reserve(BUFFER_KEPT / 4);
        }
    }

    fn take_in(
        &self,
        reply: &Reply,
        full: bool,
        behind: &mut HashSet<ChannelName>,
        health: &Health,
    ) -> Result<(), Trouble> {
        let Reply::Push(parts) = reply else {
            if let Reply::Error(text) = reply {
                tracing::debug!(error = %text, "Redis refuses a subscription");
                if !text.starts_with("MOVED") && !text.starts_with("CLUSTERDOWN") {
                    return Err(Trouble::of_reply(reply));
                }
                self.lines().refused();
                (self.0.around.lines_moved)();
            }
            return Ok(());
        };
        let text = |at: usize| parts.get(at).and_then(Reply::text);
        let (Some(kind), Some(line)) = (text(0), text(1)) else { return Ok(()) };
        match kind {
            "smessage" => {
                let Some(payload) = parts.get(2).and_then(Reply::bytes) else { return Ok(()) };
                self.pass_on(line, payload, full, behind);
            }
            "ssubscribe" => {
                let (told, interrupted) = self.lines().confirmed(line);
                told.into_iter().for_each(|done| done(Ok(())));
                if let Some(channel) = interrupted {
                    self.0.around.sink.doubt(&channel);
                }
                self.0.changed.notify_one();
                if self.lines().is_complete() {
                    health.is_well(Part::Lines);
                }
            }
            "sunsubscribe" => {
                let unasked = self.lines().left(line);
                if unasked {
                    (self.0.around.lines_moved)();
                }
                self.0.changed.notify_one();
            }
            _ => {}
        }
        Ok(())
    }

    fn pass_on(&self, line: &str, payload: &[u8], full: bool, behind: &mut HashSet<ChannelName>) {
        let Some(subject) = self.lines().subject(line).cloned() else { return };
        let sink = &self.0.around.sink;
        match (subject, read(payload)) {
            (Subject::Channel(channel), Some(Told::Publication(_))) if full => {
                behind.insert(channel);
            }
            (Subject::Channel(channel), Some(Told::Publication(publication))) => {
                sink.deliver(&channel, Message::Publication(publication));
            }
            (Subject::Channel(channel), Some(Told::Join(info))) => {
                sink.deliver(&channel, Message::Join(info));
            }
            (Subject::Channel(channel), Some(Told::Leave(info))) => {
                sink.deliver(&channel, Message::Leave(info));
            }
            (Subject::Signals, Some(Told::Signal { from, signal })) => {
                if from != self.0.around.node.as_str() {
                    sink.receive(signal);
                }
            }
            // What cannot be read may have been a publication.
            (Subject::Channel(channel), _) => sink.doubt(&channel),
            (Subject::Signals | Subject::Probe, _) => {}
        }
    }

    async fn watch(&self, silence: &std::sync::Mutex<Silence>, probe: impl Fn()) -> Trouble {
        let mut look = interval(LOOK_EVERY);
        loop {
            look.tick().await;
            self.expire();
            let now = Instant::now();
            if self.lines().is_late(now) {
                return Trouble::Slow;
            }
            let Ok(mut silence) = silence.lock() else { continue };
            match silence.probed {
                Some(since) if now - since > PROBE_DEADLINE => return Trouble::Deaf,
                None if now - silence.heard > PROBE_AFTER => {
                    silence.probed = Some(now);
                    drop(silence);
                    probe();
                }
                _ => {}
            }
        }
    }
}
