//! Text that arrives in pieces and is refused at the first byte that cannot be UTF-8.

use super::FrameError;

/// Checked text, plus the beginning of a character whose remaining bytes are still to come.
#[derive(Debug, Default)]
pub(super) struct PartialText {
    text: String,
    /// At most three bytes, which are the prefix of some character.
    tail: [u8; 3],
    tail_len: u8,
}

impl PartialText {
    /// Bytes so far.
    pub(super) fn len(&self) -> usize {
        self.text.len() + usize::from(self.tail_len)
    }

    /// Takes more bytes, or says that no continuation could make them UTF-8.
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Result<(), FrameError> {
        while self.tail_len > 0 {
            let Some(byte) = bytes.split_off_first() else { return Ok(()) };
            self.push_to_tail(*byte)?;
        }
        let Some(chunk) = bytes.utf8_chunks().next() else { return Ok(()) };
        self.text.push_str(chunk.valid());
        // What follows the valid part begins a character or is no UTF-8; the tail finds out.
        bytes[chunk.valid().len()..].iter().try_for_each(|byte| self.push_to_tail(*byte))
    }

    /// The whole text; an error when it ends within a character.
    pub(super) fn finish(self) -> Result<String, FrameError> {
        if self.tail_len == 0 { Ok(self.text) } else { Err(FrameError::InvalidUtf8) }
    }

    fn push_to_tail(&mut self, byte: u8) -> Result<(), FrameError> {
        let len = usize::from(self.tail_len);
        let [a, b, c] = self.tail;
        let mut character = [a, b, c, 0];
        character[len] = byte;
        match str::from_utf8(&character[..=len]) {
            Ok(complete) => {
                self.text.push_str(complete);
                self.tail_len = 0;
            }
            // "Ends too early" is never said of four bytes, so there is room for this one.
            Err(error) if error.error_len().is_none() => {
                self.tail[len] = byte;
                self.tail_len += 1;
            }
            Err(_) => return Err(FrameError::InvalidUtf8),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::PartialText;

    /// How many bytes are taken, one by one, before the refusal; `None` if all are.
    fn refused_at(bytes: &[u8]) -> Option<usize> {
        let mut text = PartialText::default();
        bytes.iter().position(|byte| text.push(&[*byte]).is_err())
    }

    #[test]
    fn invalid_bytes_are_refused_as_soon_as_they_arrive() {
        assert_eq!(refused_at(b"ab\x80"), Some(2));
        assert_eq!(refused_at(b"\xC0"), Some(0), "overlong by its first byte");
        assert_eq!(refused_at(b"\xE0\x9F"), Some(1), "overlong by its second");
        assert_eq!(refused_at(b"\xED\xA0\x80"), Some(1), "surrogate");
        assert_eq!(refused_at(b"\xF4\x90\x80\x80"), Some(1), "beyond U+10FFFF");
        assert_eq!(refused_at(b"\xF5"), Some(0));
        assert_eq!(refused_at("κόσμε 😀".as_bytes()), None);
    }

    #[test]
    fn every_cut_gives_the_same_text() {
        let whole = "a é € 😀 \u{10FFFF} z";
        for cut in 0..=whole.len() {
            let mut text = PartialText::default();
            text.push(&whole.as_bytes()[..cut]).unwrap();
            text.push(&whole.as_bytes()[cut..]).unwrap();
            assert_eq!(text.len(), whole.len());
            assert_eq!(text.finish().unwrap(), whole);
        }
    }

    #[test]
    fn bad_bytes_in_the_middle_of_a_piece_are_refused() {
        assert!(PartialText::default().push(b"ok \xE2\x82 more").is_err());
        assert!(PartialText::default().push(b"ok \xFF").is_err());
    }

    #[test]
    fn an_unfinished_character_is_not_text() {
        let mut text = PartialText::default();
        text.push(b"\xE2\x82").unwrap();
        assert!(text.finish().is_err());
    }
}
