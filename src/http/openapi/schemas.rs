//! The shapes of bodies, as JSON Schema (2020-12, which OpenAPI 3.1 takes as it is).

use serde_json::{json, Value};

/// One shape.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Schema {
    /// `args` and `kwargs` of a call, with its options.
    Arguments,
    /// The same with the procedure.
    Call,
    /// `args` and `kwargs` of an event, with its options.
    Event,
    /// The same with the topic.
    Publish,
    Result,
    Published,
    Nothing,
    Text,
    Health,
    Document,
    Problem,
    /// Any JSON, or none.
    Any,
    Batch,
    BatchResults,
    /// What an event is told as.
    Told,
    Polled,
    History,
    /// What a one-time ticket is to be for.
    TicketWish,
    Ticket,
}

impl Schema {
    /// All that have a name among the components.
    const NAMED: [Self; 15] = [
        Self::Arguments,
        Self::Call,
        Self::Event,
        Self::Publish,
        Self::Result,
        Self::Published,
        Self::Health,
        Self::Problem,
        Self::Batch,
        Self::BatchResults,
        Self::Told,
        Self::Polled,
        Self::History,
        Self::TicketWish,
        Self::Ticket,
    ];

    fn name(self) -> Option<&'static str> {
        match self {
            Self::Arguments => Some("Arguments"),
            Self::Call => Some("Call"),
            Self::Event => Some("Event"),
            Self::Publish => Some("Publish"),
            Self::Result => Some("Result"),
            Self::Published => Some("Published"),
            Self::Health => Some("Health"),
            Self::Problem => Some("Problem"),
            Self::Batch => Some("Batch"),
            Self::BatchResults => Some("BatchResults"),
            Self::Told => Some("ToldEvent"),
            Self::Polled => Some("PolledEvents"),
            Self::History => Some("History"),
            Self::TicketWish => Some("TicketWish"),
            Self::Ticket => Some("Ticket"),
            Self::Nothing | Self::Text | Self::Document | Self::Any => None,
        }
    }

    /// How it is written where it is used.
    pub(super) fn used(self) -> Value {
        self.name().map_or_else(|| self.written(), |name| json!({ "$ref": format!("#/components/schemas/{name}") }))
    }

    fn written(self) -> Value {
        let uri = json!({ "type": "string", "minLength": 1 });
        match self {
            Self::Arguments => body(&[], &call_options()),
            Self::Call => body(&[("procedure", uri)], &call_options()),
            Self::Event => body(&[], &publish_options()),
            Self::Publish => body(&[("topic", uri)], &publish_options()),
            Self::Result => json!({
                "type": "object",
                "required": ["args", "kwargs"],
                "properties": { "args": { "type": "array" }, "kwargs": { "type": "object" } },
            }),
            Self::Published => json!({
                "type": "object",
                "required": ["id"],
                "properties": { "id": { "type": "integer", "description": "The publication.", "minimum": 1 } },
            }),
            Self::Health => json!({
                "type": "object",
                "required": ["status"],
                "properties": { "status": { "type": "string" }, "version": { "type": "string" } },
            }),
            Self::TicketWish => ticket_wish(),
            Self::Ticket => ticket(),
            Self::Problem => problem(),
            Self::Batch => batch(),
            Self::BatchResults => list_of(
                "results",
                &json!({
                    "type": "object",
                    "required": ["status", "body"],
                    "properties": { "status": { "type": "integer" }, "body": { "type": "object" } },
                }),
            ),
            Self::Told => told(),
            Self::Polled => {
                let mut schema = list_of("events", &Self::Told.used());
                schema["required"] = json!(["events", "cursor", "gap"]);
                schema["properties"]["cursor"] = json!({ "type": "string" });
                schema["properties"]["gap"] = json!({ "type": "boolean" });
                schema
            }
            Self::History => {
                let mut schema = list_of("events", &Self::Told.used());
                schema["required"] = json!(["events", "limit_reached"]);
                schema["properties"]["limit_reached"] = json!({ "type": "boolean" });
                schema
            }
            Self::Any => json!({}),
            Self::Nothing | Self::Document => json!({ "type": "object" }),
            Self::Text => json!({ "type": "string" }),
        }
    }

    /// The components.
    pub(super) fn components() -> Value {
        let named = Self::NAMED.iter().filter_map(|schema| Some((schema.name()?.to_owned(), schema.written())));
        Value::Object(named.collect())
    }
}

