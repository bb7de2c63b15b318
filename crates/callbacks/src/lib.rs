//! Asks the application about clients, over HTTP.
//!
//! Calls have the shape of Centrifugo's HTTP proxy calls, so that an application that answers those
//! answers these. One that is down, slow or talks nonsense makes clients come back later: they are
//! never told that they may not. After some failures in a row it is left alone for a while.

mod breaker;
mod cache;
mod callbacks;
#[cfg(fuzzing)]
pub mod fuzzing;
mod shape;

pub use callbacks::{Callbacks, Options};
