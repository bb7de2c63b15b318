//! Tokens of those who sign with a secret of their own, and whose public key is known.

#![expect(clippy::unwrap_used, reason = "what is not as expected fails the test")]

#[path = "../forge/mod.rs"]
mod forge;
mod issuers;
mod public_keys;
mod signers;
