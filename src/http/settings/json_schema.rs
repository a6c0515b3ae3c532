//! Whether JSON is a JSON Schema (2020-12) that can become a part of another document: for descriptions of an API, where a tool
//! would stumble over one that is none.
//!
//! Keywords are looked at as far as their values have a type; others may hold anything, as the specification has it.

use crate::observe::shown;
use serde_json::Value;

/// The dialect of OpenAPI 3.1.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

const TYPES: &[&str] = &["array", "boolean", "integer", "null", "number", "object", "string"];

/// What a keyword's value is.
#[derive(Clone, Copy)]
enum Is {
    Schema,
    Schemas,
    SchemaByName,
    Text,
    Texts,
    Number,
    /// A whole number that is not negative.
    Count,
    Flag,
    List,
    Types,
    /// A place in this schema.
    Place,
    Dialect,
    /// Nothing: a name of its own would not be found within another document.
    Left,
}

const KEYWORDS: &[(&str, Is)] = &[
    ("$schema", Is::Dialect),
    ("$ref", Is::Place),
    ("$id", Is::Left),
    ("$anchor", Is::Left),
    ("$dynamicRef", Is::Left),
    ("$dynamicAnchor", Is::Left),
    ("$vocabulary", Is::Left),
    ("$comment", Is::Text),
    ("title", Is::Text),
    ("description", Is::Text),
    ("format", Is::Text),
    ("pattern", Is::Text),
    ("contentEncoding", Is::Text),
    ("contentMediaType", Is::Text),
    ("type", Is::Types),
    ("enum", Is::List),
    ("examples", Is::List),
    ("required", Is::Texts),
    ("$defs", Is::SchemaByName),
    ("properties", Is::SchemaByName),
    ("patternProperties", Is::SchemaByName),
    ("dependentSchemas", Is::SchemaByName),
    ("additionalProperties", Is::Schema),
    ("unevaluatedProperties", Is::Schema),
    ("propertyNames", Is::Schema),
    ("items", Is::Schema),
    ("unevaluatedItems", Is::Schema),
    ("contains", Is::Schema),
    ("not", Is::Schema),
    ("if", Is::Schema),
    ("then", Is::Schema),
    ("else", Is::Schema),
    ("contentSchema", Is::Schema),
    ("allOf", Is::Schemas),
    ("anyOf", Is::Schemas),
    ("oneOf", Is::Schemas),
    ("prefixItems", Is::Schemas),
    ("minimum", Is::Number),
    ("maximum", Is::Number),
    ("exclusiveMinimum", Is::Number),
    ("exclusiveMaximum", Is::Number),
    ("multipleOf", Is::Number),
    ("minLength", Is::Count),
    ("maxLength", Is::Count),
    ("minItems", Is::Count),
    ("maxItems", Is::Count),
    ("minProperties", Is::Count),
    ("maxProperties", Is::Count),
    ("minContains", Is::Count),
    ("maxContains", Is::Count),
    ("uniqueItems", Is::Flag),
    ("deprecated", Is::Flag),
    ("readOnly", Is::Flag),
    ("writeOnly", Is::Flag),
];

/// Looks at a whole schema, which is an object.
///
/// # Errors
/// Where in it something is wrong (a JSON Pointer), what was expected there and of which type what is there is. No value is quoted:
/// a file may not be the one that was meant.
pub fn check(schema: &Value) -> Result<(), String> {
    if !schema.is_object() {
        return Err(format!("expected a JSON Schema, an object, got {}", kind(schema)));
    }
    look(schema, schema, "")
}

fn look(whole: &Value, schema: &Value, at: &str) -> Result<(), String> {
    if schema.is_boolean() {
        return Ok(());
    }
    let Value::Object(members) = schema else {
        return Err(wrong(at, "a schema, an object or a boolean", schema));
    };
    for (name, value) in members {
        let Some((_, is)) = KEYWORDS.iter().find(|(known, _)| known == name) else { continue };
        keyword(whole, *is, value, &format!("{at}/{}", step(name)))?;
    }
    Ok(())
}

