//! Positions as clients give them and get them: `epoch.offset~tag`, where the tag may be missing.

use trunkline_core::position::{Epoch, Position, Tag};

/// Longest epoch that is kept, in bytes. Ours are at most half of it, so that what had to be cut
/// equals none of them, and a client cannot make the node hold more.
const EPOCH_BYTES: usize = 64;

/// The position a client says it was at.
pub(crate) fn foreign(epoch: &str, offset: u64) -> Position {
    let kept = epoch.floor_char_boundary(EPOCH_BYTES);
    Position::new(Epoch::new(&epoch[..kept]), offset)
}

/// Reads the form in which positions stand in URLs and event ids.
pub(crate) fn parse(text: &str) -> Option<Position> {
    let (epoch, place) = text.rsplit_once('.')?;
    let (offset, tag) = match place.split_once('~') {
        Some((offset, tag)) => (offset, Some(Tag::parse(tag)?)),
        None => (place, None),
    };
    if !offset.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(Position { tag, ..foreign(epoch, offset.parse().ok()?) })
}

/// Appends the form that [`parse`] reads; nothing when the epoch is unknown, or could not stand
/// in one line and come back as it was.
pub(crate) fn write(out: &mut Vec<u8>, position: &Position) -> bool {
    let epoch = position.epoch.as_str().as_bytes();
    if epoch.is_empty() || epoch.len() > EPOCH_BYTES || !epoch.iter().all(u8::is_ascii_graphic) {
        return false;
    }
    out.extend_from_slice(epoch);
    out.push(b'.');
    out.extend_from_slice(itoa::Buffer::new().format(position.offset).as_bytes());
    if let Some(tag) = position.tag {
        out.push(b'~');
        out.extend_from_slice(&tag.digits());
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(position: &Position) -> Option<String> {
        let mut out = Vec::new();
        let text = write(&mut out, position).then(|| String::from_utf8(out.clone()).unwrap());
        assert!(text.is_some() || out.is_empty(), "nothing or all of it");
        text
    }

    #[test]
    fn a_position_has_a_tag_where_it_is_known() {
        let mut position = Position::new(Epoch::new("0f3a"), 7);
        assert_eq!(written(&position).unwrap(), "0f3a.7");
        position.tag = Some(Tag([0, 1, 2, 3, 4, 5, 6, 0xab]));
        assert_eq!(written(&position).unwrap(), "0f3a.7~00010203040506ab");
        assert_eq!(parse("0f3a.7~00010203040506ab"), Some(position));
    }

    #[test]
    fn the_beginning_of_any_stream_is_a_position() {
        assert_eq!(parse(".0"), Some(Position::default()));
        assert_eq!(written(&Position::default()), None, "but not one to come back to");
    }

    #[test]
    fn what_is_no_position_is_not_read() {
        for text in [
            "",
            "e",
            "e.",
            "e.-1",
            "e.+1",
            "e.1x",
            "e.99999999999999999999",
            "e.~0000000000000000",
            "e.1~",
            "e.1~0",
            "e.1~000000000000000G",
            "e.1~00000000000000AB",
            "e.1~0000000000000000~",
            "e.1~+000000000000000",
            "e~0000000000000000",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_epoch_that_could_break_a_line_is_not_written() {
        for epoch in ["", "a\nb", "a b", "\u{e9}", &"x".repeat(65)] {
            assert_eq!(written(&Position::new(Epoch::new(epoch), 1)), None);
        }
    }

    #[test]
    fn a_long_epoch_is_cut_and_never_becomes_the_empty_one() {
        let long = "\u{20ac}".repeat(100);
        assert_eq!(foreign(&long, 3).epoch.as_str().len(), 63);
    }

    proptest! {
        #[test]
        fn a_position_reads_back_as_written(
            epoch in "[!-~]{1,64}", offset: u64, tag: Option<[u8; 8]>
        ) {
            let tag = tag.map(Tag);
            let position = Position { tag, ..Position::new(Epoch::new(&epoch), offset) };
            prop_assert_eq!(parse(&written(&position).unwrap()), Some(position));
        }

        #[test]
        fn any_text_is_a_position_or_not(text in prop_oneof![any::<String>(), "[a-f.~0-9]{0,40}"]) {
            if let Some(position) = parse(&text) {
                prop_assert!(position.epoch.as_str().len() <= EPOCH_BYTES);
                if let Some(written) = written(&position) {
                    prop_assert_eq!(parse(&written), Some(position));
                }
            }
        }
    }
}
