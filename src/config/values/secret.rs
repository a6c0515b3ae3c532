//! Where a secret is to be found. What is read here is never shown, nor is anything that was written in its place.

use crate::auth::Secret;
use crate::config::error::Code;
use crate::config::read::{Key, Reader, Written};
use crate::config::tree::{Content, Node};
use schemars::{json_schema, Schema, SchemaGenerator};
use std::path::PathBuf;

/// Where a secret is.
#[derive(Clone, Debug)]
pub(in crate::config) enum SecretPlace {
    /// In an environment variable.
    Variable(String),
    /// In a file.
    File(PathBuf),
    /// Written out.
    Literal(Secret),
}

/// Two secrets are never compared; they are equal if they stand in the same place.
impl PartialEq for SecretPlace {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Variable(a), Self::Variable(b)) => a == b,
            (Self::File(a), Self::File(b)) => a == b,
            (Self::Variable(_) | Self::File(_) | Self::Literal(_), _) => false,
        }
    }
}

impl Default for SecretPlace {
    fn default() -> Self {
        Self::Variable(String::new())
    }
}

const EXPECTED: &str = "{ env = \"NAME\" } or { file = \"PATH\" }";

impl Key for SecretPlace {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let table = match &node.value {
            Content::Table(table) => table,
            Content::Text(text) => return Some(Self::Literal(Secret::new(text.clone()))),
            Content::Integer(number) => return Some(Self::Literal(Secret::new(number.to_string()))),
            Content::Null | Content::Boolean(_) | Content::Float(_) | Content::List(_) => {
                reader.wrong_type(node, EXPECTED);
                return None;
            }
        };
        let mut found = Vec::new();
        for (key, entry) in table {
            reader.within(key, entry.key, |reader| match key.as_str() {
                "env" => found.extend(String::read(&entry.node, reader).map(Self::Variable)),
                "file" => found.extend(String::read(&entry.node, reader).map(|path| Self::File(path.into()))),
                _ => {
                    let message = format!("unknown key `{key}`");
                    reader.error(Code::UnknownKey, entry.key, message, format!("expected {EXPECTED}"));
                }
            });
        }
        match (found.pop(), found.pop()) {
            (Some(place), None) => Some(place),
            (Some(_), Some(_)) => {
                reader.error(
                    Code::Exclusive,
                    node.place,
                    "`env` and `file` exclude each other".to_owned(),
                    "keep one of them",
                );
                None
            }
            (None, _) => {
                if table.is_empty() {
                    reader.error(
                        Code::MissingKey,
                        node.place,
                        "`env` or `file` is missing".to_owned(),
                        format!("expected {EXPECTED}"),
                    );
                }
                None
            }
        }
    }

    fn written(&self) -> Written {
        Written::Inline(match self {
            Self::Variable(name) => serde_json::json!({ "env": name }),
            Self::File(path) => serde_json::json!({ "file": path.to_string_lossy() }),
            Self::Literal(_) => "***".into(),
        })
    }

    fn schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "oneOf": [
                { "type": "object", "properties": { "env": { "type": "string" } }, "required": ["env"], "additionalProperties": false },
                { "type": "object", "properties": { "file": { "type": "string" } }, "required": ["file"], "additionalProperties": false },
                { "type": "string", "description": "Written out: in dev mode only." },
            ]
        })
    }
}
