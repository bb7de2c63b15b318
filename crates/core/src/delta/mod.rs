//! Differences between two payloads, in the delta format of the Fossil version control system,
//! which the Centrifuge SDKs apply.
//!
//! A patch is ASCII around stretches of the new payload: its length and a line feed; then, in
//! order, `count@offset,` for bytes to be copied from the old payload and `count:` before bytes
//! that follow as they are; at the end a checksum of the new payload and `;`. Numbers are written
//! in base 64. A patch between two texts is a text: no copy begins or ends inside a character.
//! (The format: "Fossil Delta Format", delta_format.wiki in the documents of the Fossil project.)

mod apply;
mod diff;
mod number;

pub use self::apply::{Broken, apply};
pub use self::diff::diff;

/// The sum, modulo 2^32, of the bytes as big-endian 32-bit words, the last filled up with zeros.
fn checksum(bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<4>();
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    let words = words.iter().chain(std::iter::once(&last));
    words.fold(0, |sum, word| sum.wrapping_add(u32::from_be_bytes(*word)))
}

#[cfg(test)]
mod tests;
