//! Descriptions in OpenAPI 3.1: of what a listener serves, and of what somebody may call in a realm. Pure.

use super::schemas::Schema;
use super::table::{self, Endpoint, Part};
use super::told::ToldSchemas;
use super::{longpoll, parameters, routes};
use crate::actors::told::ProcedureTold;
use crate::http::admin::table::{Gives, Row, Takes, ROWS};
use crate::http::problem::in_path;
use crate::http::settings::routes::MappedRoute;
use crate::http::Listener;
use crate::wamp::{Uri, Value as WampValue};
use serde_json::{json, Map, Value};
use std::collections::BTreeMap;

/// Of what is served.
pub(super) fn of_listener(listener: &Listener) -> Value {
    let served = listener.served;
    let mut paths = Map::new();
    for endpoint in table::all().filter(|endpoint| endpoint.part.is_served(served)) {
        put(&mut paths, endpoint.path, endpoint.method, of_endpoint(endpoint));
    }
    for row in ROWS.iter().filter(|_| served.admin) {
        let method = row.method.as_str().to_ascii_lowercase();
        put(&mut paths, &format!("/admin/v1/{}", row.path), &method, of_row(row));
    }
    for base in &listener.longpoll {
        longpoll::add(&mut paths, base);
    }
    document("Wharf", "What this listener serves over HTTP.", paths)
}

/// One procedure, and what is said of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Procedure<'a> {
    pub(super) uri: &'a Uri,
    /// By its callee.
    pub(super) described: Option<&'a WampValue>,
    /// By the configuration, which comes first.
    pub(super) told: Option<&'a ProcedureTold>,
}

/// How much of a realm can be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Extent {
    /// All of it.
    Whole,
    /// As much as there is room for.
    More,
    /// Nothing: an authorizer is asked about each call by whoever asks.
    Unknown,
}

/// Of the procedures of a realm and of its mapped routes, each an operation. `realm` is as it stands in paths.
pub(super) fn of_realm<'a>(
    realm: &str,
    extent: Extent,
    procedures: impl Iterator<Item = Procedure<'a>>,
    routes: impl Iterator<Item = &'a MappedRoute>,
) -> Value {
    let (mut paths, mut schemas) = (Map::new(), ToldSchemas::default());
    for procedure in procedures {
        let path = format!("/api/v1/realms/{}/call/{}", in_path(realm), in_path(procedure.uri));
        put(&mut paths, &path, "post", of_procedure(&procedure, &mut schemas));
    }
    // Two templates that differ in names alone are one path, which OpenAPI has once: under the names of the first.
    let mut templates = BTreeMap::new();
    for route in routes {
        let path = templates.entry(route.path.shape()).or_insert_with(|| route.path.to_string());
        put(&mut paths, path, &route.method.name().to_ascii_lowercase(), routes::of_route(route, path));
    }
    let more = match extent {
        Extent::Whole => "",
        Extent::More => " There are more than can be told at once.",
        Extent::Unknown => {
            " An authorizer decides about each call of this role when it is made: what it would allow is not known before, \
             and nothing is told."
        }
    };
    let mut document =
        document(realm, &format!("The procedures that whoever asks may call in the realm.{more}"), paths);
    if let Some(components) = document["components"]["schemas"].as_object_mut() {
        components.extend(schemas.components());
    }
    document
}

fn document(title: &str, description: &str, paths: Map<String, Value>) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": { "title": title, "description": description, "version": env!("CARGO_PKG_VERSION") },
        "paths": paths,
        "components": {
            "schemas": Schema::components(),
            "responses": {
                "Problem": {
                    "description": "A failure; `error` is its error URI.",
                    "content": { "application/problem+json": { "schema": Schema::Problem.used() } },
                },
            },
            "securitySchemes": {
                "ticket": { "type": "http", "scheme": "basic", "description": "authid and ticket" },
                "bearer": { "type": "http", "scheme": "bearer", "description": "A token, or an API key (whk_...)" },
                "key": { "type": "apiKey", "in": "header", "name": "X-API-Key" },
            },
        },
    })
}

pub(super) fn put(paths: &mut Map<String, Value>, path: &str, method: &str, operation: Value) {
    let at = paths.entry(path).or_insert_with(|| json!({}));
    if let Some(operations) = at.as_object_mut() {
        operations.insert(method.to_owned(), operation);
    }
}

/// Who may ask: anybody where the realm lets anonymous in, else by one of these.
pub(super) fn security() -> Value {
    json!([{}, { "ticket": [] }, { "bearer": [] }, { "key": [] }])
}

pub(super) fn json_body(schema: &Value, is_required: bool) -> Value {
    json!({ "required": is_required, "content": { "application/json": { "schema": schema } } })
}

