//! Reading the message's own dicts, Options, Details and Extra, key by key, into typed values.
//!
//! The rules of section 2 of the reference: an unknown key is passed over but checked, null counts as absent (D48), a known
//! key with a value of a wrong type is an error (D15, D49). A dict has at most [`DICT_KEYS_MAX`] keys, each once.

use crate::codec::error::{DecodeError, Fault, Got, Quoted, ValueKind};
use crate::codec::reader::{Items, Levels, Reader, Token};
use crate::codec::value::{self, Budget};
use crate::wamp::options::{Ppt, DICT_KEYS_MAX};
use crate::wamp::{Dict, IdOutOfRange, MessageKind, SessionId, Uri, Value};
use bytes::Bytes;
use bytestring::ByteString;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::sync::Arc;

pub(super) const ID: &str = "an id, 1..=2^53";
const UNSIGNED: &str = "a non-negative integer";

/// The most values in a dict that is built into values: `authextra` and Extra (C3).
const VALUES_MAX: usize = 4096;

/// What errors and slices need to know of the message at hand.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) message: MessageKind,
    pub(super) frame: &'a Bytes,
    /// The dict that is being read.
    pub(super) dict: &'static str,
    pub(super) levels: Levels,
}

/// A typed dict: its value when empty, and where each key goes.
pub(super) trait Shape: Default {
    /// Takes the value under `key`, or leaves it untouched if the key is unknown: then false.
    fn option<'a, R: Reader<'a>>(&mut self, key: &str, value: &mut Field<'_, 'a, R>) -> Result<bool, DecodeError>;

    /// Takes what several keys tell together.
    fn finish(&mut self, _parts: Parts) {}
}

/// What several keys tell together, and not necessarily in an order: gathered until the dict is at its end.
pub(super) struct Parts {
    pub(super) ppt: Option<Box<Ppt>>,
    pub(super) disclosed: Option<Box<DisclosedParts>>,
    pub(super) trace: Option<Box<TraceParts>>,
    /// For all that is built into values in one dict.
    budget: Budget,
}

/// The three keys of a [`Disclosed`](crate::wamp::options::Disclosed).
#[derive(Default)]
pub(super) struct DisclosedParts {
    pub(super) session: Option<SessionId>,
    pub(super) authid: Option<Arc<str>>,
    pub(super) authrole: Option<Arc<str>>,
}

/// The two keys of a [`TraceContext`](crate::wamp::TraceContext), whatever they hold.
#[derive(Default)]
pub(super) struct TraceParts {
    pub(super) parent: Option<Value>,
    pub(super) state: Option<Value>,
}

/// Reads a dict whose opening has been read.
#[inline]
pub(super) fn read<'a, R: Reader<'a>, D: Shape>(
    reader: &mut R,
    mut items: Items,
    context: &Context<'a>,
) -> Result<D, DecodeError> {
    let mut shape = D::default();
    let levels = context.levels.inside()?;
    // Most dicts are empty.
    if !reader.next_entry(&mut items)? {
        return Ok(shape);
    }
    let mut parts = Parts { ppt: None, disclosed: None, trace: None, budget: Budget::new(context.dict, VALUES_MAX) };
    entries(reader, items, context.dict, |key, reader| {
        let mut value = Field { reader, context, levels, parts: &mut parts };
        if !shape.option(key, &mut value)? {
            value.skip()?;
        }
        Ok(())
    })?;
    shape.finish(parts);
    Ok(shape)
}

