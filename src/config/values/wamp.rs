//! URIs and patterns of permissions.

use crate::authz::Pattern;
use crate::config::error::Code;
use crate::config::read::{Key, Reader, Written};
use crate::config::tree::Node;
use crate::config::values::read_word;
use crate::wamp::role::Feature;
use crate::wamp::uri::{check, is_reserved, UriRules};
use crate::wamp::MatchPolicy;
use schemars::{json_schema, Schema, SchemaGenerator};

/// The URI of a realm.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::config) struct RealmUri(pub(in crate::config) String);

impl Key for RealmUri {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = reader.text(node, "a URI such as \"com.example.shop\"")?;
        match check(text, UriRules::Loose, MatchPolicy::Exact) {
            Ok(()) => Some(Self(text.to_owned())),
            Err(fault) => {
                reader.error(Code::Malformed, node.place, format!("\"{text}\" is no URI"), fault.to_string());
                None
            }
        }
    }

    fn written(&self) -> Written {
        Written::Inline(self.0.as_str().into())
    }

    fn schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 1024 })
    }
}

/// The URI of a procedure or topic of the application.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::config) struct ProcedureUri(pub(in crate::config) String);

impl Key for ProcedureUri {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = reader.text(node, "a URI such as \"com.example.authenticate\"")?;
        let fault = match check(text, UriRules::Loose, MatchPolicy::Exact) {
            Ok(()) if !is_reserved(text) => return Some(Self(text.to_owned())),
            Ok(()) => "expected one of the application: wamp. and wharf. are the router's own".to_owned(),
            Err(fault) => fault.to_string(),
        };
        reader.error(Code::Malformed, node.place, format!("\"{text}\" is no URI of a procedure or topic"), fault);
        None
    }

    fn written(&self) -> Written {
        Written::Inline(self.0.as_str().into())
    }

    fn schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 1024 })
    }
}

/// The URI of a topic of the application.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::config) struct TopicUri(pub(in crate::config) String);

impl Key for TopicUri {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = reader.text(node, "a URI such as \"com.example.on_push\"")?;
        let fault = match check(text, UriRules::Loose, MatchPolicy::Exact) {
            Ok(()) if !is_reserved(text) => return Some(Self(text.to_owned())),
            Ok(()) => "expected a topic of the application: wamp. and wharf. are the router's own".to_owned(),
            Err(fault) => fault.to_string(),
        };
        reader.error(Code::Malformed, node.place, format!("\"{text}\" is no URI of a topic"), fault);
        None
    }

    fn written(&self) -> Written {
        Written::Inline(self.0.as_str().into())
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        ProcedureUri::schema(generator)
    }
}

/// A pattern in the notation of lists.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::config) struct ListPattern {
    pub(in crate::config) pattern: Pattern,
    /// As it was written.
    pub(in crate::config) text: String,
}

impl Key for ListPattern {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = reader.text(node, "a pattern such as \"com.shop.*\"")?;
        match Pattern::parse(text) {
            Ok(pattern) => Some(Self { pattern, text: text.to_owned() }),
            Err(fault) => {
                reader.error(Code::Malformed, node.place, format!("\"{text}\" is no pattern"), fault.to_string());
                None
            }
        }
    }

    fn written(&self) -> Written {
        Written::Inline(self.text.as_str().into())
    }

    fn schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }
}

/// The features that a realm may be without. The others are what WAMP is used for by everybody.
const MAY_BE_OFF: &[(&str, Feature)] = &[
    (Feature::CallReroute.key(), Feature::CallReroute),
    (Feature::EventHistory.key(), Feature::EventHistory),
    (Feature::EventRetention.key(), Feature::EventRetention),
    (Feature::PayloadPassthruMode.key(), Feature::PayloadPassthruMode),
    (Feature::ProgressiveCallInvocations.key(), Feature::ProgressiveCallInvocations),
    (Feature::ProgressiveCallResults.key(), Feature::ProgressiveCallResults),
    (Feature::RegistrationMetaApi.key(), Feature::RegistrationMetaApi),
    (Feature::SessionMetaApi.key(), Feature::SessionMetaApi),
    (Feature::SubscriptionMetaApi.key(), Feature::SubscriptionMetaApi),
    (Feature::TestamentMetaApi.key(), Feature::TestamentMetaApi),
];

impl Key for Feature {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        read_word(node, reader, MAY_BE_OFF)
    }

    fn written(&self) -> Written {
        Written::Inline((*self).key().into())
    }

    fn schema(_generator: &mut SchemaGenerator) -> Schema {
        let words: Vec<&str> = MAY_BE_OFF.iter().map(|(word, _)| *word).collect();
        json_schema!({ "enum": words })
    }
}
