//! A log in use, damaged, and crashing.
//!
//! | module | what |
//! |---|---|
//! | `small` | a log so small that a few appends fill a segment |
//! | `service` | what users of an open log see |
//! | `damage` | what is refused, how it is named, and what a repair makes of it |
//! | `crashes` | two crashes in a row, at every pair of steps |

mod crashes;
mod damage;
mod service;
mod small;
