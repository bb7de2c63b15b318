//! What exists once per process.
//!
//! A node joins its shards to the backend. It knows which shards are interested in which channel
//! ([`switchboard`]), who is present ([`presence`]) and which users are connected ([`users`]), and
//! it passes work to shards through their [`mailbox`]es. It never knows a wire format or a socket.

pub mod event;
pub mod mailbox;
mod node;
pub mod presence;
mod stripes;
pub mod survey;
pub mod switchboard;
mod sync;
pub mod users;

pub use node::{Node, Parts};
