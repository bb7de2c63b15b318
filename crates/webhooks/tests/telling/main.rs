//! What receivers are told, whatever happens to nodes, to the broker and to receivers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod broker;
mod deaths;
mod deliveries;
mod letters;
mod node;
mod receiver;
mod reminders;
