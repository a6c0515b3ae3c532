//! A payload from one serialization into another, without trees and without recursion.
//!
//! Binary in JSON is a string of U+0000 and Base64 (D53); integers keep their value in any width; what the receiver cannot
//! hold becomes the nearest it can ([`Fidelity::Lossy`]) or fails this one delivery ([`TranscodeError`]): the table of
//! section 6 of the reference (D78). The order of keys is kept.

use super::error::{Fault, Fidelity, TranscodeError, ValueKind};
use super::reader::{Items, Reader, Token, LEVELS_MAX};
use super::value::binary_in_json;
use super::writer::{OddKey, Writer};
use super::{cbor::CborReader, json::JsonReader, msgpack::MessagePackReader};
use crate::wamp::payload::Values;
use crate::wamp::{Dict, Payload, RawPayload, Serialization, Value};
use smallvec::SmallVec;
use std::marker::PhantomData;

impl Fidelity {
    /// Exact only if both are.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Exact, Self::Exact) => Self::Exact,
            (Self::Lossy, Self::Exact | Self::Lossy) | (Self::Exact, Self::Lossy) => Self::Lossy,
        }
    }

    fn note(&mut self, exact: bool) {
        if !exact {
            *self = Self::Lossy;
        }
    }
}

/// Writes the last elements of a message.
#[inline]
pub(super) fn write_payload<W: Writer>(payload: &Payload, writer: &mut W) -> Result<Fidelity, TranscodeError> {
    match payload {
        Payload::Empty => Ok(Fidelity::Exact),
        Payload::Raw(raw) if raw.serialization() == W::SERIALIZATION => {
            writer.splice(raw.tail());
            Ok(Fidelity::Exact)
        }
        Payload::Raw(raw) => transcode(raw, writer),
        Payload::Values(values) => Ok(write_values(values, writer)),
    }
}

fn write_values<W: Writer>(values: &Values, writer: &mut W) -> Fidelity {
    let mut fidelity = Fidelity::Exact;
    if values.args.is_empty() && values.kwargs.is_empty() {
        return fidelity;
    }
    writer.list(values.args.len());
    for value in &values.args {
        fidelity = fidelity.and(write_value(value, writer));
    }
    writer.end_list();
    if !values.kwargs.is_empty() {
        fidelity = fidelity.and(write_dict_exact(&values.kwargs, writer));
    }
    fidelity
}

/// Writes a dict of values.
pub(super) fn write_dict_exact<W: Writer>(dict: &Dict, writer: &mut W) -> Fidelity {
    let mut fidelity = Fidelity::Exact;
    writer.dict(dict.len());
    for (key, value) in dict {
        writer.key(key);
        fidelity = fidelity.and(write_value(value, writer));
    }
    writer.end_dict();
    fidelity
}

/// Writes a value. The recursion is as deep as the value, which is either our own or was bounded when it was read.
pub(super) fn write_value<W: Writer>(value: &Value, writer: &mut W) -> Fidelity {
    let mut fidelity = Fidelity::Exact;
    match value {
        Value::Null => writer.null(),
        Value::Bool(truth) => writer.bool(*truth),
        Value::Unsigned(number) => writer.unsigned(*number),
        Value::Negative(number) => match u64::try_from(*number) {
            Ok(unsigned) => writer.unsigned(unsigned),
            // The complement of a negative number is -1 - number, which is what the writer takes.
            Err(_) => fidelity.note(writer.negative(!*number as u64)),
        },
        Value::Float(number) => fidelity.note(writer.float(*number)),
        Value::Text(text) => writer.text(text),
        Value::Bytes(bytes) => writer.bytes(bytes),
        Value::List(list) => {
            writer.list(list.len());
            for value in list {
                fidelity = fidelity.and(write_value(value, writer));
            }
            writer.end_list();
        }
        Value::Dict(dict) => return write_dict_exact(dict, writer),
    }
    fidelity
}

fn transcode<W: Writer>(raw: &RawPayload, writer: &mut W) -> Result<Fidelity, TranscodeError> {
    let mut fidelity = Fidelity::Exact;
    for part in [Some(raw.args()), raw.kwargs()].into_iter().flatten() {
        fidelity = fidelity.and(transcode_value(raw.serialization(), part, writer)?);
    }
    Ok(fidelity)
}

