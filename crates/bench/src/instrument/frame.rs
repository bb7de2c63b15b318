//! WebSocket frames (RFC 6455 §5.2), as little of them as counting needs.
//!
//! The generator has to be cheaper than the server it measures: a frame that lies whole in what was
//! received is classified by its first bytes and skipped, nothing is copied. Only a frame cut by
//! the end of a read leaves something behind.

/// The masking key of every frame the generator sends. Not zero, so that the server has its honest
/// work in unmasking.
const MASK: [u8; 4] = [0x5a, 0xc3, 0x96, 0x3c];

const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;

/// First payload bytes that [`Kind::of`] looks at: `{"id":3,"error"` fits.
const HEAD: usize = 16;
/// Longest header of an unmasked frame.
const LONGEST_HEADER: usize = 10;

/// A frame longer than this (bytes) is taken for a broken stream.
const MAX_PAYLOAD: u64 = 16 * 1024 * 1024;

/// Appends a final text frame, masked, as a client sends it.
pub(crate) fn push_masked(text: &str, frames: &mut Vec<u8>) {
    push_header(text.len(), 0x80, frames);
    frames.extend_from_slice(&MASK);
    frames.extend(text.bytes().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
}

/// A final text frame, not masked, as a server sends it.
pub(crate) fn unmasked(text: &str) -> Vec<u8> {
    let mut frame = Vec::with_capacity(text.len() + LONGEST_HEADER);
    push_header(text.len(), 0, &mut frame);
    frame.extend_from_slice(text.as_bytes());
    frame
}

fn push_header(length: usize, mask_bit: u8, frames: &mut Vec<u8>) {
    frames.push(0x80 | TEXT);
    match length {
        0..=125 => frames.push(mask_bit | length as u8),
        126..=0xffff => {
            frames.push(mask_bit | 126);
            frames.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            frames.push(mask_bit | 127);
            frames.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// The first byte: final bit, reserved bits, opcode.
    pub(crate) first: u8,
    /// Whether a masking key is the last part of the header.
    pub(crate) masked: bool,
    /// Length of the header in bytes, masking key included.
    pub(crate) size: usize,
    /// Length of the payload in bytes.
    pub(crate) payload: usize,
}

impl Header {
    /// Reads the header at the start of `bytes`; `None` when it is not all there.
    ///
    /// # Errors
    /// A payload of more than 16 MiB is refused.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<Self>, FrameError> {
        let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
        let (extended, payload) = match second & 0x7f {
            126 => match rest.first_chunk() {
                Some(length) => (2, u64::from(u16::from_be_bytes(*length))),
                None => return Ok(None),
            },
            127 => match rest.first_chunk() {
                Some(length) => (8, u64::from_be_bytes(*length)),
                None => return Ok(None),
            },
            short => (0, u64::from(short)),
        };
        if payload > MAX_PAYLOAD {
            return Err(FrameError::TooLong(payload));
        }
        let masked = second & 0x80 != 0;
        let size = 2 + extended + if masked { 4 } else { 0 };
        Ok(Some(Self { first, masked, size, payload: payload as usize }))
    }
}

/// Why a stream of frames cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("a frame of {0} bytes")]
    TooLong(u64),
    #[error("a masked frame from the server")]
    Masked,
}

/// Undoes the masking of the first bytes of a client's frame: as many as fit in `head`. `frame`
/// starts with its header.
pub(crate) fn unmask_head<'a>(header: Header, frame: &[u8], head: &'a mut [u8]) -> &'a [u8] {
    let key = &frame[header.size - 4..header.size];
    let payload = &frame[header.size..header.size + header.payload];
    let length = payload.len().min(head.len());
    for (at, clear) in head[..length].iter_mut().enumerate() {
        *clear = payload[at] ^ key[at % 4];
    }
    &head[..length]
}

/// What a frame from the server is, as far as the generator cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A push: in a channel without join and leave, a publication.
    Push,
    /// A reply that says yes.
    Reply,
    /// A reply that says no.
    Refusal,
    /// The server's `{}`.
    Ping,
    /// The server closes, with this code (0 when it gives none).
    Close(u16),
    /// Nothing the generator expects.
    Foreign,
}

