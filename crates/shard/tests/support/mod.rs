//! A node in this process, and clients that talk to it over real sockets.

pub(crate) mod application;
pub(crate) mod channels;
pub(crate) mod client;
pub(crate) mod frame;
pub(crate) mod gate;
pub(crate) mod losing;
pub(crate) mod node;
pub(crate) mod peer;
pub(crate) mod random;
pub(crate) mod secrets;
pub(crate) mod waiting;
pub(crate) mod withholding;

pub(crate) use client::{Client, Upgrade};
pub(crate) use frame::Frame;
pub(crate) use node::{Setup, TestNode};
pub(crate) use peer::Peer;
pub(crate) use waiting::{PATIENCE, eventually};
