//! The floor of publishing through Redis: the very commands that the backend sends, over one
//! connection, with as many in flight. One thread sends as many as were answered, and nothing is
//! done beside.

use std::collections::VecDeque;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::backend::OverRedis;
use crate::error::BenchError;
use crate::instrument::bare::Bare;
use crate::instrument::interrupt::Interrupt;
use crate::instrument::publishers::{Progress, Work};
use crate::instrument::redis::Redis;

/// Hexadecimal digits at the end of an id that count.
const DIGITS: usize = 8;

/// One publisher with a connection of its own.
pub(crate) struct BarePublisher {
    bare: Bare,
    /// One per channel, taken by turns.
    commands: Vec<Template>,
    turn: usize,
    messages: u32,
    batch: Vec<u8>,
}

/// A command that is the same every time, but for the id of the message.
#[derive(Debug, PartialEq)]
struct Template {
    bytes: Vec<u8>,
    /// Where the counting digits stand.
    ids: Vec<usize>,
}

impl Template {
    fn new(bytes: Vec<u8>, id: &str) -> Self {
        let windows = bytes.windows(id.len()).enumerate();
        let found = windows.filter(|(_, window)| *window == id.as_bytes());
        let ids = found.map(|(at, _)| at + id.len() - DIGITS).collect();
        Self { bytes, ids }
    }

    /// The command for one message, added to a batch.
    fn add(&mut self, message: u32, batch: &mut Vec<u8>) {
        let mut digits = [0; DIGITS];
        for (digit, shift) in digits.iter_mut().zip((0..8).rev()) {
            *digit = b"0123456789abcdef"[(message >> (4 * shift)) as usize & 15];
        }
        for &at in &self.ids {
            self.bytes[at..at + DIGITS].copy_from_slice(&digits);
        }
        batch.extend_from_slice(&self.bytes);
    }
}

impl BarePublisher {
    /// A publisher of this work, in channels under this prefix.
    ///
    /// # Errors
    /// Redis does not answer.
    pub(crate) fn new(
        redis: &Redis,
        over_redis: &OverRedis,
        work: &Work,
        prefix: &str,
    ) -> Result<Self, BenchError> {
        let mut bare = Bare::connect(redis.address)?;
        bare.ask(&[b"SCRIPT", b"LOAD", (over_redis.script)().as_bytes()])?;
        // Unlike that of any other run on this Redis.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let id = format!("{:016x}{:0DIGITS$}", now.as_nanos() as u64, 0);
        let command = |channel| (over_redis.command)(prefix, &work.draft(channel), &id);
        let commands =
            (0..work.channels.len()).map(|channel| Template::new(command(channel), &id)).collect();
        Ok(Self { bare, commands, turn: 0, messages: 0, batch: Vec::new() })
    }

    /// Keeps `in_flight` publications in flight until `enough` says so, then waits for those that
    /// are.
    ///
    /// # Errors
    /// Redis refuses one or does not answer, `enough` fails, or somebody pressed ^C.
    pub(crate) fn run(
        &mut self,
        in_flight: u32,
        interrupt: &Interrupt,
        mut enough: impl FnMut(&mut Progress) -> Result<bool, BenchError>,
    ) -> Result<(), BenchError> {
        let mut progress = Progress::default();
        let mut sent = VecDeque::from([(Instant::now(), in_flight)]);
        let mut missing = in_flight;
        self.send(in_flight)?;
        let mut running = true;
        while missing > 0 {
            let answered = self.bare.answers()?;
            interrupt.check()?;
            progress.acknowledged += u64::from(answered);
            time(&mut sent, answered, &mut progress);
            running = running && !enough(&mut progress)?;
            if running {
                sent.push_back((Instant::now(), answered));
                self.send(answered)?;
            } else {
                missing -= answered;
            }
        }
        Ok(())
    }

    fn send(&mut self, count: u32) -> Result<(), BenchError> {
        self.batch.clear();
        for _ in 0..count {
            self.messages += 1;
            self.commands[self.turn].add(self.messages, &mut self.batch);
            self.turn = (self.turn + 1) % self.commands.len();
        }
        self.bare.send(&self.batch)
    }
}

