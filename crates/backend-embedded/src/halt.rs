//! The end after an error.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

type OnFailure = Box<dyn Fn(&str) + Send + Sync>;

/// Whether the store has stopped, and who is told so, once.
pub(crate) struct Halt {
    stopped: AtomicBool,
    on_failure: Mutex<Option<OnFailure>>,
}

impl Halt {
    pub(crate) fn new(on_failure: impl Fn(&str) + Send + Sync + 'static) -> Self {
        let on_failure: OnFailure = Box::new(on_failure);
        Self { stopped: AtomicBool::new(false), on_failure: Mutex::new(Some(on_failure)) }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Stops for good.
    pub(crate) fn stop(&self, reason: &str) {
        self.stopped.store(true, Ordering::Release);
        let told = self.on_failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(told) = told {
            tracing::error!(reason, "the store stops");
            told(reason);
        }
    }
}
