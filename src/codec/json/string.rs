//! The inside of JSON strings: finding their end, resolving escapes, writing escapes.
//!
//! Text without anything special is looked at eight octets at a time.

use crate::codec::error::Fault;
use std::borrow::Cow;

/// Passes over a string whose opening quote is before `at`; gives the octet after its closing quote.
#[inline]
pub(super) fn skip(text: &str, mut at: usize) -> Result<usize, Fault> {
    let bytes = text.as_bytes();
    loop {
        at = special(bytes, at);
        match bytes.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => at = escape(bytes, at)?.1,
            Some(_) => return Err(Fault::Syntax { expected: "an escaped control character", at }),
            None => return Err(Fault::Truncated),
        }
    }
}

/// Reads a string whose opening quote is before `start`; gives it with the octet after its closing quote.
#[inline]
pub(super) fn read(text: &str, start: usize) -> Result<(Cow<'_, str>, usize), Fault> {
    let end = special(text.as_bytes(), start);
    if text.as_bytes().get(end) == Some(&b'"') {
        let plain = text.get(start..end).ok_or(Fault::NotUtf8)?;
        return Ok((Cow::Borrowed(plain), end + 1));
    }
    unescape(text, start)
}

#[cold]
fn unescape(text: &str, start: usize) -> Result<(Cow<'_, str>, usize), Fault> {
    let bytes = text.as_bytes();
    let mut resolved = String::new();
    let mut at = start;
    loop {
        let end = special(bytes, at);
        resolved.push_str(text.get(at..end).ok_or(Fault::NotUtf8)?);
        match bytes.get(end) {
            Some(b'"') => return Ok((Cow::Owned(resolved), end + 1)),
            Some(b'\\') => {
                let (character, after) = escape(bytes, end)?;
                resolved.push(character);
                at = after;
            }
            Some(_) => return Err(Fault::Syntax { expected: "an escaped control character", at: end }),
            None => return Err(Fault::Truncated),
        }
    }
}

/// Resolves the escape whose backslash is at `at`; gives the character and the octet after it.
fn escape(bytes: &[u8], at: usize) -> Result<(char, usize), Fault> {
    let character = match bytes.get(at + 1).ok_or(Fault::Truncated)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode_escape(bytes, at),
        _ => return Err(Fault::Syntax { expected: "an escape", at }),
    };
    Ok((character, at + 2))
}

/// `\uXXXX`, or two of them for a character beyond the first plane.
fn unicode_escape(bytes: &[u8], at: usize) -> Result<(char, usize), Fault> {
    let high = four_digits(bytes, at + 2)?;
    if let Some(character) = char::from_u32(high) {
        return Ok((character, at + 6));
    }
    let lone = Fault::Syntax { expected: "a pair of surrogates", at };
    if !(0xd800..0xdc00).contains(&high) || bytes.get(at + 6..at + 8) != Some(b"\\u") {
        return Err(lone);
    }
    let low = four_digits(bytes, at + 8)?;
    if !(0xdc00..0xe000).contains(&low) {
        return Err(lone);
    }
    let character = char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)).ok_or(lone)?;
    Ok((character, at + 12))
}

fn four_digits(bytes: &[u8], at: usize) -> Result<u32, Fault> {
    let digits = bytes.get(at..at + 4).ok_or(Fault::Truncated)?;
    digits.iter().try_fold(0, |number, digit| {
        let digit = char::from(*digit).to_digit(16).ok_or(Fault::Syntax { expected: "four hexadecimal digits", at })?;
        Ok(number << 4 | digit)
    })
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The octet from `at` on where a quote, a backslash or a control character stands; the end if there is none.
#[inline]
pub(super) fn special(bytes: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let quote = word ^ (ONES * b'"' as u64);
        let backslash = word ^ (ONES * b'\\' as u64);
        // The lowest bit set in each is exact; a borrow can only disturb the octets above a hit.
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let hits = (quote.wrapping_sub(ONES) & !quote | backslash.wrapping_sub(ONES) & !backslash | control) & HIGHS;
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|octet| matches!(octet, b'"' | b'\\' | 0..=0x1f)).unwrap_or(rest.len())
}

/// Writes a text as a string, quotes included.
pub(super) fn write(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    out.push(b'"');
    let mut at = 0;
    loop {
        let end = special(bytes, at);
        out.extend_from_slice(bytes.get(at..end).unwrap_or_default());
        let Some(octet) = bytes.get(end) else { break };
        match octet {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x8 => out.extend_from_slice(b"\\b"),
            0xc => out.extend_from_slice(b"\\f"),
            control => {
                let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).map_or(b'0', |digit| digit as u8);
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[digit(control >> 4), digit(control & 0xf)]);
            }
        }
        at = end + 1;
    }
    out.push(b'"');
}