/// Writes one value that was checked.
pub(super) fn transcode_value<W: Writer>(
    from: Serialization,
    octets: &[u8],
    writer: &mut W,
) -> Result<Fidelity, TranscodeError> {
    match from {
        Serialization::Json => transcode_part::<JsonReader<'_>, W>(octets, writer),
        Serialization::MessagePack => transcode_part::<MessagePackReader<'_>, W>(octets, writer),
        Serialization::Cbor => transcode_part::<CborReader<'_>, W>(octets, writer),
    }
}

fn transcode_part<'a, R: Reader<'a>, W: Writer>(bytes: &'a [u8], writer: &mut W) -> Result<Fidelity, TranscodeError> {
    let reader = R::new(bytes)?;
    let lengths = if W::COUNTS && !R::COUNTED { count(reader)? } else { Vec::new() };
    let mut transcoder =
        Transcoder { reader, writer, lengths: lengths.into_iter(), fidelity: Fidelity::Exact, marker: PhantomData };
    let mut open = Open::new();
    loop {
        if let Some(inside) = transcoder.value()? {
            push(&mut open, inside)?;
        }
        if !transcoder.go_to_next_value(&mut open)? {
            return Ok(transcoder.fidelity);
        }
    }
}

/// A list or dict that is open.
struct Inside {
    items: Items,
    dict: bool,
}

type Open = SmallVec<[Inside; 16]>;

fn push(open: &mut Open, inside: Inside) -> Result<(), Fault> {
    if open.len() >= LEVELS_MAX as usize {
        return Err(Fault::TooDeep { limit: LEVELS_MAX });
    }
    open.push(inside);
    Ok(())
}

struct Transcoder<'a, 'w, R, W> {
    reader: R,
    writer: &'w mut W,
    /// The lengths of all lists and dicts in the order of their beginnings, if the writer needs them and the reader does not
    /// have them.
    lengths: std::vec::IntoIter<u32>,
    fidelity: Fidelity,
    marker: PhantomData<&'a ()>,
}

impl<'a, R: Reader<'a>, W: Writer> Transcoder<'a, '_, R, W> {
    /// Writes a scalar, or begins a list or dict: then that.
    fn value(&mut self) -> Result<Option<Inside>, TranscodeError> {
        let token = self.reader.token()?;
        let kind = token.kind();
        match token {
            Token::Null => self.writer.null(),
            Token::Bool(truth) => self.writer.bool(truth),
            Token::Unsigned(number) => self.writer.unsigned(number),
            Token::Negative(number) => self.fidelity.note(self.writer.negative(number)),
            Token::Float(number) => self.fidelity.note(self.writer.float(number)),
            Token::Huge(number) => self.lossy_float(number),
            Token::Text(text) => match binary_in_json::<R>(&text) {
                Some(bytes) => self.writer.bytes(&bytes),
                None => self.writer.text(&text),
            },
            Token::Bytes(bytes) => self.writer.bytes(&bytes),
            Token::List(items) => {
                self.writer.list(self.lengths.next().map_or(items.0 as usize, |length| length as usize));
                return Ok(Some(Inside { items, dict: false }));
            }
            Token::Dict(items) => {
                self.writer.dict(self.lengths.next().map_or(items.0 as usize, |length| length as usize));
                return Ok(Some(Inside { items, dict: true }));
            }
            Token::Tag(tag @ (2 | 3)) => self.bignum(tag)?,
            Token::Extension(_) | Token::Tag(_) | Token::Simple(_) => {
                return Err(TranscodeError::NoForm { kind, towards: W::SERIALIZATION });
            }
        }
        Ok(None)
    }

    /// Closes what is at its end; writes the key of the next value, if it has one. False at the end of the whole.
    fn go_to_next_value(&mut self, open: &mut Open) -> Result<bool, TranscodeError> {
        while let Some(Inside { items, dict }) = open.last_mut() {
            if *dict {
                if self.reader.next_entry(items)? {
                    self.key()?;
                    return Ok(true);
                }
                self.writer.end_dict();
            } else {
                if self.reader.next_item(items)? {
                    return Ok(true);
                }
                self.writer.end_list();
            }
            open.pop();
        }
        Ok(false)
    }

