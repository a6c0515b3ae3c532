//! The members of one object, each as a checked slice: how the HTTP bridge takes a request's body apart without building
//! values from it.
//!
//! One pass, without recursion. What a member means, and whether it may be there, is not decided here.

use super::cbor::CborReader;
use super::error::{DecodeError, Quoted, ValueKind};
use super::json::JsonReader;
use super::msgpack::MessagePackReader;
use super::reader::{Levels, Reader, Token};
use super::Limits;
use crate::wamp::options::DICT_KEYS_MAX;
use crate::wamp::Serialization;
use bytes::Bytes;

/// How the object is called in errors.
const FIELD: &str = "the body";

/// One member of an object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// What its value is.
    pub kind: ValueKind,
    /// Its value, as written: well formed, and not too deep to be an element of a message.
    pub value: Bytes,
}

/// Takes an object that fills `object` apart; the kind of what it is, if it is no object.
///
/// # Errors
/// [`DecodeError`]: not well formed, too deep, a name that is no text or is there twice, or more than [`DICT_KEYS_MAX`]
/// members.
pub fn members(
    serialization: Serialization,
    object: &Bytes,
    limits: &Limits,
) -> Result<Result<Vec<Member>, ValueKind>, DecodeError> {
    match serialization {
        Serialization::Json => read::<JsonReader<'_>>(object, limits),
        Serialization::MessagePack => read::<MessagePackReader<'_>>(object, limits),
        Serialization::Cbor => read::<CborReader<'_>>(object, limits),
    }
}

fn read<'a, R: Reader<'a>>(object: &'a Bytes, limits: &Limits) -> Result<Result<Vec<Member>, ValueKind>, DecodeError> {
    let mut reader = R::new(object)?;
    let outermost = reader.token()?;
    let Token::Dict(mut items) = outermost else { return Ok(Err(outermost.kind())) };
    // As deep as Arguments may be inside a message.
    let levels = Levels::new(limits.depth_max.saturating_sub(2));
    let mut members: Vec<Member> = Vec::new();
    while reader.next_entry(&mut items)? {
        let name = reader.text_key()?.map_err(|got| DecodeError::KeyNotText { field: FIELD, got })?;
        if members.len() == DICT_KEYS_MAX {
            return Err(DecodeError::TooManyKeys { field: FIELD, limit: DICT_KEYS_MAX });
        }
        if members.iter().any(|member| member.name == name) {
            return Err(DecodeError::DuplicateKey { field: FIELD, key: Quoted::new(&name) });
        }
        let start = reader.start();
        let kind = reader.kind()?;
        reader.skip(levels)?;
        members.push(Member { name: name.into_owned(), kind, value: object.slice(start..reader.at()) });
    }
    reader.end()?;
    Ok(Ok(members))
}

/// The elements of a list that fills `list`, each as a checked slice: at most one more than `most`, so that a longer list can
/// be told.
///
/// # Errors
/// [`DecodeError`]: not well formed, or too deep.
pub fn elements(
    serialization: Serialization,
    list: &Bytes,
    limits: &Limits,
    most: usize,
) -> Result<Result<Vec<Bytes>, ValueKind>, DecodeError> {
    match serialization {
        Serialization::Json => read_list::<JsonReader<'_>>(list, limits, most),
        Serialization::MessagePack => read_list::<MessagePackReader<'_>>(list, limits, most),
        Serialization::Cbor => read_list::<CborReader<'_>>(list, limits, most),
    }
}

fn read_list<'a, R: Reader<'a>>(
    list: &'a Bytes,
    limits: &Limits,
    most: usize,
) -> Result<Result<Vec<Bytes>, ValueKind>, DecodeError> {
    let mut reader = R::new(list)?;
    let outermost = reader.token()?;
    let Token::List(mut items) = outermost else { return Ok(Err(outermost.kind())) };
    let levels = Levels::new(limits.depth_max.saturating_sub(2));
    let mut elements = Vec::new();
    while reader.next_item(&mut items)? {
        let start = reader.start();
        reader.skip(levels)?;
        elements.push(list.slice(start..reader.at()));
        if elements.len() > most {
            return Ok(Ok(elements));
        }
    }
    reader.end()?;
    Ok(Ok(elements))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Result<Result<Vec<Member>, ValueKind>, DecodeError> {
        members(Serialization::Json, &Bytes::copy_from_slice(text.as_bytes()), &Limits::default())
    }

    #[test]
    fn each_member_is_a_slice_as_it_was_written() {
        let found = json(" {\"args\": [1, [2]] ,\"kwargs\":{\"a\" :1}} ").unwrap().unwrap();
        let slices: Vec<_> = found.iter().map(|member| (&*member.name, &member.value[..])).collect();
        assert_eq!(slices, [("args", &b"[1, [2]]"[..]), ("kwargs", b"{\"a\" :1}")]);
    }

    #[test]
    fn each_element_is_a_slice_as_it_was_written_and_a_long_list_is_not_read_to_its_end() {
        let of = |text: &'static str, most| {
            let list = Bytes::from_static(text.as_bytes());
            elements(Serialization::Json, &list, &Limits::default(), most).unwrap().unwrap()
        };
        assert_eq!(of("[ {\"a\" : 1} , 2]", 5), [&b"{\"a\" : 1}"[..], b"2"]);
        assert_eq!(of("[1,2,3,}", 2).len(), 3);
    }

    #[test]
    fn what_is_no_object_is_told_by_its_kind() {
        assert_eq!(json("[1]"), Ok(Err(ValueKind::List)));
    }

    /// C1, C3.
    #[test]
    fn deep_double_and_broken_members_are_refused() {
        let deep = format!("{{\"args\":{}{}}}", "[".repeat(127), "]".repeat(127));
        for bad in [&*deep, "{\"a\":1,\"a\":2}", "{\"a\":}", "{\"a\":1}x", "{\"a\":[1}}", ""] {
            assert!(json(bad).is_err(), "{bad}");
        }
    }
}
