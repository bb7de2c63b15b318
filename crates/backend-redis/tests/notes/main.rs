//! Notes in a Redis of their own: what the suite of all backends does not ask.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what is not as expected fails the test"
)]

mod copies;
mod fixture;
mod paging;
mod room;
mod unreadable;
