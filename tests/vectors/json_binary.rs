//! Byte strings in JSON.

use crate::data::{from_hex, list, read, text, vectors, write};
use serde_json::json;
use wharf::codec::{payload_args, read_value};
use wharf::wamp::message::Yield;
use wharf::wamp::options::ResultOptions;
use wharf::wamp::{InvocationId, Message, Payload, Serialization, Value};

fn yielding(value: Value) -> Message {
    Yield { request: InvocationId::FIRST, options: ResultOptions::default(), payload: Payload::args(vec![value]) }
        .into()
}

fn payload(message: &Message) -> &Payload {
    match message {
        Message::Yield(yielded) => &yielded.payload,
        _ => panic!("{message:?}"),
    }
}

/// R117: to JSON and back, from and to both binary serializations.
#[test]
fn byte_strings_are_base64_after_u0000_in_json() {
    let file = vectors!("json_binary.json");
    for case in list(&file, "binary") {
        let bytes = Value::Bytes(from_hex(text(case, "bytes_hex")).to_vec());
        let json = format!("[70,1,{{}},[{}]]", json!(text(case, "json_string")));
        for serialization in [Serialization::MessagePack, Serialization::Cbor] {
            let (binary, _) = write(&yielding(bytes.clone()), serialization).unwrap();
            let message = read(serialization, binary.clone()).unwrap();
            assert_eq!(write(&message, Serialization::Json).unwrap().0, json.as_bytes(), "{case}");
            let message = read(Serialization::Json, json.clone()).unwrap();
            assert_eq!(write(&message, serialization).unwrap().0, binary, "{case}");
        }
        assert_eq!(read_value(Serialization::Json, json!(text(case, "json_string")).to_string().as_bytes()), Ok(bytes));
    }
}

/// D53.
#[test]
fn a_string_without_valid_base64_stays_a_string() {
    let file = vectors!("json_binary.json");
    for case in list(&file, "plain_strings") {
        let string = text(case, "json_string");
        let json = json!([70, 1, {}, [string]]).to_string();
        let message = read(Serialization::Json, json).unwrap();
        for serialization in [Serialization::MessagePack, Serialization::Cbor] {
            let (binary, _) = write(&message, serialization).unwrap();
            let again = read(serialization, binary).unwrap();
            assert_eq!(payload_args(payload(&again)), Ok(vec![Value::from(string)]), "{case}");
        }
    }
}
