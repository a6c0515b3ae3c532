//! Reading a tree into typed tables, and collecting every mistake on the way.
//!
//! [`Key`] is how one kind of value is read, written back and described. [`table!`] makes a table of such keys: from the one
//! list come the struct, the reader, the defaults, the full file and the schema, so that nothing is written twice.

use super::error::{nearest, Code, Finding, Severity};
use super::reload::When;
use super::tree::{Content, Node, Place, Table};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use std::borrow::Cow;
use std::ops::Deref;
use std::rc::Rc;

/// A kind of value.
pub(super) trait Key: Sized {
    /// Reads it. `None` after a mistake, which `reader` has noted.
    fn read(node: &Node, reader: &mut Reader) -> Option<Self>;

    /// Writes it back.
    fn written(&self) -> Written;

    /// Describes it.
    fn schema(generator: &mut SchemaGenerator) -> Schema;
}

/// A value on its way back into a file.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Written {
    /// On one line.
    Inline(serde_json::Value),
    /// A table of its own.
    Table(Vec<Item>),
    /// Not there; how it could look, in TOML.
    Absent(&'static str),
}

/// One key on its way back into a file.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Item {
    pub(super) key: String,
    pub(super) doc: &'static str,
    /// When a change holds; `None`: as it does for the table that it stands in.
    pub(super) when: Option<When>,
    pub(super) written: Written,
}

/// A value with its place and path, for what is checked later.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    /// [`Place::NONE`] for a default.
    pub(super) place: Place,
    pub(super) path: Rc<str>,
    /// Whether it is a default because what was written could not be read; then nothing more is to be said about it.
    pub(super) broken: bool,
}

impl<T> Placed<T> {
    /// A default.
    pub(super) fn default_of(value: T) -> Self {
        Self { value, place: Place::NONE, path: "".into(), broken: false }
    }

    /// Whether it was written, and not filled in.
    pub(super) fn is_given(&self) -> bool {
        self.place.is_known()
    }
}

impl<T> Deref for Placed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Key> Key for Placed<T> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let path = reader.path.as_str().into();
        T::read(node, reader).map(|value| Self { value, place: node.place, path, broken: false })
    }

    fn written(&self) -> Written {
        self.value.written()
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        T::schema(generator)
    }
}

/// Where reading is, and what was wrong so far.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pub(super) findings: Vec<Finding>,
    path: String,
    /// The key that is being read, for messages.
    name: String,
    /// Where it stands; what is missing is reported there.
    here: Option<Place>,
}

impl Reader {
    /// Reads what stands under `step`.
    pub(super) fn within<T>(&mut self, step: &str, key: Place, read: impl FnOnce(&mut Self) -> T) -> T {
        let (length, here) = (self.path.len(), self.here.replace(key));
        let name = std::mem::replace(&mut self.name, step.to_owned());
        if !self.path.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(&quoted(step));
        let value = read(self);
        self.name = name;
        self.path.truncate(length);
        self.here = here;
        value
    }

    /// Reads the list's item number `place`.
    pub(super) fn within_item<T>(&mut self, number: usize, node: &Node, read: impl FnOnce(&mut Self) -> T) -> T {
        let (length, here) = (self.path.len(), self.here.replace(node.place));
        self.path.push_str(&format!("[{number}]"));
        let value = read(self);
        self.path.truncate(length);
        self.here = here;
        value
    }

    /// Notes a mistake in the value at `place`.
    pub(super) fn error(&mut self, code: Code, place: Place, message: String, hint: impl Into<String>) {
        let path = self.path.clone();
        self.findings.push(Finding { code, severity: Severity::Error, place, path, message, hint: hint.into() });
    }

    /// Notes that the value is not of the type that is `expected`.
    pub(super) fn wrong_type(&mut self, node: &Node, expected: &str) {
        let name = self.key_name();
        self.error(
            Code::WrongType,
            node.place,
            format!("`{name}` is {}", node.value.kind()),
            format!("expected {expected}"),
        );
    }

    /// Reads a text, or notes that it is none.
    pub(super) fn text<'a>(&mut self, node: &'a Node, expected: &str) -> Option<&'a str> {
        if let Content::Text(text) = &node.value {
            return Some(text);
        }
        self.wrong_type(node, expected);
        None
    }

    /// The key that is being read.
    pub(super) fn key_name(&self) -> &str {
        if self.name.is_empty() {
            "the file"
        } else {
            &self.name
        }
    }
}

/// A step of a path as TOML writes it.
pub(super) fn quoted(step: &str) -> Cow<'_, str> {
    let bare =
        !step.is_empty() && step.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'-'));
    if bare {
        Cow::Borrowed(step)
    } else {
        Cow::Owned(serde_json::Value::from(step).to_string())
    }
}

/// What a key without a value in YAML holds.
static NO_KEYS: Table = Table::new();