/// Goes through a dict from before its first key on; `each` must pass over the value.
fn entries<'a, R: Reader<'a>>(
    reader: &mut R,
    mut items: Items,
    field: &'static str,
    mut each: impl FnMut(&str, &mut R) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut seen: SmallVec<[Cow<'a, str>; 8]> = SmallVec::new();
    loop {
        let key = reader.text_key()?.map_err(|got| DecodeError::KeyNotText { field, got })?;
        if seen.contains(&key) {
            return Err(DecodeError::DuplicateKey { field, key: Quoted::new(&key) });
        }
        if seen.len() == DICT_KEYS_MAX {
            return Err(DecodeError::TooManyKeys { field, limit: DICT_KEYS_MAX });
        }
        each(&key, reader)?;
        seen.push(key);
        if !reader.next_entry(&mut items)? {
            return Ok(());
        }
    }
}

/// The value under a key. Each reading method gives `None` for what counts as absent.
pub(super) struct Field<'r, 'a, R> {
    reader: &'r mut R,
    context: &'r Context<'a>,
    /// What may open inside this value.
    levels: Levels,
    pub(super) parts: &'r mut Parts,
}

impl<'a, R: Reader<'a>> Field<'_, 'a, R> {
    #[cold]
    fn wrong<T>(&self, field: &'static str, expected: &'static str, got: ValueKind) -> Result<T, DecodeError> {
        Err(DecodeError::Field { message: self.context.message, field, expected, got: Got::Kind(got) })
    }

    pub(super) fn bool(&mut self, field: &'static str) -> Result<Option<bool>, DecodeError> {
        let token = self.reader.token()?;
        if let Token::Bool(truth) = token {
            return Ok(Some(truth));
        }
        if token.is_absent() {
            return Ok(None);
        }
        self.wrong(field, "a bool", token.kind())
    }

    /// A bool that is false when it is absent.
    pub(super) fn flag(&mut self, field: &'static str) -> Result<bool, DecodeError> {
        Ok(self.bool(field)?.unwrap_or(false))
    }

    pub(super) fn unsigned(&mut self, field: &'static str) -> Result<Option<u64>, DecodeError> {
        self.integer(field, UNSIGNED)
    }

    fn integer(&mut self, field: &'static str, expected: &'static str) -> Result<Option<u64>, DecodeError> {
        let token = self.reader.token()?;
        if let Some(number) = token.unsigned::<R>() {
            return Ok(Some(number));
        }
        if token.is_absent() {
            return Ok(None);
        }
        self.wrong(field, expected, token.kind())
    }

    pub(super) fn id<T>(
        &mut self,
        field: &'static str,
        new: fn(u64) -> Result<T, IdOutOfRange>,
    ) -> Result<Option<T>, DecodeError> {
        let Some(number) = self.integer(field, ID)? else { return Ok(None) };
        let message = self.context.message;
        new(number).map(Some).map_err(|_| DecodeError::Field { message, field, expected: ID, got: Got::Number(number) })
    }

    fn cow(&mut self, field: &'static str) -> Result<Option<Cow<'a, str>>, DecodeError> {
        let token = self.reader.token()?;
        let (kind, absent) = (token.kind(), token.is_absent());
        if let Token::Text(text) = token {
            return Ok(Some(text));
        }
        if absent {
            return Ok(None);
        }
        self.wrong(field, "a string", kind)
    }

    pub(super) fn text(&mut self, field: &'static str) -> Result<Option<String>, DecodeError> {
        Ok(self.cow(field)?.map(Cow::into_owned))
    }

    pub(super) fn uri(&mut self, field: &'static str) -> Result<Option<Uri>, DecodeError> {
        Ok(self.cow(field)?.map(|text| uri(self.context.frame, text)))
    }

    /// One of a few words; an unknown one is an error and never the default (D15).
    pub(super) fn word<T>(
        &mut self,
        field: &'static str,
        expected: &'static str,
        from_wire: fn(&str) -> Option<T>,
    ) -> Result<Option<T>, DecodeError> {
        let Some(text) = self.cow(field)? else { return Ok(None) };
        let message = self.context.message;
        from_wire(&text).map(Some).ok_or_else(|| DecodeError::Field {
            message,
            field,
            expected,
            got: Got::Text(Quoted::new(&text)),
        })
    }

    /// A list of non-negative integers with at most so many entries.
    pub(super) fn numbers(&mut self, field: &'static str, most: usize) -> Result<Option<Entries<u64>>, DecodeError> {
        self.list(field, most, "a list of non-negative integers", |token| token.unsigned::<R>())
    }

    /// A list of texts with at most so many entries.
    pub(super) fn texts(&mut self, field: &'static str, most: usize) -> Result<Option<Entries<String>>, DecodeError> {
        self.list(field, most, "a list of strings", |token| {
            if let Token::Text(text) = token {
                Some(text.into_owned())
            } else {
                None
            }
        })
    }

    fn list<T>(
        &mut self,
        field: &'static str,
        most: usize,
        expected: &'static str,
        entry: fn(Token<'a>) -> Option<T>,
    ) -> Result<Option<Entries<T>>, DecodeError> {
        let token = self.reader.token()?;
        if token.is_absent() {
            return Ok(None);
        }
        let Token::List(mut items) = token else { return self.wrong(field, expected, token.kind()) };
        let levels = self.levels.inside()?;
        let mut entries = Vec::new();
        while self.reader.next_item(&mut items)? {
            if entries.len() == most {
                drop(entries);
                self.reader.skip(levels)?;
                while self.reader.next_item(&mut items)? {
                    self.reader.skip(levels)?;
                }
                return Ok(Some(Entries::TooMany));
            }
            let token = self.reader.token()?;
            let kind = token.kind();
            match entry(token) {
                Some(entry) => entries.push(entry),
                None => return self.wrong(field, expected, kind),
            }
        }
        Ok(Some(Entries::All(entries)))
    }

    /// A dict of dicts or of anything else that `each` passes over.
    pub(super) fn dict(
        &mut self,
        field: &'static str,
        mut each: impl FnMut(&str, &mut Field<'_, 'a, R>) -> Result<(), DecodeError>,
    ) -> Result<Option<()>, DecodeError> {
        let token = self.reader.token()?;
        if token.is_absent() {
            return Ok(None);
        }
        let Token::Dict(mut items) = token else { return self.wrong(field, "a dict", token.kind()) };
        let levels = self.levels.inside()?;
        if !self.reader.next_entry(&mut items)? {
            return Ok(Some(()));
        }
        let context = self.context;
        let parts = &mut *self.parts;
        entries(self.reader, items, field, |key, reader| each(key, &mut Field { reader, context, levels, parts }))?;
        Ok(Some(()))
    }

    /// The error for a dict that may not be absent.
    pub(super) fn not_absent<T>(&self, field: &'static str, found: Option<T>) -> Result<T, DecodeError> {
        found.map_or_else(|| self.wrong(field, "a dict", ValueKind::Null), Ok)
    }

    /// A dict of anything, as values.
    pub(super) fn values(&mut self, field: &'static str) -> Result<Option<Dict>, DecodeError> {
        let mut values = Dict::new();
        let found = self.dict(field, |key, value| {
            values.push((key.to_owned(), value.value()?));
            Ok(())
        })?;
        Ok(found.map(|()| values))
    }

    /// Anything, as a value.
    pub(super) fn value(&mut self) -> Result<Value, DecodeError> {
        value::read(self.reader, self.levels, &mut self.parts.budget)
    }

    /// Passes over the value.
    pub(super) fn skip(&mut self) -> Result<(), Fault> {
        self.reader.skip(self.levels)
    }
}

/// A list option.
pub(super) enum Entries<T> {
    All(Vec<T>),
    /// More than were asked for; they are checked to be well formed and nothing of them is kept.
    TooMany,
}

/// A text as a URI, without a copy where it stands in the frame as it is.
#[inline]
pub(super) fn uri(frame: &Bytes, text: Cow<'_, str>) -> Uri {
    match text {
        Cow::Borrowed(text) => {
            // The constructor checks UTF-8 a second time: for texts this short that is cheaper than a copy.
            ByteString::try_from(frame.slice_ref(text.as_bytes())).map_or_else(|_| Uri::from(text), Uri::from)
        }
        Cow::Owned(text) => Uri::from(text),
    }
}
