//! Payloads and dicts as values, for the few that look inside: authentication extras, the meta API, the HTTP bridge.
//!
//! Never called for a payload on its way through. Recursion is as deep as the checked depth and no deeper.

use super::error::{DecodeError, Fault, Quoted};
use super::json::JsonWriter;
use super::reader::{Levels, Reader, Token};
use super::transcode::write_dict_exact;
use super::{cbor::CborReader, json::JsonReader, msgpack::MessagePackReader, Limits};
use crate::wamp::{Dict, Payload, RawPayload, Serialization, Value};
use base64::engine::general_purpose::STANDARD;
use base64::Engine;

/// Reads one value that fills `bytes`.
///
/// In JSON, a string of U+0000 and valid Base64 is a byte string (D53). An integer beyond 64 bits is a float.
///
/// # Errors
/// [`DecodeError`] if the bytes are not well formed, nested deeper than the default [`Limits`], or hold a dict with a key that
/// is no text or is there twice, an extension, a tag, or a simple value.
pub fn read_value(serialization: Serialization, bytes: &[u8]) -> Result<Value, DecodeError> {
    match serialization {
        Serialization::Json => whole::<JsonReader<'_>>(bytes),
        Serialization::MessagePack => whole::<MessagePackReader<'_>>(bytes),
        Serialization::Cbor => whole::<CborReader<'_>>(bytes),
    }
}

/// A dict as JSON: a byte string is U+0000 and Base64, what is not finite is null.
pub fn json_of(dict: &Dict) -> Vec<u8> {
    let mut octets = Vec::new();
    // What JSON has no form for is written as said above.
    let _fidelity = write_dict_exact(dict, &mut JsonWriter::new(&mut octets));
    octets
}

/// Arguments as values; none if there are none.
///
/// # Errors
/// As [`read_value`]: a dict deeper down may have keys that no [`Value`] can hold.
pub fn payload_args(payload: &Payload) -> Result<Vec<Value>, DecodeError> {
    match payload {
        Payload::Empty => Ok(Vec::new()),
        Payload::Values(values) => Ok(values.args.clone()),
        Payload::Raw(raw) => {
            let args = read_value(raw.serialization(), raw.args())?;
            Ok(if let Value::List(args) = args { args } else { Vec::new() })
        }
    }
}

/// ArgumentsKw as values; none if there are none.
///
/// # Errors
/// As [`payload_args`].
pub fn payload_kwargs(payload: &Payload) -> Result<Dict, DecodeError> {
    match payload {
        Payload::Empty => Ok(Dict::new()),
        Payload::Values(values) => Ok(values.kwargs.clone()),
        Payload::Raw(raw) => raw.kwargs().map_or(Ok(Dict::new()), |kwargs| raw_kwargs(raw, kwargs)),
    }
}

fn raw_kwargs(raw: &RawPayload, kwargs: &[u8]) -> Result<Dict, DecodeError> {
    let kwargs = read_value(raw.serialization(), kwargs)?;
    Ok(if let Value::Dict(kwargs) = kwargs { kwargs } else { Dict::new() })
}

fn whole<'a, R: Reader<'a>>(bytes: &'a [u8]) -> Result<Value, DecodeError> {
    let mut reader = R::new(bytes)?;
    let levels = Levels::new(Limits::default().depth_max.saturating_sub(2));
    let value = read(&mut reader, levels, &mut Budget::unbounded())?;
    reader.end()?;
    Ok(value)
}

/// How many values may still be built (C3).
pub(super) struct Budget {
    field: &'static str,
    limit: usize,
    left: usize,
}

impl Budget {
    pub(super) const fn new(field: &'static str, limit: usize) -> Self {
        Self { field, limit, left: limit }
    }

    /// For whoever has bounded the bytes.
    const fn unbounded() -> Self {
        Self::new("", usize::MAX)
    }

    fn take(&mut self) -> Result<(), DecodeError> {
        let too_many = DecodeError::TooManyValues { field: self.field, limit: self.limit };
        self.left = self.left.checked_sub(1).ok_or(too_many)?;
        Ok(())
    }
}

/// Reads one value.
pub(super) fn read<'a, R: Reader<'a>>(
    reader: &mut R,
    levels: Levels,
    budget: &mut Budget,
) -> Result<Value, DecodeError> {
    budget.take()?;
    let start = reader.start();
    Ok(match reader.token()? {
        Token::Null => Value::Null,
        Token::Bool(truth) => Value::Bool(truth),
        Token::Unsigned(number) => Value::Unsigned(number),
        Token::Negative(number) => match i64::try_from(number) {
            Ok(complement) => Value::Negative(!complement),
            Err(_) => Value::Float(-1.0 - number as f64),
        },
        Token::Huge(number) | Token::Float(number) => Value::Float(number),
        Token::Text(text) => match binary_in_json::<R>(&text) {
            Some(bytes) => Value::Bytes(bytes),
            None => Value::Text(text.into_owned()),
        },
        Token::Bytes(bytes) => Value::Bytes(bytes.into_owned()),
        Token::List(mut items) => {
            let inside = levels.inside()?;
            let mut list = Vec::new();
            while reader.next_item(&mut items)? {
                list.push(read(reader, inside, budget)?);
            }
            Value::List(list)
        }
        Token::Dict(mut items) => {
            let inside = levels.inside()?;
            let mut dict = Dict::new();
            while reader.next_entry(&mut items)? {
                let key = reader.text_key()?.map_err(|got| DecodeError::KeyNotText { field: "a dict", got })?;
                dict.push((key.into_owned(), read(reader, inside, budget)?));
            }
            check_unique(&dict)?;
            Value::Dict(dict)
        }
        Token::Extension(_) | Token::Tag(_) | Token::Simple(_) => {
            return Err(Fault::Syntax { expected: "a value of the common data model", at: start }.into());
        }
    })
}

fn check_unique(dict: &Dict) -> Result<(), DecodeError> {
    let mut keys: Vec<&str> = dict.iter().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    match keys.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(_) => Err(DecodeError::DuplicateKey { field: "a dict", key: Quoted::withheld() }),
        None => Ok(()),
    }
}

/// The bytes that a JSON string stands for, if it does (D53).
pub(super) fn binary_in_json<'a, R: Reader<'a>>(text: &str) -> Option<Vec<u8>> {
    if !R::BINARY_AS_TEXT {
        return None;
    }
    STANDARD.decode(text.strip_prefix('\0')?).ok()
}
