//! Reading the vector files, and the few steps that every test here takes.

use bytes::Bytes;
use serde_json::Value as Json;
use wharf::codec::{decode, encode, DecodeError, Fidelity, Limits, TranscodeError};
use wharf::wamp::{Message, Serialization};

macro_rules! vectors {
    ($name:literal) => {
        serde_json::from_str::<serde_json::Value>(include_str!(concat!("data/", $name))).unwrap()
    };
}
pub(crate) use vectors;

pub(crate) fn from_hex(hex: &str) -> Bytes {
    assert!(hex.len().is_multiple_of(2), "{hex}");
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|octet| format!("{octet:02x}")).collect()
}

pub(crate) fn text<'a>(json: &'a Json, key: &str) -> &'a str {
    json[key].as_str().unwrap_or_else(|| panic!("{key} in {json}"))
}

pub(crate) fn list<'a>(json: &'a Json, key: &str) -> &'a [Json] {
    json[key].as_array().unwrap_or_else(|| panic!("{key} in {json}"))
}

pub(crate) fn read(serialization: Serialization, bytes: impl Into<Bytes>) -> Result<Message, DecodeError> {
    decode(serialization, &bytes.into(), &Limits::default())
}

pub(crate) fn read_json(text: &str) -> Result<Message, DecodeError> {
    read(Serialization::Json, text.to_owned())
}

pub(crate) fn write(message: &Message, serialization: Serialization) -> Result<(Vec<u8>, Fidelity), TranscodeError> {
    let mut out = Vec::new();
    encode(message, serialization, &mut out).map(|fidelity| (out, fidelity))
}

/// A JSON message in all three serializations, by way of our own encoder.
pub(crate) fn in_all(json: &str) -> [(Serialization, Bytes); 3] {
    let message = read_json(json).unwrap_or_else(|error| panic!("{json}: {error}"));
    Serialization::ALL.map(|serialization| (serialization, write(&message, serialization).unwrap().0.into()))
}
