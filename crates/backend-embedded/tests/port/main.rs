//! The backend through its port, on real disks and false ones.
//!
//! | module | what |
//! |---|---|
//! | `fixture` | a backend, a sink that records, a clock that is set |
//! | `restart` | what a restart keeps |
//! | `early` | delivery before durability |
//! | `memory` | streams that leave memory and come back, and those that are forgotten |
//! | `faults` | full disks, failing disks |
//! | `damage` | refusal and repair |

#![expect(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod damage;
mod early;
mod faults;
mod fixture;
mod memory;
mod restart;
