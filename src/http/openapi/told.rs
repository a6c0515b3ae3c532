//! The schemas of procedures, as parts of one document. Those of the configuration are components: a pattern's schema is of many
//! procedures and stands in it once. Those of callees stand where they are used, as far as they are schemas.

use crate::http::settings::json_schema;
use serde_json::{json, Map, Value};
use std::collections::BTreeMap;

/// Keywords whose value is no schema but data.
const DATA: &[&str] = &["const", "default", "enum", "examples"];

/// Those that a document uses.
#[derive(Default)]
pub(super) struct ToldSchemas<'a> {
    /// By their text, the number in their name.
    numbers: BTreeMap<&'a str, usize>,
    described: usize,
    components: Map<String, Value>,
}

impl<'a> ToldSchemas<'a> {
    /// How a schema is written where it is used. `text` is JSON that was checked.
    pub(super) fn used(&mut self, text: &'a str) -> Value {
        let next = self.numbers.len() + 1;
        let number = *self.numbers.entry(text).or_insert(next);
        let name = format!("Configured{number}");
        let place = format!("#/components/schemas/{name}");
        if number == next {
            let mut schema = serde_json::from_str(text).unwrap_or_default();
            lead(&mut schema, &place);
            self.components.insert(name, schema);
        }
        json!({ "$ref": place })
    }

    /// The same of what a callee has described: `None` where that is no schema, which would spoil the whole document. A component if
    /// it leads into itself.
    pub(super) fn of_callee(&mut self, schema: &Value) -> Option<Value> {
        json_schema::check(schema).ok()?;
        let name = format!("Described{}", self.described + 1);
        let place = format!("#/components/schemas/{name}");
        let mut schema = schema.clone();
        if !lead(&mut schema, &place) {
            return Some(schema);
        }
        self.described += 1;
        self.components.insert(name, schema);
        Some(json!({ "$ref": place }))
    }

    /// All that were used, by their names.
    pub(super) fn components(self) -> Map<String, Value> {
        self.components
    }
}

/// What leads into the schema leads to its place in the document; whether anything does. As deep as JSON was let be, and no deeper.
fn lead(schema: &mut Value, place: &str) -> bool {
    let mut leads = false;
    match schema {
        Value::Object(members) => {
            for (name, value) in members.iter_mut().filter(|(name, _)| !DATA.contains(&name.as_str())) {
                let within = value.as_str().filter(|_| name == "$ref").and_then(|to| to.strip_prefix('#'));
                match within.map(|within| format!("{place}{within}")) {
                    Some(to) => {
                        *value = Value::String(to);
                        leads = true;
                    }
                    None => leads |= lead(value, place),
                }
            }
        }
        Value::Array(schemas) => schemas.iter_mut().for_each(|schema| leads |= lead(schema, place)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    leads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_stands_in_a_document_once_and_leads_into_itself_there() {
        let text = r##"{"$defs":{"x":{"const":{"$ref":"#/a"}}},"items":[{"$ref":"#/$defs/x"},{"$ref":"#"}]}"##;
        let mut told = ToldSchemas::default();
        assert_eq!(told.used(text), json!({ "$ref": "#/components/schemas/Configured1" }));
        assert_eq!(told.used(text), json!({ "$ref": "#/components/schemas/Configured1" }));
        assert_eq!(told.used("{}"), json!({ "$ref": "#/components/schemas/Configured2" }));
        let components = Value::Object(told.components());
        let items = json!([{ "$ref": "#/components/schemas/Configured1/$defs/x" }, { "$ref": "#/components/schemas/Configured1" }]);
        assert_eq!(components["Configured1"]["items"], items);
        assert_eq!(components["Configured1"]["$defs"]["x"]["const"], json!({ "$ref": "#/a" }));
        assert_eq!(components["Configured2"], json!({}));
    }

    #[test]
    fn what_a_callee_describes_is_a_part_of_the_document_only_if_it_is_a_schema() {
        let mut told = ToldSchemas::default();
        assert_eq!(told.of_callee(&json!({ "type": "list" })), None);
        assert_eq!(told.of_callee(&json!({ "type": "array" })), Some(json!({ "type": "array" })));
        let leading = json!({ "items": { "$ref": "#/$defs/x" }, "$defs": { "x": true } });
        assert_eq!(told.of_callee(&leading), Some(json!({ "$ref": "#/components/schemas/Described1" })));
        let components = Value::Object(told.components());
        assert_eq!(components["Described1"]["items"], json!({ "$ref": "#/components/schemas/Described1/$defs/x" }));
    }
}
