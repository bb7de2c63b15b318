//! Waiting for a condition, with a deadline.

use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;

/// Between two looks at a condition. Short beside what servers need to start or to elect, long
/// enough that a dozen waiting tests cost no core.
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// Looks until `condition` yields something, and returns that.
///
/// # Errors
///
/// [`Error::Late`] after `within`, and any error of the condition at once.
pub(crate) fn until<T>(
    what: &str,
    within: Duration,
    mut condition: impl FnMut() -> Result<Option<T>, Error>,
) -> Result<T, Error> {
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = condition()? {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            return Err(Error::Late { what: what.to_owned(), within });
        }
        thread::sleep(BETWEEN_LOOKS);
    }
}

/// Looks until `condition` holds. A condition that cannot be asked does not hold yet: a server that
/// is about to start or to change its role refuses some questions.
///
/// # Errors
///
/// [`Error::Late`] after `within`.
pub(crate) fn until_holds(
    what: &str,
    within: Duration,
    mut condition: impl FnMut() -> Result<bool, Error>,
) -> Result<(), Error> {
    until(what, within, || Ok(condition().unwrap_or(false).then_some(())))
}
