//! Positions as clients give them: any text may come as an epoch.

use trunkline_core::position::{Epoch, Position};

/// Longest epoch that is kept, in bytes. Ours are a quarter of it, so that what had to be cut
/// equals none of them, and a client cannot make the node hold more.
const EPOCH_BYTES: usize = 64;

/// The position a client says it was at.
pub(crate) fn foreign(epoch: &str, offset: u64) -> Position {
    let kept = epoch.floor_char_boundary(EPOCH_BYTES);
    Position { epoch: Epoch::new(&epoch[..kept]), offset }
}

/// Reads `epoch.offset`, the form in which positions stand in URLs and event ids.
pub(crate) fn parse(text: &str) -> Option<Position> {
    let (epoch, offset) = text.rsplit_once('.')?;
    let digits = !offset.is_empty() && offset.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| offset.parse().ok().map(|offset| foreign(epoch, offset))).flatten()
}

/// Appends the form that [`parse`] reads; nothing when the epoch is unknown, or could not stand
/// in one line and come back as it was.
pub(crate) fn write(out: &mut Vec<u8>, epoch: &Epoch, offset: u64) -> bool {
    let epoch = epoch.as_str().as_bytes();
    if epoch.is_empty() || epoch.len() > EPOCH_BYTES || !epoch.iter().all(u8::is_ascii_graphic) {
        return false;
    }
    out.extend_from_slice(epoch);
    out.push(b'.');
    out.extend_from_slice(itoa::Buffer::new().format(offset).as_bytes());
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reads_back_as_written() {
        for (epoch, offset) in [("0f3a", 0), ("a.b", 7), ("e", u64::MAX)] {
            let mut out = Vec::new();
            assert!(write(&mut out, &Epoch::new(epoch), offset));
            let text = String::from_utf8(out).unwrap();
            assert_eq!(parse(&text), Some(Position { epoch: Epoch::new(epoch), offset }));
        }
    }

    #[test]
    fn what_is_no_position_is_not_read() {
        for text in ["", "e", "e.", "e.-1", "e.+1", "e.1x", "e.99999999999999999999"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_epoch_that_could_break_a_line_is_not_written() {
        let mut out = Vec::new();
        for epoch in ["", "a\nb", "a b", "\u{e9}", &"x".repeat(65)] {
            assert!(!write(&mut out, &Epoch::new(epoch), 1));
        }
        assert!(out.is_empty());
    }

    #[test]
    fn a_long_epoch_is_cut_and_never_becomes_the_empty_one() {
        let long = "\u{20ac}".repeat(100);
        assert_eq!(foreign(&long, 3).epoch.as_str().len(), 63);
    }
}