fn of_endpoint(endpoint: &Endpoint) -> Value {
    let mut parameters = parameters::of_path(endpoint.path);
    parameters.extend(endpoint.query.iter().map(|name| parameters::of_query(name)));
    let mut operation = json!({
        "operationId": endpoint.id,
        "summary": endpoint.summary,
        "tags": [endpoint.part.tag()],
        "parameters": parameters,
        "responses": {},
    });
    for answer in endpoint.answers {
        let response = &mut operation["responses"][answer.status.to_string()];
        if response.is_null() {
            *response = json!({ "description": answer.what });
        }
        if let Some((media, schema)) = answer.body {
            response["content"][media] = json!({ "schema": schema.used() });
        }
    }
    if let Some(takes) = endpoint.takes {
        let is_required = matches!(takes, Schema::Call | Schema::Publish | Schema::Batch | Schema::TicketWish);
        operation["requestBody"] = json_body(&takes.used(), is_required);
    }
    if endpoint.is_of_realm {
        operation["responses"]["default"] = problem();
        // A hook proves itself by what its sender and the configuration share.
        if endpoint.part != Part::Hooks {
            operation["security"] = security();
        }
    }
    operation
}

pub(super) fn problem() -> Value {
    json!({ "$ref": "#/components/responses/Problem" })
}

/// A request of the administration.
fn of_row(row: &Row) -> Value {
    let text = |name: &&str| json!({ "name": name, "in": "query", "schema": { "type": "string" } });
    let mut parameters = parameters::of_path(row.path);
    match (row.takes, row.gives) {
        (Takes::Query(names), _) => parameters.extend(names.iter().map(text)),
        (_, Gives::Page(_)) => parameters.extend(super::PAGE_PARAMETERS.iter().map(text)),
        (_, Gives::Whole | Gives::Made(_) | Gives::Put) => {}
    }
    let done = json!({ "description": "Done.", "content": { "application/json": { "schema": {} } } });
    let mut responses = json!({ "200": done, "default": problem() });
    if matches!(row.gives, Gives::Made(_) | Gives::Put) {
        responses["201"] = json!({ "description": "Made.", "content": { "application/json": { "schema": {} } } });
    }
    let summary = row.procedure.map_or_else(|| "Who asks".to_owned(), |name| format!("wharf.admin.{name}"));
    let mut operation = json!({
        "operationId": format!("{}_{}", row.method.as_str().to_ascii_lowercase(), row.path.replace(['/', '{', '}'], "_")),
        "summary": summary,
        "tags": ["administration"],
        "parameters": parameters,
        "responses": responses,
        "security": security(),
    });
    match row.takes {
        Takes::Settings => operation["requestBody"] = json_body(&json!({ "type": "object" }), true),
        Takes::Members(names) => {
            let members: Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), json!({}))).collect();
            let schema = json!({ "type": "object", "properties": members, "additionalProperties": false });
            operation["requestBody"] = json_body(&schema, true);
        }
        Takes::Nothing | Takes::Query(_) => {}
    }
    operation
}

/// A procedure, by what the configuration tells of it, and else by its callee's description: `summary`, `description`, `deprecated`,
/// and JSON Schemas of `arguments`, `keyword_arguments` and `result`.
fn of_procedure<'a>(procedure: &Procedure<'a>, schemas: &mut ToldSchemas<'a>) -> Value {
    let Procedure { uri, described, told } = *procedure;
    let said = described.map(to_json).unwrap_or_default();
    let takes = match told.and_then(|told| told.request_schema.as_deref()) {
        Some(schema) => schemas.used(schema),
        None => taken(&said, schemas),
    };
    let gives = match told.and_then(|told| told.response_schema.as_deref()) {
        Some(schema) => schemas.used(schema),
        None => given(&said, schemas),
    };
    let summary = told.and_then(|told| told.summary.as_deref()).or_else(|| said["summary"].as_str());
    let mut operation = json!({
        "operationId": uri.as_str(),
        "summary": summary.unwrap_or(uri),
        "tags": [uri.rsplit_once('.').map_or("", |(above, _)| above)],
        "requestBody": json_body(&takes, false),
        "responses": {
            "200": { "description": "The result.", "content": { "application/json": { "schema": gives } } },
            "default": problem(),
        },
        "security": security(),
    });
    if let Some(text) = said["description"].as_str() {
        operation["description"] = text.into();
    }
    if said["deprecated"] == Value::Bool(true) {
        operation["deprecated"] = true.into();
    }
    operation
}

/// The body of a request, by what a callee has said of its arguments.
fn taken(said: &Value, schemas: &mut ToldSchemas<'_>) -> Value {
    let mut takes = json!({
        "type": "object",
        "properties": { "args": { "type": "array" }, "kwargs": { "type": "object" }, "options": { "type": "object" } },
    });
    for (member, key) in [("args", "arguments"), ("kwargs", "keyword_arguments")] {
        if let Some(schema) = schemas.of_callee(&said[key]) {
            takes["properties"][member] = schema;
        }
    }
    takes
}

/// The body of an answer, by what a callee has said of its result, which is the first value.
fn given(said: &Value, schemas: &mut ToldSchemas<'_>) -> Value {
    let result = Schema::Result.used();
    match schemas.of_callee(&said["result"]) {
        Some(schema) => json!({ "allOf": [result], "properties": { "args": { "prefixItems": [schema] } } }),
        None => result,
    }
}

