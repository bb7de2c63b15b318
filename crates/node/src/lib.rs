//! What exists once per process.
//!
//! A node joins its shards to the backend. It knows which shards are interested in which channel
//! ([`switchboard`]), who is present ([`presence`]) and which users are connected ([`users`]), and
//! it passes work to shards through their [`mailbox`]es. It never knows a wire format or a socket.
//!
//! With others it makes a cluster: `cluster` says and hears what nodes tell each other, [`peers`] is
//! who they are, `surveys` are the questions to all of them. [`leaving`] holds back the exits of
//! those who may come back, to whichever node.

mod attendance;
mod cluster;
pub mod event;
pub mod leaving;
pub mod lines;
pub mod mailbox;
mod node;
pub mod peers;
pub mod presence;
mod stripes;
pub mod survey;
mod surveys;
pub mod switchboard;
mod sync;
pub mod users;

pub use node::{Node, Parts};
pub use surveys::Told;
