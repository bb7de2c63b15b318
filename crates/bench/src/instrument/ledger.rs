//! What has been acknowledged, to be held against what there is.

use std::sync::mpsc;

use trunkline_core::backend::{Backend, BackendError, Published};
use trunkline_core::channel::ChannelName;
use trunkline_core::history::HistoryQuery;

use crate::error::BenchError;
use crate::instrument::generator::{STALLED, stalled};

/// Acknowledgements of one channel.
#[derive(Debug, Clone, Copy, Default)]
struct Account {
    count: u64,
    /// The sum of their offsets: n publications without a hole and a duplicate have n (n + 1) / 2.
    sum: u64,
    top: u64,
}

/// Acknowledgements of all channels, since they were made.
#[derive(Debug)]
pub(crate) struct Ledger(Vec<Account>);

impl Ledger {
    /// Nothing acknowledged, in this number of channels.
    pub(crate) fn new(channels: u32) -> Self {
        Self(vec![Account::default(); channels as usize])
    }

    /// Enters one answer.
    ///
    /// # Errors
    /// It is none that a publication in a channel with history should get.
    pub(crate) fn acknowledged(
        &mut self,
        channel: usize,
        result: Result<Published, BackendError>,
    ) -> Result<(), BenchError> {
        let published = result.map_err(|error| BenchError::Backend(error.to_string()))?;
        let Published { position: Some(position), duplicate: false } = published else {
            return Err(BenchError::Backend(format!("a publication became {published:?}")));
        };
        let account = &mut self.0[channel];
        account.count += 1;
        account.sum += position.offset;
        account.top = account.top.max(position.offset);
        Ok(())
    }

    /// Publications acknowledged in all.
    pub(crate) fn total(&self) -> u64 {
        self.0.iter().map(|account| account.count).sum()
    }

    /// Publications without a place of their own, and those delivered too often or not at all, when
    /// nothing is in flight.
    pub(crate) fn lost(&self, delivered: u64) -> u64 {
        let displaced = |account: &Account| {
            let even = account.sum == account.count * (account.count + 1) / 2;
            account.top.abs_diff(account.count).max(u64::from(!even))
        };
        self.0.iter().map(displaced).sum::<u64>() + delivered.abs_diff(self.total())
    }

    /// How many of them a backend does not know of.
    ///
    /// # Errors
    /// It cannot be asked.
    pub(crate) fn missing(
        &self,
        backend: &dyn Backend,
        channels: &[ChannelName],
    ) -> Result<u64, BenchError> {
        let (sender, receiver) = mpsc::channel();
        let mut missing = 0;
        for (channel, account) in channels.iter().zip(&self.0) {
            let sender = sender.clone();
            let done = move |page| {
                // If nobody waits any more, somebody has given up already.
                let _ = sender.send(page);
            };
            backend.history(channel, HistoryQuery::default(), Box::new(done));
            let page = receiver.recv_timeout(STALLED).map_err(|_| stalled("history was due"))?;
            let page = page.map_err(|error| BenchError::Backend(error.to_string()))?;
            missing += page.top.offset.abs_diff(account.top);
        }
        Ok(missing)
    }
}

#[cfg(test)]
mod tests {
    use trunkline_core::position::{Epoch, Position};

    use super::*;

    fn ledger(offsets: &[u64]) -> Ledger {
        let mut ledger = Ledger::new(1);
        for &offset in offsets {
            let position = Some(Position::new(Epoch::new("e"), offset));
            ledger.acknowledged(0, Ok(Published { position, duplicate: false })).unwrap();
        }
        ledger
    }

    #[test]
    fn holes_duplicates_and_wrong_deliveries_are_noticed() {
        assert_eq!(ledger(&[2, 1, 3]).lost(3), 0, "acknowledgements may overtake each other");
        assert_eq!(ledger(&[1, 2]).lost(1), 1);
        assert_eq!(ledger(&[1, 2]).lost(3), 1);
        assert_eq!(ledger(&[1, 3]).lost(2), 1);
        assert_eq!(ledger(&[1, 1, 3]).lost(3), 1);
    }

    #[test]
    fn what_has_no_place_is_no_acknowledgement() {
        let mut ledger = ledger(&[]);
        assert!(ledger.acknowledged(0, Err(BackendError::Full)).is_err());
        let nowhere = Published { position: None, duplicate: false };
        assert!(ledger.acknowledged(0, Ok(nowhere)).is_err());
    }
}
