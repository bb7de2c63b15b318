//! The proxy between real sockets on loopback, used as a test without a runtime uses it: the test is the
//! client and the upstream at once.
//!
//! `world` is what they share. No time is asserted. What must not arrive is shown to be missing by what
//! arrives in its place, or by another connection that is served meanwhile.

mod ends;
mod faults;
mod handle;
mod world;
