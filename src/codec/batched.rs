//! Batched framing: several WAMP messages in one WebSocket message.
//!
//! ```text
//! JSON                 message 0x1e message 0x1e ...      0x18 is accepted, and mirrored once it was seen (D24)
//! MessagePack, CBOR    length message length message ...  4 octets, big-endian
//! ```
//!
//! A batch holds at least one message, and the last JSON message has its separator too (D57). Messages are slices of the
//! batch and keep it in memory.

use crate::wamp::Serialization;
use bytes::{Buf, Bytes};

/// The separator of the specification.
const SEPARATOR: u8 = 0x1e;
/// The separator that Autobahn puts on the wire.
const CANCEL: u8 = 0x18;

/// Why a batch fails the transport.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BatchError {
    /// There is no message in it.
    #[error("a batch must hold at least one message")]
    Empty,
    /// The last JSON message has no separator, or the octets end inside a message or its length.
    #[error("the batch ends inside a message")]
    Truncated,
    /// More messages than are taken at once.
    #[error("a batch may hold at most {limit} messages")]
    TooMany {
        /// The most.
        limit: usize,
    },
}

/// The framing of one connection; knows which separator its peer uses.
#[derive(Clone, Debug)]
pub struct Batched {
    serialization: Serialization,
    separator: u8,
    messages_max: usize,
}

impl Batched {
    /// For a connection whose batches hold at most `messages_max` messages.
    pub const fn new(serialization: Serialization, messages_max: usize) -> Self {
        Self { serialization, separator: SEPARATOR, messages_max }
    }

    /// Splits a batch. Nothing is handed out unless all of it is well framed.
    ///
    /// # Errors
    /// [`BatchError`]: the transport fails.
    ///
    /// # Cost
    /// One entry of four words for each message, and one pass over the octets of a JSON batch.
    pub fn split(&mut self, batch: &Bytes) -> Result<Vec<Bytes>, BatchError> {
        if batch.is_empty() {
            return Err(BatchError::Empty);
        }
        match self.serialization {
            Serialization::Json => self.split_json(batch),
            Serialization::MessagePack | Serialization::Cbor => self.split_binary(batch.clone()),
        }
    }

    fn split_json(&mut self, batch: &Bytes) -> Result<Vec<Bytes>, BatchError> {
        let mut messages = Vec::new();
        let mut start = 0;
        for end in memchr::memchr2_iter(SEPARATOR, CANCEL, batch) {
            if batch.get(end) == Some(&CANCEL) {
                self.separator = CANCEL;
            }
            self.keep(&mut messages, batch.slice(start..end))?;
            start = end + 1;
        }
        if start < batch.len() {
            return Err(BatchError::Truncated);
        }
        Ok(messages)
    }

    fn split_binary(&self, mut rest: Bytes) -> Result<Vec<Bytes>, BatchError> {
        let mut messages = Vec::new();
        while rest.has_remaining() {
            let length = rest.try_get_u32().map_err(|_| BatchError::Truncated)? as usize;
            if length > rest.len() {
                return Err(BatchError::Truncated);
            }
            self.keep(&mut messages, rest.split_to(length))?;
        }
        Ok(messages)
    }

    fn keep(&self, messages: &mut Vec<Bytes>, message: Bytes) -> Result<(), BatchError> {
        if messages.len() == self.messages_max {
            return Err(BatchError::TooMany { limit: self.messages_max });
        }
        messages.push(message);
        Ok(())
    }

    /// Appends a message that is already encoded.
    pub fn append(&self, message: &[u8], out: &mut Vec<u8>) {
        let start = self.begin(out);
        out.extend_from_slice(message);
        self.end(start, out);
    }

    /// Appends what `encode` appends, framed.
    ///
    /// # Errors
    /// Those of `encode`; `out` is then as it was.
    pub fn append_with<T, E>(
        &self,
        out: &mut Vec<u8>,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<T, E>,
    ) -> Result<T, E> {
        let before = out.len();
        let start = self.begin(out);
        let encoded = encode(out);
        match encoded {
            Ok(_) => self.end(start, out),
            Err(_) => out.truncate(before),
        }
        encoded
    }

    /// The octets that the framing adds to each message.
    pub const fn overhead(&self) -> usize {
        match self.serialization {
            Serialization::Json => 1,
            Serialization::MessagePack | Serialization::Cbor => 4,
        }
    }

    /// Room for the length, if one goes before the message; where the message starts.
    pub fn begin(&self, out: &mut Vec<u8>) -> usize {
        if self.serialization.is_binary() {
            out.extend_from_slice(&[0; 4]);
        }
        out.len()
    }

    /// Completes what was appended since [`begin`](Self::begin) gave `start`.
    pub fn end(&self, start: usize, out: &mut Vec<u8>) {
        if !self.serialization.is_binary() {
            out.push(self.separator);
            return;
        }
        // A message is at most 2^24 octets, so the cast loses nothing.
        let length = (out.len() - start) as u32;
        if let Some(place) = start.checked_sub(4).and_then(|place| out.get_mut(place..start)) {
            place.copy_from_slice(&length.to_be_bytes());
        }
    }
}
