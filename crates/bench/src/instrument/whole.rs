//! Whole frames over any chunking, for those who want to know what is in them.

use crate::instrument::frame::{FrameError, Header, Kind};

/// Gathers the frames of one connection, one after the other. Unlike a
/// [`FrameReader`](crate::instrument::frame::FrameReader), which only counts, it copies them.
#[derive(Debug, Default)]
pub(crate) struct WholeReader {
    held: Vec<u8>,
    /// Where the payload starts, once the frame is whole.
    payload: Option<usize>,
}

impl WholeReader {
    /// Takes the next whole frame off the front of `bytes`, or keeps what is left of them and says
    /// `None`.
    ///
    /// # Errors
    /// See [`FrameError`]; the connection is of no use afterwards.
    pub(crate) fn next(&mut self, bytes: &mut &[u8]) -> Result<Option<Kind>, FrameError> {
        if self.payload.take().is_some() {
            // Thousands of connections that are quiet should not keep what they have read.
            self.held = Vec::new();
        }
        loop {
            let header = Header::read(&self.held)?;
            if header.is_some_and(|header| header.masked) {
                return Err(FrameError::Masked);
            }
            // Until the header is whole, one byte at a time is enough to find its end.
            let wanted = header.map_or(self.held.len() + 1, |header| header.size + header.payload);
            let (taken, rest) = bytes.split_at(bytes.len().min(wanted - self.held.len()));
            self.held.extend_from_slice(taken);
            *bytes = rest;
            if self.held.len() < wanted {
                return Ok(None);
            }
            if let Some(header) = header {
                self.payload = Some(header.size);
                return Ok(Some(Kind::of(header.first, self.text())));
            }
        }
    }

    /// The payload of the frame that [`next`](Self::next) said; empty before and between.
    pub(crate) fn text(&self) -> &[u8] {
        self.payload.map_or(&[], |start| &self.held[start..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instrument::frame::{push_masked, unmasked};

    #[test]
    fn texts_come_whole_over_any_chunking() {
        let long = format!(r#"{{"push":"{}"}}"#, "x".repeat(70_000));
        let middling = format!(r#"{{"id":2,"subscribe":"{}"}}"#, "y".repeat(300));
        let texts = [long.as_str(), "{}", middling.as_str(), "", r#"{"id":3,"error":{}}"#];
        let stream: Vec<u8> = texts.iter().flat_map(|text| unmasked(text)).collect();
        for chunk in [1, 2, 3, 7, 64, 1_000, 65_536, stream.len()] {
            let mut reader = WholeReader::default();
            let mut heard = Vec::new();
            for mut bytes in stream.chunks(chunk) {
                while let Some(kind) = reader.next(&mut bytes).unwrap() {
                    heard.push((kind, String::from_utf8(reader.text().to_vec()).unwrap()));
                }
                assert!(bytes.is_empty(), "a reader keeps what it cannot use yet");
            }
            let kinds = [Kind::Push, Kind::Ping, Kind::Reply, Kind::Foreign, Kind::Refusal];
            let expected: Vec<_> = kinds.into_iter().zip(texts.map(str::to_owned)).collect();
            assert_eq!(heard, expected, "in chunks of {chunk}");
        }
    }

    #[test]
    fn a_masked_frame_is_refused() {
        let mut masked = Vec::new();
        push_masked("{}", &mut masked);
        assert_eq!(WholeReader::default().next(&mut &masked[..]), Err(FrameError::Masked));
    }
}
