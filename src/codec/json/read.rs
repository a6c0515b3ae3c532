//! Reading JSON. The text is checked to be UTF-8 once, as a whole; then a scanner goes over its octets.
//!
//! Numbers are checked by the grammar and turned into numbers only when somebody asks for them.

use super::string;
use crate::codec::error::{Fault, ValueKind};
use crate::codec::reader::{Items, Levels, Reader, Token};

/// A place in a JSON text.
#[derive(Clone, Copy)]
pub(in crate::codec) struct JsonReader<'a> {
    text: &'a str,
    at: usize,
}

/// [`Items`] of a list or dict before its first element, and after.
const FIRST: Items = Items(0);
const LATER: Items = Items(1);

impl<'a> Reader<'a> for JsonReader<'a> {
    const COUNTED: bool = false;
    const BINARY_AS_TEXT: bool = true;

    fn new(bytes: &'a [u8]) -> Result<Self, Fault> {
        let text = simdutf8::basic::from_utf8(bytes).map_err(|_| Fault::NotUtf8)?;
        Ok(Self { text, at: 0 })
    }

    fn at(&self) -> usize {
        self.at
    }

    fn seek(&mut self, at: usize) {
        self.at = at;
    }

    fn start(&mut self) -> usize {
        self.white();
        self.at
    }

    fn kind(&mut self) -> Result<ValueKind, Fault> {
        match self.peek()? {
            b'"' => Ok(ValueKind::Text),
            b'[' => Ok(ValueKind::List),
            b'{' => Ok(ValueKind::Dict),
            b't' | b'f' => Ok(ValueKind::Bool),
            b'n' => Ok(ValueKind::Null),
            b'-' | b'0'..=b'9' => {
                let mut ahead = *self;
                ahead.number().map(|number| number.kind())
            }
            _ => Err(self.expected("a value")),
        }
    }

    #[inline]
    fn token(&mut self) -> Result<Token<'a>, Fault> {
        match self.peek()? {
            b'"' => self.string(),
            b'[' => {
                self.at += 1;
                Ok(Token::List(FIRST))
            }
            b'{' => {
                self.at += 1;
                Ok(Token::Dict(FIRST))
            }
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.literal("true").map(|()| Token::Bool(true)),
            b'f' => self.literal("false").map(|()| Token::Bool(false)),
            b'n' => self.literal("null").map(|()| Token::Null),
            _ => Err(self.expected("a value")),
        }
    }

    #[inline]
    fn next_item(&mut self, items: &mut Items) -> Result<bool, Fault> {
        self.next(items, b']')
    }

    #[inline]
    fn next_entry(&mut self, items: &mut Items) -> Result<bool, Fault> {
        self.next(items, b'}')
    }

    fn key(&mut self) -> Result<Token<'a>, Fault> {
        if self.peek()? != b'"' {
            return Err(self.expected("a key in quotes"));
        }
        let key = self.string()?;
        self.colon()?;
        Ok(key)
    }

    fn skip(&mut self, levels: Levels) -> Result<(), Fault> {
        let mut nesting = Nesting { kinds: 0, depth: 0, levels };
        loop {
            let mut opened = false;
            match self.peek()? {
                b'"' => self.at = string::skip(self.text, self.at + 1)?,
                b'-' | b'0'..=b'9' => {
                    self.scan_number()?;
                }
                b'[' => {
                    nesting.open(false)?;
                    self.at += 1;
                    opened = true;
                }
                b'{' => {
                    nesting.open(true)?;
                    self.at += 1;
                    opened = true;
                }
                b't' => self.literal("true")?,
                b'f' => self.literal("false")?,
                b'n' => self.literal("null")?,
                _ => return Err(self.expected("a value")),
            }
            if !self.go_to_next_value(&mut nesting, opened)? {
                return Ok(());
            }
        }
    }

    fn end(&mut self) -> Result<(), Fault> {
        self.white();
        match self.text.len().saturating_sub(self.at) {
            0 => Ok(()),
            octets => Err(Fault::Trailing { octets }),
        }
    }
}

/// The lists and dicts that a skip is inside of, one bit for each: the reader needs to know which bracket closes.
struct Nesting {
    kinds: u128,
    depth: u32,
    levels: Levels,
}

impl Nesting {
    #[inline]
    fn open(&mut self, dict: bool) -> Result<(), Fault> {
        if self.depth >= self.levels.left() {
            return Err(self.levels.fault());
        }
        self.depth += 1;
        self.kinds = self.kinds << 1 | u128::from(dict);
        Ok(())
    }

    #[inline]
    fn close(&mut self) {
        self.depth -= 1;
        self.kinds >>= 1;
    }

    #[inline]
    const fn in_dict(&self) -> bool {
        self.kinds & 1 == 1
    }
}

impl<'a> JsonReader<'a> {
    /// From the end of a value, or from inside an opened bracket, to the next value; false if the outermost is at its end.
    #[inline]
    fn go_to_next_value(&mut self, nesting: &mut Nesting, mut opened: bool) -> Result<bool, Fault> {
        loop {
            if nesting.depth == 0 {
                return Ok(false);
            }
            let dict = nesting.in_dict();
            let octet = self.peek()?;
            if octet == if dict { b'}' } else { b']' } {
                self.at += 1;
                nesting.close();
                opened = false;
                continue;
            }
            if !opened {
                if octet != b',' {
                    return Err(self.expected(if dict { "a comma or }" } else { "a comma or ]" }));
                }
                self.at += 1;
            }
            if dict {
                if self.peek()? != b'"' {
                    return Err(self.expected("a key in quotes"));
                }
                self.at = string::skip(self.text, self.at + 1)?;
                self.colon()?;
            }
            return Ok(true);
        }
    }

