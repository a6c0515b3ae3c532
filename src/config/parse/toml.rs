//! TOML, by `toml-span`.

use super::SyntaxError;
use crate::config::tree::{Content, Entry, Node, Place};
use toml_span::value::ValueInner;
use toml_span::{ErrorKind, Span};

/// Reads `text`, which is source number `source`.
pub(in crate::config) fn parse(text: &str, source: u32) -> Result<Node, SyntaxError> {
    match toml_span::parse(text) {
        Ok(mut root) => Ok(node(&mut root, source)),
        Err(error) => {
            let hint = match &error.kind {
                ErrorKind::DuplicateKey { .. } | ErrorKind::DuplicateTable { .. } => "it is already there",
                ErrorKind::UnquotedString => "texts stand in quotes",
                _ => "",
            };
            Err(SyntaxError { place: place(error.span, source), message: describe(&error), hint: hint.to_owned() })
        }
    }
}

/// What is wrong, without quoting values.
fn describe(error: &toml_span::Error) -> String {
    match &error.kind {
        ErrorKind::DuplicateKey { key, .. } => format!("the key `{key}` stands twice in one table"),
        ErrorKind::DuplicateTable { name, .. } => format!("the table `{name}` stands twice"),
        ErrorKind::UnterminatedString => "a string has no end".to_owned(),
        ErrorKind::UnexpectedEof => "the file ends where a value is expected".to_owned(),
        ErrorKind::Wanted { expected, found } => format!("expected {expected}, found {found}"),
        ErrorKind::InvalidNumber => "not a number".to_owned(),
        ErrorKind::UnquotedString => "not a value".to_owned(),
        _ => error.to_string(),
    }
}

fn place(span: Span, source: u32) -> Place {
    Place::new(source, span.start, span.end)
}

fn node(value: &mut toml_span::Value<'_>, source: u32) -> Node {
    let place_here = place(value.span, source);
    let content = match value.take() {
        ValueInner::String(text) => {
            // The span of a text is that inside its quotes; an empty one would have no width.
            Content::Text(text.into_owned())
        }
        ValueInner::Integer(number) => Content::Integer(number),
        ValueInner::Float(number) => Content::Float(number),
        ValueInner::Boolean(flag) => Content::Boolean(flag),
        ValueInner::Array(mut items) => Content::List(items.iter_mut().map(|item| node(item, source)).collect()),
        ValueInner::Table(table) => Content::Table(
            table
                .into_iter()
                .map(|(key, mut value)| {
                    let entry = Entry { key: place(key.span, source), node: node(&mut value, source) };
                    (key.name.into_owned(), entry)
                })
                .collect(),
        ),
    };
    Node { value: content, place: place_here }
}
