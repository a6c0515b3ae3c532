//! Reading messages: from a reader of any serialization to the elements that [`shapes`](super::shapes) puts together.
//!
//! Texts and payload are slices of the frame. The payload is passed over once, checked, and never built into values.

use super::dict::{self, Context, Shape};
use crate::codec::error::{DecodeError, Got, ValueKind};
use crate::codec::keys::check_kwargs;
use crate::codec::reader::{Items, Levels, Reader, Token};
use crate::codec::Limits;
use crate::wamp::{IdOutOfRange, Message, MessageKind, Payload, RawPayload, RequestId, Serialization, Uri};
use bytes::Bytes;

pub(super) type Read<T> = Result<T, DecodeError>;

/// Reads the one message that a frame holds.
#[inline]
pub(in crate::codec) fn read<'a, R: Reader<'a>>(
    serialization: Serialization,
    frame: &'a Bytes,
    limits: &Limits,
) -> Read<Message> {
    let mut reader = R::new(frame)?;
    let outermost = reader.token()?;
    let Token::List(mut items) = outermost else { return Err(DecodeError::NotAList { got: outermost.kind() }) };
    if !reader.next_item(&mut items)? {
        return Err(DecodeError::Empty);
    }
    let first = reader.token()?;
    let Token::Unsigned(code) = first else { return Err(DecodeError::Code { got: first.kind() }) };
    let message = MessageKind::from_code(code).ok_or(DecodeError::UnknownMessage { code })?;
    let context = Context { message, frame, dict: "", levels: Levels::new(limits.dict_depth_max) };
    // The outer list is one level, and a message of `depth_max` levels is one too deep.
    let payload_levels = Levels::new(limits.depth_max.saturating_sub(2));
    let mut elements = Elements { reader, items, read: 1, closed: false, context, payload_levels, serialization };
    // Handed on as it is, for a message is large enough that moving it would be seen in the time.
    let message = elements.message();
    if message.is_ok() {
        elements.finish()?;
    }
    message
}

/// The elements of one message, taken in order.
pub(super) struct Elements<'a, R> {
    reader: R,
    items: Items,
    /// Elements begun, the code included.
    read: u64,
    closed: bool,
    context: Context<'a>,
    payload_levels: Levels,
    serialization: Serialization,
}

