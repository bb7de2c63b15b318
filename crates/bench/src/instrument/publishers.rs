//! Publishers at the backend itself, without a server: a closed loop in which each publishes again
//! when its publication is acknowledged.
//!
//! They are no threads. Acknowledgements, on whatever thread they come, are put in a queue, and one
//! thread takes them from there and publishes; as the event loops of a node do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use trunkline_core::backend::{Backend, BackendError, Published, Sink};
use trunkline_core::channel::ChannelName;
use trunkline_core::namespace::Retention;
use trunkline_core::publication::{Draft, Message};
use trunkline_core::signal::Signal;

use crate::error::BenchError;
use crate::instrument::generator::{STALLED, TICK, stalled};
use crate::instrument::histogram::Histogram;
use crate::instrument::interrupt::Interrupt;
use crate::instrument::ledger::Ledger;

/// What is published, and where.
pub(crate) struct Work {
    pub(crate) channels: Vec<ChannelName>,
    /// The data of each channel's publications. The same for all, but not shared: threads would
    /// fight over its reference count, as they do not when every publication is somebody else's.
    data: Vec<Bytes>,
    retention: Retention,
}

impl Work {
    /// The same data in all of these channels.
    pub(crate) fn new(channels: Vec<ChannelName>, data: &str, retention: Retention) -> Self {
        let data = channels.iter().map(|_| Bytes::copy_from_slice(data.as_bytes())).collect();
        Self { channels, data, retention }
    }

    /// The next publication in this channel.
    pub(crate) fn draft(&self, channel: usize) -> Draft {
        Draft {
            data: self.data[channel].clone(),
            retention: Some(self.retention),
            ..Draft::new(self.channels[channel].clone())
        }
    }
}

/// What has been acknowledged so far, since the beginning of a run.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Publications.
    pub(crate) acknowledged: u64,
    /// How long each took, in nanoseconds.
    pub(crate) latencies: Histogram,
}

/// One acknowledgement, or refusal.
struct Answer {
    publisher: usize,
    channel: usize,
    asked: Instant,
    result: Result<Published, BackendError>,
}

/// Answers on their way to the thread that publishes.
#[derive(Default)]
struct Answers {
    queue: Mutex<Queue>,
    arrived: Condvar,
}

#[derive(Default)]
struct Queue {
    answers: Vec<Answer>,
    /// Whether the thread that publishes is asleep and wants to be woken.
    asleep: bool,
}

/// A publisher's way to the answers. Each has its own, whose reference count no other thread needs
/// at the same time.
struct Publisher(Arc<Answers>);

impl Answers {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, answer: Answer) {
        let mut queue = self.lock();
        queue.answers.push(answer);
        if std::mem::take(&mut queue.asleep) {
            drop(queue);
            self.arrived.notify_one();
        }
    }

    /// Exchanges what has arrived for an empty list; waits a tick for it at most.
    fn take(&self, empty: &mut Vec<Answer>) {
        let mut queue = self.lock();
        if queue.answers.is_empty() {
            queue.asleep = true;
            let wait = self.arrived.wait_timeout_while(queue, TICK, |queue| queue.asleep);
            queue = wait.unwrap_or_else(PoisonError::into_inner).0;
            queue.asleep = false;
        }
        std::mem::swap(&mut queue.answers, empty);
    }
}

