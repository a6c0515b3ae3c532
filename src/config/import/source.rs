//! A foreign configuration while it is read. Each key that is taken is ticked off, so that what is left over can be listed
//! and nothing is dropped in silence.

use super::notes::Notes;
use crate::config::parse::{Format, SyntaxError};
use crate::config::read::quoted;
use crate::config::tree::{Content, Node, Place, Table};
use crate::observe::shown;
use std::path::Path;
use std::rc::Rc;

/// Reads `text`: by the extension of its name, else as JSON if it begins as an object of JSON does.
pub(super) fn parse(name: &Path, text: &str) -> Result<Node, (Format, SyntaxError)> {
    let format = match name.extension().and_then(|extension| extension.to_str()) {
        Some("json") => Format::Json,
        Some("yaml" | "yml") => Format::Yaml,
        Some(_) | None if text.trim_start().starts_with(['{', '/', '[']) => Format::Json,
        Some(_) | None => Format::Yaml,
    };
    let parsed = match format {
        Format::Json => format.parse(&plain_json(text), 0),
        Format::Toml | Format::Yaml => format.parse(text, 0),
    };
    parsed.map_err(|error| (format, error))
}

/// JSON without what people add to it: comments (`//`, `#`, `/* */`) and commas before a closing bracket become spaces, so
/// that all places stay as they are.
fn plain_json(text: &str) -> String {
    let mut plain = text.to_owned().into_bytes();
    let mut comma = None;
    let mut at = 0;
    while let Some(octet) = plain.get(at).copied() {
        let end = match (octet, plain.get(at + 1)) {
            (b'"', _) => {
                comma = None;
                at = end_of_string(&plain, at);
                continue;
            }
            (b'#', _) | (b'/', Some(b'/')) => find(&plain, at, b"\n"),
            (b'/', Some(b'*')) => find(&plain, at + 2, b"*/") + 2,
            (b',', _) => {
                comma = Some(at);
                at += 1;
                continue;
            }
            (b'}' | b']', _) => {
                if let Some(octet) = comma.take().and_then(|comma: usize| plain.get_mut(comma)) {
                    *octet = b' ';
                }
                at += 1;
                continue;
            }
            (octet, _) => {
                if !octet.is_ascii_whitespace() {
                    comma = None;
                }
                at += 1;
                continue;
            }
        };
        let end = end.min(plain.len());
        for octet in plain.get_mut(at..end).into_iter().flatten().filter(|octet| **octet != b'\n') {
            *octet = b' ';
        }
        at = end;
    }
    // Whole comments are blanked, so no character is cut in two.
    String::from_utf8(plain).unwrap_or_else(|_| text.to_owned())
}

/// Where the string that opens at `at` is over.
fn end_of_string(text: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(octet) = text.get(at) {
        match octet {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

fn find(text: &[u8], from: usize, what: &[u8]) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    rest.windows(what.len()).position(|window| window == what).map_or(text.len(), |at| from + at)
}

/// A place in the source: for messages, and for what was made of it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Origin {
    /// The steps to it, as in `workers[0].realms[0].name`; empty for the whole.
    pub(super) path: Rc<str>,
    pub(super) place: Place,
}

/// A value with where it stands.
#[derive(Clone, Debug)]
pub(super) struct At<'a> {
    pub(super) node: &'a Node,
    pub(super) origin: Origin,
}

impl<'a> At<'a> {
    /// The whole source.
    pub(super) fn root(node: &'a Node) -> Self {
        Self { node, origin: Origin { path: "".into(), place: node.place } }
    }

    /// The text, if it is one.
    pub(super) fn as_text(&self) -> Option<&'a str> {
        if let Content::Text(text) = &self.node.value {
            return Some(text);
        }
        None
    }

    /// The whole number, if it is one.
    pub(super) fn as_integer(&self) -> Option<i64> {
        if let Content::Integer(number) = self.node.value {
            return Some(number);
        }
        None
    }

    /// The keys, if it is a table. Nothing at all counts as a table without keys.
    pub(super) fn as_keys(&self) -> Option<Keys<'a>> {
        static NOTHING: Table = Table::new();
        let table = match &self.node.value {
            Content::Table(table) => table,
            Content::Null => &NOTHING,
            Content::Boolean(_) | Content::Integer(_) | Content::Float(_) | Content::Text(_) | Content::List(_) => {
                return None
            }
        };
        Some(Keys { at: self.clone(), table, taken: Vec::new() })
    }

    /// The text, or a note that it is none.
    pub(super) fn text(&self, notes: &mut Notes) -> Option<&'a str> {
        self.expect(self.as_text(), "a string", notes)
    }

    /// The number, or a note that it is none.
    pub(super) fn integer(&self, notes: &mut Notes) -> Option<i64> {
        self.expect(self.as_integer(), "a whole number", notes)
    }

    /// Whether it is so, or a note that it is no boolean.
    pub(super) fn boolean(&self, notes: &mut Notes) -> Option<bool> {
        let flag = if let Content::Boolean(flag) = self.node.value { Some(flag) } else { None };
        self.expect(flag, "true or false", notes)
    }

    /// The items, or none after a note that it is no list.
    pub(super) fn list(&self, notes: &mut Notes) -> Vec<At<'a>> {
        let items = match &self.node.value {
            Content::List(items) => Some(items.as_slice()),
            Content::Null => Some([].as_slice()),
            Content::Boolean(_) | Content::Integer(_) | Content::Float(_) | Content::Text(_) | Content::Table(_) => {
                None
            }
        };
        let items = self.expect(items, "a list", notes).unwrap_or_default();
        let path = |number: usize| format!("{}[{number}]", self.origin.path).into();
        let at =
            |(number, node): (usize, &'a Node)| At { node, origin: Origin { path: path(number), place: node.place } };
        items.iter().enumerate().map(at).collect()
    }

    /// The keys, or a note that it is no table.
    pub(super) fn keys(&self, notes: &mut Notes) -> Option<Keys<'a>> {
        self.expect(self.as_keys(), "a table", notes)
    }

    fn expect<T>(&self, value: Option<T>, expected: &str, notes: &mut Notes) -> Option<T> {
        if value.is_none() {
            let message = format!("this is {}", self.node.value.kind());
            notes.add(&self.origin, message, format!("expected {expected}; it was passed over"));
        }
        value
    }
}

