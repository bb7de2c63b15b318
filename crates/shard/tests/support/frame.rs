//! WebSocket frames, as clients write and read them.

use trunkline_transport::Inflater;

use super::peer::Peer;

/// What may be in a message of a test.
const MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// A frame that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Text(String),
    Binary(Vec<u8>),
    Ping,
    Pong(Vec<u8>),
    Close(u16, String),
    /// None more: the connection has ended.
    End,
}

pub(crate) const TEXT: u8 = 0x1;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;

/// Writes a masked frame.
pub(crate) fn write(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x17, 0x2b, 0x3d, 0x4f];
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        len @ 0..=125 => frame.push(0x80 | u8::try_from(len).unwrap_or(0)),
        len @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(len).unwrap_or(0).to_be_bytes());
        }
        len => {
            frame.push(0x80 | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
    frame
}

/// Reads a frame; a compressed one is inflated.
#[track_caller]
pub(crate) fn read(peer: &mut Peer) -> Frame {
    let Some(head) = peer.take(2) else { return Frame::End };
    assert_eq!(head[0] & 0x80, 0x80, "the node never fragments");
    assert_eq!(head[1] & 0x80, 0, "the node never masks");
    let len = match head[1] {
        126 => number(peer.take(2)),
        127 => number(peer.take(8)),
        len => usize::from(len),
    };
    let Some(payload) = peer.take(len) else { return Frame::End };
    let payload = if head[0] & 0x40 == 0 {
        payload
    } else {
        Inflater::new().inflate(&payload, MESSAGE_BYTES).expect("deflated").to_vec()
    };
    match head[0] & 0xf {
        TEXT => Frame::Text(String::from_utf8(payload).expect("text")),
        0x2 => Frame::Binary(payload),
        PING => Frame::Ping,
        PONG => Frame::Pong(payload),
        CLOSE => {
            let (code, words) = payload.split_first_chunk().expect("a code");
            Frame::Close(u16::from_be_bytes(*code), String::from_utf8_lossy(words).into_owned())
        }
        other => panic!("opcode {other}"),
    }
}

fn number(bytes: Option<Vec<u8>>) -> usize {
    bytes.expect("a length").into_iter().fold(0, |sum, byte| sum << 8 | usize::from(byte))
}
