//! RFC 6455 frames coming in: octets as the socket gives them in, messages and control frames out.
//!
//! Owns the state of one direction: a header that is cut, a frame that is cut, a message in fragments. Sans I/O; the
//! verdict on a stream does not depend on how it is cut into reads.
//!
//! Limits are checked on the frame header, before an octet of payload is stored. Memory grows with the octets received
//! and never with the length announced, and a decoder between messages holds none. Payloads are unmasked while they are
//! copied, once; the messages that lie whole in one read share one buffer.

mod arena;
mod assembly;
mod fault;
mod header;
mod mask;
#[cfg(test)]
mod tests;

pub use fault::FrameFault;
pub use header::{ControlOpcode, Header, Opcode};
pub(in crate::transport::websocket) use header::{CONTROL_MAX, HEADER_MAX};
pub(in crate::transport::websocket) use mask::Mask;

use super::close::CloseCode;
use super::deflate::Deflate;
use arena::Arena;
use assembly::{Assembly, Content};
use bytes::{Buf, Bytes};
use bytestring::ByteString;
use header::Rules;

/// Which end of the connection reads: it decides whether frames must or must not be masked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Reads masked frames.
    Server,
    /// Reads unmasked frames.
    Client,
}

/// The bounds of one direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameLimits {
    /// Octets of one message, all its frames together, compressed and inflated alike.
    pub message_max: usize,
    /// Frames of one message.
    pub fragments_max: u32,
}

impl Default for FrameLimits {
    fn default() -> Self {
        Self { message_max: 1 << 20, fragments_max: 1024 }
    }
}

/// What has arrived.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item {
    /// A whole message.
    Message {
        /// Whether it came as text; `data` is UTF-8 then, unless that was [left to the
        /// reader](Decoder::leave_whole_texts_to_the_reader).
        text: bool,
        /// Unmasked and inflated. May be a slice of a buffer as large as the read that it came with.
        data: Bytes,
    },
    /// To be answered with a Pong of the same payload; the newest one at least.
    Ping(Bytes),
    /// An answer to a Ping, or a word out of the blue.
    Pong(Bytes),
    /// The last item of this direction, with what the peer said, if it did.
    Close(Option<(CloseCode, ByteString)>),
}

/// The incoming direction of one connection.
///
/// ```text
/// Header --whole data frame--------------> Header
/// Header --cut data frame--> Data -------> Header
/// Header --cut control frame--> Control -> Header
/// any --Close, or a fault--> Closed
/// ```
#[derive(Debug)]
pub struct Decoder {
    role: Role,
    limits: FrameLimits,
    deflate: Option<Deflate>,
    position: Position,
    reader_checks_text: bool,
    /// The message under way; it outlives the control frames between its fragments.
    message: Option<Assembly>,
}

/// Where the next octet belongs.
#[derive(Debug)]
enum Position {
    Header(CutHeader),
    Data { left: usize, mask: Mask, fin: bool },
    Control { opcode: ControlOpcode, len: usize, mask: Mask, received: Vec<u8> },
    Closed,
}

impl Decoder {
    /// A decoder for the frames that `role` receives. `deflate` if permessage-deflate was negotiated.
    #[must_use]
    pub fn new(role: Role, limits: FrameLimits, deflate: Option<Deflate>) -> Self {
        let position = Position::Header(CutHeader::default());
        Self { role, limits, deflate, position, message: None, reader_checks_text: false }
    }

    /// Leaves it to the reader of a message whether its text is UTF-8, where the message is one frame that came in one read:
    /// for readers that check it anyway. A second look at each octet would be some of the cost of a small message.
    #[must_use]
    pub fn leave_whole_texts_to_the_reader(self) -> Self {
        Self { reader_checks_text: true, ..self }
    }

    /// Takes octets as they come off the socket; appends what they complete to `items` and keeps the rest.
    ///
    /// After a Close and after a fault nothing more is taken: further octets are ignored.
    ///
    /// # Errors
    /// The first fault of the stream; `items` then has everything that was complete before it.
    ///
    /// # Cost
    /// One pass over the payload. At most one buffer for all the unfragmented messages and control frames that lie
    /// whole in `input`, and one for the message that is under way.
    pub fn feed(&mut self, input: &[u8], items: &mut Vec<Item>) -> Result<(), FrameFault> {
        let result = self.read(input, items);
        if result.is_err() {
            self.close();
        }
        result
    }