/// An object that has a list by this name.
fn list_of(name: &str, item: &Value) -> Value {
    json!({ "type": "object", "required": [name], "properties": { name: { "type": "array", "items": item } } })
}

/// An event, as streams, polls and history tell it.
fn told() -> Value {
    json!({
        "type": "object",
        "required": ["topic", "publication", "args", "kwargs", "details"],
        "properties": {
            "topic": { "type": "string" },
            "publication": { "type": "integer", "minimum": 1 },
            "timestamp": { "type": "string", "description": "Of history." },
            "args": { "type": "array" },
            "kwargs": { "type": "object" },
            "details": { "type": "object" },
        },
    })
}

/// What a one-time ticket is asked for with.
fn ticket_wish() -> Value {
    json!({
        "type": "object",
        "required": ["use"],
        "properties": {
            "use": { "enum": ["events", "websocket"], "description": "`events` is for `poll`, too." },
            "topics": {
                "type": ["array", "null"],
                "description": "With `events`: the ticket is good for these topics and patterns only.",
                "items": { "type": "string", "minLength": 1 },
                "minItems": 1,
                "maxItems": 100,
            },
        },
        "additionalProperties": false,
    })
}

/// A one-time ticket.
fn ticket() -> Value {
    json!({
        "type": "object",
        "required": ["ticket", "expires_in"],
        "properties": {
            "ticket": { "type": "string" },
            "expires_in": { "type": "integer", "description": "Seconds.", "minimum": 1 },
        },
    })
}

/// A failure.
fn problem() -> Value {
    json!({
        "type": "object",
        "description": "RFC 9457, with the WAMP error.",
        "required": ["type", "title", "status", "detail", "error", "args", "kwargs"],
        "properties": {
            "type": { "type": "string", "format": "uri-reference" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string" },
            "instance": { "type": "string" },
            "error": { "type": "string", "description": "The error URI." },
            "args": { "type": "array" },
            "kwargs": { "type": "object" },
            "request_id": { "type": "string" },
            "did_you_mean": { "type": "array", "items": { "type": "string" } },
        },
    })
}

/// Calls and publications, one after the other or at once.
fn batch() -> Value {
    let op = |name: &str, uri: &str, options: &Value| {
        let mut item = body(&[(uri, json!({ "type": "string", "minLength": 1 }))], options);
        item["required"] = json!(["op", uri]);
        item["properties"]["op"] = json!({ "const": name });
        item
    };
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["items"],
        "properties": {
            "mode": { "type": "string", "enum": ["ordered", "parallel"], "default": "ordered" },
            "stop_on_error": { "type": "boolean", "default": false },
            "items": { "type": "array", "items": { "oneOf": [
                op("call", "procedure", &call_options()),
                op("publish", "topic", &publish_options()),
            ] } },
        },
    })
}

/// A body with arguments and options, and with what must be named.
fn body(required: &[(&str, Value)], options: &Value) -> Value {
    let mut schema = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": { "args": { "type": "array" }, "kwargs": { "type": "object" }, "options": options },
    });
    if !required.is_empty() {
        let names: Vec<&str> = required.iter().map(|(name, _)| *name).collect();
        schema["required"] = json!(names);
    }
    for (name, of) in required {
        schema["properties"][name] = of.clone();
    }
    schema
}

fn call_options() -> Value {
    json!({
        "type": "object",
        "properties": {
            "timeout": { "type": "integer", "minimum": 0, "description": "Milliseconds." },
            "disclose_me": { "type": "boolean" },
        },
    })
}

fn publish_options() -> Value {
    let ids = json!({ "type": "array", "items": { "type": "integer", "minimum": 1 } });
    let names = json!({ "type": "array", "items": { "type": "string" } });
    json!({
        "type": "object",
        "properties": {
            "acknowledge": { "type": "boolean", "default": true },
            "disclose_me": { "type": "boolean" },
            "exclude_me": { "type": "boolean" },
            "retain": { "type": "boolean" },
            "exclude": ids,
            "exclude_authid": names,
            "exclude_authrole": names,
            "eligible": ids,
            "eligible_authid": names,
            "eligible_authrole": names,
        },
    })
}
