//! Reading MessagePack. A list or dict says how many elements it has; the number is believed one element at a time.

use crate::codec::error::{Fault, ValueKind};
use crate::codec::reader::{utf8, Items, Levels, Octets, Reader, Token, LEVELS_MAX};
use smallvec::SmallVec;
use std::borrow::Cow;

/// A place in a MessagePack message.
#[derive(Clone, Copy)]
pub(in crate::codec) struct MessagePackReader<'a> {
    octets: Octets<'a>,
}

impl<'a> Reader<'a> for MessagePackReader<'a> {
    const COUNTED: bool = true;
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
        let marker = self.octets.octet()?;
        match marker {
            0x00..=0x7f => Ok(Token::Unsigned(u64::from(marker))),
            0x80..=0x8f => self.dict(u64::from(marker & 0xf)),
            0x90..=0x9f => self.list(u64::from(marker & 0xf)),
            0xa0..=0xbf => self.text(u64::from(marker & 0x1f)),
            0xe0..=0xff => Ok(Token::Negative(!i64::from(marker as i8) as u64)),
            0xc0..=0xdf => self.wide(marker),
        }
    }

    #[inline]
    fn next_item(&mut self, items: &mut Items) -> Result<bool, Fault> {
        if items.0 == 0 {
            return Ok(false);
        }
        items.0 -= 1;
        Ok(true)
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
        let mut outer: SmallVec<[u64; LEVELS_MAX as usize]> = SmallVec::new();
        // Values to pass before the list or dict at hand is at its end; those further out wait in `outer`.
        let mut left = 1_u64;
        loop {
            while left == 0 {
                match outer.pop() {
                    Some(around) => left = around,
                    None => return Ok(()),
                }
            }
            left -= 1;
            if let Some(inside) = self.skip_one()? {
                if outer.len() >= levels.left() as usize {
                    return Err(levels.fault());
                }
                outer.push(left);
                left = inside;
            }
        }
    }

    fn end(&mut self) -> Result<(), Fault> {
        self.octets.end()
    }
}

impl<'a> MessagePackReader<'a> {
    /// Passes over a scalar, or the header of a list or dict: then the number of values in it.
    #[inline]
    fn skip_one(&mut self) -> Result<Option<u64>, Fault> {
        let marker = self.octets.peek()?;
        match marker {
            0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => self.octets.at += 1,
            0xa0..=0xbf => {
                self.octets.at += 1;
                utf8(self.octets.slice(u64::from(marker & 0x1f))?)?;
            }
            0x80..=0x9f | 0xc1 | 0xc4..=0xdf => {
                let token = self.token()?;
                if let Token::List(items) = token {
                    return Ok(Some(items.0));
                }
                if let Token::Dict(items) = token {
                    return Ok(Some(2 * items.0));
                }
            }
        }
        Ok(None)
    }

    fn wide(&mut self, marker: u8) -> Result<Token<'a>, Fault> {
        match marker {
            0xc0 => Ok(Token::Null),
            0xc2 => Ok(Token::Bool(false)),
            0xc3 => Ok(Token::Bool(true)),
            0xca => Ok(Token::Float(f64::from(f32::from_be_bytes(self.octets.array()?)))),
            0xcb => Ok(Token::Float(f64::from_be_bytes(self.octets.array()?))),
            0xcc..=0xcf => self.length(marker - 0xcc).map(Token::Unsigned),
            0xd0 => self.octets.array().map(|octets| signed(i64::from(i8::from_be_bytes(octets)))),
            0xd1 => self.octets.array().map(|octets| signed(i64::from(i16::from_be_bytes(octets)))),
            0xd2 => self.octets.array().map(|octets| signed(i64::from(i32::from_be_bytes(octets)))),
            0xd3 => self.octets.array().map(|octets| signed(i64::from_be_bytes(octets))),
            0xc4..=0xc6 => {
                let length = self.length(marker - 0xc4)?;
                Ok(Token::Bytes(Cow::Borrowed(self.octets.slice(length)?)))
            }
            0xc7..=0xc9 => {
                let length = self.length(marker - 0xc7)?;
                self.extension(length)
            }
            0xd4..=0xd8 => self.extension(1 << (marker - 0xd4)),
            0xd9..=0xdb => {
                let length = self.length(marker - 0xd9)?;
                self.text(length)
            }
            0xdc | 0xdd => {
                let count = self.length(marker - 0xdb)?;
                self.list(count)
            }
            0xde | 0xdf => {
                let count = self.length(marker - 0xdd)?;
                self.dict(count)
            }
            _ => Err(Fault::Syntax { expected: "a MessagePack marker", at: self.octets.at - 1 }),
        }
    }

    /// An unsigned number of 1, 2, 4 or 8 octets.
    #[inline]
    fn length(&mut self, width: u8) -> Result<u64, Fault> {
        match width {
            0 => self.octets.octet().map(u64::from),
            1 => self.octets.array().map(|octets| u64::from(u16::from_be_bytes(octets))),
            2 => self.octets.array().map(|octets| u64::from(u32::from_be_bytes(octets))),
            _ => self.octets.array().map(u64::from_be_bytes),
        }
    }

    #[inline]
    fn text(&mut self, length: u64) -> Result<Token<'a>, Fault> {
        Ok(Token::Text(Cow::Borrowed(utf8(self.octets.slice(length)?)?)))
    }

    #[inline]
    fn list(&mut self, count: u64) -> Result<Token<'a>, Fault> {
        Ok(Token::List(Items(self.octets.count(count)?)))
    }

    #[inline]
    fn dict(&mut self, count: u64) -> Result<Token<'a>, Fault> {
        self.octets.count(2 * count)?;
        Ok(Token::Dict(Items(count)))
    }

    fn extension(&mut self, length: u64) -> Result<Token<'a>, Fault> {
        let [kind] = self.octets.array()?;
        self.octets.slice(length)?;
        Ok(Token::Extension(kind as i8))
    }
}

fn signed(number: i64) -> Token<'static> {
    // For a negative number the complement is what stands in `Negative`: -1 - number.
    u64::try_from(number).map_or(Token::Negative(!number as u64), Token::Unsigned)
}
