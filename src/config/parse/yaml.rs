//! YAML, by `serde-saphyr`, which tells the place of each value.

use super::{octet_at, SyntaxError};
use crate::config::tree::{Content, Entry, Node, Place, Table};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};
use std::fmt;

/// Reads `text`, which is source number `source`.
pub(super) fn parse(text: &str, source: u32) -> Result<Node, SyntaxError> {
    if text.trim().is_empty() {
        return Ok(Node::empty_table(Place::new(source, 0, 0)));
    }
    // `on`, `off`, `yes` and `no` are words, as in YAML 1.2.
    let options = serde_saphyr::options! { strict_booleans: true };
    match serde_saphyr::from_str_with_options::<Spanned<Value>>(text, options) {
        Ok(value) => Ok(node(value, &Text { text, source })),
        Err(error) => {
            let at = error.location().map_or(0, |at| octet_at(text, column(at.line()), column(at.column())));
            let message = error.without_snippet().to_string();
            let message = message.split(" at line ").next().unwrap_or_default().to_owned();
            Err(SyntaxError { place: Place::new(source, at, at + 1), message, hint: String::new() })
        }
    }
}

struct Text<'a> {
    text: &'a str,
    source: u32,
}

impl Text<'_> {
    fn place(&self, location: Location) -> Place {
        let start = octet_at(self.text, column(location.line()), column(location.column()));
        let length = usize::try_from(location.span().len()).unwrap_or(0);
        let width: usize = self.text.get(start..).unwrap_or_default().chars().take(length).map(char::len_utf8).sum();
        Place::new(self.source, start, start + width)
    }
}

fn column(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// A value as YAML gives it, with the places of what is inside.
enum Value {
    Scalar(Content),
    List(Vec<Spanned<Value>>),
    Table(Vec<(Spanned<String>, Spanned<Value>)>),
}

fn node(value: Spanned<Value>, text: &Text<'_>) -> Node {
    let place = text.place(value.defined);
    let value = match value.value {
        Value::Scalar(content) => content,
        Value::List(items) => Content::List(items.into_iter().map(|item| node(item, text)).collect()),
        Value::Table(entries) => {
            let entry = |(key, value): (Spanned<String>, _)| {
                (key.value, Entry { key: text.place(key.defined), node: node(value, text) })
            };
            Content::Table(entries.into_iter().map(entry).collect::<Table>())
        }
    };
    Node { value, place }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Scalar(Content::Boolean(value)))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Scalar(Content::Integer(value)))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Scalar(i64::try_from(value).map_or(Content::Float(value as f64), Content::Integer)))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Scalar(Content::Float(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Scalar(Content::Text(value.to_owned())))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Scalar(Content::Null))
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut table = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            table.push(entry);
        }
        Ok(Value::Table(table))
    }
}
