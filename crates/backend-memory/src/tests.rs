//! The memory backend against a sink that records and a clock that is set.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;

use trunkline_core::limits::{IDEMPOTENCY_TTL_MS, STREAM_IDLE_MS};
use trunkline_core::namespace::Retention;
use trunkline_core::position::Position;
use trunkline_core::signal::Signal;

use super::*;

#[derive(Default)]
struct Recorder {
    delivered: Mutex<Vec<(ChannelName, Message)>>,
    overloaded: AtomicBool,
}

impl Sink for Recorder {
    fn deliver(&self, channel: &ChannelName, message: Message) {
        self.delivered.lock().unwrap().push((channel.clone(), message));
    }

    fn doubt(&self, _: &ChannelName) {
        unreachable!("nothing is lost within a process");
    }

    fn receive(&self, _: Signal) {
        unreachable!("there is no other node");
    }

    fn overloaded(&self) -> bool {
        self.overloaded.load(Ordering::Relaxed)
    }
}

struct Fixture {
    backend: MemoryBackend,
    sink: Arc<Recorder>,
    now: Arc<AtomicU64>,
}

fn fixture() -> Fixture {
    let sink = Arc::new(Recorder::default());
    let now = Arc::new(AtomicU64::new(1_000));
    let clock = Arc::clone(&now);
    let clock: Clock = Box::new(move || WallTime(clock.load(Ordering::Relaxed)));
    Fixture { backend: MemoryBackend::new(sink.clone(), clock), sink, now }
}

fn channel(text: &str) -> ChannelName {
    ChannelName::parse(text).unwrap()
}

fn draft(name: &str, data: &str, keep: bool, key: Option<&str>) -> Draft {
    Draft {
        data: data.to_owned().into(),
        retention: keep.then_some(Retention { size: 10, ttl_ms: 60_000, bytes: 1 << 20 }),
        idempotency_key: key.map(Into::into),
        ..Draft::new(channel(name))
    }
}

impl Fixture {
    fn publish(&self, draft: Draft) -> Result<Published, BackendError> {
        let (tell, told) = mpsc::channel();
        self.backend.publish(draft, Box::new(move |outcome| tell.send(outcome).unwrap()));
        told.recv().unwrap()
    }

    fn history(&self, name: &str) -> HistoryPage {
        let (tell, told) = mpsc::channel();
        let query = HistoryQuery { since: None, limit: 100, reverse: false };
        let done = Box::new(move |outcome| tell.send(outcome).unwrap());
        self.backend.history(&channel(name), query, done);
        told.recv().unwrap().unwrap()
    }

    fn delivered(&self) -> usize {
        self.sink.delivered.lock().unwrap().len()
    }
}

#[test]
fn what_is_kept_has_a_position_and_what_is_not_has_none() {
    let fixture = fixture();
    let kept = fixture.publish(draft("a", "1", true, None)).unwrap();
    assert_eq!(kept.position.unwrap().offset, 1);
    assert_eq!(fixture.publish(draft("b", "1", false, None)).unwrap().position, None);
    assert_eq!(fixture.history("a").publications.len(), 1);
    assert_eq!(fixture.history("b").publications.len(), 0);
}

#[test]
fn a_duplicate_gets_the_first_position_and_is_not_delivered() {
    let fixture = fixture();
    let first = fixture.publish(draft("a", "1", true, Some("k"))).unwrap();
    let second = fixture.publish(draft("a", "2", true, Some("k"))).unwrap();
    assert_eq!(second.position, first.position);
    assert!(second.duplicate && !first.duplicate);
    assert_eq!(fixture.delivered(), 1);
    assert!(!fixture.publish(draft("b", "2", true, Some("k"))).unwrap().duplicate);
    fixture.now.fetch_add(IDEMPOTENCY_TTL_MS, Ordering::Relaxed);
    assert!(!fixture.publish(draft("a", "3", true, Some("k"))).unwrap().duplicate);
}

#[test]
fn an_overloaded_node_places_nothing() {
    let fixture = fixture();
    fixture.sink.overloaded.store(true, Ordering::Relaxed);
    let refused = fixture.publish(draft("a", "1", true, None));
    assert_eq!(refused, Err(BackendError::Overloaded));
    assert_eq!(fixture.history("a").top.offset, 0);
}

#[test]
fn a_forgotten_stream_comes_back_as_another() {
    let fixture = fixture();
    fixture.publish(draft("a", "1", true, None)).unwrap();
    let before = fixture.history("a").top;
    fixture.now.fetch_add(60_000, Ordering::Relaxed);
    fixture.backend.sweep();
    assert_eq!(fixture.history("a").top, before, "expired publications keep their numbers");
    fixture.now.fetch_add(STREAM_IDLE_MS, Ordering::Relaxed);
    fixture.backend.sweep();
    let after = fixture.history("a").top;
    assert_eq!(after.offset, 0);
    assert_ne!(after.epoch, before.epoch);
}

#[test]
fn removing_history_keeps_the_position() {
    let fixture = fixture();
    fixture.publish(draft("a", "1", true, None)).unwrap();
    let before = fixture.history("a").top;
    fixture.backend.remove_history(&channel("a"), Box::new(|outcome| outcome.unwrap()));
    let after = fixture.history("a");
    assert_eq!((after.top, after.publications.len()), (before, 0));
}

#[test]
fn delivery_is_in_the_order_of_the_stream_whoever_publishes() {
    let fixture = fixture();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for n in 0..500 {
                    fixture.publish(draft("a", &n.to_string(), true, None)).unwrap();
                }
            });
        }
    });
    let delivered = fixture.sink.delivered.lock().unwrap();
    let offsets: Vec<u64> = delivered.iter().filter_map(|(_, m)| m.offset()).collect();
    assert_eq!(offsets, (1..=2_000).collect::<Vec<u64>>());
    let top = Position { offset: 2_000, ..fixture.history("a").top };
    assert_eq!(fixture.history("a").top, top);
}