    /// Sets the bound of [`FrameLimits::message_max`], from the next frame header on: it differs before and after WELCOME.
    pub fn set_message_max(&mut self, octets: usize) {
        self.limits.message_max = octets;
    }

    /// Whether a Close or a fault has ended this direction.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.position, Position::Closed)
    }

    /// Octets of heap that are held for a message or control frame under way; 0 between messages.
    #[must_use]
    pub fn held_octets(&self) -> usize {
        let control = match &self.position {
            Position::Control { received, .. } => received.capacity(),
            Position::Header(_) | Position::Data { .. } | Position::Closed => 0,
        };
        control + self.message.as_ref().map_or(0, Assembly::held_octets)
    }

    fn read(&mut self, input: &[u8], items: &mut Vec<Item>) -> Result<(), FrameFault> {
        let rules = self.rules();
        let mut arena = Arena::new(rules);
        let mut rest = input;
        while !rest.is_empty() {
            rest = match &mut self.position {
                Position::Header(cut) => match cut.complete(rest, rules)? {
                    Some((header, rest)) => self.begin_frame(header, rest, &mut arena, items)?,
                    None => return Ok(()),
                },
                Position::Data { .. } => self.read_data(rest, items)?,
                Position::Control { .. } => self.read_control(rest, items)?,
                Position::Closed => return Ok(()),
            };
        }
        Ok(())
    }

    fn rules(&self) -> Rules {
        Rules { role: self.role, deflate: self.deflate.is_some() }
    }

    /// Judges a frame by its header and reads what is there of it. Gives back what follows.
    fn begin_frame<'a>(
        &mut self,
        header: Header,
        rest: &'a [u8],
        arena: &mut Arena,
        items: &mut Vec<Item>,
    ) -> Result<&'a [u8], FrameFault> {
        let mask = Mask::new(header.mask);
        match header.opcode {
            Opcode::Text => self.begin_message(header, true, rest, arena, items),
            Opcode::Binary => self.begin_message(header, false, rest, arena, items),
            Opcode::Continuation => {
                let message = self.message.as_mut().ok_or(FrameFault::NothingToContinue)?;
                let left = message.begin_fragment(header.len, self.limits)?;
                self.position = Position::Data { left, mask, fin: header.fin };
                self.read_data(rest, items)
            }
            Opcode::Control(opcode) => {
                let len = usize::try_from(header.len).map_err(|_| FrameFault::ControlTooLong)?;
                if let Some((payload, rest)) = rest.split_at_checked(len) {
                    let payload = arena.copy(payload, mask, rest);
                    self.end_control(opcode, payload, items)?;
                    return Ok(rest);
                }
                self.position = Position::Control { opcode, len, mask, received: Vec::with_capacity(rest.len()) };
                self.read_control(rest, items)
            }
        }
    }

    fn begin_message<'a>(
        &mut self,
        header: Header,
        text: bool,
        rest: &'a [u8],
        arena: &mut Arena,
        items: &mut Vec<Item>,
    ) -> Result<&'a [u8], FrameFault> {
        if self.message.is_some() {
            return Err(FrameFault::DataInsideMessage);
        }
        let content = match self.deflate {
            Some(deflate) if header.rsv1 => Content::Deflated { text, deflate },
            Some(_) | None => Content::plain(text),
        };
        let mask = Mask::new(header.mask);
        let left = within(self.limits.message_max, 0, header.len)?;
        if let (true, true, Some((payload, rest))) = (header.fin, content.is_plain(), rest.split_at_checked(left)) {
            let data = if text && !self.reader_checks_text {
                arena.copy_text(payload, mask, rest)?
            } else {
                arena.copy(payload, mask, rest)
            };
            items.push(Item::Message { text, data });
            return Ok(rest);
        }
        self.message = Some(Assembly::new(content));
        self.position = Position::Data { left, mask, fin: header.fin };
        self.read_data(rest, items)
    }

    /// More of a data frame that did not lie whole in one read, or that is not a whole message.
    fn read_data<'a>(&mut self, rest: &'a [u8], items: &mut Vec<Item>) -> Result<&'a [u8], FrameFault> {
        let (Position::Data { left, mask, fin }, Some(message)) = (&mut self.position, &mut self.message) else {
            return Ok(self.lost());
        };
        let (piece, rest) = rest.split_at_checked(*left).unwrap_or((rest, &[]));
        let frame_left = if *fin { Some(*left) } else { None };
        message.append(piece, *mask, frame_left, self.limits.message_max)?;
        *mask = mask.after(piece.len());
        *left -= piece.len();
        if *left > 0 {
            return Ok(rest);
        }
        let fin = *fin;
        self.position = Position::Header(CutHeader::default());
        if fin {
            if let Some(message) = self.message.take() {
                let text = message.is_text();
                items.push(Item::Message { text, data: message.finish(self.limits.message_max)? });
            }
        }
        Ok(rest)
    }

    /// More of a control frame that did not lie whole in one read.
    fn read_control<'a>(&mut self, rest: &'a [u8], items: &mut Vec<Item>) -> Result<&'a [u8], FrameFault> {
        let Position::Control { opcode, len, mask, received } = &mut self.position else { return Ok(self.lost()) };
        let (piece, rest) = rest.split_at_checked(*len - received.len()).unwrap_or((rest, &[]));
        mask.after(received.len()).copy(piece, received);
        if received.len() < *len {
            return Ok(rest);
        }
        let (opcode, payload) = (*opcode, Bytes::from(std::mem::take(received)));
        self.position = Position::Header(CutHeader::default());
        self.end_control(opcode, payload, items)?;
        Ok(rest)
    }

    fn end_control(&mut self, opcode: ControlOpcode, payload: Bytes, items: &mut Vec<Item>) -> Result<(), FrameFault> {
        match opcode {
            ControlOpcode::Ping => items.push(Item::Ping(payload)),
            ControlOpcode::Pong => items.push(Item::Pong(payload)),
            ControlOpcode::Close => {
                items.push(Item::Close(close_payload(payload)?));
                self.close();
            }
        }
        Ok(())
    }

    /// The position is not the one that the caller has just seen or set. Nothing is left to read.
    fn lost(&mut self) -> &'static [u8] {
        debug_assert!(false, "the position is where its reader was called for");
        self.close();
        &[]
    }

    fn close(&mut self) {
        self.position = Position::Closed;
        self.message = None;
    }
}