/// As deep as the codecs let values be, and no deeper.
fn to_json(value: &WampValue) -> Value {
    match value {
        WampValue::Null => Value::Null,
        WampValue::Bool(value) => json!(value),
        WampValue::Unsigned(value) => json!(value),
        WampValue::Negative(value) => json!(value),
        WampValue::Float(value) => json!(value),
        WampValue::Text(value) => json!(value),
        // Schemas hold none.
        WampValue::Bytes(_) => Value::Null,
        WampValue::List(values) => values.iter().map(to_json).collect(),
        WampValue::Dict(entries) => entries.iter().map(|(key, value)| (key.clone(), to_json(value))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{LongPollBase, Served};
    use std::collections::BTreeSet;

    fn listener(served: Served, longpoll: &[LongPollBase]) -> Listener {
        Listener {
            name: "main".into(),
            served,
            realm: None,
            realms: Vec::new(),
            loopback_host_only: false,
            in_the_clear: false,
            header_lines_max: 64,
            header_bytes_max: 16 << 10,
            pages: None,
            longpoll: longpoll.to_vec(),
        }
    }

    fn operations(document: &Value) -> Vec<&Value> {
        let paths = document["paths"].as_object().unwrap().values();
        paths.flat_map(|path| path.as_object().unwrap().values()).collect()
    }

    #[test]
    fn every_operation_has_an_id_of_its_own_and_an_answer() {
        let served = Served { rest: true, admin: true, metrics: true, health: true, hooks: true };
        let bases = [("/lp", true), ("/wamp/sse/", false)];
        let bases = bases.map(|(path, says_no_content)| LongPollBase { path: path.to_owned(), says_no_content });
        let document = of_listener(&listener(served, &bases));
        let operations = operations(&document);
        assert_eq!(operations.len(), table::all().count() + ROWS.len() + 2 * 5);
        let ids: BTreeSet<_> = operations.iter().map(|operation| operation["operationId"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), operations.len());
        assert!(operations
            .iter()
            .all(|operation| operation["responses"].as_object().is_some_and(|answers| !answers.is_empty())));
    }

    #[test]
    fn what_a_listener_does_not_serve_is_not_described() {
        let document = of_listener(&listener(Served { health: true, ..Served::default() }, &[]));
        let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
        assert_eq!(paths, ["/healthz", "/livez", "/readyz"]);
    }

    #[test]
    fn a_procedure_is_told_as_its_callee_describes_it() {
        let text = |text: &str| WampValue::Text(text.to_owned());
        let schema = WampValue::Dict(vec![("type".to_owned(), text("array"))]);
        let description = WampValue::Dict(vec![
            ("summary".to_owned(), text("Adds")),
            ("arguments".to_owned(), schema),
            ("deprecated".to_owned(), WampValue::Bool(true)),
        ]);
        let (add, odd) = (Uri::from("com.add"), Uri::from("com.a/ b"));
        let plain = |uri, described| Procedure { uri, described, told: None };
        let all = [plain(&add, Some(&description)), plain(&odd, None)];
        let document = of_realm("r", Extent::Whole, all.into_iter(), std::iter::empty());
        let operation = &document["paths"]["/api/v1/realms/r/call/com.add"]["post"];
        assert_eq!((&operation["summary"], &operation["deprecated"]), (&json!("Adds"), &json!(true)));
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!(schema["properties"]["args"], json!({ "type": "array" }));
        assert!(document["paths"]["/api/v1/realms/r/call/com.a%2F%20b"]["post"].is_object());
    }

    #[test]
    fn what_the_configuration_tells_of_a_procedure_comes_before_what_its_callee_says() {
        let text = |text: &str| WampValue::Text(text.to_owned());
        let list = WampValue::Dict(vec![("type".to_owned(), text("array"))]);
        let description = WampValue::Dict(vec![
            ("summary".to_owned(), text("Adds")),
            ("description".to_owned(), text("One after the other.")),
            ("arguments".to_owned(), list),
        ]);
        let uri = Uri::from("com.add");
        let told = ProcedureTold {
            summary: Some("Sums".to_owned()),
            request_schema: Some(r#"{"required":["args"]}"#.into()),
            response_schema: None,
        };
        let procedure = Procedure { uri: &uri, described: Some(&description), told: Some(&told) };
        let document = of_realm("r", Extent::Whole, [procedure].into_iter(), std::iter::empty());
        let operation = &document["paths"]["/api/v1/realms/r/call/com.add"]["post"];
        assert_eq!(
            (&operation["summary"], &operation["description"]),
            (&json!("Sums"), &json!("One after the other."))
        );
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!(schema, &json!({ "$ref": "#/components/schemas/Configured1" }));
        assert_eq!(document["components"]["schemas"]["Configured1"], json!({ "required": ["args"] }));
        let answer = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        assert_eq!(answer, &json!({ "$ref": "#/components/schemas/Result" }));
    }
}
