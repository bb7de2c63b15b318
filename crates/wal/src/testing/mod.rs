//! A disk for tests that loses, tears, reorders and refuses, the same way for the same seed.
//!
//! | module | what |
//! |---|---|
//! | `dice` | random numbers from a seed |
//! | `inode` | one file: what is on disk, what is in memory, what is in between |
//! | `fake` | the disk: names, power, room, faults; its files below it |
//! | `lying` | wrappers that break one promise each, to prove that tests notice |

mod dice;
mod fake;
mod inode;
mod lying;

pub use dice::Dice;
pub use fake::{FakeDisk, Room};
pub use lying::{Lie, Lying};
