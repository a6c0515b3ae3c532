//! The header of a frame: two to fourteen octets, read and written.
//!
//! Checks what can be judged from the header alone, octet by octet in the order of the wire, so that a header cut
//! anywhere fails with the same fault as a whole one. Whether the frame fits the message under way is the decoder's question.

use super::{FrameFault, Role};

/// No header is longer: 2 octets, 8 of length, 4 of mask.
pub(in crate::transport::websocket) const HEADER_MAX: usize = 14;
/// The longest payload of a control frame, in octets.
pub(in crate::transport::websocket) const CONTROL_MAX: usize = 125;

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RSV2_RSV3: u8 = 0x30;
const OPCODE: u8 = 0x0F;
const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7F;
const LENGTH_IN_2: u8 = 126;
const LENGTH_IN_8: u8 = 127;

/// What a frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opcode {
    /// More of the message under way.
    Continuation,
    /// Begins a text message.
    Text,
    /// Begins a binary message.
    Binary,
    /// A control frame.
    Control(ControlOpcode),
}

/// What a control frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ControlOpcode {
    /// The last frame of this direction.
    Close,
    /// To be answered with a Pong of the same payload.
    Ping,
    /// The answer.
    Pong,
}

impl Opcode {
    fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::Continuation),
            1 => Some(Self::Text),
            2 => Some(Self::Binary),
            8 => Some(Self::Control(ControlOpcode::Close)),
            9 => Some(Self::Control(ControlOpcode::Ping)),
            10 => Some(Self::Control(ControlOpcode::Pong)),
            _ => None,
        }
    }

    fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Control(ControlOpcode::Close) => 8,
            Self::Control(ControlOpcode::Ping) => 9,
            Self::Control(ControlOpcode::Pong) => 10,
        }
    }

    fn is_control(self) -> bool {
        matches!(self, Self::Control(_))
    }

    fn begins_message(self) -> bool {
        matches!(self, Self::Text | Self::Binary)
    }
}

/// A frame's header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Whether this frame ends its message.
    pub fin: bool,
    /// Whether the message that begins here is compressed.
    pub rsv1: bool,
    /// What the frame is.
    pub opcode: Opcode,
    /// The key with which the payload is masked, as a client must.
    pub mask: Option<[u8; 4]>,
    /// Octets of payload.
    pub len: u64,
}

/// What the headers of one connection are judged by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::transport::websocket) struct Rules {
    /// Who reads.
    pub(in crate::transport::websocket) role: Role,
    /// Whether permessage-deflate was negotiated.
    pub(in crate::transport::websocket) deflate: bool,
}

impl Header {
    /// Reads a header from the beginning of `octets`, and says how many octets it has. `None`: more are needed.
    pub(in crate::transport::websocket) fn parse(
        octets: &[u8],
        rules: Rules,
    ) -> Result<Option<(Self, usize)>, FrameFault> {
        let Some((&first, after_first)) = octets.split_first() else { return Ok(None) };
        let opcode = Opcode::from_bits(first & OPCODE).ok_or(FrameFault::ReservedOpcode)?;
        let (fin, rsv1) = (first & FIN != 0, first & RSV1 != 0);
        if first & RSV2_RSV3 != 0 || (rsv1 && !(rules.deflate && opcode.begins_message())) {
            return Err(FrameFault::ReservedBits);
        }
        if opcode.is_control() && !fin {
            return Err(FrameFault::ControlFragmented);
        }

        let Some((&second, after_second)) = after_first.split_first() else { return Ok(None) };
        let masked = second & MASKED != 0;
        match (rules.role, masked) {
            (Role::Server, false) => return Err(FrameFault::Unmasked),
            (Role::Client, true) => return Err(FrameFault::Masked),
            (Role::Server, true) | (Role::Client, false) => {}
        }
        let short = second & LENGTH;
        if opcode.is_control() && usize::from(short) > CONTROL_MAX {
            return Err(FrameFault::ControlTooLong);
        }

        let Some((len, after_len)) = length(short, after_second)? else { return Ok(None) };
        let (mask, after_mask) = if masked {
            let Some((key, after_key)) = after_len.split_first_chunk::<4>() else { return Ok(None) };
            (Some(*key), after_key)
        } else {
            (None, after_len)
        };
        Ok(Some((Self { fin, rsv1, opcode, mask, len }, octets.len() - after_mask.len())))
    }

    /// Appends the header in its shortest form.
    pub fn write(&self, out: &mut Vec<u8>) {
        let (octets, len) = self.octets();
        out.extend_from_slice(octets.get(..len).unwrap_or_default());
    }

    /// The header in its shortest form, and how many of the octets it takes.
    pub(in crate::transport::websocket) fn octets(&self) -> ([u8; HEADER_MAX], usize) {
        let mut octets = [0; HEADER_MAX];
        let fin = if self.fin { FIN } else { 0 };
        let rsv1 = if self.rsv1 { RSV1 } else { 0 };
        let masked = if self.mask.is_some() { MASKED } else { 0 };
        octets[0] = fin | rsv1 | self.opcode.bits();
        let mut len = 2;
        if let Ok(short @ 0..LENGTH_IN_2) = u8::try_from(self.len) {
            octets[1] = masked | short;
        } else if let Ok(medium) = u16::try_from(self.len) {
            octets[1] = masked | LENGTH_IN_2;
            octets[2..4].copy_from_slice(&medium.to_be_bytes());
            len = 4;
        } else {
            octets[1] = masked | LENGTH_IN_8;
            octets[2..10].copy_from_slice(&self.len.to_be_bytes());
            len = 10;
        }
        if let Some(key) = self.mask {
            octets[len..len + 4].copy_from_slice(&key);
            len += 4;
        }
        (octets, len)
    }
}

/// The payload length and what follows it, from the seven bits of the second octet and the octets after it.
fn length(short: u8, after: &[u8]) -> Result<Option<(u64, &[u8])>, FrameFault> {
    match short {
        LENGTH_IN_2 => {
            let Some((octets, rest)) = after.split_first_chunk::<2>() else { return Ok(None) };
            let len = u16::from_be_bytes(*octets);
            if len < u16::from(LENGTH_IN_2) {
                return Err(FrameFault::LengthNotShortest);
            }
            Ok(Some((u64::from(len), rest)))
        }
        LENGTH_IN_8 => {
            let Some((octets, rest)) = after.split_first_chunk::<8>() else { return Ok(None) };
            let len = u64::from_be_bytes(*octets);
            if len >> 63 != 0 {
                return Err(FrameFault::LengthTopBit);
            }
            if len <= u64::from(u16::MAX) {
                return Err(FrameFault::LengthNotShortest);
            }
            Ok(Some((len, rest)))
        }
        short => Ok(Some((u64::from(short), after))),
    }
}
