//! TOML, by `toml-span`.

use super::SyntaxError;
use crate::config::tree::{Content, Entry, Node, Place};
use toml_span::value::ValueInner;
use toml_span::{ErrorKind, Span};

/// Reads `text`, which is source number `source`.
pub(in crate::config) fn parse(text: &str, source: u32) -> Result<Node, SyntaxError> {
    match toml_span::parse(text) {
        Ok(mut root) => Ok(node(&mut root, text, source)),
        Err(error) => {
            let (message, hint) = describe(&error);
            Err(SyntaxError { place: place(error.span, source), message, hint: hint.to_owned() })
        }
    }
}

/// What is wrong, without quoting values, and what would be right.
#[expect(clippy::wildcard_enum_match_arm, reason = "the parser's errors, most of which speak for themselves")]
fn describe(error: &toml_span::Error) -> (String, &'static str) {
    match &error.kind {
        ErrorKind::DuplicateKey { key, .. } => {
            (format!("the key `{key}` stands twice in one table"), "it is already there")
        }
        ErrorKind::DuplicateTable { name, .. } => (format!("the table `{name}` stands twice"), "it is already there"),
        ErrorKind::UnterminatedString | ErrorKind::InvalidCharInString('\n' | '\r') => {
            ("a string has no end".to_owned(), "close it with a quote")
        }
        ErrorKind::UnexpectedEof => ("the file ends where a value is expected".to_owned(), ""),
        ErrorKind::Wanted { expected, found } => (format!("expected {expected}, found {found}"), ""),
        ErrorKind::InvalidNumber => ("not a number".to_owned(), ""),
        ErrorKind::UnquotedString => ("not a value".to_owned(), "texts stand in quotes"),
        _ => (error.to_string(), ""),
    }
}

fn place(span: Span, source: u32) -> Place {
    Place::new(source, span.start, span.end)
}

fn node(value: &mut toml_span::Value<'_>, text: &str, source: u32) -> Node {
    let mut span = value.span;
    let content = match value.take() {
        ValueInner::String(content) => {
            span = with_quotes(span, text);
            Content::Text(content.into_owned())
        }
        ValueInner::Integer(number) => Content::Integer(number),
        ValueInner::Float(number) => Content::Float(number),
        ValueInner::Boolean(flag) => Content::Boolean(flag),
        ValueInner::Array(mut items) => Content::List(items.iter_mut().map(|item| node(item, text, source)).collect()),
        ValueInner::Table(table) => Content::Table(
            table
                .into_iter()
                .map(|(key, mut value)| {
                    let entry = Entry { key: place(key.span, source), node: node(&mut value, text, source) };
                    (key.name.into_owned(), entry)
                })
                .collect(),
        ),
    };
    Node { value: content, place: place(span, source) }
}

/// The span of a text is that inside its quotes; people look for it with them, and an empty one would have no width.
fn with_quotes(span: Span, text: &str) -> Span {
    let octets = text.as_bytes();
    let before = span.start.checked_sub(1).and_then(|at| octets.get(at));
    match (before, octets.get(span.end)) {
        (Some(open @ (b'"' | b'\'')), Some(close)) if open == close => Span::new(span.start - 1, span.end + 1),
        (_, _) => span,
    }
}