/// Keeps `in_flight` publications in flight, in all channels by turns, until `enough` says so, then
/// waits for those that are. `ledger` learns what was acknowledged.
///
/// # Errors
/// A publication is refused, nothing is acknowledged for too long, `enough` fails, or somebody
/// pressed ^C.
pub(crate) fn run(
    backend: &dyn Backend,
    work: &Work,
    in_flight: u32,
    ledger: &mut Ledger,
    interrupt: &Interrupt,
    mut enough: impl FnMut(&mut Progress) -> Result<bool, BenchError>,
) -> Result<(), BenchError> {
    let answers = Arc::new(Answers::default());
    let publisher = |_| Arc::new(Publisher(Arc::clone(&answers)));
    let publishers: Vec<Arc<Publisher>> = (0..in_flight).map(publisher).collect();
    let mut turn = 0;
    let mut publish = |publisher: usize| {
        let channel = turn;
        turn = (turn + 1) % work.channels.len();
        let draft = work.draft(channel);
        let way = Arc::clone(&publishers[publisher]);
        let asked = Instant::now();
        let done = move |result| way.0.push(Answer { publisher, channel, asked, result });
        backend.publish(draft, Box::new(done));
    };
    let mut progress = Progress::default();
    let mut missing = u64::from(in_flight);
    let mut running = true;
    let mut moved = Instant::now();
    let mut arrived = Vec::new();
    for publisher in 0..publishers.len() {
        publish(publisher);
    }
    while missing > 0 {
        answers.take(&mut arrived);
        interrupt.check()?;
        let now = Instant::now();
        if !arrived.is_empty() {
            moved = now;
        } else if now - moved > STALLED {
            return Err(stalled("acknowledgements were due"));
        }
        if running && enough(&mut progress)? {
            running = false;
        }
        for Answer { publisher, channel, asked, result } in arrived.drain(..) {
            ledger.acknowledged(channel, result)?;
            progress.acknowledged += 1;
            progress.latencies.record(now.saturating_duration_since(asked).as_nanos() as u64);
            if running {
                publish(publisher);
            } else {
                missing -= 1;
            }
        }
    }
    Ok(())
}

/// Counts what a backend delivers.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Publications delivered so far.
    pub(crate) fn delivered(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Sink for Counter {
    fn deliver(&self, _: &ChannelName, message: Message) {
        if matches!(message, Message::Publication(_)) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn doubt(&self, _: &ChannelName) {}

    fn receive(&self, _: Signal) {}

    fn overloaded(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use trunkline_backend_memory::MemoryBackend;
    use trunkline_core::time::WallTime;

    use super::*;

    fn work(channels: u32) -> Work {
        let name = |nth| ChannelName::parse(&format!("bench:{nth:04}")).unwrap();
        let retention = Retention { size: 5, ttl_ms: 60_000, bytes: 1 << 20 };
        Work::new((0..channels).map(name).collect(), "{}", retention)
    }

    #[test]
    fn every_acknowledgement_is_followed_by_the_next_publication() {
        let counter = Arc::new(Counter::default());
        let backend = MemoryBackend::new(counter.clone(), Box::new(|| WallTime(1)));
        let work = work(7);
        let mut ledger = Ledger::new(7);
        let mut total = 0;
        for in_flight in [1, 16, 1_024] {
            run(&backend, &work, in_flight, &mut ledger, &Interrupt::default(), |progress| {
                Ok(progress.acknowledged >= 5_000)
            })
            .unwrap();
            let published = ledger.total() - total;
            assert!(published >= 5_000 + u64::from(in_flight), "{published} for {in_flight}");
            total = ledger.total();
        }
        assert_eq!(counter.delivered(), total);
        assert_eq!(ledger.lost(counter.delivered()), 0);
        assert_eq!(ledger.missing(&backend, &work.channels).unwrap(), 0);
    }

    #[test]
    fn what_a_backend_has_forgotten_is_missing() {
        let backend = || MemoryBackend::new(Arc::new(Counter::default()), Box::new(|| WallTime(1)));
        let work = work(3);
        let mut ledger = Ledger::new(3);
        run(&backend(), &work, 2, &mut ledger, &Interrupt::default(), |progress| {
            Ok(progress.acknowledged >= 30)
        })
        .unwrap();
        assert_eq!(ledger.missing(&backend(), &work.channels).unwrap(), ledger.total());
    }

    #[test]
    fn a_refusal_ends_the_run() {
        struct Full;
        impl Sink for Full {
            fn deliver(&self, _: &ChannelName, _: Message) {}
            fn doubt(&self, _: &ChannelName) {}
            fn receive(&self, _: Signal) {}
            fn overloaded(&self) -> bool {
                true
            }
        }
        let backend = MemoryBackend::new(Arc::new(Full), Box::new(|| WallTime(1)));
        let refused =
            run(&backend, &work(1), 4, &mut Ledger::new(1), &Interrupt::default(), |_| Ok(true));
        assert!(refused.unwrap_err().to_string().contains("overloaded"));
    }
}
