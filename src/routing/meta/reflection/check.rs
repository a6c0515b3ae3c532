//! Whether a description can be kept: its size, and the types of the keys that have a meaning.
//!
//! What a JSON Schema says is not looked at, and other keys may hold anything.

use crate::routing::refusal::Refusal;
use crate::wamp::Value;

/// Octets of one description, about as they would be written.
const WRITTEN_OCTETS_MAX: usize = 64 << 10;

/// Refuses a description that is too large or has a meaningful key of the wrong type.
///
/// # Errors
/// [`Refusal::LimitExceeded`] and [`Refusal::InvalidArgument`].
pub(super) fn check(description: &Value) -> Result<(), Refusal> {
    let Some(entries) = description.as_dict() else {
        return Err(Refusal::InvalidArgument("a description, a dict"));
    };
    let strings = |list: &[Value]| list.iter().all(|entry| entry.as_text().is_some());
    for (key, value) in entries {
        let (fine, expected) = match key.as_str() {
            "summary" => (value.as_text().is_some(), "summary, a string"),
            "description" => (value.as_text().is_some(), "description, a string"),
            "arguments" => (value.as_dict().is_some(), "arguments, a JSON Schema, a dict"),
            "keyword_arguments" => (value.as_dict().is_some(), "keyword_arguments, a JSON Schema, a dict"),
            "result" => (value.as_dict().is_some(), "result, a JSON Schema, a dict"),
            "event" => (value.as_dict().is_some(), "event, a JSON Schema, a dict"),
            "schema" => (value.as_dict().is_some(), "schema, a JSON Schema, a dict"),
            "errors" => {
                (matches!(value, Value::List(errors) if strings(errors)), "errors, a list of error URIs, strings")
            }
            "deprecated" => (matches!(value, Value::Bool(_)), "deprecated, a bool"),
            _ => (true, ""),
        };
        if !fine && *value != Value::Null {
            return Err(Refusal::InvalidArgument(expected));
        }
    }
    if written(description) > WRITTEN_OCTETS_MAX {
        return Err(Refusal::LimitExceeded { limit: "description_size", max: WRITTEN_OCTETS_MAX });
    }
    Ok(())
}

/// About how many octets the value takes in a message. As deep as the codecs let values be, and no deeper.
fn written(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 1,
        Value::Unsigned(_) | Value::Negative(_) | Value::Float(_) => 9,
        Value::Text(text) => 2 + text.len(),
        Value::Bytes(bytes) => 2 + bytes.len(),
        Value::List(list) => 2 + list.iter().map(written).sum::<usize>(),
        Value::Dict(dict) => 2 + dict.iter().map(|(key, value)| 2 + key.len() + written(value)).sum::<usize>(),
    }
}
