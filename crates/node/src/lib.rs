//! What exists once per process.
//!
//! A node joins its shards to the backend. It knows which shards are interested in which channel
//! ([`switchboard`]), who is present ([`presence`]) and which users are connected (`counted`), which
//! subscriptions have a place where there are only so many (`seats`), and it passes work to shards through their [`mailbox`]es. It never knows a wire format or a socket.
//!
//! With others it makes a cluster: `cluster` says and hears what nodes tell each other, [`peers`] is
//! who they are, `duties` divides work among them, `surveys` are the questions to all of them.
//! [`leases`] gives a job to one node at a time. [`leaving`] holds back the exits of those who may
//! come back, to whichever node. `throttle` counts what users and addresses do, on all nodes, and
//! `revoking` is what was taken back from them. [`inbox`] is what users have read, [`routes`] what
//! enters inboxes by itself, [`redelivery`] what comes again in them. `due` looks through the notes that are due, which are [`schedules`].

mod attendance;
mod cluster;
mod counted;
mod due;
mod duties;
pub mod event;
pub mod inbox;
pub mod leases;
pub mod leaving;
pub mod lines;
pub mod mailbox;
mod node;
pub mod peers;
pub mod presence;
pub mod redelivery;
mod revocation_note;
mod revoking;
pub mod routes;
pub mod schedules;
mod seats;
mod stripes;
pub mod survey;
mod surveys;
pub mod switchboard;
mod sync;
mod throttle;
mod tidying;

pub use node::{Asker, Node, Parts};
pub use surveys::Told;
