//! Writing JSON in its compact form. Binary is a string of U+0000 and Base64; what is not finite is null.

use super::string;
use crate::codec::error::{TranscodeError, ValueKind};
use crate::codec::writer::{OddKey, Writer};
use crate::wamp::Serialization;
use base64::engine::general_purpose::STANDARD;
use base64::Engine;

/// Appends JSON to a buffer.
pub(in crate::codec) struct JsonWriter<'a> {
    out: &'a mut Vec<u8>,
    /// Whether the next value has another before it in the same list or dict.
    comma: bool,
}

impl<'a> JsonWriter<'a> {
    pub(in crate::codec) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, comma: false }
    }

    #[inline]
    fn value(&mut self) {
        if self.comma {
            self.out.push(b',');
        }
        self.comma = true;
    }

    #[inline]
    fn open(&mut self, bracket: u8) {
        self.value();
        self.out.push(bracket);
        self.comma = false;
    }

    #[inline]
    fn close(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.comma = true;
    }

    fn display(&mut self, number: impl itoa::Integer) {
        self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }
}

impl Writer for JsonWriter<'_> {
    const SERIALIZATION: Serialization = Serialization::Json;
    const COUNTS: bool = false;

    #[inline]
    fn list(&mut self, _length: usize) {
        self.open(b'[');
    }

    #[inline]
    fn end_list(&mut self) {
        self.close(b']');
    }

    #[inline]
    fn dict(&mut self, _length: usize) {
        self.open(b'{');
    }

    #[inline]
    fn end_dict(&mut self) {
        self.close(b'}');
    }

    #[inline]
    fn options(&mut self) -> usize {
        self.open(b'{');
        0
    }

    #[inline]
    fn end_options(&mut self, _mark: usize, _length: u8) {
        self.close(b'}');
    }

    #[inline]
    fn key(&mut self, key: &str) {
        self.text(key);
        self.out.push(b':');
        self.comma = false;
    }

    #[inline]
    fn null(&mut self) {
        self.value();
        self.out.extend_from_slice(b"null");
    }

    #[inline]
    fn bool(&mut self, truth: bool) {
        self.value();
        self.out.extend_from_slice(if truth { b"true" } else { b"false" });
    }

    #[inline]
    fn unsigned(&mut self, number: u64) {
        self.value();
        self.display(number);
    }

    fn negative(&mut self, number: u64) -> bool {
        self.value();
        self.display(-1 - i128::from(number));
        true
    }

    fn float(&mut self, number: f64) -> bool {
        if !number.is_finite() {
            self.null();
            return false;
        }
        self.value();
        self.out.extend_from_slice(ryu::Buffer::new().format_finite(number).as_bytes());
        true
    }

    #[inline]
    fn text(&mut self, text: &str) {
        self.value();
        string::write(self.out, text);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.value();
        self.out.extend_from_slice(b"\"\\u0000");
        self.out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
        self.out.push(b'"');
    }

    fn odd_key(&mut self, key: OddKey<'_>) -> Result<bool, TranscodeError> {
        match key {
            OddKey::Null => self.key("null"),
            OddKey::Bool(truth) => self.key(if truth { "true" } else { "false" }),
            OddKey::Unsigned(number) => self.key(itoa::Buffer::new().format(number)),
            OddKey::Negative(number) => self.key(itoa::Buffer::new().format(-1 - i128::from(number))),
            OddKey::Float(number) if number.is_finite() => self.key(ryu::Buffer::new().format_finite(number)),
            OddKey::Float(_) => {
                return Err(TranscodeError::Key { kind: ValueKind::Float, towards: Self::SERIALIZATION });
            }
            OddKey::Bytes(bytes) => {
                self.bytes(bytes);
                self.out.push(b':');
                self.comma = false;
            }
        }
        Ok(false)
    }

    #[inline]
    fn splice(&mut self, elements: &[u8]) {
        self.value();
        self.out.extend_from_slice(elements);
    }
}
