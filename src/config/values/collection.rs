//! Plain texts and booleans, lists, named tables, and values that may be "none" or "auto".

use crate::config::error::Code;
use crate::config::read::{Item, Key, Placed, Reader, Written};
use crate::config::tree::{Content, Node, Place};
use schemars::{json_schema, Schema, SchemaGenerator};
use std::collections::BTreeMap;

impl Key for bool {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if let Content::Boolean(value) = node.value {
            return Some(value);
        }
        reader.wrong_type(node, "true or false");
        None
    }

    fn written(&self) -> Written {
        Written::Inline((*self).into())
    }

    fn schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "boolean" })
    }
}

impl Key for String {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        reader.text(node, "a string").map(str::to_owned)
    }

    fn written(&self) -> Written {
        Written::Inline(self.as_str().into())
    }

    fn schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

impl<T: Key> Key for Option<T> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        T::read(node, reader).map(Some)
    }

    fn written(&self) -> Written {
        self.as_ref().map_or(Written::Absent(""), Key::written)
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        T::schema(generator)
    }
}

/// A list, each item with its place.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::config) struct Items<T>(pub(in crate::config) Vec<Placed<T>>);

impl<T> Default for Items<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> FromIterator<T> for Items<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self(items.into_iter().map(Placed::default_of).collect())
    }
}

impl<T: Clone> Items<T> {
    /// The values without their places.
    pub(in crate::config) fn values(&self) -> Vec<T> {
        self.0.iter().map(|item| item.value.clone()).collect()
    }
}

impl<T: Key> Key for Items<T> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Content::List(items) = &node.value else {
            reader.wrong_type(node, "a list");
            return None;
        };
        let read =
            |(number, item): (usize, &Node)| reader.within_item(number, item, |reader| Placed::read(item, reader));
        let items_read: Vec<_> = items.iter().enumerate().map(read).collect();
        // All are read before the list is given up, so that all mistakes are found.
        items_read.into_iter().collect::<Option<_>>().map(Self)
    }

    fn written(&self) -> Written {
        let inline = |item: &Placed<T>| match item.written() {
            Written::Inline(value) => value,
            Written::Table(items) => inline_table(items),
            Written::Absent(_) => serde_json::Value::Null,
        };
        Written::Inline(self.0.iter().map(inline).collect())
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let items = T::schema(generator);
        json_schema!({ "type": "array", "items": items })
    }
}

/// A table within a line.
fn inline_table(items: Vec<Item>) -> serde_json::Value {
    let value = |item: Item| match item.written {
        Written::Inline(value) => Some((item.key, value)),
        Written::Table(items) => Some((item.key, inline_table(items))),
        Written::Absent(_) => None,
    };
    items.into_iter().filter_map(value).collect()
}

/// A table whose keys are names.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::config) struct Named<T>(pub(in crate::config) BTreeMap<String, NamedEntry<T>>);

/// One name and what stands under it.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::config) struct NamedEntry<T> {
    /// Where the name stands.
    pub(in crate::config) key: Place,
    pub(in crate::config) value: Placed<T>,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Named<T> {
    /// Names and values, by name.
    pub(in crate::config) fn iter(&self) -> impl Iterator<Item = (&str, &NamedEntry<T>)> {
        self.0.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    /// The names.
    pub(in crate::config) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The value under `name`.
    pub(in crate::config) fn get(&self, name: &str) -> Option<&T> {
        self.0.get(name).map(|entry| &entry.value.value)
    }
}

impl<T: Key> Key for Named<T> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let table = match &node.value {
            Content::Table(table) => table,
            Content::Null => return Some(Self::default()),
            Content::Boolean(_) | Content::Integer(_) | Content::Float(_) | Content::Text(_) | Content::List(_) => {
                reader.wrong_type(node, "a table of names");
                return None;
            }
        };
        let mut named = BTreeMap::new();
        for (name, entry) in table {
            let value = reader.within(name, entry.key, |reader| {
                if name.is_empty() {
                    reader.error(Code::Malformed, entry.key, "a name is empty".to_owned(), "");
                }
                Placed::read(&entry.node, reader)
            });
            if let Some(value) = value {
                named.insert(name.clone(), NamedEntry { key: entry.key, value });
            }
        }
        Some(Self(named))
    }

    fn written(&self) -> Written {
        let item = |(name, entry): (&str, &NamedEntry<T>)| Item {
            key: name.to_owned(),
            doc: "",
            when: None,
            written: entry.value.written(),
        };
        Written::Table(self.iter().map(item).collect())
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let values = T::schema(generator);
        json_schema!({ "type": "object", "additionalProperties": values })
    }
}

macro_rules! word_or {
    ($(#[$doc:meta])* $name:ident, $word:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Debug, Default)]
        pub(in crate::config) struct $name<T>(pub(in crate::config) Option<T>);

        impl<T: Key> Key for $name<T> {
            fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
                if matches!(&node.value, Content::Text(text) if text == $word) {
                    return Some(Self(None));
                }
                T::read(node, reader).map(|value| Self(Some(value)))
            }

            fn written(&self) -> Written {
                self.0.as_ref().map_or_else(|| Written::Inline($word.into()), Key::written)
            }

            fn schema(generator: &mut SchemaGenerator) -> Schema {
                let value = T::schema(generator);
                json_schema!({ "anyOf": [{ "const": $word }, value] })
            }
        }
    };
}

word_or! {
    /// "none", or a value.
    NoneOr, "none"
}

word_or! {
    /// "auto", or a value.
    AutoOr, "auto"
}
