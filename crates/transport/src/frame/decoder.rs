//! A client's bytes in, events out.
//!
//! Frames that are whole in the read buffer, which is nearly all of them, are unmasked in place
//! and handed out as slices of it. Only what is incomplete is copied, into a box that exists
//! exactly as long as it is needed.

use std::ops::ControlFlow;

use super::header::{Header, MAX_HEADER};
use super::message::{PartialMessage, inflate, plain, wire_limit};
use super::{Event, FrameError, FrameLimits, Opcode, mask};
use crate::deflate::Inflater;

/// The reading half of one server-side WebSocket connection.
///
/// Takes a few bytes while nothing is incomplete. The inflater is the thread's, not the
/// connection's: compression never carries context from one message to the next.
#[derive(Debug)]
pub struct Decoder {
    partial: Option<Box<Partial>>,
    /// Whether permessage-deflate was negotiated, so that RSV1 means something.
    compressed: bool,
    /// After a close, an error, or the sink's break, nothing more is read.
    finished: bool,
}

/// One for each of very many connections, so it has to stay small.
const _: () = assert!(size_of::<Decoder>() <= 32);

/// What waits for more bytes. Header bytes and an open frame exclude each other; either may
/// stand beside a fragmented message.
#[derive(Debug, Default)]
struct Partial {
    /// The beginning of a header.
    head: [u8; MAX_HEADER],
    head_len: usize,
    frame: Option<OpenFrame>,
    /// The payload so far of an open control frame.
    control: Vec<u8>,
    message: Option<PartialMessage>,
}

/// A frame whose header is known and whose payload is not complete.
#[derive(Debug)]
struct OpenFrame {
    fin: bool,
    opcode: Opcode,
    /// Rotated so that its first byte belongs to the next payload byte.
    mask: [u8; 4],
    remaining: usize,
}

impl Decoder {
    /// A decoder for a fresh connection. `compressed` says that permessage-deflate was
    /// negotiated, with `client_no_context_takeover`.
    pub fn new(compressed: bool) -> Self {
        Self { partial: None, compressed, finished: false }
    }

    /// Whether nothing is incomplete and so no memory is held.
    pub fn is_idle(&self) -> bool {
        self.partial.is_none()
    }