/// The beginning of a header whose end has not come.
#[derive(Clone, Copy, Debug, Default)]
struct CutHeader {
    octets: [u8; HEADER_MAX],
    len: u8,
}

impl CutHeader {
    /// Reads a header that `rest` begins, continues or ends. Gives it with what follows it, or keeps `rest`.
    fn complete<'a>(&mut self, rest: &'a [u8], rules: Rules) -> Result<Option<(Header, &'a [u8])>, FrameFault> {
        let kept = usize::from(self.len);
        if kept == 0 {
            if let Some((header, len)) = Header::parse(rest, rules)? {
                return Ok(Some((header, rest.get(len..).unwrap_or_default())));
            }
        }
        // A header never needs more than the room that is left, so no octet is lost between `free` and `rest`.
        let (_, free) = self.octets.split_at_mut(kept);
        let taken = free.len().min(rest.len());
        for (place, octet) in free.iter_mut().zip(rest) {
            *place = *octet;
        }
        let octets = self.octets.get(..kept + taken).unwrap_or_default();
        match Header::parse(octets, rules)? {
            Some((header, len)) => {
                self.len = 0;
                Ok(Some((header, rest.get(len - kept..).unwrap_or_default())))
            }
            None => {
                self.len = octets.len() as u8;
                Ok(None)
            }
        }
    }
}

/// `len` in octets of memory, if so many more than `held` are a lawful message.
fn within(message_max: usize, held: usize, len: u64) -> Result<usize, FrameFault> {
    usize::try_from(len)
        .ok()
        .filter(|len| held.checked_add(*len).is_some_and(|total| total <= message_max))
        .ok_or(FrameFault::MessageTooBig)
}

/// What a Close says: nothing, or a code and a reason.
fn close_payload(mut payload: Bytes) -> Result<Option<(CloseCode, ByteString)>, FrameFault> {
    if payload.is_empty() {
        return Ok(None);
    }
    let code = payload.try_get_u16().map_err(|_| FrameFault::ClosePayload)?;
    let code = CloseCode::new(code).ok_or(FrameFault::CloseCode)?;
    let reason = ByteString::try_from(payload).map_err(|_| FrameFault::InvalidUtf8)?;
    Ok(Some((code, reason)))
}
