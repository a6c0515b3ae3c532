//! Addresses that the router itself asks over HTTP.

use crate::auth::WebAddress;
use crate::config::error::Code;
use crate::config::read::{Key, Reader, Written};
use crate::config::tree::Node;
use schemars::{json_schema, Schema, SchemaGenerator};

/// An address of HTTP.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::config) struct WebUrl {
    pub(in crate::config) address: WebAddress,
    /// As it was written.
    text: String,
}

impl Key for WebUrl {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = reader.text(node, "an address such as \"https://id.example/keys\"")?;
        match WebAddress::parse(text) {
            Ok(address) => Some(Self { address, text: text.to_owned() }),
            Err(fault) => {
                // What is wrong with it may be a password in it.
                reader.error(
                    Code::Malformed,
                    node.place,
                    "this is no address to be asked".to_owned(),
                    fault.to_string(),
                );
                None
            }
        }
    }

    fn written(&self) -> Written {
        Written::Inline(self.text.as_str().into())
    }

    fn schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^https?://", "maxLength": 2048 })
    }
}

/// An address that something is posted to. Empty only where it is missing.
#[derive(Clone, PartialEq, Debug, Default)]
pub(in crate::config) struct TargetUrl(pub(in crate::config) Option<WebUrl>);

impl Key for TargetUrl {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        WebUrl::read(node, reader).map(Some).map(Self)
    }

    fn written(&self) -> Written {
        self.0.as_ref().map_or_else(|| Written::Inline("".into()), Key::written)
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        WebUrl::schema(generator)
    }
}
