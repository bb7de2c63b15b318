//! The end of the node, as its parts are told of it; and the end of parts.

use tokio::sync::watch;
use tokio::task::JoinError;

/// Tells that the node ends.
#[derive(Clone)]
pub(crate) struct Ending(watch::Receiver<bool>);

impl Ending {
    pub(crate) fn of(sender: &watch::Sender<bool>) -> Self {
        Self(sender.subscribe())
    }

    /// Whether it has come.
    pub(crate) fn has_come(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for it.
    pub(crate) async fn comes(&mut self) {
        // Whoever could tell has ended: then so do others.
        let _ = self.0.wait_for(|ends| *ends).await;
    }
}

/// A part has ended; where that was a panic it is one here, too.
pub(crate) fn unbroken(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}
