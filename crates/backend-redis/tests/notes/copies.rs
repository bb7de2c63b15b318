//! Copies that a change waits for.

use trunkline_core::backend::BackendError;
use trunkline_core::note::{Change, Changed, Due, Expected, Notes as _};

use crate::fixture::{Fixture, key, put, wait};

#[test]
fn a_change_that_publishes_nothing_waits_for_copies_too() {
    let fixture = Fixture::start();
    let change = |replicas| Change { replicas, ..put(key("c", "n"), Due::Never) };
    assert!(matches!(fixture.change(change(0)), Ok(Changed::Made { .. })));
    let before = wait(|done| fixture.backend.read(&key("c", "n"), done)).unwrap().unwrap();
    // The server has none.
    assert_eq!(fixture.change(change(1)), Err(BackendError::Unconfirmed));
    let after = wait(|done| fixture.backend.read(&key("c", "n"), done)).unwrap().unwrap();
    assert!(after.version > before.version, "it was made");
    // Where nothing was done there is nothing to be copied.
    let refused = Change { expected: Expected::Nothing, ..change(1) };
    assert_eq!(fixture.change(refused), Ok(Changed::Refused(Some(after))));
}
