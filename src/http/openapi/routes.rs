//! The mapped routes of a realm, each an operation: what its placeholders take is what it asks for.

use super::document::{json_body, problem, security};
use super::parameters;
use super::schemas::Schema;
use crate::http::settings::routes::{Does, MappedRoute, MappedValue, Placeholder, ResponseShape};
use serde_json::{json, Value};
use std::collections::BTreeMap;

/// Names of headers that OpenAPI has other places for.
const OWN_HEADERS: &[&str] = &["accept", "content-type", "authorization"];

/// One route, at a path that has its shape.
pub(super) fn of_route(route: &MappedRoute, path: &str) -> Value {
    let (verb, uri) = match &route.does {
        Does::Call(procedure) => ("Calls", procedure),
        Does::Publish(topic) => ("Publishes to", topic),
    };
    let mut parameters = parameters::of_path(path);
    let taken = taken(route);
    parameters.extend(taken.iter().map(|((place, name), required)| parameters::of_route(place, name, *required)));
    let mut answer = json!({ "description": "Done." });
    // These have no body.
    if !matches!(route.status, 204 | 205) {
        answer["content"] = json!({ "application/json": { "schema": shape(route) } });
    }
    let mut operation = json!({
        "operationId": format!("route_{}", route.name),
        "summary": format!("{verb} {uri}"),
        "tags": ["routes"],
        "parameters": parameters,
        "responses": { route.status.to_string(): answer, "default": problem() },
        "security": security(),
    });
    if route.uses_body() {
        // What of it is needed, and how deep, the placeholders say; JSON it is in any case.
        operation["requestBody"] = json_body(&json!({}), false);
    }
    operation
}

/// What is taken from query and headers, by place and name, and whether a request without it is refused.
fn taken(route: &MappedRoute) -> BTreeMap<(&'static str, &str), bool> {
    let mut taken = BTreeMap::new();
    let mut note = |value: &'static str, name, required: bool| *taken.entry((value, name)).or_insert(false) |= required;
    let values = route.args.iter().map(|value| (value, true));
    let values = values.chain(route.kwargs.iter().map(|(_, value)| (value, false)));
    for (value, is_positional) in values {
        for placeholder in MappedValue::placeholders(value) {
            match placeholder {
                Placeholder::Query(name) => note("query", name.as_str(), is_positional),
                Placeholder::Header(name) if !OWN_HEADERS.contains(&name.as_str()) => {
                    note("header", name.as_str(), is_positional);
                }
                Placeholder::Header(_)
                | Placeholder::Path(_)
                | Placeholder::Body(_)
                | Placeholder::Authid
                | Placeholder::Authrole => {}
            }
        }
    }
    taken
}

fn shape(route: &MappedRoute) -> Value {
    match (&route.does, route.response) {
        (Does::Publish(_), _) => Schema::Published.used(),
        (Does::Call(_), ResponseShape::First) => json!({}),
        (Does::Call(_), ResponseShape::Args) => json!({ "type": "array" }),
        (Does::Call(_), ResponseShape::Full) => Schema::Result.used(),
    }
}