/// The keys of one table, while it is read.
pub(super) struct Fields<'a> {
    table: Option<&'a Table>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// A table that says nothing: all defaults.
    pub(super) fn none() -> Self {
        Self { table: None, known: Vec::new() }
    }

    /// The keys of `node`; `None` after noting that it is no table.
    pub(super) fn of(node: &'a Node, reader: &mut Reader) -> Option<Self> {
        match &node.value {
            Content::Table(table) => Some(Self { table: Some(table), known: Vec::new() }),
            // A key without a value in YAML.
            Content::Null => Some(Self { table: Some(&NO_KEYS), known: Vec::new() }),
            Content::Boolean(_) | Content::Integer(_) | Content::Float(_) | Content::Text(_) | Content::List(_) => {
                reader.wrong_type(node, "a table");
                None
            }
        }
    }

    /// Reads `key`, or takes the default.
    pub(super) fn read<T: Key>(
        &mut self,
        reader: &mut Reader,
        key: &'static str,
        default: impl FnOnce() -> T,
    ) -> Placed<T> {
        self.known.push(key);
        let entry = self.table.and_then(|table| table.get(key));
        let read = entry.and_then(|entry| reader.within(key, entry.key, |reader| Placed::read(&entry.node, reader)));
        read.unwrap_or_else(|| Placed { broken: entry.is_some(), ..Placed::default_of(default()) })
    }

    /// Reads `key`, which must be there.
    pub(super) fn require<T: Key + Default>(&mut self, reader: &mut Reader, key: &'static str) -> Placed<T> {
        if self.table.is_some_and(|table| !table.contains_key(key)) {
            let place = reader.here.unwrap_or(Place::NONE);
            reader.error(Code::MissingKey, place, format!("`{key}` is missing"), format!("`{key}` is required here"));
        }
        self.read(reader, key, T::default)
    }

    /// Notes every key that nobody asked for.
    pub(super) fn finish(self, reader: &mut Reader) {
        let unknown = self.table.into_iter().flatten().filter(|(key, _)| !self.known.contains(&key.as_str()));
        for (key, entry) in unknown {
            let hint = match nearest(key, self.known.iter().copied()) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("known here: {}", self.known.join(", ")),
            };
            reader.within(key, entry.key, |reader| {
                reader.error(Code::UnknownKey, entry.key, format!("unknown key `{key}`"), hint);
            });
        }
    }
}

/// A table with known keys; [`table!`] implements it.
pub(super) trait Tabular: Sized {
    /// What it is for.
    const DOC: &'static str;

    /// Reads its keys.
    fn read_fields(fields: &mut Fields<'_>, reader: &mut Reader) -> Self;

    /// Writes its keys.
    fn write_fields(&self, items: &mut Vec<Item>);

    /// Describes its keys.
    fn describe_fields(properties: &mut Properties, generator: &mut SchemaGenerator);
}

/// The keys of one table, while it is described.
#[derive(Default)]
pub(super) struct Properties {
    properties: serde_json::Map<String, serde_json::Value>,
    required: Vec<String>,
}

impl Properties {
    pub(super) fn add<T: Key>(
        &mut self,
        generator: &mut SchemaGenerator,
        key: &str,
        doc: &str,
        default: Option<Written>,
    ) {
        let mut schema = T::schema(generator);
        schema.insert("description".to_owned(), plain(doc).into());
        if let Some(Written::Inline(value)) = default {
            schema.insert("default".to_owned(), value);
        }
        self.properties.insert(key.to_owned(), schema.into());
    }

    pub(super) fn require(&mut self, key: &str) {
        self.required.push(key.to_owned());
    }

