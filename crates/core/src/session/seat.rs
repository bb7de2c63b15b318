//! Room for a subscription, where a namespace has only so much.

use std::fmt;

use crate::channel::ChannelName;
use crate::error::ClientError;
use crate::namespace::ChannelOptions;

use super::{Session, Surroundings};

/// A subscription's share of what its channel and its namespace may have.
///
/// It is a part of the subscription, and is given back when that is dropped: a subscription ends in
/// many ways, and none of them can forget it, or do it twice.
pub struct Seat(Option<Box<dyn FnOnce() + Send>>);

impl Seat {
    /// A seat that was taken; `give_back` is called once, when the subscription has ended.
    #[must_use]
    pub fn new(give_back: impl FnOnce() + Send + 'static) -> Self {
        Self(Some(Box::new(give_back)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(give_back) = self.0.take() {
            give_back();
        }
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Seat")
    }
}

impl Session {
    /// Takes a seat for a subscription that nothing else speaks against; `None` where nobody needs
    /// one.
    pub(super) fn seat(
        channel: &ChannelName,
        options: &ChannelOptions,
        around: &Surroundings<'_>,
    ) -> Result<Option<Seat>, ClientError> {
        if !options.has_seats() {
            return Ok(None);
        }
        (around.seat)(channel, options).map(Some).ok_or(ClientError::LimitExceeded)
    }
}
