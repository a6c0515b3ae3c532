//! Writing MessagePack, shortest forms.

use crate::codec::error::TranscodeError;
use crate::codec::writer::{OddKey, Writer};
use crate::wamp::Serialization;

/// Appends MessagePack to a buffer.
pub(in crate::codec) struct MessagePackWriter<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> MessagePackWriter<'a> {
    pub(in crate::codec) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// A marker with a length of 1, 2 or 4 octets; the markers of the widths follow one another.
    fn length(&mut self, marker: u8, length: usize) {
        if let Ok(short) = u8::try_from(length) {
            self.out.extend_from_slice(&[marker, short]);
        } else {
            self.long_length(marker + 1, length);
        }
    }

    fn long_length(&mut self, marker: u8, length: usize) {
        if let Ok(middle) = u16::try_from(length) {
            self.out.push(marker);
            self.out.extend_from_slice(&middle.to_be_bytes());
        } else {
            // The longest message has 2^24 octets, so nothing longer than 2^32 gets here.
            self.out.push(marker + 1);
            self.out.extend_from_slice(&(length as u32).to_be_bytes());
        }
    }
}

impl Writer for MessagePackWriter<'_> {
    const SERIALIZATION: Serialization = Serialization::MessagePack;
    const COUNTS: bool = true;

    #[inline]
    fn list(&mut self, length: usize) {
        match length {
            0..=15 => self.out.push(0x90 | length as u8),
            _ => self.long_length(0xdc, length),
        }
    }

    #[inline]
    fn end_list(&mut self) {}

    #[inline]
    fn dict(&mut self, length: usize) {
        match length {
            0..=15 => self.out.push(0x80 | length as u8),
            _ => self.long_length(0xde, length),
        }
    }

    #[inline]
    fn end_dict(&mut self) {}

    #[inline]
    fn options(&mut self) -> usize {
        self.out.push(0x80);
        self.out.len() - 1
    }

    #[inline]
    fn end_options(&mut self, mark: usize, length: u8) {
        debug_assert!(length < 16);
        if let Some(header) = self.out.get_mut(mark) {
            *header |= length;
        }
    }

    #[inline]
    fn key(&mut self, key: &str) {
        self.text(key);
    }

    #[inline]
    fn null(&mut self) {
        self.out.push(0xc0);
    }

    #[inline]
    fn bool(&mut self, truth: bool) {
        self.out.push(0xc2 | u8::from(truth));
    }

    #[inline]
    fn unsigned(&mut self, number: u64) {
        if let Ok(octet) = u8::try_from(number) {
            if octet >= 0x80 {
                self.out.push(0xcc);
            }
            self.out.push(octet);
        } else if let Ok(number) = u16::try_from(number) {
            self.out.push(0xcd);
            self.out.extend_from_slice(&number.to_be_bytes());
        } else if let Ok(number) = u32::try_from(number) {
            self.out.push(0xce);
            self.out.extend_from_slice(&number.to_be_bytes());
        } else {
            self.out.push(0xcf);
            self.out.extend_from_slice(&number.to_be_bytes());
        }
    }

    fn negative(&mut self, number: u64) -> bool {
        let Ok(complement) = i64::try_from(number) else {
            self.float(-1.0 - number as f64);
            return false;
        };
        let number = !complement;
        if let Ok(octet) = i8::try_from(number) {
            if octet < -32 {
                self.out.push(0xd0);
            }
            self.out.push(octet as u8);
        } else if let Ok(number) = i16::try_from(number) {
            self.out.push(0xd1);
            self.out.extend_from_slice(&number.to_be_bytes());
        } else if let Ok(number) = i32::try_from(number) {
            self.out.push(0xd2);
            self.out.extend_from_slice(&number.to_be_bytes());
        } else {
            self.out.push(0xd3);
            self.out.extend_from_slice(&number.to_be_bytes());
        }
        true
    }

    fn float(&mut self, number: f64) -> bool {
        self.out.push(0xcb);
        self.out.extend_from_slice(&number.to_be_bytes());
        true
    }

    #[inline]
    fn text(&mut self, text: &str) {
        match text.len() {
            short @ 0..=31 => self.out.push(0xa0 | short as u8),
            long => self.length(0xd9, long),
        }
        self.out.extend_from_slice(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.length(0xc4, bytes.len());
        self.out.extend_from_slice(bytes);
    }

    fn odd_key(&mut self, key: OddKey<'_>) -> Result<bool, TranscodeError> {
        match key {
            OddKey::Null => self.null(),
            OddKey::Bool(truth) => self.bool(truth),
            OddKey::Unsigned(number) => self.unsigned(number),
            OddKey::Negative(number) => return Ok(self.negative(number)),
            OddKey::Float(number) => return Ok(self.float(number)),
            OddKey::Bytes(bytes) => self.bytes(bytes),
        }
        Ok(true)
    }

    #[inline]
    fn splice(&mut self, elements: &[u8]) {
        self.out.extend_from_slice(elements);
    }
}
