//! permessage-deflate (RFC 7692) without context takeover in either direction: each message is compressed for itself.
//!
//! So no connection keeps a window: inflating borrows 11 KiB for the time of one message, and a [`Compressor`], which is
//! far larger, is shared by all the connections of a thread. The output is bounded while it is made: by what a message may have
//! and by its proportion to the input.

use super::frame::FrameFault;
use miniz_oxide::deflate::core::{
    compress, create_comp_flags_from_zip_params, CompressorOxide, TDEFLFlush, TDEFLStatus,
};
use miniz_oxide::inflate::core::{decompress, inflate_flags, DecompressorOxide};
use miniz_oxide::inflate::TINFLStatus;

/// The answer to an offer that is accepted.
pub const RESPONSE: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// What a sender takes off the end of each message (an empty stored block without its first octet).
const CUT_OFF: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
/// What was taken off, and an empty last block: reading to its end proves that the message ended between two blocks.
const TAIL: [u8; 9] = [0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff];

/// Up to this many octets a message may grow out of proportion: short ones of blanks and zeros lawfully do.
const RATIO_FREE_OCTETS: usize = 64 << 10;
/// Octets of output per octet of input, beyond [`RATIO_FREE_OCTETS`].
const RATIO_MAX: usize = 100;
/// DEFLATE streams in one message. One is usual; a sender that ends its stream with each fragment makes a few.
const STREAMS_MAX: u32 = 64;
/// Smaller messages are not worth the time.
const COMPRESS_MIN_OCTETS: usize = 257;
/// Of miniz's 0 to 10: the speed of 1 with most of the gain of 6.
const COMPRESS_LEVEL: i32 = 3;
/// Negative: no zlib header.
const COMPRESS_WINDOW_BITS: i32 = -15;
/// A scratch buffer that one large message made is not kept.
const SCRATCH_KEPT_OCTETS: usize = 256 << 10;

/// Chooses among the extensions that a client offers, in all its `Sec-WebSocket-Extensions` headers joined with commas.
///
/// The first offer of permessage-deflate that can be met is accepted with the returned answer; the parameters
/// `server_no_context_takeover`, `client_no_context_takeover` and `client_max_window_bits` can be met.
/// An offer with another parameter, a repeated one or an illegal value is passed over.
/// Source: RFC 7692, "The permessage-deflate Extension".
#[must_use]
pub fn negotiate(offers: &str) -> Option<&'static str> {
    split_unquoted(offers, ',').any(acceptable).then_some(RESPONSE)
}

/// How a connection's compressed messages are read, where permessage-deflate was negotiated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Deflate(());

impl Deflate {
    /// Both sides without context takeover, as [`negotiate`] answers.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }

    /// Inflates one message.
    ///
    /// # Errors
    /// `InflatedTooBig` beyond `message_max` octets; `InflatedRatio` beyond 64 KiB and 100 times the input; `InvalidDeflate`.
    ///
    /// # Cost
    /// Memory of twice the output at most, and never above one of the bounds. Time grows with the input too: each of its
    /// blocks builds tables, and a block may be as short as ten bits and hold nothing. 1 MiB of such blocks took 0.85 s
    /// (measured), so the bound on the compressed octets, checked on the frame header, is also the bound on time.
    pub fn inflate(self, message: &[u8], message_max: usize) -> Result<Vec<u8>, FrameFault> {
        let by_ratio = message.len().saturating_mul(RATIO_MAX).max(RATIO_FREE_OCTETS);
        let mut output = if by_ratio < message_max {
            Output::new(message.len(), by_ratio, FrameFault::InflatedRatio)
        } else {
            Output::new(message.len(), message_max, FrameFault::InflatedTooBig)
        };
        let mut inflater = Box::<DecompressorOxide>::default();
        let mut streams = 1;
        let mut input = message;
        // A sender may end its stream anywhere and begin the next one at the next octet (RFC 7692, "An Example with BFINAL").
        while let Stream::Ended { rest } = output.inflate(&mut inflater, input)? {
            if rest.is_empty() {
                return Ok(output.finish());
            }
            if streams == STREAMS_MAX {
                return Err(FrameFault::InvalidDeflate);
            }
            streams += 1;
            inflater.init();
            input = rest;
        }
        match output.inflate(&mut inflater, &TAIL)? {
            Stream::Ended { rest: [] } => Ok(output.finish()),
            Stream::Ended { .. } | Stream::Open => Err(FrameFault::InvalidDeflate),
        }
    }
}

/// Compresses messages, each for itself. A few hundred KiB: one per thread, not one per connection.
pub struct Compressor {
    compressor: Box<CompressorOxide>,
    scratch: Vec<u8>,
}

impl Default for Compressor {
    fn default() -> Self {
        Self::new()
    }
}

