//! What only this backend does: forgetting, when it sweeps. What all of them do, the conformance suite
//! asks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use trunkline_core::limits::STREAM_IDLE_MS;
use trunkline_core::namespace::Retention;
use trunkline_core::position::Position;

use super::*;

/// A sink nobody listens to.
struct Nobody;

impl Sink for Nobody {
    fn deliver(&self, _: &ChannelName, _: Message) {}

    fn doubt(&self, _: &ChannelName) {}

    fn receive(&self, _: Signal) {}

    fn overloaded(&self) -> bool {
        false
    }
}

fn top(backend: &MemoryBackend, channel: &ChannelName) -> Position {
    let (tell, told) = mpsc::channel();
    let done = Box::new(move |page| tell.send(page).unwrap());
    backend.history(channel, HistoryQuery::default(), done);
    told.recv().unwrap().unwrap().top
}

#[test]
fn a_forgotten_stream_comes_back_as_another() {
    let now = Arc::new(AtomicU64::new(1_000));
    let clock = Arc::clone(&now);
    let clock: Clock = Box::new(move || WallTime(clock.load(Ordering::Relaxed)));
    let backend = MemoryBackend::new(Arc::new(Nobody), clock);
    let channel = ChannelName::parse("a").unwrap();
    let retention = Some(Retention { size: 10, ttl_ms: 60_000, bytes: 1 << 20 });
    let draft = Draft { retention, ..Draft::new(channel.clone()) };
    backend.publish(draft, Box::new(|outcome| drop(outcome.unwrap())));
    let before = top(&backend, &channel);
    assert_eq!(before.offset, 1);
    now.fetch_add(60_000, Ordering::Relaxed);
    backend.sweep();
    assert_eq!(top(&backend, &channel), before, "expired publications keep their numbers");
    now.fetch_add(STREAM_IDLE_MS, Ordering::Relaxed);
    backend.sweep();
    let after = top(&backend, &channel);
    assert_eq!(after.offset, 0);
    assert_ne!(after.epoch, before.epoch);
}
