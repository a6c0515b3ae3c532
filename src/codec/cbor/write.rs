//! Writing CBOR, definite lengths and shortest heads.

use crate::codec::error::TranscodeError;
use crate::codec::writer::{OddKey, Writer};
use crate::wamp::Serialization;

/// Appends CBOR to a buffer.
pub(in crate::codec) struct CborWriter<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> CborWriter<'a> {
    pub(in crate::codec) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    #[inline]
    fn head(&mut self, major: u8, argument: u64) {
        let major = major << 5;
        if argument < 24 {
            self.out.push(major | argument as u8);
        } else if let Ok(argument) = u8::try_from(argument) {
            self.out.extend_from_slice(&[major | 24, argument]);
        } else if let Ok(argument) = u16::try_from(argument) {
            self.out.push(major | 25);
            self.out.extend_from_slice(&argument.to_be_bytes());
        } else if let Ok(argument) = u32::try_from(argument) {
            self.out.push(major | 26);
            self.out.extend_from_slice(&argument.to_be_bytes());
        } else {
            self.out.push(major | 27);
            self.out.extend_from_slice(&argument.to_be_bytes());
        }
    }
}

impl Writer for CborWriter<'_> {
    const SERIALIZATION: Serialization = Serialization::Cbor;
    const COUNTS: bool = true;

    #[inline]
    fn list(&mut self, length: usize) {
        self.head(4, length as u64);
    }

    #[inline]
    fn end_list(&mut self) {}

    #[inline]
    fn dict(&mut self, length: usize) {
        self.head(5, length as u64);
    }

    #[inline]
    fn end_dict(&mut self) {}

    #[inline]
    fn options(&mut self) -> usize {
        self.out.push(0xa0);
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
        self.out.push(0xf6);
    }

    #[inline]
    fn bool(&mut self, truth: bool) {
        self.out.push(0xf4 | u8::from(truth));
    }

    #[inline]
    fn unsigned(&mut self, number: u64) {
        self.head(0, number);
    }

    fn negative(&mut self, number: u64) -> bool {
        self.head(1, number);
        true
    }

    fn float(&mut self, number: f64) -> bool {
        self.out.push(0xfb);
        self.out.extend_from_slice(&number.to_be_bytes());
        true
    }

    #[inline]
    fn text(&mut self, text: &str) {
        self.head(3, text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.head(2, bytes.len() as u64);
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
