//! What is typed behind a procedure or topic, as arguments of WAMP.
//!
//! An argument is JSON if it parses as JSON, else a string; `base64:` and `hex:` stand for octets. Keywords are `name=text`
//! and `name:=json`.

use super::failure::Failure;
use crate::codec::read_value;
use crate::wamp::{Dict, Payload, Serialization, Value};
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use clap::Args;
use serde::de::IgnoredAny;
use std::io::Read;

/// The most octets of a body that are read from a file or standard input.
const BODY_MAX: u64 = 16 << 20;

/// The payload of a message.
#[derive(Args, Debug, Default)]
pub(in crate::cli) struct PayloadArguments {
    /// Arguments: JSON if it parses as JSON, else a string; octets as base64:... or hex:...
    #[arg(value_name = "ARG", allow_negative_numbers = true)]
    args: Vec<String>,
    /// A keyword argument: NAME=TEXT is a string, NAME:=JSON is JSON.
    #[arg(short, long = "kwarg", value_name = "NAME=VALUE")]
    kwargs: Vec<String>,
    /// Takes every ARG as a string.
    #[arg(short, long)]
    string: bool,
    /// The whole payload in place of ARG and --kwarg: {"args": [..], "kwargs": {..}}, @FILE, or - for standard input.
    #[arg(long, value_name = "BODY", conflicts_with_all = ["args", "kwargs", "string"])]
    json: Option<String>,
}

impl PayloadArguments {
    /// The payload that was typed.
    ///
    /// # Errors
    /// [`Failure::Usage`], with what was expected.
    pub(in crate::cli) fn payload(&self) -> Result<Payload, Failure> {
        match &self.json {
            Some(body) => of_body(body),
            None => {
                let args = self.args.iter().map(|text| self.arg(text)).collect::<Result<_, _>>()?;
                let kwargs = self.kwargs.iter().map(|text| keyword(text)).collect::<Result<_, _>>()?;
                Ok(Payload::values(args, unique(kwargs)?))
            }
        }
    }

    /// Whether arguments are strings whatever they look like.
    pub(in crate::cli) fn are_strings(&self) -> bool {
        self.string
    }

    fn arg(&self, text: &str) -> Result<Value, Failure> {
        if self.string {
            Ok(Value::Text(text.to_owned()))
        } else {
            argument(text)
        }
    }
}

/// One argument.
///
/// # Errors
/// [`Failure::Usage`] for octets that are written wrong, and for JSON with a key that is there twice or too many levels.
pub(in crate::cli) fn argument(text: &str) -> Result<Value, Failure> {
    if let Some(digits) = text.strip_prefix("base64:") {
        let octets = STANDARD.decode(digits);
        return octets
            .map(Value::Bytes)
            .map_err(|_| Failure::usage("an ARG of base64: expected padded Base64 behind it"));
    }
    if let Some(digits) = text.strip_prefix("hex:") {
        let octets = of_hex(digits).map(Value::Bytes);
        return octets.ok_or_else(|| Failure::usage("an ARG of hex: expected pairs of hexadecimal digits behind it"));
    }
    if serde_json::from_str::<IgnoredAny>(text).is_err() {
        return Ok(Value::Text(text.to_owned()));
    }
    json(text)
}

/// A text that is JSON.
///
/// # Errors
/// [`Failure::Usage`].
pub(in crate::cli) fn json(text: &str) -> Result<Value, Failure> {
    let value = read_value(Serialization::Json, text.trim().as_bytes())
        .map_err(|fault| Failure::Usage(format!("this is no JSON that WAMP can carry: {fault}")))?;
    if is_finite(&value) {
        Ok(value)
    } else {
        Err(Failure::usage("this is no JSON that WAMP can carry: a number is out of the range of floats"))
    }
}

fn is_finite(value: &Value) -> bool {
    match value {
        Value::Float(number) => number.is_finite(),
        Value::List(items) => items.iter().all(is_finite),
        Value::Dict(entries) => entries.iter().all(|(_, value)| is_finite(value)),
        Value::Null | Value::Bool(_) | Value::Unsigned(_) | Value::Negative(_) | Value::Text(_) | Value::Bytes(_) => {
            true
        }
    }
}

fn keyword(text: &str) -> Result<(String, Value), Failure> {
    let wrong = || Failure::usage("--kwarg: expected NAME=TEXT or NAME:=JSON");
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    match name.strip_suffix(':') {
        Some("") => Err(wrong()),
        Some(name) => Ok((name.to_owned(), json(value)?)),
        None if name.is_empty() => Err(wrong()),
        None => Ok((name.to_owned(), Value::Text(value.to_owned()))),
    }
}

fn unique(kwargs: Dict) -> Result<Dict, Failure> {
    for (at, (name, _)) in kwargs.iter().enumerate() {
        if kwargs[..at].iter().any(|(other, _)| other == name) {
            return Err(Failure::Usage(format!("--kwarg {name}: it is given twice")));
        }
    }
    Ok(kwargs)
}

