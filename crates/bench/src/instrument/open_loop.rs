//! Open loop: publications leave by the clock, whatever the server does, and each delivery's
//! latency is counted from the moment its publication was due. A server that stalls the generator
//! is therefore charged for every publication that should have left meanwhile (no coordinated
//! omission).

use std::time::{Duration, Instant};

use crate::error::BenchError;
use crate::instrument::generator::{Generator, STALLED, TICK};
use crate::instrument::histogram::Histogram;
use crate::instrument::load::{Load, Speech};

/// One channel, one publisher, a fixed rate.
#[derive(Debug)]
pub(crate) struct OpenLoop {
    start: Instant,
    interval: Duration,
    /// Publications that only warm up.
    warm_up: u32,
    /// Publications in all.
    total: u32,
    histogram: Histogram,
}

impl OpenLoop {
    /// `rate` publications per second, for `seconds` after one second of warm-up.
    pub(crate) fn new(rate: u32, seconds: f64) -> Self {
        let measured = (f64::from(rate) * seconds).ceil() as u32;
        Self {
            start: Instant::now(),
            interval: Duration::from_secs(1) / rate,
            warm_up: rate,
            total: rate + measured.max(1),
            histogram: Histogram::default(),
        }
    }

    /// The latencies, in nanoseconds, without those of the warm-up.
    pub(crate) fn histogram(&self) -> &Histogram {
        &self.histogram
    }

    /// Publishes everything in time, waits until it has arrived, and returns how many deliveries
    /// are missing. `watch` is called about once a second.
    ///
    /// # Errors
    /// A connection fails, or `watch` does.
    pub(crate) fn run(
        &mut self,
        generator: &mut Generator,
        publisher: u32,
        subscribers: u32,
        mut watch: impl FnMut() -> Result<(), BenchError>,
    ) -> Result<u64, BenchError> {
        let speech = [Speech { connection: publisher, channel: 0 }];
        let expected = u64::from(subscribers) * u64::from(self.total);
        self.start = Instant::now();
        let mut published = 0;
        let mut moved = (self.start, 0);
        let mut watched = self.start;
        loop {
            let now = Instant::now();
            while published < self.total && self.due(published) <= now {
                generator.publish(&speech)?;
                published += 1;
            }
            let wait = if published < self.total {
                self.due(published).saturating_duration_since(now).min(TICK)
            } else {
                TICK
            };
            generator.turn(wait, self)?;
            let deliveries = generator.seen().deliveries;
            if deliveries != moved.1 {
                moved = (now, deliveries);
            }
            let arrived =
                deliveries >= expected && generator.seen().replies == u64::from(self.total);
            if published == self.total && (arrived || now - moved.0 > STALLED) {
                return Ok(generator.lost(&[self.total]));
            }
            if now - watched > Duration::from_secs(1) {
                watched = now;
                watch()?;
            }
        }
    }

    fn due(&self, nth: u32) -> Instant {
        self.start + self.interval * nth
    }
}

impl Load for OpenLoop {
    fn delivered(&mut self, _: u16, nth: u32, _: &mut Vec<Speech>) {
        if nth >= self.warm_up {
            let latency = Instant::now().saturating_duration_since(self.due(nth));
            self.histogram.record(latency.as_nanos() as u64);
        }
    }
}
