//! Reading streams that lines want read: so many at a time, and again when it did not work.

use std::collections::VecDeque;
use std::sync::{MutexGuard, PoisonError, Weak};

use trunkline_core::backend::BackendError;
use trunkline_core::channel::ChannelName;
use trunkline_core::history::HistoryPage;
use trunkline_core::limits::{LINE_RETRY_MS, LINES_READ_AT_ONCE};
use trunkline_core::line::Outcome;
use trunkline_core::time::Tick;

use super::Lines;

/// Which streams are being read, and which are to be.
#[derive(Default)]
pub(super) struct Readings {
    under_way: usize,
    /// As many as there are lines, at most: each wants to be read once at a time.
    waiting: VecDeque<ChannelName>,
    /// Could not be read, and when to try again.
    failed: VecDeque<(Tick, ChannelName)>,
}

impl Readings {
    /// Those that are to be tried again.
    pub(super) fn due(&mut self, now: Tick) -> Vec<ChannelName> {
        let count = self.failed.partition_point(|(at, _)| *at <= now);
        self.failed.drain(..count).map(|(_, channel)| channel).collect()
    }
}

impl Lines {
    pub(super) fn readings(&self) -> MutexGuard<'_, Readings> {
        self.readings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the stream of a channel, as soon as there is room.
    pub(super) fn want_reading(&self, channel: ChannelName) {
        let mut readings = self.readings();
        if readings.under_way >= LINES_READ_AT_ONCE {
            return readings.waiting.push_back(channel);
        }
        readings.under_way += 1;
        drop(readings);
        self.read(&channel);
    }

    fn read(&self, channel: &ChannelName) {
        let query =
            self.entries.of(channel).get_mut(channel).and_then(|entry| entry.line.begin_reading());
        let (Some(query), Some(backend)) = (query, self.backend.get()) else {
            // It was left, or is being read already.
            return self.next();
        };
        self.metrics.node.line_readings.add(1);
        let (me, name) = (Weak::clone(&self.me), channel.clone());
        let take = move |answer| {
            if let Some(lines) = me.upgrade() {
                lines.take(&name, answer);
            }
        };
        backend.history(channel, query, Box::new(take));
    }

    fn take(&self, channel: &ChannelName, answer: Result<HistoryPage, BackendError>) {
        match answer {
            Ok(page) => self.happen(channel, |entry, now| entry.line.read(page, now)),
            Err(_) => {
                self.happen(channel, |entry, _| {
                    entry.line.not_read();
                    Outcome::default()
                });
                let again = self.now().after(LINE_RETRY_MS);
                self.readings().failed.push_back((again, channel.clone()));
            }
        }
        self.next();
    }

    /// One reading has ended.
    fn next(&self) {
        let mut readings = self.readings();
        match readings.waiting.pop_front() {
            Some(channel) => {
                drop(readings);
                self.read(&channel);
            }
            None => readings.under_way -= 1,
        }
    }
}
