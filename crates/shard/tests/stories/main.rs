//! Stories of clients and a node, over real sockets on the loopback.
//!
//! A turn of the loop cannot be seen from outside. Where a story needs several things to fall into
//! one turn it pauses the shard, lets them all arrive, and lets the shard go on.

#[path = "../support/mod.rs"]
mod support;

mod behind;
mod control;
mod crossing;
mod differences;
mod draining;
mod dropping;
mod event_stream;
mod halves;
mod handed_over;
mod heartbeat;
mod holes;
mod identity;
mod joining;
mod leaving;
mod limits;
mod observed;
mod opening;
mod order;
mod returning;
mod slow;
mod tls;
mod together;
mod wandering;
mod writing;