fn of_body(body: &str) -> Result<Payload, Failure> {
    let text = match (body, body.strip_prefix('@')) {
        ("-", _) => read(std::io::stdin().lock(), "standard input")?,
        (_, Some(path)) => {
            let file = std::fs::File::open(path).map_err(|error| Failure::Usage(format!("{path}: {error}")))?;
            read(file, path)?
        }
        (text, None) => text.to_owned(),
    };
    payload_of(json(&text)?)
}

/// `{"args": [..], "kwargs": {..}}` as a payload.
///
/// # Errors
/// [`Failure::Usage`] for anything else.
pub(in crate::cli) fn payload_of(body: Value) -> Result<Payload, Failure> {
    let wrong = || Failure::usage(r#"expected {"args": [..], "kwargs": {..}}, and nothing else in it"#);
    let Value::Dict(members) = body else { return Err(wrong()) };
    let (mut args, mut kwargs) = (Vec::new(), Dict::new());
    for (name, value) in members {
        match (name.as_str(), value) {
            ("args", Value::List(list)) => args = list,
            ("kwargs", Value::Dict(dict)) => kwargs = dict,
            _ => return Err(wrong()),
        }
    }
    Ok(Payload::values(args, kwargs))
}

fn read(from: impl Read, name: &str) -> Result<String, Failure> {
    let mut text = String::new();
    let read = from.take(BODY_MAX + 1).read_to_string(&mut text);
    read.map_err(|error| Failure::Usage(format!("{name}: {error}")))?;
    if text.len() as u64 > BODY_MAX {
        return Err(Failure::Usage(format!("{name}: expected at most 16 MiB")));
    }
    Ok(text)
}

fn of_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |digit: u8| char::from(digit).to_digit(16);
    digits.chunks(2).map(|pair| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::output::compact;
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Value {
        argument(text).unwrap()
    }

    #[test]
    fn an_argument_is_json_if_it_parses_as_json_else_a_string() {
        for (text, value) in [
            ("2", Value::Unsigned(2)),
            ("-2", Value::Negative(-2)),
            ("2.5", Value::Float(2.5)),
            ("true", Value::Bool(true)),
            ("null", Value::Null),
            ("[1,2]", Value::List(vec![Value::Unsigned(1), Value::Unsigned(2)])),
            ("\"2\"", "2".into()),
            ("hello", "hello".into()),
            ("", "".into()),
            ("01", "01".into()),
            ("{a: 1}", "{a: 1}".into()),
            ("NaN", "NaN".into()),
            ("hex:00ff", Value::Bytes(vec![0, 255])),
            ("base64:AAE=", Value::Bytes(vec![0, 1])),
            ("hex:", Value::Bytes(vec![])),
        ] {
            assert_eq!(read(text), value, "{text}");
        }
        for wrong in ["hex:0", "hex:0g", "base64:?", r#"{"a":1,"a":2}"#, "1e999", "[-1e999]"] {
            assert!(argument(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn keywords_are_texts_or_json_and_stand_once() {
        assert_eq!(keyword("a=1").unwrap(), ("a".to_owned(), "1".into()));
        assert_eq!(keyword("a:=1").unwrap(), ("a".to_owned(), Value::Unsigned(1)));
        assert_eq!(keyword("a==:=").unwrap(), ("a".to_owned(), "=:=".into()));
        for wrong in ["a", "=1", ":=1", "a:=x"] {
            assert!(keyword(wrong).is_err(), "{wrong}");
        }
        assert!(unique(vec![keyword("a=1").unwrap(), keyword("a:=2").unwrap()]).is_err());
    }

    #[test]
    fn a_body_has_args_and_kwargs_and_nothing_else() {
        let payload = of_body(r#"{"args":[1],"kwargs":{"a":2}}"#).unwrap();
        assert_eq!(payload, Payload::values(vec![Value::Unsigned(1)], vec![("a".to_owned(), Value::Unsigned(2))]));
        assert_eq!(of_body("{}").unwrap(), Payload::Empty);
        for wrong in ["[]", r#"{"args":{}}"#, r#"{"options":{}}"#, "{", "@/nowhere/at/all"] {
            assert!(of_body(wrong).is_err(), "{wrong}");
        }
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        use serde_json::Value as Json;
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::Bool),
            any::<u64>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            any::<f64>().prop_filter("JSON has no others", |number| number.is_finite()).prop_map(Json::from),
            any::<String>().prop_map(Json::String),
        ];
        leaf.prop_recursive(5, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Json::Array),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| Json::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn json_in_json_out(json in any_json()) {
            let text = json.to_string();
            prop_assert_eq!(compact(&read(&text)), text);
        }
    }
}
