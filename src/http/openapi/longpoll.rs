//! The paths of WAMP over long-poll and server-sent events. They are the listener's own, and a session's messages are the body;
//! failures are lines of text. Source: section 11 of the HTTP design.

use super::document::put;
use super::parameters;
use crate::http::LongPollBase;
use serde_json::{json, Map, Value};

const TEXT: &str = "text/plain; charset=utf-8";

/// Adds those below one path.
pub(super) fn add(paths: &mut Map<String, Value>, LongPollBase { path, says_no_content }: &LongPollBase) {
    let path = path.trim_end_matches('/');
    let done = if *says_no_content { "204" } else { "202" };
    let mut operation = |below: &str, method: &str, summary: &str, body: Option<Value>, answers: Value| {
        let whole = format!("{path}/{below}");
        let mut operation = json!({
            "operationId": format!("{method}{}", whole.replace(['/', '{', '}'], "_")),
            "summary": summary,
            "tags": ["longpoll"],
            "parameters": parameters::of_path(&whole),
            "responses": answers,
        });
        operation["responses"]["default"] = text("A failure, in words.");
        if let Some(body) = body {
            operation["requestBody"] = body;
        }
        put(paths, &whole, method, operation);
    };
    let offer = json!({
        "type": "object",
        "required": ["protocols"],
        "properties": { "protocols": { "type": "array", "items": { "type": "string" }, "minItems": 1 } },
    });
    let example = json!({ "protocols": ["wamp.2.json.batched", "wamp.2.json"] });
    let offer = json!({ "schema": offer, "example": example });
    let offer = json!({ "required": true, "content": { "application/json": offer } });
    let opened = json!({
        "type": "object",
        "required": ["protocol", "transport"],
        "properties": { "protocol": { "type": "string" }, "transport": { "type": "string" } },
    });
    let opened = json!({ "200": {
        "description": "The transport is open.", "content": { "application/json": { "schema": opened } },
    } });
    operation("open", "post", "Opens a transport for a session", Some(offer), opened);
    let messages = json!({
        "application/json": { "schema": {} }, "application/octet-stream": { "schema": {} },
    });
    let sent = json!({ done: { "description": "It is taken." } });
    let sends = json!({ "required": true, "content": messages });
    operation("{id}/send", "post", "Sends a message of the session, or a batch", Some(sends), sent.clone());
    let received = json!({
        "200": { "description": "What waits for the session.", "content": messages },
        "204": { "description": "Nothing came, or another request receives." },
    });
    operation("{id}/receive", "post", "Receives what waits for the session", None, received);
    let stream = json!({ "200": {
        "description": "The messages of the session, as they come.",
        "content": { "text/event-stream": { "schema": { "type": "string" } } },
    } });
    operation("{id}/receive", "get", "Receives as server-sent events", None, stream);
    operation("{id}/close", "post", "Ends the session", None, sent);
}

fn text(what: &str) -> Value {
    json!({ "description": what, "content": { TEXT: { "schema": { "type": "string" } } } })
}