impl Compressor {
    /// A compressor for any number of messages.
    #[must_use]
    pub fn new() -> Self {
        let flags = create_comp_flags_from_zip_params(COMPRESS_LEVEL, COMPRESS_WINDOW_BITS, 0);
        Self { compressor: Box::new(CompressorOxide::new(flags)), scratch: Vec::new() }
    }

    /// The payload of a frame with RSV1, or `None` if the message is short or would not become smaller.
    pub fn compress(&mut self, message: &[u8]) -> Option<&[u8]> {
        if message.len() < COMPRESS_MIN_OCTETS {
            return None;
        }
        if self.scratch.capacity() > SCRATCH_KEPT_OCTETS {
            self.scratch = Vec::new();
        }
        self.scratch.clear();
        // As much room as the message itself has: an output that fills it is no gain.
        self.scratch.resize(message.len(), 0);
        self.compressor.reset();
        let (status, read, written) = compress(&mut self.compressor, message, &mut self.scratch, TDEFLFlush::Sync);
        let flushed = status == TDEFLStatus::Okay && read == message.len() && written < message.len();
        if !flushed {
            return None;
        }
        self.scratch.get(..written)?.strip_suffix(&CUT_OFF)
    }
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compressor").finish_non_exhaustive()
    }
}

/// What is known after some input.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream<'a> {
    /// Its last block has ended; what was not read.
    Ended { rest: &'a [u8] },
    /// All the input is read and more must come.
    Open,
}

/// What is inflated so far, and how far it may go.
struct Output {
    /// Initialised beyond `written`: the window that later blocks copy from lies in front of it.
    octets: Vec<u8>,
    written: usize,
    max: usize,
    beyond: FrameFault,
}

impl Output {
    /// Room for one octet more than `max`: only what is written there shows that there was more.
    fn new(input_octets: usize, max: usize, beyond: FrameFault) -> Self {
        let first = input_octets.saturating_mul(4).clamp(64, 16 << 10).min(max.saturating_add(1));
        Self { octets: vec![0; first], written: 0, max, beyond }
    }

    /// Inflates `input` until it or its stream ends.
    fn inflate<'a>(&mut self, inflater: &mut DecompressorOxide, mut input: &'a [u8]) -> Result<Stream<'a>, FrameFault> {
        const FLAGS: u32 = inflate_flags::TINFL_FLAG_HAS_MORE_INPUT
            | inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF
            | inflate_flags::TINFL_FLAG_IGNORE_ADLER32;
        loop {
            let (status, read, written) = decompress(inflater, input, &mut self.octets, self.written, FLAGS);
            input = input.get(read..).unwrap_or_default();
            self.written += written;
            if self.written > self.max {
                return Err(self.beyond);
            }
            if status == TINFLStatus::HasMoreOutput {
                self.grow()?;
            } else if status == TINFLStatus::Done {
                return Ok(Stream::Ended { rest: input });
            } else if status == TINFLStatus::NeedsMoreInput {
                return Ok(Stream::Open);
            } else {
                return Err(FrameFault::InvalidDeflate);
            }
        }
    }

    fn grow(&mut self) -> Result<(), FrameFault> {
        if self.octets.len() > self.max {
            return Err(self.beyond);
        }
        let len = self.octets.len().saturating_mul(2).min(self.max.saturating_add(1));
        self.octets.resize(len, 0);
        Ok(())
    }

    fn finish(mut self) -> Vec<u8> {
        self.octets.truncate(self.written);
        self.octets
    }
}

/// Whether one element of an extension list is an offer of permessage-deflate that can be met.
fn acceptable(offer: &str) -> bool {
    let mut parts = split_unquoted(offer, ';').map(str::trim);
    if parts.next() != Some("permessage-deflate") {
        return false;
    }
    let (mut server_no_context, mut client_no_context, mut client_bits) = (false, false, false);
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim_end(), Some(value.trim_start())),
            None => (part, None),
        };
        let (seen, lawful) = match name {
            "server_no_context_takeover" => (&mut server_no_context, value.is_none()),
            "client_no_context_takeover" => (&mut client_no_context, value.is_none()),
            "client_max_window_bits" => (&mut client_bits, value.is_none_or(is_window_bits)),
            _ => return false,
        };
        if *seen || !lawful {
            return false;
        }
        *seen = true;
    }
    true
}

/// 8 to 15, without leading zeros, as a token or a quoted token.
fn is_window_bits(value: &str) -> bool {
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    matches!(value, "8" | "9" | "10" | "11" | "12" | "13" | "14" | "15")
}

fn split_unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |character| {
        quoted ^= character == '"';
        character == separator && !quoted
    })
}

#[cfg(test)]
mod tests {
    use super::{negotiate, Compressor, Deflate, RESPONSE, STREAMS_MAX};
    use crate::transport::websocket::frame::FrameFault;
    use proptest::prelude::*;

    const MAX: usize = 1 << 20;

