//! As much of DER (X.690) as public keys need.

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OBJECT: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;

/// What is left to read.
pub(crate) struct Der<'a>(pub(crate) &'a [u8]);

impl<'a> Der<'a> {
    /// The next value, which has to be of this kind.
    pub(crate) fn take(&mut self, kind: u8) -> Option<&'a [u8]> {
        let [found, length, rest @ ..] = self.0 else { return None };
        let (length, rest) = match length {
            0..=0x7f => (usize::from(*length), rest),
            0x81 => (usize::from(*rest.first()?), &rest[1..]),
            0x82 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), &rest[2..]),
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        (*found == kind).then_some(value)
    }

    /// A positive number, without the zero that only keeps it from being a negative one.
    pub(crate) fn number(&mut self) -> Option<&'a [u8]> {
        let bytes = self.take(INTEGER)?;
        Some(bytes.strip_prefix(&[0]).unwrap_or(bytes))
    }
}
