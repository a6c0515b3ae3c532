//! The parameters of requests: what a path, a query or a header may hold. One place for the names that several endpoints share.

use serde_json::{json, Value};

/// The most topics of one request.
const TOPICS_MAX: u32 = 100;

/// Those that stand in a path, as text.
pub(super) fn of_path(path: &str) -> Vec<Value> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let of =
        |name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } });
    names.map(of).collect()
}

/// One of a query. Where a sign `+` ends the name it stands once or more often.
pub(super) fn of_query(name: &str) -> Value {
    let Some(name) = name.strip_suffix('+') else {
        return json!({ "name": name, "in": "query", "schema": of_one(name) });
    };
    let schema = json!({ "type": "array", "minItems": 1, "maxItems": TOPICS_MAX, "items": of_one(name) });
    json!({ "name": name, "in": "query", "required": true, "style": "form", "explode": true, "schema": schema })
}

fn of_one(name: &str) -> Value {
    match name {
        "match" => json!({ "type": "string", "enum": ["exact", "prefix", "wildcard"] }),
        "retained" | "reverse" => json!({ "type": "string", "enum": ["0", "1"] }),
        "limit" => json!({ "type": "integer", "minimum": 1 }),
        "wait" => json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX, "description": "Seconds." }),
        "topic" => json!({ "type": "string", "minLength": 1 }),
        _ if name.ends_with("_publication") => json!({ "type": "integer", "minimum": 1 }),
        _ if name.ends_with("_time") => json!({ "type": "string", "format": "date-time" }),
        _ => json!({ "type": "string" }),
    }
}

/// One that an operator's own route takes from a request.
pub(super) fn of_route(place: &str, name: &str, is_required: bool) -> Value {
    json!({ "name": name, "in": place, "required": is_required, "schema": { "type": "string" } })
}
