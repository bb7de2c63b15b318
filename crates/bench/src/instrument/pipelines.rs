//! Closed loop over replies: each connection keeps a number of publications in flight, published
//! and not yet acknowledged. Nobody subscribes.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Instant;

use crate::error::BenchError;
use crate::instrument::generator::{Generator, STALLED, TICK, stalled};
use crate::instrument::histogram::Histogram;
use crate::instrument::load::{Load, Speech};

/// Connections that publish, and publish again when they are answered.
#[derive(Debug)]
pub(crate) struct Pipelines {
    connections: Range<u32>,
    in_flight: u32,
    /// Channels, published in by turns.
    channels: u16,
    turn: u16,
    running: bool,
    /// For each connection, when it published what is not acknowledged yet. A connection's replies
    /// bear the same id; they are taken to come in the order of its commands, which for publications
    /// of one connection they do.
    sent: Vec<VecDeque<Instant>>,
    latencies: Histogram,
}

impl Pipelines {
    /// These connections, with so many publications in flight each.
    pub(crate) fn new(connections: Range<u32>, in_flight: u32, channels: u16) -> Self {
        let sent = connections.clone().map(|_| VecDeque::new()).collect();
        let latencies = Histogram::default();
        Self { connections, in_flight, channels, turn: 0, running: false, sent, latencies }
    }

    /// Nanoseconds between publishing and acknowledgement, of all since the last call.
    pub(crate) fn take_latencies(&mut self) -> Histogram {
        std::mem::take(&mut self.latencies)
    }

    /// Fills every pipeline, keeps it full until `enough`, then waits for all replies.
    ///
    /// # Errors
    /// A connection fails, `enough` does, or replies do not come.
    pub(crate) fn run(
        &mut self,
        generator: &mut Generator,
        mut enough: impl FnMut() -> Result<bool, BenchError>,
    ) -> Result<(), BenchError> {
        self.running = true;
        let mut speeches = Vec::new();
        for connection in self.connections.clone() {
            for _ in 0..self.in_flight {
                self.publish(connection, &mut speeches);
            }
        }
        generator.publish(&speeches)?;
        let mut moved = (Instant::now(), generator.seen().replies);
        loop {
            generator.turn(TICK, self)?;
            let seen = generator.seen();
            if seen.replies != moved.1 {
                moved = (Instant::now(), seen.replies);
            } else if moved.0.elapsed() > STALLED {
                return Err(stalled("acknowledgements were due"));
            }
            if self.running && enough()? {
                self.running = false;
            }
            if !self.running && seen.replies == seen.published {
                return Ok(());
            }
        }
    }

    fn publish(&mut self, connection: u32, speeches: &mut Vec<Speech>) {
        let place = (connection - self.connections.start) as usize;
        self.sent[place].push_back(Instant::now());
        speeches.push(Speech { connection, channel: self.turn });
        self.turn = (self.turn + 1) % self.channels;
    }
}

impl Load for Pipelines {
    fn delivered(&mut self, _: u16, _: u32, _: &mut Vec<Speech>) {}

    fn acknowledged(&mut self, connection: u32, speeches: &mut Vec<Speech>) {
        let place = (connection - self.connections.start) as usize;
        if let Some(sent) = self.sent[place].pop_front() {
            self.latencies.record(sent.elapsed().as_nanos() as u64);
        }
        if self.running {
            self.publish(connection, speeches);
        }
    }
}