    /// T6.
    #[test]
    fn an_offer_that_can_be_met_is_accepted() {
        let offers = [
            "permessage-deflate",
            " permessage-deflate ; client_max_window_bits",
            "permessage-deflate;client_max_window_bits=15",
            "permessage-deflate; client_max_window_bits = \"9\"",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=8",
            "x-webkit-deflate-frame, permessage-deflate",
            "permessage-deflate; server_max_window_bits=10, permessage-deflate",
            "foo; bar=\"a, b; c\", permessage-deflate; client_max_window_bits",
        ];
        for offer in offers {
            assert_eq!(negotiate(offer), Some(RESPONSE), "{offer}");
        }
    }

    /// T6.
    #[test]
    fn an_offer_that_cannot_be_met_is_passed_over() {
        let offers = [
            "",
            ",",
            "deflate",
            "permessage-deflate2",
            "permessage-deflate; server_max_window_bits=10",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; unknown",
            "permessage-deflate;",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; client_no_context_takeover=true",
            "permessage-deflate; client_max_window_bits=7",
            "permessage-deflate; client_max_window_bits=16",
            "permessage-deflate; client_max_window_bits=08",
            "permessage-deflate; client_max_window_bits=",
            "permessage-deflate; client_max_window_bits; client_max_window_bits",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "foo; bar=\"permessage-deflate, permessage-deflate, x\"",
        ];
        for offer in offers {
            assert_eq!(negotiate(offer), None, "{offer}");
        }
    }

    /// T6: the examples of RFC 7692, "Examples".
    #[test]
    fn the_examples_of_the_specification_inflate() {
        let examples: [(&[u8], &[u8]); 6] = [
            (b"\xf2\x48\xcd\xc9\xc9\x07\x00", b"Hello"),
            (b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", b"Hello"),
            (b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", b"Hello"),
            (b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", b"Hello"),
            (b"\x00", b""),
            (b"\x02\x00", b""),
        ];
        for (compressed, message) in examples {
            assert_eq!(Deflate::new().inflate(compressed, MAX).as_deref(), Ok(message), "{compressed:x?}");
        }
    }

    /// T6.
    #[test]
    fn a_stream_that_ends_with_its_last_block_needs_nothing_after_it() {
        let compressed = miniz_oxide::deflate::compress_to_vec(b"Hello", 6);
        assert_eq!(Deflate::new().inflate(&compressed, MAX).as_deref(), Ok(&b"Hello"[..]));
    }

    /// T6.
    #[test]
    fn what_is_not_deflate_data_is_refused() {
        let cut = &Compressor::new().compress(&[7; 400]).unwrap_or_default()[..4].to_vec();
        let bad: [&[u8]; 5] = [b"", b"\xff\xff\xff", b"\x06", b"\x00\x06\x00\xf9\xff\x48", cut];
        for compressed in bad {
            assert_eq!(Deflate::new().inflate(compressed, MAX), Err(FrameFault::InvalidDeflate), "{compressed:x?}");
        }
    }

    /// T6: a flood of nothing is still a flood.
    #[test]
    fn the_streams_of_a_message_are_counted() {
        let empty_stream = b"\x03\x00";
        let lawful = empty_stream.repeat(STREAMS_MAX as usize);
        assert_eq!(Deflate::new().inflate(&lawful, MAX).as_deref(), Ok(&b""[..]));
        let flood = empty_stream.repeat(STREAMS_MAX as usize + 1);
        assert_eq!(Deflate::new().inflate(&flood, MAX), Err(FrameFault::InvalidDeflate));
    }

    /// T4, T6: to the octet.
    #[test]
    fn a_message_may_inflate_to_exactly_its_limit() {
        let message: Vec<u8> = (0..40_000_u32).map(|i| (i * i % 253) as u8).collect();
        let mut compressor = Compressor::new();
        let compressed = compressor.compress(&message).unwrap_or_default();
        assert!(!compressed.is_empty());
        assert_eq!(Deflate::new().inflate(compressed, 40_000).as_deref(), Ok(message.as_slice()));
        assert_eq!(Deflate::new().inflate(compressed, 39_999), Err(FrameFault::InflatedTooBig));
    }

    proptest! {
        /// T6.
        #[test]
        fn what_is_compressed_inflates_to_itself(
            words in proptest::collection::vec("[a-e]{1,6}", 0..400),
            noise in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let message = [words.join(" ").as_bytes(), &noise].concat();
            if let Some(compressed) = Compressor::new().compress(&message) {
                prop_assert!(compressed.len() < message.len());
                let inflated = Deflate::new().inflate(compressed, MAX);
                prop_assert_eq!(inflated.as_deref(), Ok(message.as_slice()));
            }
        }

        /// T6.
        #[test]
        fn no_octets_inflate_beyond_the_limit(octets in proptest::collection::vec(any::<u8>(), 0..400), max in 0_usize..5000) {
            if let Ok(inflated) = Deflate::new().inflate(&octets, max) {
                prop_assert!(inflated.len() <= max);
            }
        }
    }
}
