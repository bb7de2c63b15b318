//! The rules of the house, executed: what ARCHITECTURE.md and STYLE.md promise, held against the
//! files of the checkout.
//!
//! `arrows` asks the manifests who depends on whom, `words` reads the text of every file, and
//! `checkout` finds both. A broken rule says where, and what to do about it.

mod arrows;
mod checkout;
mod words;

/// Fails with everything that breaks a rule, and what to do about it.
#[track_caller]
fn hold(rule: &str, broken: &[String], remedy: &str) {
    let list = broken.join("\n  ");
    assert!(broken.is_empty(), "\n{rule}\n\nBroken by\n  {list}\n\nWhat to do: {remedy}\n");
}
