//! What mapped routes are made of: paths with open segments, and values with placeholders.

use crate::config::error::Code;
use crate::config::read::{Key, Reader, Written};
use crate::config::tree::{Content, Node};
use crate::http::settings::routes::{MappedValue, PathTemplate};
use schemars::{json_schema, Schema, SchemaGenerator};

/// A path with open segments.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::config) struct RoutePath {
    pub(in crate::config) path: PathTemplate,
    /// As it was written.
    text: String,
}

impl Key for RoutePath {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = reader.text(node, "a path such as \"/shop/orders/{id}\"")?;
        match PathTemplate::parse(text) {
            Ok(path) => Some(Self { path, text: text.to_owned() }),
            Err(fault) => {
                reader.error(Code::Malformed, node.place, format!("\"{text}\" is no path"), fault.to_string());
                None
            }
        }
    }

    fn written(&self) -> Written {
        Written::Inline(self.text.as_str().into())
    }

    fn schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^/[^?#]*$" })
    }
}

/// An argument: a text with placeholders, or a number or boolean.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::config) struct RouteValue {
    pub(in crate::config) value: MappedValue,
    /// As it was written.
    written: serde_json::Value,
}

impl Key for RouteValue {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let constant = match &node.value {
            Content::Text(text) => {
                return match MappedValue::parse(text) {
                    Ok(value) => Some(Self { value, written: text.as_str().into() }),
                    Err(fault) => {
                        reader.error(Code::Malformed, node.place, format!("\"{text}\" is no value"), fault.to_string());
                        None
                    }
                };
            }
            Content::Integer(number) => (*number).into(),
            Content::Float(number) if number.is_finite() => (*number).into(),
            Content::Boolean(value) => (*value).into(),
            Content::Float(_) | Content::Null | Content::List(_) | Content::Table(_) => {
                reader.wrong_type(node, "a string such as \"{path.id}\", a number, true or false");
                return None;
            }
        };
        Some(Self { value: MappedValue::Constant(serde_json::Value::clone(&constant)), written: constant })
    }

    fn written(&self) -> Written {
        Written::Inline(self.written.clone())
    }

    fn schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

/// The status of an answer that is no failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::config) struct GoodStatus(pub(in crate::config) u16);

impl Key for GoodStatus {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Content::Integer(number) = node.value else {
            reader.wrong_type(node, "an HTTP status such as 201");
            return None;
        };
        if let Some(status) = u16::try_from(number).ok().filter(|status| (200..=299).contains(status)) {
            return Some(Self(status));
        }
        let message = format!("{number} is no status of success");
        reader.error(
            Code::OutOfRange,
            node.place,
            message,
            "expected 200 to 299; those of failures are in rest.status",
        );
        None
    }

    fn written(&self) -> Written {
        Written::Inline(self.0.into())
    }

    fn schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 200, "maximum": 299 })
    }
}
