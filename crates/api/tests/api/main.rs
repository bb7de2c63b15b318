//! The server API over a real node with the memory backend.

#![expect(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod commands;
mod edge;
mod house;
mod inboxes;
mod publishing;
mod schedules;
