//! One buffer for all the payloads that lie whole in one read.
//!
//! Sized by looking ahead over the headers of the read, so that a hundred frames cost one allocation and no payload
//! pins more memory than the read's payloads together. Lives for one read.

use super::header::{Header, Opcode, Rules};
use super::{FrameFault, Mask};
use crate::transport::websocket::utf8;
use bytes::{Bytes, BytesMut};

/// The buffer of one read; empty until the first payload is copied.
pub(super) struct Arena {
    rules: Rules,
    buffer: BytesMut,
    /// Octets that are still to come according to the look ahead.
    expected: usize,
}

impl Arena {
    pub(super) fn new(rules: Rules) -> Self {
        Self { rules, buffer: BytesMut::new(), expected: 0 }
    }

    /// Unmasks a payload. `following` is what the read has after it.
    pub(super) fn copy(&mut self, payload: &[u8], mask: Mask, following: &[u8]) -> Bytes {
        self.append(payload, mask, following);
        self.take()
    }

    /// Unmasks a payload that must be UTF-8.
    pub(super) fn copy_text(&mut self, payload: &[u8], mask: Mask, following: &[u8]) -> Result<Bytes, FrameFault> {
        self.append(payload, mask, following);
        utf8::check(&self.buffer)?;
        Ok(self.take())
    }

    fn append(&mut self, payload: &[u8], mask: Mask, following: &[u8]) {
        if payload.is_empty() {
            return;
        }
        if self.expected == 0 {
            self.expected = payload.len() + whole_payload_octets(following, self.rules);
            self.buffer = BytesMut::with_capacity(self.expected);
        }
        self.expected = self.expected.saturating_sub(payload.len());
        mask.copy(payload, &mut self.buffer);
    }

    /// The payload that was appended. The last one takes the buffer with it, which spares a count of references where
    /// a read has one payload, as most have.
    fn take(&mut self) -> Bytes {
        if self.expected == 0 {
            std::mem::take(&mut self.buffer).freeze()
        } else {
            self.buffer.split().freeze()
        }
    }
}

/// Octets of the payloads that this module will be asked to copy from `octets`.
fn whole_payload_octets(mut octets: &[u8], rules: Rules) -> usize {
    let mut sum = 0;
    while let Ok(Some((header, header_len))) = Header::parse(octets, rules) {
        let frame_len = usize::try_from(header.len).unwrap_or(usize::MAX).saturating_add(header_len);
        let Some(rest) = octets.get(frame_len..) else { break };
        octets = rest;
        let copied = match header.opcode {
            Opcode::Text | Opcode::Binary => header.fin && !header.rsv1,
            Opcode::Control(_) => true,
            Opcode::Continuation => false,
        };
        if copied {
            sum += frame_len - header_len;
        }
    }
    sum
}
