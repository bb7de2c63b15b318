//! Why nothing can be said about a run.

use std::fmt::Display;

/// What went wrong, in one line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Failure(String);

impl Failure {
    /// A failure in these words.
    pub(crate) fn new(words: impl Display) -> Self {
        Self(words.to_string())
    }
}

/// Says what was being done when an error came.
pub(crate) trait Doing<T> {
    /// # Errors
    /// The same one, with `what` before it.
    fn doing(self, what: impl Display) -> Result<T, Failure>;
}

impl<T, E: Display> Doing<T> for Result<T, E> {
    fn doing(self, what: impl Display) -> Result<T, Failure> {
        self.map_err(|error| Failure(format!("{what}: {error}")))
    }
}