    fn schema(self, doc: &str) -> Schema {
        let mut schema = schemars::json_schema!({
            "type": "object",
            "description": plain(doc),
            "properties": self.properties,
            "additionalProperties": false,
        });
        if !self.required.is_empty() {
            schema.insert("required".to_owned(), self.required.into());
        }
        schema
    }
}

/// A doc comment as one line of text.
pub(super) fn plain(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Reads a table whole.
pub(super) fn read_table<T: Tabular>(node: &Node, reader: &mut Reader) -> Option<T> {
    let mut fields = Fields::of(node, reader)?;
    let table = T::read_fields(&mut fields, reader);
    fields.finish(reader);
    Some(table)
}

/// Writes a table whole.
pub(super) fn write_table<T: Tabular>(table: &T) -> Written {
    let mut items = Vec::new();
    table.write_fields(&mut items);
    Written::Table(items)
}

/// The schema of a table.
pub(super) fn table_schema<T: Tabular>(generator: &mut SchemaGenerator) -> Schema {
    let mut properties = Properties::default();
    T::describe_fields(&mut properties, generator);
    properties.schema(T::DOC)
}

/// A table by the name of its struct, so that the schema describes it once.
pub(super) fn table_reference<T: Tabular + JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// Defines a table of the file. Each key has its doc comment, its type and what holds where it is absent:
/// `default(value)`, `required`, `optional("an example, in TOML")`, or `flatten` for a table whose keys stand in this one. Behind
/// that, after a comma, when a change holds, if not as for the table: `at_once`, `new_connections` or `restart`.
macro_rules! table {
    ($(#[doc = $doc:literal])+ $name:ident {
        $(
            $(#[doc = $key_doc:literal])+
            $field:ident $(as $key:literal)? : $type:ty = $kind:ident $(($argument:expr))? $(, $when:ident)? ;
        )+
    }) => {
        $(#[doc = $doc])+
        #[derive(Clone, PartialEq, Debug)]
        pub(in crate::config) struct $name {
            $($(#[doc = $key_doc])+ pub(in crate::config) $field: $crate::config::read::Placed<$type>,)+
        }

        impl $crate::config::read::Tabular for $name {
            const DOC: &'static str = concat!($($doc),+);

            fn read_fields(
                fields: &mut $crate::config::read::Fields<'_>,
                reader: &mut $crate::config::read::Reader,
            ) -> Self {
                Self { $($field: table!(@read $kind, fields, reader, table!(@key $field $($key)?), $type $(, $argument)?),)+ }
            }

            fn write_fields(&self, items: &mut Vec<$crate::config::read::Item>) {
                $(table!(
                    @write $kind, self.$field, items, table!(@key $field $($key)?), concat!($($key_doc),+), [$($when)?]
                    $(, $argument)?
                );)+
            }

            fn describe_fields(
                properties: &mut $crate::config::read::Properties,
                generator: &mut schemars::SchemaGenerator,
            ) {
                $(table!(
                    @describe $kind, properties, generator, table!(@key $field $($key)?), concat!($($key_doc),+), $type
                    $(, $argument)?
                );)+
            }
        }

        impl $crate::config::read::Key for $name {
            fn read(
                node: &$crate::config::tree::Node,
                reader: &mut $crate::config::read::Reader,
            ) -> Option<Self> {
                $crate::config::read::read_table(node, reader)
            }

            fn written(&self) -> $crate::config::read::Written {
                $crate::config::read::write_table(self)
            }

            fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $crate::config::read::table_reference::<Self>(generator)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $crate::config::read::table_schema::<Self>(generator)
            }
        }

        impl Default for $name {
            fn default() -> Self {
                let mut reader = $crate::config::read::Reader::default();
                <Self as $crate::config::read::Tabular>::read_fields(&mut $crate::config::read::Fields::none(), &mut reader)
            }
        }
    };

    (@key $field:ident) => { stringify!($field) };
    (@key $field:ident $key:literal) => { $key };

    (@read default, $fields:ident, $reader:ident, $key:expr, $type:ty, $default:expr) => {
        $fields.read::<$type>($reader, $key, || $default)
    };
    (@read required, $fields:ident, $reader:ident, $key:expr, $type:ty) => {
        $fields.require::<$type>($reader, $key)
    };
    (@read optional, $fields:ident, $reader:ident, $key:expr, $type:ty, $example:expr) => {
        $fields.read::<$type>($reader, $key, || None)
    };
    (@read flatten, $fields:ident, $reader:ident, $key:expr, $type:ty) => {
        $crate::config::read::Placed::default_of(<$type as $crate::config::read::Tabular>::read_fields($fields, $reader))
    };

    (@when []) => { None };
    (@when [at_once]) => { Some($crate::config::reload::When::AtOnce) };
    (@when [new_connections]) => { Some($crate::config::reload::When::NewConnections) };
    (@when [restart]) => { Some($crate::config::reload::When::Restart) };

    (@write default, $value:expr, $items:ident, $key:expr, $doc:expr, $when:tt, $default:expr) => {
        $items.push($crate::config::read::Item {
            key: $key.to_owned(),
            doc: $doc,
            when: table!(@when $when),
            written: $crate::config::read::Key::written(&$value.value),
        })
    };
    (@write required, $value:expr, $items:ident, $key:expr, $doc:expr, $when:tt) => {
        table!(@write default, $value, $items, $key, $doc, $when, ())
    };
    (@write optional, $value:expr, $items:ident, $key:expr, $doc:expr, $when:tt, $example:expr) => {
        $items.push($crate::config::read::Item {
            key: $key.to_owned(),
            doc: $doc,
            when: table!(@when $when),
            written: match &$value.value {
                Some(value) => $crate::config::read::Key::written(value),
                None => $crate::config::read::Written::Absent($example),
            },
        })
    };
    (@write flatten, $value:expr, $items:ident, $key:expr, $doc:expr, $when:tt) => {
        $crate::config::read::Tabular::write_fields(&$value.value, $items)
    };

    (@describe default, $properties:ident, $generator:ident, $key:expr, $doc:expr, $type:ty, $default:expr) => {{
        let default: $type = $default;
        $properties.add::<$type>($generator, $key, $doc, Some($crate::config::read::Key::written(&default)))
    }};
    (@describe required, $properties:ident, $generator:ident, $key:expr, $doc:expr, $type:ty) => {{
        $properties.require($key);
        $properties.add::<$type>($generator, $key, $doc, None)
    }};
    (@describe optional, $properties:ident, $generator:ident, $key:expr, $doc:expr, $type:ty, $example:expr) => {
        $properties.add::<$type>($generator, $key, $doc, None)
    };
    (@describe flatten, $properties:ident, $generator:ident, $key:expr, $doc:expr, $type:ty) => {
        <$type as $crate::config::read::Tabular>::describe_fields($properties, $generator)
    };
}

pub(super) use table;
