//! The pull parser that the shapes of messages are written against, once for all serializations.
//!
//! A reader stands before a value. It never builds trees, never recurses, and never allocates by an announced length; what
//! it hands out has been checked. The only allocation is the text of a JSON string with escapes, or of a CBOR string in
//! chunks.

use super::error::{Fault, ValueKind};
use std::borrow::Cow;

/// The most levels that any reader can keep count of: the JSON reader keeps one bit for each.
pub(super) const LEVELS_MAX: u32 = 128;

/// One step of reading: a scalar with its value, or the beginning of a list or dict.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Token<'a> {
    Null,
    Bool(bool),
    Unsigned(u64),
    /// The integer -1 - n, the form that holds everything down to -2^64.
    Negative(u64),
    /// An integer beyond 64 bits or a number beyond the range of floats, as near as a float comes.
    Huge(f64),
    Float(f64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    List(Items),
    Dict(Items),
    /// A MessagePack extension, read to its end, with its type.
    Extension(i8),
    /// A CBOR tag; the value that it is put on follows.
    Tag(u64),
    /// A CBOR simple value without a meaning.
    Simple(u8),
}

/// 2^32 to 2^53: where JavaScript libraries write integers as floats.
const INTEGERS_AS_FLOATS: (f64, f64) = (4_294_967_296.0, 9_007_199_254_740_992.0);

impl Token<'_> {
    pub(super) const fn kind(&self) -> ValueKind {
        match self {
            Self::Null => ValueKind::Null,
            Self::Bool(_) => ValueKind::Bool,
            Self::Unsigned(_) => ValueKind::Integer,
            Self::Negative(_) => ValueKind::Negative,
            Self::Huge(_) => ValueKind::HugeNumber,
            Self::Float(_) => ValueKind::Float,
            Self::Text(_) => ValueKind::Text,
            Self::Bytes(_) => ValueKind::Bytes,
            Self::List(_) => ValueKind::List,
            Self::Dict(_) => ValueKind::Dict,
            Self::Extension(_) => ValueKind::Extension,
            Self::Tag(_) => ValueKind::Tag,
            Self::Simple(_) => ValueKind::Simple,
        }
    }

    /// The non-negative integer that this is, where `R` is what it was read by.
    ///
    /// JavaScript's MessagePack and CBOR libraries write integers beyond 32 bits as floats, so that with them a whole float
    /// counts where the protocol wants an integer. JSON has no such excuse: `1.0` is no id (D50).
    #[inline]
    pub(super) fn unsigned<'a, R: Reader<'a>>(&self) -> Option<u64> {
        if let Self::Unsigned(number) = self {
            return Some(*number);
        }
        let Self::Float(number) = self else { return None };
        let whole = (INTEGERS_AS_FLOATS.0..=INTEGERS_AS_FLOATS.1).contains(number) && number.fract() == 0.0;
        // In this range every whole float is an integer of its own, so the cast loses nothing.
        (whole && !R::BINARY_AS_TEXT).then_some(*number as u64)
    }

    /// Whether this counts as an option that is not there (D48).
    pub(super) const fn is_absent(&self) -> bool {
        matches!(self, Self::Null | Self::Extension(0))
    }
}

/// How much of a list or dict is left; what the number means is the reader's own affair.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Items(pub(super) u64);

/// How many more lists and dicts may open inside each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Levels {
    left: u32,
    limit: u32,
}

impl Levels {
    /// `limit` levels, at most [`LEVELS_MAX`].
    pub(super) fn new(limit: u32) -> Self {
        let limit = limit.min(LEVELS_MAX);
        Self { left: limit, limit }
    }

    pub(super) const fn left(self) -> u32 {
        self.left
    }

    pub(super) const fn fault(self) -> Fault {
        Fault::TooDeep { limit: self.limit }
    }

    /// What is left inside one more list or dict.
    pub(super) const fn inside(self) -> Result<Self, Fault> {
        match self.left.checked_sub(1) {
            Some(left) => Ok(Self { left, ..self }),
            None => Err(self.fault()),
        }
    }
}