    fn key(&mut self) -> Result<(), TranscodeError> {
        let key = self.reader.key()?;
        let kind = key.kind();
        let exact = match key {
            Token::Text(text) => {
                self.writer.key(&text);
                true
            }
            Token::Null => self.writer.odd_key(OddKey::Null)?,
            Token::Bool(truth) => self.writer.odd_key(OddKey::Bool(truth))?,
            Token::Unsigned(number) => self.writer.odd_key(OddKey::Unsigned(number))?,
            Token::Negative(number) => self.writer.odd_key(OddKey::Negative(number))?,
            Token::Float(number) => self.writer.odd_key(OddKey::Float(number))?,
            Token::Bytes(bytes) => self.writer.odd_key(OddKey::Bytes(&bytes))?,
            Token::Huge(_)
            | Token::List(_)
            | Token::Dict(_)
            | Token::Extension(_)
            | Token::Tag(_)
            | Token::Simple(_) => {
                return Err(TranscodeError::Key { kind, towards: W::SERIALIZATION });
            }
        };
        self.fidelity.note(exact);
        Ok(())
    }

    /// CBOR's big integers: -1 - n for tag 3. What fits into 64 bits is an integer like any other.
    fn bignum(&mut self, tag: u64) -> Result<(), TranscodeError> {
        let content = self.reader.token()?;
        let Token::Bytes(octets) = content else {
            return Err(TranscodeError::NoForm { kind: ValueKind::Tag, towards: W::SERIALIZATION });
        };
        let octets = &octets[octets.iter().take_while(|octet| **octet == 0).count()..];
        if octets.len() <= 8 {
            let number = octets.iter().fold(0, |number, octet| number << 8 | u64::from(*octet));
            if tag == 2 {
                self.writer.unsigned(number);
            } else {
                let exact = self.writer.negative(number);
                self.fidelity.note(exact);
            }
            return Ok(());
        }
        // Each step rounds, so the last place may differ from the nearest float; beyond the range of floats it is infinity.
        let number = octets.iter().fold(0.0, |number, octet| number * 256.0 + f64::from(*octet));
        self.lossy_float(if tag == 2 { number } else { -1.0 - number });
        Ok(())
    }

    fn lossy_float(&mut self, number: f64) {
        self.writer.float(number);
        self.fidelity = Fidelity::Lossy;
    }
}

/// The lengths of all lists and dicts, in the order of their beginnings: four octets for each, whatever they announce.
fn count<'a, R: Reader<'a>>(mut reader: R) -> Result<Vec<u32>, Fault> {
    let mut lengths = Vec::new();
    let mut open: SmallVec<[(Inside, usize); 16]> = SmallVec::new();
    loop {
        let token = reader.token()?;
        if let Token::List(items) | Token::Dict(items) = token {
            if open.len() >= LEVELS_MAX as usize {
                return Err(Fault::TooDeep { limit: LEVELS_MAX });
            }
            open.push((Inside { items, dict: matches!(token, Token::Dict(_)) }, lengths.len()));
            lengths.push(0);
        } else if let Token::Tag(_) = token {
            // What the tag is put on is the same one value.
            continue;
        }
        if !to_next_counted(&mut reader, &mut open, &mut lengths)? {
            return Ok(lengths);
        }
    }
}

fn to_next_counted<'a, R: Reader<'a>>(
    reader: &mut R,
    open: &mut SmallVec<[(Inside, usize); 16]>,
    lengths: &mut [u32],
) -> Result<bool, Fault> {
    while let Some((Inside { items, dict }, place)) = open.last_mut() {
        let more = if *dict { reader.next_entry(items)? } else { reader.next_item(items)? };
        if more {
            if let Some(length) = lengths.get_mut(*place) {
                *length += 1;
            }
            if *dict {
                reader.key()?;
            }
            return Ok(true);
        }
        open.pop();
    }
    Ok(false)
}
