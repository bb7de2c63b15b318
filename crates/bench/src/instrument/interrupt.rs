//! ^C and SIGTERM end the bench through its ordinary way out, so that every process it started is
//! stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::error::{BenchError, Doing};

/// Whether somebody wants the bench to end; clones share the answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Takes both signals from now on.
    ///
    /// # Errors
    /// The handlers cannot be installed.
    pub(crate) fn listen() -> Result<Self, BenchError> {
        let interrupt = Self::default();
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&interrupt.0))
                .doing("handling signals")?;
        }
        Ok(interrupt)
    }

    /// # Errors
    /// [`BenchError::Interrupted`] once a signal has come.
    pub(crate) fn check(&self) -> Result<(), BenchError> {
        if self.0.load(Ordering::Relaxed) { Err(BenchError::Interrupted) } else { Ok(()) }
    }
}