impl Kind {
    /// Tells a frame by its first byte and the first bytes of its payload.
    pub(crate) fn of(first: u8, head: &[u8]) -> Self {
        match first {
            0x81 if head.starts_with(br#"{"push""#) => Self::Push,
            0x81 if head.starts_with(br#"{"id":"#) => match head.get(8..15) {
                Some(br#""error""#) => Self::Refusal,
                _ => Self::Reply,
            },
            0x81 if head == b"{}" => Self::Ping,
            _ if first & 0x0f == CLOSE => {
                Self::Close(head.first_chunk().map_or(0, |code| u16::from_be_bytes(*code)))
            }
            _ => Self::Foreign,
        }
    }
}

/// Counts the frames of one connection over any chunking.
#[derive(Debug, Default)]
pub(crate) struct FrameReader {
    /// Header and first payload bytes of a frame that began in an earlier chunk.
    held: [u8; LONGEST_HEADER + HEAD],
    held_length: u8,
    /// Payload bytes of it that were neither held nor seen yet.
    skip: u32,
}

impl FrameReader {
    /// Takes the next whole frame off the front of `bytes`, or keeps what is left of them and says
    /// `None`.
    ///
    /// # Errors
    /// See [`FrameError`]; the connection is of no use afterwards.
    #[inline]
    pub(crate) fn next(&mut self, bytes: &mut &[u8]) -> Result<Option<Kind>, FrameError> {
        if self.held_length == 0
            && let Some(header) = Header::read(bytes)?
        {
            let end = header.size + header.payload;
            if header.masked {
                return Err(FrameError::Masked);
            }
            if let Some(payload) = bytes.get(header.size..end) {
                let kind = Kind::of(header.first, &payload[..payload.len().min(HEAD)]);
                *bytes = &bytes[end..];
                return Ok(Some(kind));
            }
        }
        self.next_held(bytes)
    }

    #[cold]
    fn next_held(&mut self, bytes: &mut &[u8]) -> Result<Option<Kind>, FrameError> {
        while self.skip == 0 {
            let Some((&byte, rest)) = bytes.split_first() else { return Ok(None) };
            self.held[usize::from(self.held_length)] = byte;
            self.held_length += 1;
            *bytes = rest;
            let held = &self.held[..usize::from(self.held_length)];
            let Some(header) = Header::read(held)? else { continue };
            if header.masked {
                return Err(FrameError::Masked);
            }
            let head = header.payload.min(HEAD);
            if held.len() < header.size + head {
                continue;
            }
            self.skip = (header.payload - head) as u32;
            if self.skip == 0 {
                return Ok(Some(self.release()));
            }
        }
        let skipped = bytes.len().min(self.skip as usize);
        *bytes = &bytes[skipped..];
        self.skip -= skipped as u32;
        Ok((self.skip == 0).then(|| self.release()))
    }

    fn release(&mut self) -> Kind {
        let held = &self.held[..usize::from(self.held_length)];
        self.held_length = 0;
        match Header::read(held) {
            Ok(Some(header)) => Kind::of(header.first, &held[header.size..]),
            _ => Kind::Foreign,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(reader: &mut FrameReader, mut bytes: &[u8]) -> Vec<Kind> {
        let mut kinds = Vec::new();
        while let Some(kind) = reader.next(&mut bytes).unwrap() {
            kinds.push(kind);
        }
        assert!(bytes.is_empty(), "a reader keeps what it cannot use yet");
        kinds
    }

    fn stream() -> (Vec<u8>, Vec<Kind>) {
        let long = format!(r#"{{"push":{{"pub":"{}"}}}}"#, "x".repeat(70_000));
        let middling = format!(r#"{{"push":{{"pub":"{}"}}}}"#, "x".repeat(128));
        let mut bytes = Vec::new();
        for text in [
            r#"{"id":1,"connect":{}}"#,
            middling.as_str(),
            "{}",
            long.as_str(),
            r#"{"id":3,"error":{"code":103}}"#,
            r#"{"push":{}}"#,
            "",
        ] {
            bytes.extend(unmasked(text));
        }
        bytes.extend([0x88, 0x02, 0x0b, 0xc0]);
        let kinds = vec![
            Kind::Reply,
            Kind::Push,
            Kind::Ping,
            Kind::Push,
            Kind::Refusal,
            Kind::Push,
            Kind::Foreign,
            Kind::Close(3008),
        ];
        (bytes, kinds)
    }

    #[test]
    fn frames_are_counted_over_any_chunking() {
        let (bytes, expected) = stream();
        for chunk in [1, 2, 3, 7, 13, 64, 1_000, 65_536, bytes.len()] {
            let mut reader = FrameReader::default();
            let seen: Vec<Kind> =
                bytes.chunks(chunk).flat_map(|chunk| kinds(&mut reader, chunk)).collect();
            assert_eq!(seen, expected, "in chunks of {chunk}");
        }
    }

    #[test]
    fn a_cut_at_every_place_changes_nothing() {
        let (bytes, expected) = stream();
        for cut in (0..400).chain(bytes.len() - 100..bytes.len()) {
            let mut reader = FrameReader::default();
            let mut seen = kinds(&mut reader, &bytes[..cut]);
            seen.extend(kinds(&mut reader, &bytes[cut..]));
            assert_eq!(seen, expected, "cut at {cut}");
        }
    }

    #[test]
    fn masked_and_endless_frames_are_refused() {
        let mut masked = Vec::new();
        push_masked("{}", &mut masked);
        assert_eq!(FrameReader::default().next(&mut &masked[..]), Err(FrameError::Masked));
        let endless = [0x81, 0x7f, 0xff, 0, 0, 0, 0, 0, 0, 0];
        assert!(FrameReader::default().next(&mut &endless[..]).is_err());
    }

    #[test]
    fn what_a_client_masks_the_floor_can_read() {
        for length in [2, 125, 126, 300, 70_000] {
            let text = "0123456789".repeat(length / 10 + 1)[..length].to_owned();
            let mut frame = Vec::new();
            push_masked(&text, &mut frame);
            let header = Header::read(&frame).unwrap().unwrap();
            assert!(header.masked);
            assert_eq!(header.size + header.payload, frame.len());
            let mut head = [0; 40];
            let clear = unmask_head(header, &frame, &mut head);
            assert_eq!(clear, &text.as_bytes()[..length.min(40)]);
        }
    }
}
