//! Calls over a connection that stands.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::sync::Notify;
use tokio::time::{Instant, interval};
use trunkline_core::backend::BackendError;

use super::{Answer, Call, Caller, Elsewhere};
use crate::limits::{
    ANSWER_DEADLINE, BUFFER_KEPT, COPIES_DEADLINE, IN_FLIGHT, LOOK_EVERY, WRITE_BYTES,
};
use crate::link::{Link, Trouble, Wire};
use crate::resp::{Reply, command, decode};
use crate::seat::Seat;

/// What an answer is awaited for.
enum Sent {
    Call(Call),
    /// How many copies have what was sent before.
    Copies,
}

/// Whether only a server that is no master any more gives this answer.
fn is_of_a_copy(reply: &Reply) -> bool {
    matches!(reply, Reply::Error(text) if text.starts_with("READONLY"))
}

/// What was sent and not answered.
#[derive(Default)]
struct InFlight {
    sent: Mutex<VecDeque<(Instant, Sent)>>,
    room: Notify,
}

impl InFlight {
    fn sent(&self) -> MutexGuard<'_, VecDeque<(Instant, Sent)>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Caller {
    /// Sends calls and hands out answers until the connection is lost.
    pub(super) async fn serve(&self, link: Link, seat: &Seat) -> Trouble {
        let Link { wire, buffer } = link;
        let (read, write) = tokio::io::split(wire);
        let in_flight = InFlight::default();
        let mut answered = Vec::new();
        let trouble = tokio::select! {
            trouble = self.write(write, &in_flight) => trouble,
            trouble = self.read(read, buffer, &in_flight, &mut answered) => trouble,
            trouble = self.watch(&in_flight) => trouble,
            trouble = seat.left() => trouble,
        };
        let lost = std::mem::take(&mut *in_flight.sent());
        for (_, sent) in lost {
            match sent {
                Sent::Call(call) if call.repeatable => (self.0.take_back)(call, Elsewhere::Later),
                Sent::Call(call) => call.fail(BackendError::Unavailable),
                Sent::Copies => {}
            }
        }
        answered.into_iter().for_each(|(call, _): (Call, _)| call.fail(BackendError::Unavailable));
        trouble
    }

    async fn write(&self, mut write: WriteHalf<Box<dyn Wire>>, in_flight: &InFlight) -> Trouble {
        let mut bytes = Vec::new();
        loop {
            let room = IN_FLIGHT - in_flight.sent().len().min(IN_FLIGHT);
            if room == 0 {
                in_flight.room.notified().await;
                continue;
            }
            let calls = self.queue().take(room);
            if calls.is_empty() {
                self.0.filled.notified().await;
                continue;
            }
            bytes.clear();
            self.send(calls, &mut bytes, in_flight);
            if let Err(error) = write.write_all(&bytes).await {
                return Trouble::Lost(error);
            }
            if bytes.capacity() > 4 * WRITE_BYTES {
                bytes = Vec::new();
            }
        }
    }

    fn send(&self, calls: Vec<Call>, bytes: &mut Vec<u8>, in_flight: &InFlight) {
        let now = Instant::now();
        let copies = calls.iter().map(|call| call.copies).max().unwrap_or(0);
        let mut sent = in_flight.sent();
        for call in calls {
            bytes.extend_from_slice(&call.bytes);
            sent.push_back((now, Sent::Call(call)));
        }
        if self.0.copies {
            let wait = command("WAIT").number(u64::from(copies));
            let within = u64::try_from(COPIES_DEADLINE.as_millis()).unwrap_or(u64::MAX);
            bytes.extend_from_slice(&wait.number(within).finish());
            sent.push_back((now, Sent::Copies));
        }
    }

    async fn read(
        &self,
        mut read: ReadHalf<Box<dyn Wire>>,
        mut buffer: BytesMut,
        in_flight: &InFlight,
        answered: &mut Vec<(Call, Reply)>,
    ) -> Trouble {
        loop {
            match read.read_buf(&mut buffer).await {
                Ok(0) => return Trouble::Closed,
                Ok(_) => {}
                Err(error) => return Trouble::Lost(error),
            }
            let mut at = 0;
            loop {
                match decode(&buffer[at..]) {
                    Ok(Some((reply, length))) => {
                        at += length;
                        let Some((_, sent)) = in_flight.sent().pop_front() else {
                            return Trouble::Malformed;
                        };
                        let demoted = is_of_a_copy(&reply);
                        self.take(sent, reply, answered);
                        if demoted {
                            return Trouble::Role("slave".to_owned());
                        }
                    }
                    Ok(None) => break,
                    Err(_) => return Trouble::Malformed,
                }
            }
            buffer.advance(at);
            in_flight.room.notify_one();
            if buffer.is_empty() && buffer.capacity() > BUFFER_KEPT {
                buffer = BytesMut::new();
            }
            buffer.reserve(BUFFER_KEPT / 4);
        }
    }

    fn take(&self, sent: Sent, reply: Reply, answered: &mut Vec<(Call, Reply)>) {
        match sent {
            Sent::Call(call) if self.0.copies => answered.push((call, reply)),
            Sent::Call(call) => self.settle(call, reply, 0),
            Sent::Copies => {
                let copies = reply.number().and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
                for (call, reply) in answered.drain(..) {
                    self.settle(call, reply, copies);
                }
            }
        }
    }

    /// Hands out an answer, unless the call has to be made once more.
    fn settle(&self, call: Call, reply: Reply, copies: u32) {
        let Reply::Error(text) = &reply else {
            return call.succeed(Answer { reply, copies });
        };
        let mut words = text.split(' ');
        let (kind, target) = (words.next().unwrap_or_default(), words.nth(1));
        let elsewhere = match (kind, target) {
            ("NOSCRIPT", _) => match call.script {
                Some(script) => {
                    let load = command("SCRIPT").arg("LOAD").arg(script.text());
                    return self.call_together([Call::unheard(call.partition, load), call]);
                }
                None => Elsewhere::Later,
            },
            ("MOVED", Some(target)) => Elsewhere::Moved(target.to_owned()),
            ("ASK", Some(target)) => Elsewhere::Ask(target.to_owned()),
            // None of these was carried out, and each passes.
            ("READONLY" | "LOADING" | "MASTERDOWN" | "TRYAGAIN" | "CLUSTERDOWN" | "BUSY", _) => {
                Elsewhere::Later
            }
            ("OOM", _) => return call.fail(BackendError::Full),
            ("NOREPLICAS", _) => return call.fail(BackendError::Unavailable),
            _ => {
                tracing::error!(error = %text, "Redis refuses a command");
                return call.fail(BackendError::Unavailable);
            }
        };
        if Instant::now() >= call.until {
            return call.fail(BackendError::Unavailable);
        }
        (self.0.take_back)(call, elsewhere);
    }

    async fn watch(&self, in_flight: &InFlight) -> Trouble {
        let mut look = interval(LOOK_EVERY);
        loop {
            look.tick().await;
            self.expire();
            let oldest = in_flight.sent().front().map(|(since, _)| *since);
            if oldest.is_some_and(|since| since.elapsed() > ANSWER_DEADLINE) {
                return Trouble::Slow;
            }
        }
    }
}