    #[inline]
    fn next(&mut self, items: &mut Items, close: u8) -> Result<bool, Fault> {
        let octet = self.peek()?;
        if octet == close {
            self.at += 1;
            return Ok(false);
        }
        if *items == FIRST {
            *items = LATER;
            return Ok(true);
        }
        if octet == b',' {
            self.at += 1;
            return Ok(true);
        }
        Err(self.expected(if close == b']' { "a comma or ]" } else { "a comma or }" }))
    }

    fn expected(&self, expected: &'static str) -> Fault {
        Fault::Syntax { expected, at: self.at }
    }

    #[inline]
    fn white(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.text.as_bytes().get(self.at) {
            self.at += 1;
        }
    }

    /// The first octet of what follows the white space.
    #[inline]
    fn peek(&mut self) -> Result<u8, Fault> {
        self.white();
        self.text.as_bytes().get(self.at).copied().ok_or(Fault::Truncated)
    }

    #[inline]
    fn colon(&mut self) -> Result<(), Fault> {
        if self.peek()? != b':' {
            return Err(self.expected("a colon"));
        }
        self.at += 1;
        Ok(())
    }

    #[inline]
    fn string(&mut self) -> Result<Token<'a>, Fault> {
        let (text, end) = string::read(self.text, self.at + 1)?;
        self.at = end;
        Ok(Token::Text(text))
    }

    #[inline]
    fn literal(&mut self, literal: &'static str) -> Result<(), Fault> {
        let end = self.at + literal.len();
        if self.text.as_bytes().get(self.at..end) != Some(literal.as_bytes()) {
            return Err(self.expected(literal));
        }
        self.at = end;
        Ok(())
    }

    #[inline]
    fn number(&mut self) -> Result<Token<'a>, Fault> {
        if let Some(number) = self.usual_number() {
            return Ok(Token::Unsigned(number));
        }
        let start = self.at;
        let integer = self.scan_number()?;
        let number = self.text.get(start..self.at).unwrap_or_default();
        if integer {
            if let Ok(unsigned) = number.parse() {
                return Ok(Token::Unsigned(unsigned));
            }
        }
        Ok(uncommon_number(number, integer))
    }

    /// Passes over a number as message types and ids are: positive, no fraction and no exponent, at most 19 digits, more text
    /// behind it. Any other is left where it is.
    #[inline]
    fn usual_number(&mut self) -> Option<u64> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let mut number = 0;
        // Nineteen nines are less than 2^64.
        for (length, octet) in rest.iter().enumerate().take(20) {
            match octet {
                // A number ends after a leading zero.
                b'0' if length == 0 => return None,
                b'0'..=b'9' if length < 19 => number = number * 10 + u64::from(octet - b'0'),
                b'0'..=b'9' | b'.' | b'e' | b'E' => return None,
                _ if length == 0 => return None,
                _ => {
                    self.at += length;
                    return Some(number);
                }
            }
        }
        None
    }

    /// Passes over a number; whether it is an integer by its looks.
    #[inline]
    fn scan_number(&mut self) -> Result<bool, Fault> {
        let mut integer = true;
        if self.octet() == Some(b'-') {
            self.at += 1;
        }
        if self.octet() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.octet() == Some(b'.') {
            integer = false;
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.octet() {
            integer = false;
            self.at += 1;
            if let Some(b'+' | b'-') = self.octet() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(integer)
    }

    #[inline]
    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.octet() {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.octet().map_or(Fault::Truncated, |_| self.expected("a digit")));
        }
        Ok(())
    }

    #[inline]
    fn octet(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

#[cold]
fn uncommon_number(number: &str, integer: bool) -> Token<'static> {
    let float = || number.parse().unwrap_or(f64::NAN);
    if !integer {
        let float = float();
        return if float.is_finite() { Token::Float(float) } else { Token::Huge(float) };
    }
    let Some(magnitude) = number.strip_prefix('-') else { return Token::Huge(float()) };
    match magnitude.parse::<u128>() {
        // No integer has a negative zero; the float has.
        Ok(0) => Token::Float(-0.0),
        Ok(magnitude) => u64::try_from(magnitude - 1).map_or_else(|_| Token::Huge(float()), Token::Negative),
        Err(_) => Token::Huge(float()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The usual numbers are read on a way of their own; it gives what the general one gives, and stops where that stops.
    #[test]
    fn the_way_for_usual_numbers_gives_the_verdicts_of_the_general_one() {
        let general = |text: &str| {
            let mut reader = JsonReader { text, at: 0 };
            let integer = reader.scan_number().ok()?;
            let number = &text[..reader.at];
            let unsigned = number.parse().ok().filter(|_| integer).map(Token::Unsigned);
            let token = unsigned.unwrap_or_else(|| uncommon_number(number, integer));
            Some(format!("{:?}", (token, reader.at)))
        };
        let digits =
            ["0", "7", "48", "10", "00", "01", "9999999999999999999", "18446744073709551615", "18446744073709551616"];
        let long = "1".repeat(40);
        let ends = ["", ",", "]", " ", ".5,", ".", "e3]", "E+2,", "e", "-", "a", "\"", "é"];
        for digits in digits.into_iter().chain([long.as_str(), "-0", "-5", "-", ""]) {
            for end in ends {
                let text = format!("{digits}{end}");
                let mut reader = JsonReader { text: &text, at: 0 };
                let number = reader.number().ok().map(|number| format!("{:?}", (number, reader.at)));
                assert_eq!(number, general(&text), "{text:?}");
            }
        }
    }
}
