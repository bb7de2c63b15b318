//! From the completions of the node to something that can be awaited.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;
use trunkline_core::backend::Completion;
use trunkline_core::error::ClientError;

use crate::error::ApiError;

/// How long the node may take for an answer. Only a shard that has ended, or a backend that hangs,
/// ever takes longer, and the caller should then hear of it before it gives up by itself.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);

/// An operation on its way.
pub(crate) struct Begun<T>(oneshot::Receiver<T>);

/// Begins an operation at once.
pub(crate) fn begin<T: Send + 'static>(operation: impl FnOnce(Completion<T>)) -> Begun<T> {
    let (tell, told) = oneshot::channel();
    operation(Box::new(move |outcome| {
        // Nobody is left to be told when the caller has hung up.
        let _ = tell.send(outcome);
    }));
    Begun(told)
}

impl<T> Begun<T> {
    /// Its outcome. One that does not come is an internal error; the operation may have happened
    /// all the same.
    pub(crate) async fn outcome(self) -> Result<T, ApiError> {
        match timeout(ANSWER_DEADLINE, self.0).await {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(_)) | Err(_) => Err(ClientError::Internal.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_outcome_comes_through() {
        assert_eq!(begin(|done| done(7)).outcome().await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_forgotten_completion_is_an_internal_error() {
        assert_eq!(begin::<()>(drop).outcome().await, Err(ClientError::Internal.into()));
    }
}
