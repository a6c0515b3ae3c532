//! Reading CBOR. A list or dict says how many elements it has, or ends with a break; strings may come in chunks.
//!
//! A tag counts as one level of nesting, so that a tower of tags has a bound too.

use crate::codec::error::{Fault, ValueKind};
use crate::codec::reader::{utf8, Items, Levels, Octets, Reader, Token, LEVELS_MAX};
use smallvec::SmallVec;
use std::borrow::Cow;

/// A place in a CBOR message.
#[derive(Clone, Copy)]
pub(in crate::codec) struct CborReader<'a> {
    octets: Octets<'a>,
}

/// [`Items`] of a list or dict that ends with a break. No announced number is as great: it would exceed the bytes.
const INDEFINITE: u64 = u64::MAX;
const BREAK: u8 = 0xff;

impl<'a> Reader<'a> for CborReader<'a> {
    const COUNTED: bool = false;
    const BINARY_AS_TEXT: bool = false;

    fn new(bytes: &'a [u8]) -> Result<Self, Fault> {
        Ok(Self { octets: Octets::new(bytes) })
    }

    fn at(&self) -> usize {
        self.octets.at
    }

    fn seek(&mut self, at: usize) {
        self.octets.at = at;
    }

    fn start(&mut self) -> usize {
        self.octets.at
    }

    fn kind(&mut self) -> Result<ValueKind, Fault> {
        let mut ahead = *self;
        ahead.token().map(|token| token.kind())
    }

    #[inline]
    fn token(&mut self) -> Result<Token<'a>, Fault> {
        let head = self.octets.octet()?;
        let info = head & 0x1f;
        match head >> 5 {
            0 => self.argument(info).map(Token::Unsigned),
            1 => self.argument(info).map(Token::Negative),
            2 if info == 31 => self.chunks(2, |chunks| Ok(Token::Bytes(Cow::Owned(chunks)))),
            2 => {
                let length = self.argument(info)?;
                Ok(Token::Bytes(Cow::Borrowed(self.octets.slice(length)?)))
            }
            3 if info == 31 => self.chunked_text(),
            3 => {
                let length = self.argument(info)?;
                Ok(Token::Text(Cow::Borrowed(utf8(self.octets.slice(length)?)?)))
            }
            4 => self.count(info, 1).map(Token::List),
            5 => self.count(info, 2).map(Token::Dict),
            6 => self.argument(info).map(Token::Tag),
            _ => self.simple(info),
        }
    }

    #[inline]
    fn next_item(&mut self, items: &mut Items) -> Result<bool, Fault> {
        match items.0 {
            0 => Ok(false),
            INDEFINITE => {
                let more = self.octets.peek()? != BREAK;
                self.octets.at += usize::from(!more);
                Ok(more)
            }
            left => {
                items.0 = left - 1;
                Ok(true)
            }
        }
    }

    #[inline]
    fn next_entry(&mut self, items: &mut Items) -> Result<bool, Fault> {
        self.next_item(items)
    }

    #[inline]
    fn key(&mut self) -> Result<Token<'a>, Fault> {
        self.token()
    }

    fn skip(&mut self, levels: Levels) -> Result<(), Fault> {
        let mut outer: SmallVec<[Open; LEVELS_MAX as usize]> = SmallVec::new();
        let mut open = Open { left: 1, odd: false, dict: false };
        loop {
            while self.at_end(&mut open)? {
                match outer.pop() {
                    Some(around) => open = around,
                    None => return Ok(()),
                }
            }
            if let Some(inside) = self.skip_one()? {
                if outer.len() >= levels.left() as usize {
                    return Err(levels.fault());
                }
                outer.push(open);
                open = inside;
            }
        }
    }

    fn end(&mut self) -> Result<(), Fault> {
        self.octets.end()
    }
}

/// A list, dict or tag that a skip is inside of.
struct Open {
    /// Values to come, keys included; [`INDEFINITE`] up to a break.
    left: u64,
    /// In an indefinite dict: whether a key waits for its value, so that there may be no break.
    odd: bool,
    dict: bool,
}

impl<'a> CborReader<'a> {
    /// Counts the next value off, or passes over the break; true at the end.
    #[inline]
    fn at_end(&mut self, open: &mut Open) -> Result<bool, Fault> {
        match open.left {
            0 => return Ok(true),
            INDEFINITE => {
                if self.octets.peek()? == BREAK && !open.odd {
                    self.octets.at += 1;
                    return Ok(true);
                }
                open.odd = open.dict && !open.odd;
            }
            left => open.left = left - 1,
        }
        Ok(false)
    }