impl<'a, R: Reader<'a>> Elements<'a, R> {
    pub(super) const fn kind(&self) -> MessageKind {
        self.context.message
    }

    /// Goes before the next element, if there is one.
    #[inline]
    pub(super) fn more(&mut self) -> Read<bool> {
        if self.closed {
            return Ok(false);
        }
        let more = self.reader.next_item(&mut self.items)?;
        self.closed = !more;
        self.read += u64::from(more);
        Ok(more)
    }

    /// Reads the next element, which must be there.
    #[inline]
    fn element(&mut self) -> Read<Token<'a>> {
        if !self.more()? {
            return Err(DecodeError::Length { message: self.kind(), got: self.read });
        }
        Ok(self.reader.token()?)
    }

    /// There must be no further elements and no further octets.
    #[inline]
    fn finish(&mut self) -> Read<()> {
        let mut surplus = false;
        while self.more()? {
            surplus = true;
            self.reader.skip(self.payload_levels)?;
        }
        if surplus {
            return Err(DecodeError::Length { message: self.kind(), got: self.read });
        }
        Ok(self.reader.end()?)
    }

    #[cold]
    fn wrong<T>(&self, field: &'static str, expected: &'static str, got: ValueKind) -> Read<T> {
        Err(DecodeError::Field { message: self.kind(), field, expected, got: Got::Kind(got) })
    }

    #[inline]
    pub(super) fn unsigned(&mut self, field: &'static str, expected: &'static str) -> Read<u64> {
        let token = self.element()?;
        if let Some(number) = token.unsigned::<R>() {
            return Ok(number);
        }
        self.wrong(field, expected, token.kind())
    }

    #[inline]
    pub(super) fn id<T>(&mut self, field: &'static str, new: fn(u64) -> Result<T, IdOutOfRange>) -> Read<T> {
        let number = self.unsigned(field, dict::ID)?;
        new(number).map_err(|_| self.out_of_range(field, dict::ID, number))
    }

    #[cold]
    pub(super) fn out_of_range(&self, field: &'static str, expected: &'static str, number: u64) -> DecodeError {
        DecodeError::Field { message: self.kind(), field, expected, got: Got::Number(number) }
    }

    #[inline]
    pub(super) fn request(&mut self) -> Read<RequestId> {
        self.id("Request", RequestId::new)
    }

    /// The request of an UNSUBSCRIBED or UNREGISTERED: 0 stands for a revocation, which Details must then explain.
    pub(super) fn request_or_revocation<D: Shape>(&mut self, field: &'static str) -> Read<(Option<RequestId>, D)> {
        let number = self.unsigned(field, dict::ID)?;
        let request = RequestId::new(number).ok();
        if request.is_none() && number != 0 {
            return Err(self.out_of_range(field, dict::ID, number));
        }
        if !self.more()? {
            return match request {
                Some(_) => Ok((request, D::default())),
                None => Err(self.out_of_range(field, dict::ID, 0)),
            };
        }
        let token = self.reader.token()?;
        Ok((request, self.dict_after(token, "Details")?))
    }

    #[inline]
    pub(super) fn uri(&mut self, field: &'static str) -> Read<Uri> {
        let token = self.element()?;
        let kind = token.kind();
        if let Token::Text(text) = token {
            return Ok(dict::uri(self.context.frame, text));
        }
        self.wrong(field, "a string", kind)
    }

    /// HELLO.Realm, which may be null (D28).
    pub(super) fn realm(&mut self) -> Read<Option<Uri>> {
        let token = self.element()?;
        let kind = token.kind();
        if let Token::Text(text) = token {
            return Ok(Some(dict::uri(self.context.frame, text)));
        }
        if kind == ValueKind::Null {
            return Ok(None);
        }
        self.wrong("Realm", "a string", kind)
    }

    pub(super) fn text(&mut self, field: &'static str) -> Read<String> {
        let token = self.element()?;
        let kind = token.kind();
        if let Token::Text(text) = token {
            return Ok(text.into_owned());
        }
        self.wrong(field, "a string", kind)
    }

    /// Options, Details or Extra.
    #[inline]
    pub(super) fn dict<D: Shape>(&mut self, field: &'static str) -> Read<D> {
        let token = self.element()?;
        self.dict_after(token, field)
    }

    #[inline]
    fn dict_after<D: Shape>(&mut self, token: Token<'a>, field: &'static str) -> Read<D> {
        let Token::Dict(items) = token else { return self.wrong(field, "a dict", token.kind()) };
        self.context.dict = field;
        dict::read(&mut self.reader, items, &self.context)
    }

    /// Arguments and ArgumentsKw, if they are there.
    #[inline]
    pub(super) fn payload(&mut self) -> Read<Payload> {
        if !self.more()? {
            return Ok(Payload::Empty);
        }
        let start = self.reader.start();
        let kind = self.reader.kind()?;
        if kind != ValueKind::List {
            return self.wrong("Arguments", "a list", kind);
        }
        self.reader.skip(self.payload_levels)?;
        let args_end = self.reader.at();
        let (kwargs_at, end) = if self.more()? {
            let at = self.reader.start();
            let token = self.reader.token()?;
            let Token::Dict(items) = token else { return self.wrong("ArgumentsKw", "a dict", token.kind()) };
            check_kwargs(&mut self.reader, items, self.payload_levels)?;
            (Some(at - start), self.reader.at())
        } else {
            (None, args_end)
        };
        let tail = self.context.frame.slice(start..end);
        Ok(Payload::Raw(RawPayload::new(self.serialization, tail, args_end - start, kwargs_at)))
    }
}
