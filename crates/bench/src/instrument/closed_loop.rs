//! Closed loop: in each channel a fixed number of publications is in flight, published and not yet
//! received by all. A slow server is not flooded, it only gets less to do, so nothing is lost for
//! want of room.

use std::ops::Range;
use std::time::Instant;

use crate::error::BenchError;
use crate::instrument::generator::{Generator, STALLED, TICK, stalled};
use crate::instrument::load::{Load, Speech};

/// One channel's traffic.
#[derive(Debug)]
struct Channel {
    /// Who publishes, in turn.
    speakers: Range<u32>,
    /// Who each publication must reach.
    subscribers: u32,
    published: u32,
    /// For each publication in flight, how many it has not reached; by its number modulo the
    /// window.
    missing: Vec<u32>,
}

/// Channels with a window of publications in flight each.
#[derive(Debug)]
pub(crate) struct ClosedLoop {
    channels: Vec<Channel>,
    /// No channel publishes more than this in all.
    limit: u32,
    running: bool,
    in_flight: u64,
    /// Deliveries of publications that nobody had published or that had already reached all.
    surplus: u64,
}

impl ClosedLoop {
    /// Channel `n` has the connections `channels[n].0` publishing in turn and `channels[n].1`
    /// subscribers; `window` publications, at least one, are kept in flight in each.
    pub(crate) fn new(
        channels: impl IntoIterator<Item = (Range<u32>, u32)>,
        window: u32,
        limit: u32,
    ) -> Self {
        let channels = channels
            .into_iter()
            .map(|(speakers, subscribers)| Channel {
                speakers,
                subscribers,
                published: 0,
                missing: vec![0; window as usize],
            })
            .collect();
        Self { channels, limit, running: false, in_flight: 0, surplus: 0 }
    }

    /// How many deliveries are missing or surplus now that everything should have arrived.
    pub(crate) fn lost(&self, generator: &Generator) -> u64 {
        let published: Vec<u32> = self.channels.iter().map(|channel| channel.published).collect();
        generator.lost(&published).max(self.surplus)
    }

    /// Fills every window, keeps it full until `enough`, then lets everything arrive. On return
    /// nothing is in flight, unless it was lost.
    ///
    /// # Errors
    /// A connection fails, `enough` does, or replies do not come.
    pub(crate) fn run(
        &mut self,
        generator: &mut Generator,
        mut enough: impl FnMut() -> Result<bool, BenchError>,
    ) -> Result<(), BenchError> {
        let mut speeches = Vec::new();
        self.running = true;
        for channel in 0..self.channels.len() as u16 {
            for _ in 0..self.channels[usize::from(channel)].missing.len() {
                self.publish(channel, &mut speeches);
            }
        }
        generator.publish(&speeches)?;
        let mut moved = (Instant::now(), generator.seen().deliveries);
        loop {
            generator.turn(TICK, self)?;
            let seen = generator.seen();
            let arrived = self.in_flight == 0 && seen.replies == seen.published;
            if arrived && (!self.running || self.limit_reached()) {
                return Ok(());
            }
            if seen.deliveries != moved.1 {
                moved = (Instant::now(), seen.deliveries);
            } else if moved.0.elapsed() > STALLED {
                // What is missing will be counted as lost; if nothing is, only replies are.
                return if self.in_flight > 0 { Ok(()) } else { Err(stalled("replies were due")) };
            }
            if self.running && enough()? {
                self.running = false;
            }
        }
    }

    fn limit_reached(&self) -> bool {
        self.channels.iter().all(|channel| channel.published >= self.limit)
    }

    fn publish(&mut self, channel: u16, speeches: &mut Vec<Speech>) {
        let state = &mut self.channels[usize::from(channel)];
        if !self.running || state.published >= self.limit {
            return;
        }
        let slot = state.published as usize % state.missing.len();
        let turn = state.published % (state.speakers.end - state.speakers.start);
        state.missing[slot] = state.subscribers;
        state.published += 1;
        self.in_flight += 1;
        speeches.push(Speech { connection: state.speakers.start + turn, channel });
    }
}

impl Load for ClosedLoop {
    fn delivered(&mut self, channel: u16, nth: u32, speeches: &mut Vec<Speech>) {
        let Some(state) = self.channels.get_mut(usize::from(channel)) else { return };
        // Publications reach each subscriber in order, so the nth it receives is the nth of the
        // channel; and a slot is used again only when all have received the publication that had
        // it.
        let slot = nth as usize % state.missing.len();
        let missing = &mut state.missing[slot];
        if *missing == 0 || nth >= state.published {
            self.surplus += 1;
            return;
        }
        *missing -= 1;
        if *missing == 0 {
            self.in_flight -= 1;
            self.publish(channel, speeches);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(window: u32, limit: u32) -> (ClosedLoop, Vec<Speech>) {
        let mut load = ClosedLoop::new([(10..12, 3)], window, limit);
        load.running = true;
        let mut speeches = Vec::new();
        for _ in 0..window {
            load.publish(0, &mut speeches);
        }
        (load, speeches)
    }

    #[test]
    fn the_window_is_refilled_when_all_have_received() {
        let (mut load, mut speeches) = started(2, u32::MAX);
        let speakers: Vec<u32> = speeches.iter().map(|speech| speech.connection).collect();
        assert_eq!(speakers, [10, 11], "publishers take turns");
        speeches.clear();
        for _ in 0..2 {
            load.delivered(0, 0, &mut speeches);
        }
        load.delivered(0, 1, &mut speeches);
        assert!(speeches.is_empty(), "one subscriber is still missing");
        load.delivered(0, 0, &mut speeches);
        assert_eq!(speeches, [Speech { connection: 10, channel: 0 }]);
        assert_eq!(load.in_flight, 2);
    }

    #[test]
    fn nothing_is_published_beyond_the_limit() {
        let (mut load, mut speeches) = started(1, 2);
        for nth in 0..2 {
            for _ in 0..3 {
                load.delivered(0, nth, &mut speeches);
            }
        }
        assert_eq!((speeches.len(), load.in_flight), (2, 0));
        assert!(load.limit_reached());
    }

    #[test]
    fn what_nobody_published_is_surplus() {
        let (mut load, mut speeches) = started(1, u32::MAX);
        load.delivered(0, 1, &mut speeches);
        assert_eq!(load.surplus, 1);
    }
}