/// The keys of a table, those that were taken ticked off.
#[derive(Clone, Debug)]
pub(super) struct Keys<'a> {
    pub(super) at: At<'a>,
    table: &'a Table,
    taken: Vec<&'a str>,
}

impl<'a> Keys<'a> {
    /// What stands under `key`, which is then understood. `null` counts as absent.
    pub(super) fn take(&mut self, key: &str) -> Option<At<'a>> {
        let (key, _) = self.table.get_key_value(key)?;
        self.taken.push(key);
        self.at(key).filter(|at| at.node.value != Content::Null)
    }

    /// Ticks off keys that need nothing here.
    pub(super) fn pass(&mut self, keys: &[&str]) {
        for key in keys {
            self.take(key);
        }
    }

    /// Ticks off keys whose value says what holds here anyway.
    pub(super) fn pass_if(&mut self, keys: &[(&str, bool)]) {
        for (key, usual) in keys {
            if self.peek(key).is_some_and(|at| at.node.value == Content::Boolean(*usual)) {
                self.take(key);
            }
        }
    }

    /// What stands under `key`, without ticking it off.
    pub(super) fn peek(&self, key: &str) -> Option<At<'a>> {
        let (key, _) = self.table.get_key_value(key)?;
        self.at(key)
    }

    /// All keys that were not taken, taking them.
    pub(super) fn rest(&mut self) -> Vec<(&'a str, At<'a>)> {
        let rest: Vec<&'a str> =
            self.table.keys().map(String::as_str).filter(|key| !self.taken.contains(key)).collect();
        self.taken.extend(&rest);
        rest.into_iter().filter_map(|key| Some((key, self.at(key)?))).collect()
    }

    /// Lists what was not taken, each with the advice for its key.
    pub(super) fn finish(mut self, notes: &mut Notes, advice: fn(&str) -> &'static str) {
        for (key, at) in self.rest() {
            notes.add(&at.origin, format!("`{}` has no counterpart here", shown(key)), advice(key));
        }
    }

    fn at(&self, key: &str) -> Option<At<'a>> {
        let entry = self.table.get(key)?;
        let dot = if self.at.origin.path.is_empty() { "" } else { "." };
        let path = format!("{}{dot}{}", self.at.origin.path, quoted(&shown(key))).into();
        Some(At { node: &entry.node, origin: Origin { path, place: entry.key } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_last_commas_become_spaces_and_strings_stay() {
        let text = "// é\n{\"a\": \"//x\\\"#\", /* é\n */ \"b\": [1, 2, ], # no\n}";
        let plain = plain_json(text);
        assert_eq!(plain.len(), text.len());
        let value: serde_json::Value = serde_json::from_str(&plain).unwrap();
        assert_eq!(value, serde_json::json!({ "a": "//x\"#", "b": [1, 2] }));
        for half in ["{\"a", "/*", "/* *", "//", ",", "\"\\", "{,}"] {
            assert_eq!(plain_json(half).len(), half.len(), "{half}");
        }
    }

    #[test]
    fn what_is_not_taken_is_left() {
        let node = parse(Path::new("a.json"), "{\"a\": 1, \"b\": null, \"c.d\": 2}").unwrap();
        let mut keys = At::root(&node).as_keys().unwrap();
        assert_eq!(keys.take("a").and_then(|at| at.as_integer()), Some(1));
        assert!(keys.take("b").is_none() && keys.take("x").is_none());
        let left: Vec<_> = keys.rest().into_iter().map(|(_, at)| at.origin.path.to_string()).collect();
        assert_eq!(left, ["\"c.d\""]);
        assert!(keys.rest().is_empty());
    }
}
