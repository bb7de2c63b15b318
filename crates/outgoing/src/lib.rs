//! HTTP calls to the application: what it is asked about clients, what it is told of them, and the
//! keys its tokens are signed with.
//!
//! Whatever is at the other end, a call ends by its deadline, and an answer is never longer than it
//! may be. Redirections are not followed: an address is where the configuration says, and nowhere
//! else. Connections are kept for the next call.

mod address;
mod client;

pub use address::{Address, AddressError};
pub use client::{Answer, Client, Limits, Trouble};
