//! JSON: `serde_json` says whether it is well-formed and where not; then one pass notes the places.

use super::{octet_at, SyntaxError};
use crate::config::tree::{Content, Entry, Node, Place, Table};

/// Deeper than any configuration.
const DEPTH_MAX: usize = 64;

/// Reads `text`, which is source number `source`.
pub(super) fn parse(text: &str, source: u32) -> Result<Node, SyntaxError> {
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        let at = octet_at(text, error.line(), error.column());
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default().to_owned();
        return Err(SyntaxError { place: Place::new(source, at, at + 1), message, hint: String::new() });
    }
    Reader { text, at: 0, source }.value(0)
}

/// Walks over text that is known to be JSON.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    source: u32,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Node, SyntaxError> {
        self.skip_space();
        let start = self.at;
        if depth > DEPTH_MAX {
            return Err(self.error(start, "nested too deep"));
        }
        let value = match self.peek() {
            Some(b'{') => Content::Table(self.table(depth)?),
            Some(b'[') => Content::List(self.list(depth)?),
            Some(b'"') => Content::Text(self.string()?),
            Some(_) => self.scalar()?,
            None => return Err(self.error(start, "the file ends where a value is expected")),
        };
        Ok(Node { value, place: Place::new(self.source, start, self.at) })
    }

    fn table(&mut self, depth: usize) -> Result<Table, SyntaxError> {
        let mut table = Table::new();
        self.at += 1;
        loop {
            self.skip_separators();
            if self.peek() != Some(b'"') {
                self.at += 1;
                return Ok(table);
            }
            let start = self.at;
            let key = self.string()?;
            let place = Place::new(self.source, start, self.at);
            self.skip_separators();
            let node = self.value(depth + 1)?;
            if table.insert(key.clone(), Entry { key: place, node }).is_some() {
                return Err(self.error(start, &format!("the key `{key}` stands twice in one object")));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, SyntaxError> {
        let mut items = Vec::new();
        self.at += 1;
        loop {
            self.skip_separators();
            if self.peek() == Some(b']') {
                self.at += 1;
                return Ok(items);
            }
            items.push(self.value(depth + 1)?);
        }
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        let start = self.at;
        self.at += 1;
        while let Some(octet) = self.peek() {
            match octet {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        let written = self.text.get(start..self.at).unwrap_or_default();
        serde_json::from_str(written).map_err(|_| self.error(start, "not a string"))
    }

    fn scalar(&mut self) -> Result<Content, SyntaxError> {
        let start = self.at;
        while self.peek().is_some_and(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'-' | b'.')) {
            self.at += 1;
        }
        let written = self.text.get(start..self.at).unwrap_or_default();
        Ok(match written {
            "null" => Content::Null,
            "true" => Content::Boolean(true),
            "false" => Content::Boolean(false),
            number => match number.parse() {
                Ok(integer) => Content::Integer(integer),
                Err(_) => Content::Float(number.parse().map_err(|_| self.error(start, "not a value"))?),
            },
        })
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|octet| octet.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn skip_separators(&mut self) {
        while self.peek().is_some_and(|octet| octet.is_ascii_whitespace() || matches!(octet, b',' | b':')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn error(&self, start: usize, message: &str) -> SyntaxError {
        let place = Place::new(self.source, start, self.at.max(start + 1));
        SyntaxError { place, message: message.to_owned(), hint: String::new() }
    }
}
