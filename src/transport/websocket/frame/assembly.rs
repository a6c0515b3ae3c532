//! One message that comes in pieces: fragments, or a frame cut by reads, or compressed.
//!
//! One buffer, which grows with the octets received: to twice of what it has, never to what was announced.

use super::{within, Deflate, FrameFault, FrameLimits, Mask};
use crate::transport::websocket::utf8::{self, Utf8};
use bytes::Bytes;

/// Below this many octets the buffer does not grow in steps.
const CAPACITY_MIN: usize = 128;

/// What is done with the octets of a message.
#[derive(Debug)]
pub(super) enum Content {
    Text(Utf8),
    Binary,
    /// Collected as it comes and inflated at the end: only then is it known to be text.
    Deflated {
        text: bool,
        deflate: Deflate,
    },
}

impl Content {
    pub(super) fn plain(text: bool) -> Self {
        if text {
            Self::Text(Utf8::default())
        } else {
            Self::Binary
        }
    }

    pub(super) fn is_plain(&self) -> bool {
        match self {
            Self::Text(_) | Self::Binary => true,
            Self::Deflated { .. } => false,
        }
    }
}

/// A message under way.
#[derive(Debug)]
pub(super) struct Assembly {
    content: Content,
    frames: u32,
    data: Vec<u8>,
}

impl Assembly {
    /// A message whose first frame has begun.
    pub(super) fn new(content: Content) -> Self {
        Self { content, frames: 1, data: Vec::new() }
    }

    pub(super) fn is_text(&self) -> bool {
        match self.content {
            Content::Text(_) => true,
            Content::Binary => false,
            Content::Deflated { text, .. } => text,
        }
    }

    pub(super) fn held_octets(&self) -> usize {
        self.data.capacity()
    }

    /// Judges the next fragment by its header; gives its length.
    pub(super) fn begin_fragment(&mut self, len: u64, limits: FrameLimits) -> Result<usize, FrameFault> {
        if self.frames >= limits.fragments_max {
            return Err(FrameFault::TooManyFragments);
        }
        self.frames += 1;
        within(limits.message_max, self.data.len(), len)
    }

    /// Takes the next octets. `last_left`: octets of the message from `piece` on, where that is known.
    pub(super) fn append(
        &mut self,
        piece: &[u8],
        mask: Mask,
        last_left: Option<usize>,
        message_max: usize,
    ) -> Result<(), FrameFault> {
        let before = self.data.len();
        self.grow(piece.len(), last_left.map_or(message_max, |left| before + left));
        mask.copy(piece, &mut self.data);
        match &mut self.content {
            Content::Text(utf8) => Ok(utf8.push(self.data.get(before..).unwrap_or_default())?),
            Content::Binary | Content::Deflated { .. } => Ok(()),
        }
    }

    /// Makes room for `adding` octets: at least doubles, so that many small pieces cost little, but not beyond `total_max`.
    fn grow(&mut self, adding: usize, total_max: usize) {
        let needed = self.data.len() + adding;
        if needed <= self.data.capacity() {
            return;
        }
        let doubled = self.data.capacity().saturating_mul(2).max(CAPACITY_MIN).min(total_max);
        self.data.reserve_exact(doubled.max(needed) - self.data.len());
    }

    /// Ends the message.
    pub(super) fn finish(self, message_max: usize) -> Result<Bytes, FrameFault> {
        let Self { content, data, .. } = self;
        let data = match content {
            Content::Binary => data,
            Content::Text(utf8) => {
                utf8.finish()?;
                data
            }
            Content::Deflated { text, deflate } => {
                let inflated = deflate.inflate(&data, message_max)?;
                if text {
                    utf8::check(&inflated)?;
                }
                inflated
            }
        };
        // Without its spare room: the message may be kept for long.
        Ok(Bytes::from(data.into_boxed_slice()))
    }
}