/// A pull parser of one serialization.
pub(super) trait Reader<'a>: Sized + Copy {
    /// Whether [`Items`] tell at the beginning how many there are.
    const COUNTED: bool;

    /// Whether a byte string is a text of U+0000 and Base64.
    const BINARY_AS_TEXT: bool;

    /// Stands before the first value.
    fn new(bytes: &'a [u8]) -> Result<Self, Fault>;

    /// The octet where it stands: after a value, that value's end.
    fn at(&self) -> usize;

    /// Goes to an octet that [`at`](Self::at) or [`start`](Self::start) gave.
    fn seek(&mut self, at: usize);

    /// The octet where the next value starts.
    fn start(&mut self) -> usize;

    /// The kind of the next value, which is not read.
    fn kind(&mut self) -> Result<ValueKind, Fault>;

    /// Reads a scalar or the beginning of a list or dict.
    fn token(&mut self) -> Result<Token<'a>, Fault>;

    /// Whether the list has another element, before which the reader then stands; if not, the list is closed.
    fn next_item(&mut self, items: &mut Items) -> Result<bool, Fault>;

    /// Whether the dict has another entry; then [`key`](Self::key) and a value follow. If not, the dict is closed.
    fn next_entry(&mut self, items: &mut Items) -> Result<bool, Fault>;

    /// Reads a key. One that is a list or dict is only begun.
    fn key(&mut self) -> Result<Token<'a>, Fault>;

    /// Passes over one value, checked to the last octet, that opens at most so many levels.
    fn skip(&mut self, levels: Levels) -> Result<(), Fault>;

    /// There must be nothing more.
    fn end(&mut self) -> Result<(), Fault>;

    /// A key as text, or the kind of what it is.
    fn text_key(&mut self) -> Result<Result<Cow<'a, str>, ValueKind>, Fault> {
        let key = self.key()?;
        let kind = key.kind();
        Ok(if let Token::Text(text) = key { Ok(text) } else { Err(kind) })
    }
}

/// A checked text.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, Fault> {
    // The library's vector code starts at 64 octets; below, the standard library is quicker to get going.
    if bytes.len() < 64 {
        std::str::from_utf8(bytes).map_err(|_| Fault::NotUtf8)
    } else {
        simdutf8::basic::from_utf8(bytes).map_err(|_| Fault::NotUtf8)
    }
}

/// The next octets of a binary serialization.
#[derive(Clone, Copy)]
pub(super) struct Octets<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Octets<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    #[inline]
    pub(super) fn peek(&self) -> Result<u8, Fault> {
        self.bytes.get(self.at).copied().ok_or(Fault::Truncated)
    }

    #[inline]
    pub(super) fn octet(&mut self) -> Result<u8, Fault> {
        let octet = self.peek()?;
        self.at += 1;
        Ok(octet)
    }

    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let rest = self.bytes.get(self.at..).ok_or(Fault::Truncated)?;
        let octets = *rest.first_chunk::<N>().ok_or(Fault::Truncated)?;
        self.at += N;
        Ok(octets)
    }

    #[inline]
    pub(super) fn slice(&mut self, length: u64) -> Result<&'a [u8], Fault> {
        let end =
            usize::try_from(length).ok().and_then(|length| self.at.checked_add(length)).ok_or(Fault::Truncated)?;
        let slice = self.bytes.get(self.at..end).ok_or(Fault::Truncated)?;
        self.at = end;
        Ok(slice)
    }

    /// A count of things that take at least one octet each: a greater one than is left is a lie.
    pub(super) fn count(&self, count: u64) -> Result<u64, Fault> {
        if count > self.left() as u64 {
            return Err(Fault::Truncated);
        }
        Ok(count)
    }

    pub(super) fn end(&self) -> Result<(), Fault> {
        match self.left() {
            0 => Ok(()),
            octets => Err(Fault::Trailing { octets }),
        }
    }
}
