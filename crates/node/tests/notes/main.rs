//! What nodes do by notes, on one backend.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what is not as expected fails the test"
)]

mod fixture;
mod handing;
mod inboxes;
mod leases;
mod redelivery;
mod renaming;
mod routes;
mod schedules;
mod tidying;