    /// Takes bytes fresh from the socket, unmasking them in place, and calls `sink` once per
    /// event, in order. A sink that breaks ends the reading for good: what is left of `input`
    /// and all later input is discarded. The same is true after a close and after an error.
    ///
    /// # Errors
    /// The first breach of the protocol or of `limits`. Events before it have been delivered.
    pub fn feed(
        &mut self,
        input: &mut [u8],
        limits: &FrameLimits,
        inflater: &mut Inflater,
        sink: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<(), FrameError> {
        if self.finished {
            return Ok(());
        }
        let outcome = self.read(input, limits, inflater, sink);
        if !matches!(outcome, Ok(ControlFlow::Continue(()))) {
            self.finished = true;
            self.partial = None;
        }
        outcome.map(|_| ())
    }

    fn read(
        &mut self,
        mut rest: &mut [u8],
        limits: &FrameLimits,
        inflater: &mut Inflater,
        sink: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, FrameError> {
        if let Some(frame) = self.partial.as_mut().and_then(|partial| partial.frame.take()) {
            let flow = self.gather(frame, &mut rest, limits, inflater, sink)?;
            if flow.is_break() {
                return Ok(flow);
            }
        }
        while let Some(header) = self.next_header(&mut rest, limits)? {
            let whole =
                header.opcode.is_control() || header.fin && header.opcode != Opcode::Continuation;
            let flow = match rest.split_off_mut(..header.len) {
                Some(payload) if whole => {
                    self.release();
                    mask::apply(payload, header.mask);
                    deliver(&header, payload, limits, inflater, sink)?
                }
                payload => {
                    let mut payload = payload.unwrap_or_else(|| std::mem::take(&mut rest));
                    let frame = self.open(&header);
                    self.gather(frame, &mut payload, limits, inflater, sink)?
                }
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Takes the next header off `rest`, or keeps what there is of it.
    fn next_header(
        &mut self,
        rest: &mut &mut [u8],
        limits: &FrameLimits,
    ) -> Result<Option<Header>, FrameError> {
        let begun = self.partial.as_deref_mut().filter(|partial| partial.head_len > 0);
        let header = if let Some(partial) = begun {
            let Some(header) = partial.complete_header(rest, limits)? else { return Ok(None) };
            header
        } else if let Some(header) = Header::parse(rest, limits.max_frame)? {
            *rest = &mut std::mem::take(rest)[header.size..];
            header
        } else {
            if !rest.is_empty() {
                let partial = self.partial.get_or_insert_default();
                partial.head[..rest.len()].copy_from_slice(rest);
                partial.head_len = rest.len();
            }
            return Ok(None);
        };
        self.admit(&header, limits)?;
        Ok(Some(header))
    }

    /// Judges a header by what came before it.
    fn admit(&self, header: &Header, limits: &FrameLimits) -> Result<(), FrameError> {
        let message = self.partial.as_ref().and_then(|partial| partial.message.as_ref());
        let begins = matches!(header.opcode, Opcode::Text | Opcode::Binary);
        if header.deflated && !(self.compressed && begins) {
            return Err(FrameError::ReservedBits);
        }
        if header.opcode.is_control() {
            return Ok(());
        }
        let (so_far, deflated) = match message {
            Some(_) if begins => return Err(FrameError::InterleavedMessage),
            Some(message) => (message.len(), message.is_deflated()),
            None if begins => (0, header.deflated),
            None => return Err(FrameError::UnexpectedContinuation),
        };
        if so_far.saturating_add(header.len) > wire_limit(deflated, limits) {
            return Err(FrameError::MessageTooLarge);
        }
        Ok(())
    }

    /// Makes room for a frame that cannot be handed out from the read buffer alone.
    fn open(&mut self, header: &Header) -> OpenFrame {
        let partial = self.partial.get_or_insert_default();
        if !header.opcode.is_control() {
            partial
                .message
                .get_or_insert_with(|| PartialMessage::new(header.opcode, header.deflated));
        }
        OpenFrame {
            fin: header.fin,
            opcode: header.opcode,
            mask: header.mask,
            remaining: header.len,
        }
    }

    /// Adds what has arrived of a frame's payload to what is kept, and delivers what that
    /// completes.
    fn gather(
        &mut self,
        mut frame: OpenFrame,
        rest: &mut &mut [u8],
        limits: &FrameLimits,
        inflater: &mut Inflater,
        sink: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, FrameError> {
        let arrived = frame.remaining.min(rest.len());
        let payload = rest.split_off_mut(..arrived).unwrap_or_default();
        mask::apply(payload, frame.mask);
        frame.mask.rotate_left(arrived % 4);
        frame.remaining -= arrived;

        let partial = self.partial.get_or_insert_default();
        if frame.opcode.is_control() {
            partial.control.extend_from_slice(payload);
        } else if let Some(message) = &mut partial.message {
            message.push(payload)?;
        }
        if frame.remaining > 0 {
            partial.frame = Some(frame);
            return Ok(ControlFlow::Continue(()));
        }
        if frame.opcode.is_control() {
            let payload = std::mem::take(&mut partial.control);
            self.release();
            return control(frame.opcode, &payload, sink);
        }
        match partial.message.take_if(|_| frame.fin) {
            Some(message) => {
                self.release();
                message.finish(limits, inflater, sink)
            }
            None => Ok(ControlFlow::Continue(())),
        }
    }

    /// Frees the box once nothing is incomplete.
    fn release(&mut self) {
        if self.partial.as_ref().is_some_and(|partial| partial.is_empty()) {
            self.partial = None;
        }
    }
}

impl Partial {
    fn is_empty(&self) -> bool {
        self.head_len == 0 && self.frame.is_none() && self.message.is_none()
    }

    /// Continues the header that an earlier read began. It lacks at most 13 bytes, so they are
    /// taken one by one, and whatever is wrong shows at the same byte as it would in one piece.
    fn complete_header(
        &mut self,
        rest: &mut &mut [u8],
        limits: &FrameLimits,
    ) -> Result<Option<Header>, FrameError> {
        while let Some(byte) = rest.split_off_first_mut() {
            self.head[self.head_len] = *byte;
            self.head_len += 1;
            let header = Header::parse(&self.head[..self.head_len], limits.max_frame)?;
            if header.is_some() {
                self.head_len = 0;
                return Ok(header);
            }
        }
        Ok(None)
    }
}

/// Hands out a frame that needs no other: control, or a whole message. The payload is unmasked.
fn deliver(
    header: &Header,
    payload: &[u8],
    limits: &FrameLimits,
    inflater: &mut Inflater,
    sink: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, FrameError> {
    if header.opcode.is_control() {
        return control(header.opcode, payload, sink);
    }
    let payload = if header.deflated { inflate(inflater, payload, limits)? } else { payload };
    Ok(sink(plain(header.opcode == Opcode::Text, payload)?))
}

/// Hands out a control frame; reading ends with a close.
fn control(
    opcode: Opcode,
    payload: &[u8],
    sink: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, FrameError> {
    Ok(match opcode {
        Opcode::Ping => sink(Event::Ping(payload)),
        Opcode::Pong => sink(Event::Pong(payload)),
        _ => {
            let _ = sink(Event::Close(close_payload(payload)?));
            ControlFlow::Break(())
        }
    })
}

/// Code and reason of a close frame (RFC 6455 sections 5.5.1 and 7.4).
fn close_payload(payload: &[u8]) -> Result<Option<(u16, &str)>, FrameError> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(None) } else { Err(FrameError::ClosePayload) };
    };
    let code = u16::from_be_bytes(*code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(FrameError::CloseCode);
    }
    let reason = str::from_utf8(reason).map_err(|_| FrameError::InvalidUtf8)?;
    Ok(Some((code, reason)))
}
