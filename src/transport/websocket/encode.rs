//! RFC 6455 frames going out, written into the caller's buffer.
//!
//! A server passes no mask; a client passes a fresh random key for each frame (this room draws no random numbers).
//! [`begin`] and [`finish`] serve a server that serialises a message straight into its write buffer, whose length is not
//! known before. Every message is one frame.

use super::close::CloseCode;
use super::deflate::Compressor;
use super::frame::{ControlOpcode, Header, Mask, Opcode, CONTROL_MAX, HEADER_MAX};

/// The header of a server's frame: without a mask.
const GAP: usize = HEADER_MAX - 4;

/// Where a frame was begun in a buffer.
#[derive(Debug)]
#[must_use = "a frame that was begun must be finished or abandoned"]
pub struct Start(usize);

impl Start {
    /// Where the frame begins in its buffer: for those who can keep a number only.
    pub fn into_offset(self) -> usize {
        self.0
    }

    /// Where the message of a frame that begins at `offset` begins.
    pub fn message_offset(offset: usize) -> usize {
        offset + GAP
    }

    /// The frame that begins there.
    pub fn from_offset(offset: usize) -> Self {
        Self(offset)
    }
}

/// Appends a message as one frame.
pub fn write_message(out: &mut Vec<u8>, mask: Option<[u8; 4]>, text: bool, data: &[u8]) {
    write_frame(out, Header { fin: true, rsv1: false, opcode: data_opcode(text), mask, len: 0 }, data);
}

/// Appends a message as one frame, compressed if that makes it smaller. Only where permessage-deflate was negotiated.
pub fn write_message_deflated(
    out: &mut Vec<u8>,
    mask: Option<[u8; 4]>,
    text: bool,
    data: &[u8],
    compressor: &mut Compressor,
) {
    match compressor.compress(data) {
        Some(compressed) => {
            write_frame(out, Header { fin: true, rsv1: true, opcode: data_opcode(text), mask, len: 0 }, compressed);
        }
        None => write_message(out, mask, text, data),
    }
}

/// Appends a Close. `reason` is cut to the 123 octets that it may have.
pub fn close(out: &mut Vec<u8>, mask: Option<[u8; 4]>, code: CloseCode, reason: &str) {
    let mut payload = [0; CONTROL_MAX];
    let (code_place, reason_place) = payload.split_at_mut(2);
    code_place.copy_from_slice(&code.get().to_be_bytes());
    let reason = cut(reason, reason_place.len());
    let (reason_place, _) = reason_place.split_at_mut(reason.len());
    reason_place.copy_from_slice(reason.as_bytes());
    write_control(out, ControlOpcode::Close, mask, payload.get(..2 + reason.len()).unwrap_or_default());
}

/// Appends a Close that says nothing: the answer to one that said nothing.
pub fn close_empty(out: &mut Vec<u8>, mask: Option<[u8; 4]>) {
    write_control(out, ControlOpcode::Close, mask, &[]);
}

/// Appends a Ping. A payload beyond 125 octets is cut.
pub fn ping(out: &mut Vec<u8>, mask: Option<[u8; 4]>, payload: &[u8]) {
    write_control(out, ControlOpcode::Ping, mask, payload);
}

/// Appends a Pong. A payload beyond 125 octets is cut; that of a Ping never is.
pub fn pong(out: &mut Vec<u8>, mask: Option<[u8; 4]>, payload: &[u8]) {
    write_control(out, ControlOpcode::Pong, mask, payload);
}

/// Begins a server's frame: leaves room for the longest header. The caller appends the message and calls [`finish`].
pub fn begin(out: &mut Vec<u8>) -> Start {
    let start = Start(out.len());
    out.extend_from_slice(&[0; GAP]);
    start
}

/// Ends a server's frame with everything that was appended since [`begin`]: writes the shortest header and closes the gap.
///
/// # Cost
/// Moves the message by 6 or 8 octets if it is shorter than 64 KiB.
pub fn finish(out: &mut Vec<u8>, start: Start, text: bool) {
    let len = message(out, &start).len();
    let (header, header_len) =
        Header { fin: true, rsv1: false, opcode: data_opcode(text), mask: None, len: len as u64 }.octets();
    let Some((place, _)) = out.get_mut(start.0..).and_then(|frame| frame.split_at_mut_checked(header_len)) else {
        return;
    };
    place.copy_from_slice(header.get(..header_len).unwrap_or_default());
    let moved_to = start.0 + header_len;
    out.copy_within(start.0 + GAP.., moved_to);
    out.truncate(moved_to + len);
}

/// Like [`finish`], compressed if that makes the message smaller. Only where permessage-deflate was negotiated.
pub fn finish_deflated(out: &mut Vec<u8>, start: Start, text: bool, compressor: &mut Compressor) {
    match compressor.compress(message(out, &start)) {
        Some(compressed) => {
            out.truncate(start.0);
            write_frame(
                out,
                Header { fin: true, rsv1: true, opcode: data_opcode(text), mask: None, len: 0 },
                compressed,
            );
        }
        None => finish(out, start, text),
    }
}

/// Takes back a frame that was begun: the buffer is as it was before [`begin`].
pub fn abandon(out: &mut Vec<u8>, start: Start) {
    out.truncate(start.0);
}

/// Octets of the message that was appended since [`begin`], for a limit to be checked before [`finish`].
#[must_use]
pub fn message_octets(out: &[u8], start: &Start) -> usize {
    message(out, start).len()
}

fn message<'a>(out: &'a [u8], start: &Start) -> &'a [u8] {
    debug_assert!(out.len() >= start.0 + GAP, "the caller only appends between begin and finish");
    out.get(start.0 + GAP..).unwrap_or_default()
}

fn data_opcode(text: bool) -> Opcode {
    if text {
        Opcode::Text
    } else {
        Opcode::Binary
    }
}

fn write_control(out: &mut Vec<u8>, opcode: ControlOpcode, mask: Option<[u8; 4]>, payload: &[u8]) {
    let payload = payload.get(..CONTROL_MAX).unwrap_or(payload);
    write_frame(out, Header { fin: true, rsv1: false, opcode: Opcode::Control(opcode), mask, len: 0 }, payload);
}

/// As many whole characters of `text` as fit into `octets`.
fn cut(text: &str, octets: usize) -> &str {
    (0..=octets).rev().find_map(|end| text.get(..end.min(text.len()))).unwrap_or_default()
}

/// Appends `header`, with the length of `payload`, and `payload`.
fn write_frame(out: &mut Vec<u8>, header: Header, payload: &[u8]) {
    out.reserve(HEADER_MAX + payload.len());
    Header { len: payload.len() as u64, ..header }.write(out);
    Mask::new(header.mask).copy(payload, out);
}
