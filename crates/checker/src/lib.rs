//! Judges whether a server kept its promise: whoever stays or comes back within retention receives
//! every acknowledged message, in order and once, or is told that this cannot be, and why.
//!
//! A run is a sequence of [`event::Event`]s: what publishers were answered, what each subscriber
//! received, and what the streams held at the end. [`judge::Judge`] takes them one by one and says
//! in a [`judge::Verdict`] what does not fit together. It knows no I/O and no server, so that it can
//! judge logs of anything that has channels and positions. `docs/checker.md` describes the log.
//!
//! The program `trunkline-checker` judges logs in files, makes such logs by driving a server through
//! real sockets, and does so while it kills the server again and again.

pub mod event;
pub mod judge;