/// Enters how long the first `answered` of those sent have taken.
fn time(sent: &mut VecDeque<(Instant, u32)>, mut answered: u32, progress: &mut Progress) {
    while let Some((since, count)) = sent.front_mut() {
        let these = answered.min(*count);
        let took = since.elapsed().as_nanos() as u64;
        (0..these).for_each(|_| progress.latencies.record(took));
        *count -= these;
        answered -= these;
        if *count > 0 {
            return;
        }
        sent.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    use trunkline_core::channel::ChannelName;
    use trunkline_core::namespace::Retention;

    use super::*;
    use crate::instrument::bare::encoded;

    /// Commands that the Redis of the test below has answered.
    static ANSWERED: AtomicU64 = AtomicU64::new(0);

    /// Answers every command, on every connection, with a number. Commands are arrays, and counted
    /// as answers would be.
    fn obliging_redis() -> Redis {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for socket in listener.incoming() {
                thread::spawn(move || {
                    let mut client = Bare::over(socket.unwrap()).unwrap();
                    while let Ok(count) = client.answers() {
                        ANSWERED.fetch_add(u64::from(count), Ordering::SeqCst);
                        client.send(":1\r\n".repeat(count as usize).as_bytes()).unwrap();
                    }
                });
            }
        });
        Redis::running(&url).unwrap()
    }

    #[test]
    fn as_many_are_in_flight_as_were_asked_for_and_all_are_answered() {
        let over_redis = OverRedis {
            start: |_, _, _| Err("nobody asks for it".into()),
            script: || "return 1",
            command: |prefix, draft, id| {
                encoded(&[prefix.as_bytes(), draft.channel.as_str().as_bytes(), id.as_bytes()])
            },
            line: |_, _| String::new(),
        };
        let redis = obliging_redis();
        let name = |nth| ChannelName::parse(&format!("bench:{nth}")).unwrap();
        let retention = Retention { size: 1, ttl_ms: 1_000, bytes: 1_000 };
        let work = Work::new((0..3).map(name).collect(), "{}", retention);
        let mut publisher = BarePublisher::new(&redis, &over_redis, &work, "p").unwrap();
        for in_flight in [1, 7, 1_000] {
            let before = ANSWERED.load(Ordering::SeqCst);
            let mut seen = 0;
            publisher
                .run(in_flight, &Interrupt::default(), |progress| {
                    assert_eq!(progress.latencies.count(), progress.acknowledged);
                    seen = progress.acknowledged;
                    Ok(seen >= 5_000)
                })
                .unwrap();
            let answered = ANSWERED.load(Ordering::SeqCst) - before;
            assert!(seen >= 5_000);
            assert!(answered >= seen && answered < seen + u64::from(in_flight));
        }
    }

    #[test]
    fn only_the_id_differs_between_messages() {
        let id = "ab00000000";
        let mut template = Template::new(format!("$10\r\n{id}\r\n$1\r\nx\r\n{id}\r\n").into(), id);
        let mut batch = Vec::new();
        template.add(0x1f, &mut batch);
        assert_eq!(batch, b"$10\r\nab0000001f\r\n$1\r\nx\r\nab0000001f\r\n");
        template.add(0xffff_ffff, &mut batch);
        assert!(batch.ends_with(b"$10\r\nabffffffff\r\n$1\r\nx\r\nabffffffff\r\n"));
    }

    #[test]
    fn answers_are_timed_in_the_order_of_what_was_sent() {
        let mut sent = VecDeque::from([(Instant::now(), 3), (Instant::now(), 4)]);
        let mut progress = Progress::default();
        time(&mut sent, 5, &mut progress);
        assert_eq!((progress.latencies.count(), sent.len(), sent[0].1), (5, 1, 2));
        time(&mut sent, 2, &mut progress);
        assert_eq!((progress.latencies.count(), sent.len()), (7, 0));
    }
}
