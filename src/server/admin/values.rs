//! Values of WAMP as JSON, and back.

use crate::wamp::Value;
use serde_json::{Map, Number};

/// As JSON; `None` for octets and for numbers that JSON has not.
pub(super) fn to_json(value: Value) -> Option<serde_json::Value> {
    use serde_json::Value as Json;
    Some(match value {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::Bool(flag),
        Value::Unsigned(number) => number.into(),
        Value::Negative(number) => number.into(),
        Value::Float(number) => Json::Number(Number::from_f64(number)?),
        Value::Text(text) => Json::String(text),
        Value::Bytes(_) => return None,
        Value::List(items) => Json::Array(items.into_iter().map(to_json).collect::<Option<_>>()?),
        Value::Dict(entries) => {
            let entries = entries.into_iter().map(|(key, value)| Some((key, to_json(value)?)));
            Json::Object(entries.collect::<Option<Map<_, _>>>()?)
        }
    })
}

/// As a value of WAMP.
pub(super) fn from_json(json: serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(flag),
        Json::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Value::Unsigned(number),
            (None, Some(number)) => Value::Negative(number),
            (None, None) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::Text(text),
        Json::Array(items) => Value::List(items.into_iter().map(from_json).collect()),
        Json::Object(entries) => Value::Dict(entries.into_iter().map(|(key, json)| (key, from_json(json))).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_comes_back_as_it_was_and_what_json_has_not_is_refused() {
        let all = json!({ "a": [null, true, 3, -3, 2.5, "x"], "b": { "c": 18_446_744_073_709_551_615_u64 } });
        assert_eq!(to_json(from_json(all.clone())), Some(all));
        assert_eq!(to_json(Value::List(vec![Value::Bytes(vec![1])])), None);
        assert_eq!(to_json(Value::Float(f64::NAN)), None);
    }
}
