//! Several nodes of one process, joined by the model broker: what they know of each other, and what
//! they do together.
//!
//! Nothing moves by itself here. Time is told, the broker's lanes are moved to rest, and the shards
//! are mailboxes that answer when the test says so.

#![expect(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod commands;
mod fixture;
mod histories;
mod peers;
mod returning;
mod revoking;
mod surveys;
