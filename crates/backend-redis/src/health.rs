//! Whether a server can be used, and why not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::link::Trouble;

/// A part of the way to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Commands and their answers.
    Commands,
    /// What is published.
    Lines,
    /// What becomes of streams when memory is full.
    Memory,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Commands => "commands",
            Self::Lines => "subscriptions",
            Self::Memory => "memory",
        }
    }
}

/// How a server is.
pub(crate) struct Health {
    server: String,
    troubles: Mutex<[Option<String>; 3]>,
    /// Connections for commands that there have been.
    connections: AtomicU64,
}

impl Health {
    /// Of a server that was not reached yet.
    pub(crate) fn new(server: String) -> Self {
        let yet = || Some("not connected yet".to_owned());
        let connections = AtomicU64::new(0);
        Self { server, troubles: Mutex::new([yet(), yet(), None]), connections }
    }

    pub(crate) fn is_well(&self, part: Part) {
        let mut troubles = self.troubles();
        if troubles[part as usize].take().is_some() {
            if part == Part::Commands {
                self.connections.fetch_add(1, Ordering::Relaxed);
            }
            tracing::info!(server = %self.server, part = part.name(), "Redis is well");
        }
    }

    /// Whether something is wrong with a part.
    pub(crate) fn suffers(&self, part: Part) -> bool {
        self.troubles()[part as usize].is_some()
    }

    /// Says so in the log when it is news: a server that is down is so for commands and lines alike.
    pub(crate) fn is_in_trouble(&self, part: Part, trouble: &Trouble) {
        let text = trouble.to_string();
        let mut troubles = self.troubles();
        if !troubles.iter().flatten().any(|known| *known == text) {
            tracing::warn!(server = %self.server, part = part.name(), why = %text, "trouble with Redis");
        }
        troubles[part as usize] = Some(text);
    }

    /// The number of the connection for commands, if there is one. Behind another one may be a
    /// server that knows less.
    pub(crate) fn connection(&self) -> Option<u64> {
        let is_well = self.troubles()[Part::Commands as usize].is_none();
        is_well.then(|| self.connections.load(Ordering::Relaxed))
    }

    /// The first thing that is wrong.
    pub(crate) fn trouble(&self) -> Option<String> {
        let troubles = self.troubles();
        let first = troubles.iter().flatten().next()?;
        Some(format!("{}: {first}", self.server))
    }

    fn troubles(&self) -> MutexGuard<'_, [Option<String>; 3]> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
