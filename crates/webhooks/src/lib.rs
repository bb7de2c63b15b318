//! Outgoing webhooks: applications are told what clients do, at least once and in order.
//!
//! What happens on a node comes in through [`Observer`](trunkline_core::observer::Observer) and waits
//! in a `queue`, from which the `writer` puts it into the `outbox`, a stream that all nodes share. Who
//! is where is counted (`occupancy`) and told by the `teller` in a `ledger` of notes, so that the first
//! and the last over all nodes are told of once. One `courier` for each receiver reads the outbox and
//! delivers it, a `batch` at a time; what is not taken for long becomes one of the dead `letters`. The
//! `warden` looks after nodes that die (`life`), and what else is `overdue` is looked after beside it:
//! `reminders` of messages that nobody reads.
//!
//! Reading order: `outbox`, `writer`, `ledger`, `courier`.

mod backoff;
mod batch;
mod courier;
mod ending;
mod event;
mod ledger;
mod letters;
mod life;
mod occupancy;
mod outbox;
mod overdue;
mod present;
mod progress;
mod queue;
mod reminders;
mod shared;
mod signature;
mod teller;
mod warden;
mod watching;
mod webhooks;
mod wish;
mod writer;

pub use courier::Receiver;
pub use event::Kind;
pub use letters::Letter;
pub use reminders::{Inboxes, Unread};
pub use signature::{BadSecret, Signer};
pub use webhooks::{Options, State, Webhooks};
pub use wish::Wish;
