//! The server's frames: never masked, never fragmented.

use super::Opcode;
use super::header::MAX_CONTROL;

/// Appends one frame with FIN set. `compressed` sets RSV1: the payload is the output of
/// [`Deflater::compress`](crate::deflate::Deflater::compress).
///
/// The same bytes suit every connection that agreed to the same compression.
pub fn write_frame(out: &mut Vec<u8>, opcode: Opcode, compressed: bool, payload: &[u8]) {
    let rsv1 = if compressed { 0x40 } else { 0 };
    out.push(0x80 | rsv1 | opcode.bits());
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(len @ 0..=125), _) => out.push(len),
        (_, Ok(len)) => {
            out.push(126);
            out.extend_from_slice(&len.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

/// Appends a close frame. A reason that does not fit is cut between two characters, so that
/// the payload keeps to the 125 bytes of a control frame.
pub fn write_close(out: &mut Vec<u8>, code: u16, reason: &str) {
    let reason = &reason[..reason.floor_char_boundary(MAX_CONTROL - 2)];
    let mut payload = [0; MAX_CONTROL];
    let len = 2 + reason.len();
    payload[..2].copy_from_slice(&code.to_be_bytes());
    payload[2..len].copy_from_slice(reason.as_bytes());
    write_frame(out, Opcode::Close, false, &payload[..len]);
}

#[cfg(test)]
mod tests {
    use super::{Opcode, write_close, write_frame};

    #[test]
    fn lengths_take_their_shortest_form() {
        for (len, header) in [
            (0, vec![0x82, 0]),
            (125, vec![0x82, 125]),
            (126, vec![0x82, 126, 0, 126]),
            (255, vec![0x82, 126, 0, 255]),
            (65_535, vec![0x82, 126, 0xFF, 0xFF]),
            (65_536, vec![0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let mut out = Vec::new();
            write_frame(&mut out, Opcode::Binary, false, &vec![7; len]);
            assert_eq!(out[..header.len()], header);
            assert_eq!(out.len(), header.len() + len);
        }
    }

    #[test]
    fn compression_is_told_by_the_first_reserved_bit() {
        let mut out = Vec::new();
        write_frame(&mut out, Opcode::Text, true, b"x");
        assert_eq!(out, [0xC1, 1, b'x']);
    }

    #[test]
    fn a_long_close_reason_is_cut_between_characters() {
        let mut out = Vec::new();
        write_close(&mut out, 3008, &format!("a{}", "é".repeat(100)));
        // 1 + 61 × 2 = 123 bytes of reason fit exactly.
        assert_eq!(out[..4], [0x88, 125, 0x0B, 0xC0]);
        assert_eq!(str::from_utf8(&out[4..]).unwrap(), format!("a{}", "é".repeat(61)));

        out.clear();
        write_close(&mut out, 1001, &"é".repeat(100));
        assert_eq!(out[1], 124);

        out.clear();
        write_close(&mut out, 1000, "");
        assert_eq!(out, [0x88, 2, 0x03, 0xE8]);
    }
}
