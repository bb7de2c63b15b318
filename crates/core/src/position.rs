//! Where a publication stands in the stream of its channel.

use std::fmt;
use std::sync::Arc;

/// Names one life of a stream. It changes only when the stream is reset or irreparably lost.
/// Opaque to clients; an empty one means "not known yet".
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Epoch(Option<Arc<str>>);

impl Epoch {
    /// An epoch named by `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self((!text.is_empty()).then(|| text.into()))
    }

    /// Its name; empty when unknown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or("")
    }

    /// Whether it is unknown.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// A place in the stream of a channel: which stream, and how far.
///
/// `offset` is the number of the last publication seen; the first publication of a stream has
/// offset 1, so that 0 stands before it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Position {
    /// The life of the stream.
    pub epoch: Epoch,
    /// Publications made in that life up to and including this place.
    pub offset: u64,
}