    /// Passes over a scalar, or the head of a list, dict or tag: then what is inside.
    #[inline]
    fn skip_one(&mut self) -> Result<Option<Open>, Fault> {
        let head = self.octets.octet()?;
        let info = head & 0x1f;
        match head >> 5 {
            0 | 1 => {
                self.argument(info)?;
            }
            2 if info != 31 => {
                let length = self.argument(info)?;
                self.octets.slice(length)?;
            }
            3 if info != 31 => {
                let length = self.argument(info)?;
                utf8(self.octets.slice(length)?)?;
            }
            2 => self.each_chunk(2, |_| Ok(()))?,
            3 => self.each_chunk(3, |chunk| utf8(chunk).map(|_| ()))?,
            4 => return self.count(info, 1).map(|items| Some(Open { left: items.0, odd: false, dict: false })),
            5 => {
                let Items(entries) = self.count(info, 2)?;
                let left = if entries == INDEFINITE { INDEFINITE } else { 2 * entries };
                return Ok(Some(Open { left, odd: false, dict: true }));
            }
            6 => {
                self.argument(info)?;
                return Ok(Some(Open { left: 1, odd: false, dict: false }));
            }
            _ => {
                self.simple(info)?;
            }
        }
        Ok(None)
    }

    /// The number in or after a head.
    #[inline]
    fn argument(&mut self, info: u8) -> Result<u64, Fault> {
        match info {
            0..=23 => Ok(u64::from(info)),
            24 => self.octets.octet().map(u64::from),
            25 => self.octets.array().map(|octets| u64::from(u16::from_be_bytes(octets))),
            26 => self.octets.array().map(|octets| u64::from(u32::from_be_bytes(octets))),
            27 => self.octets.array().map(u64::from_be_bytes),
            _ => Err(self.expected("a CBOR head")),
        }
    }

    /// How many elements; each of them takes at least `octets` octets.
    #[inline]
    fn count(&mut self, info: u8, octets: u64) -> Result<Items, Fault> {
        if info == 31 {
            return Ok(Items(INDEFINITE));
        }
        let count = self.argument(info)?;
        self.octets.count(count.saturating_mul(octets))?;
        Ok(Items(count))
    }

    fn simple(&mut self, info: u8) -> Result<Token<'a>, Fault> {
        match info {
            20 => Ok(Token::Bool(false)),
            21 => Ok(Token::Bool(true)),
            22 | 23 => Ok(Token::Null),
            0..=19 => Ok(Token::Simple(info)),
            24 => match self.octets.octet()? {
                simple @ 32.. => Ok(Token::Simple(simple)),
                0..=31 => Err(self.expected("a simple value from 32 on")),
            },
            25 => self.octets.array().map(|octets| Token::Float(half(u16::from_be_bytes(octets)))),
            26 => self.octets.array().map(|octets| Token::Float(f64::from(f32::from_be_bytes(octets)))),
            27 => self.octets.array().map(|octets| Token::Float(f64::from_be_bytes(octets))),
            _ => Err(self.expected("a CBOR head")),
        }
    }

    #[cold]
    fn chunked_text(&mut self) -> Result<Token<'a>, Fault> {
        // Each chunk is a text by itself: a character may not be cut (RFC 8949, section 3.2.3).
        let mut text = String::new();
        self.each_chunk(3, |chunk| {
            text.push_str(utf8(chunk)?);
            Ok(())
        })?;
        Ok(Token::Text(Cow::Owned(text)))
    }

    #[cold]
    fn chunks<T>(&mut self, major: u8, then: impl FnOnce(Vec<u8>) -> Result<T, Fault>) -> Result<T, Fault> {
        let mut bytes = Vec::new();
        self.each_chunk(major, |chunk| {
            bytes.extend_from_slice(chunk);
            Ok(())
        })?;
        then(bytes)
    }

    fn each_chunk(&mut self, major: u8, mut each: impl FnMut(&'a [u8]) -> Result<(), Fault>) -> Result<(), Fault> {
        loop {
            let head = self.octets.octet()?;
            if head == BREAK {
                return Ok(());
            }
            if head >> 5 != major {
                return Err(self.expected("a chunk of the same kind"));
            }
            // A chunk of indefinite length has no argument, so it fails here.
            let length = self.argument(head & 0x1f)?;
            each(self.octets.slice(length)?)?;
        }
    }

    fn expected(&self, expected: &'static str) -> Fault {
        Fault::Syntax { expected, at: self.octets.at.saturating_sub(1) }
    }
}

/// A float of 16 bits: RFC 8949, appendix D.
fn half(bits: u16) -> f64 {
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f64::from(bits & 0x3ff);
    let magnitude = match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
    };
    if bits & 0x8000 == 0 {
        magnitude
    } else {
        -magnitude
    }
}