fn keyword(whole: &Value, is: Is, value: &Value, at: &str) -> Result<(), String> {
    let texts = |values: &[Value]| values.iter().all(Value::is_string);
    let (is_right, expected) = match is {
        Is::Schema => return look(whole, value, at),
        Is::Schemas => {
            let Value::Array(schemas) = value else { return Err(wrong(at, "a list of schemas", value)) };
            return schemas
                .iter()
                .enumerate()
                .try_for_each(|(number, one)| look(whole, one, &format!("{at}/{number}")));
        }
        Is::SchemaByName => {
            let Value::Object(schemas) = value else { return Err(wrong(at, "an object of schemas", value)) };
            let mut schemas = schemas.iter();
            return schemas.try_for_each(|(name, one)| look(whole, one, &format!("{at}/{}", step(name))));
        }
        Is::Text => (value.is_string(), "a string"),
        Is::Texts => (value.as_array().is_some_and(|values| texts(values)), "a list of strings"),
        Is::Number => (value.is_number(), "a number"),
        Is::Count => (value.is_u64(), "a whole number from 0"),
        Is::Flag => (value.is_boolean(), "a boolean"),
        Is::List => (value.is_array(), "a list"),
        Is::Types => {
            (is_type(value), "a type of JSON (array, boolean, integer, null, number, object, string) or a list of them")
        }
        Is::Place => (is_place(whole, value), "a place in this schema, such as \"#/$defs/item\", that is there"),
        Is::Dialect => (value == DIALECT, "https://json-schema.org/draft/2020-12/schema"),
        Is::Left => (false, "nothing: the schema becomes a part of another document"),
    };
    if is_right {
        Ok(())
    } else {
        Err(wrong(at, expected, value))
    }
}

fn is_type(value: &Value) -> bool {
    let known = |value: &Value| value.as_str().is_some_and(|name| TYPES.contains(&name));
    value.as_array().map_or_else(|| known(value), |types| !types.is_empty() && types.iter().all(known))
}

fn is_place(whole: &Value, value: &Value) -> bool {
    let pointer = value.as_str().and_then(|text| text.strip_prefix('#'));
    pointer.is_some_and(|pointer| whole.pointer(pointer).is_some())
}

fn wrong(at: &str, expected: &str, got: &Value) -> String {
    let at = if at.is_empty() { "/" } else { at };
    format!("at {}: expected {expected}, got {}", shown(at), kind(got))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A name as a step of a JSON Pointer.
fn step(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schema_is_taken_with_whatever_keywords_it_has_of_its_own() {
        for schema in [
            json!({}),
            json!({ "type": ["object", "null"], "properties": { "a/b": { "$ref": "#/$defs/a~1b" } }, "$defs": { "a/b": true } }),
            json!({ "$schema": DIALECT, "prefixItems": [{ "const": { "type": 7 } }], "items": false, "x-own": { "type": 7 } }),
            json!({ "$ref": "#" }),
        ] {
            assert_eq!(check(&schema), Ok(()), "{schema}");
        }
    }

    #[test]
    fn what_is_no_schema_is_told_by_its_place_and_never_quoted() {
        for (schema, place) in [
            (json!([]), "an object, got a list"),
            (json!({ "type": "hush" }), "at /type:"),
            (json!({ "type": [] }), "at /type:"),
            (json!({ "properties": { "a/b": { "items": "hush" } } }), "at /properties/a~1b/items:"),
            (json!({ "allOf": [true, { "minLength": -1 }] }), "at /allOf/1/minLength:"),
            (json!({ "anyOf": {} }), "at /anyOf:"),
            (json!({ "required": [1] }), "at /required:"),
            (json!({ "$ref": "#/$defs/hush" }), "at /$ref:"),
            (json!({ "$ref": "other.json" }), "at /$ref:"),
            (json!({ "$id": "hush" }), "at /$id:"),
            (json!({ "$schema": "http://json-schema.org/draft-07/schema#" }), "at /$schema:"),
        ] {
            let fault = check(&schema).unwrap_err();
            assert!(fault.contains(place) && !fault.contains("hush"), "{schema}: {fault}");
        }
    }
}
