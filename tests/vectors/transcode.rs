//! Payload from one serialization into another: every value, every pair, and what cannot be carried.

use crate::data::{from_hex, read, to_hex, write};
use wharf::codec::{encode, read_value, Fidelity, TranscodeError, ValueKind};
use wharf::wamp::message::Yield;
use wharf::wamp::options::ResultOptions;
use wharf::wamp::Serialization::{Cbor, Json, MessagePack};
use wharf::wamp::{InvocationId, Message, Payload, Serialization, Value};

/// A YIELD whose only argument stands in these octets.
fn yielding(serialization: Serialization, value: &[u8]) -> Message {
    let (head, tail): (&[u8], &[u8]) = match serialization {
        Json => (b"[70,1,{},[", b"]]"),
        MessagePack => (b"\x94\x46\x01\x80\x91", b""),
        Cbor => (b"\x84\x18\x46\x01\xa0\x81", b""),
    };
    read(serialization, [head, value, tail].concat()).unwrap_or_else(|error| panic!("{value:x?}: {error}"))
}

/// The argument as the receiver gets it.
fn carried(from: Serialization, value: &[u8], towards: Serialization) -> Result<(Vec<u8>, Fidelity), TranscodeError> {
    let (frame, fidelity) = write(&yielding(from, value), towards)?;
    assert!(read(towards, frame.clone()).is_ok(), "the receiver cannot read {}", to_hex(&frame));
    let (head, tail) = match towards {
        Json => (10, 2),
        MessagePack => (5, 0),
        Cbor => (6, 0),
    };
    Ok((frame[head..frame.len() - tail].to_vec(), fidelity))
}

/// The same value in JSON, MessagePack and CBOR; each gives the other two, exactly.
const VALUES: &[(&str, &str, &str)] = &[
    ("null", "c0", "f6"),
    ("true", "c3", "f5"),
    ("false", "c2", "f4"),
    // Integers at the edges of every width.
    ("0", "00", "00"),
    ("23", "17", "17"),
    ("24", "18", "1818"),
    ("127", "7f", "187f"),
    ("128", "cc80", "1880"),
    ("255", "ccff", "18ff"),
    ("256", "cd0100", "190100"),
    ("65535", "cdffff", "19ffff"),
    ("65536", "ce00010000", "1a00010000"),
    ("4294967295", "ceffffffff", "1affffffff"),
    ("4294967296", "cf0000000100000000", "1b0000000100000000"),
    ("9007199254740993", "cf0020000000000001", "1b0020000000000001"),
    ("18446744073709551615", "cfffffffffffffffff", "1bffffffffffffffff"),
    ("-1", "ff", "20"),
    ("-24", "e8", "37"),
    ("-25", "e7", "3818"),
    ("-32", "e0", "381f"),
    ("-33", "d0df", "3820"),
    ("-128", "d080", "387f"),
    ("-129", "d1ff7f", "3880"),
    ("-256", "d1ff00", "38ff"),
    ("-257", "d1feff", "390100"),
    ("-32768", "d18000", "397fff"),
    ("-32769", "d2ffff7fff", "398000"),
    ("-2147483648", "d280000000", "3a7fffffff"),
    ("-2147483649", "d3ffffffff7fffffff", "3a80000000"),
    ("-9223372036854775808", "d38000000000000000", "3b7fffffffffffffff"),
    // Floats stay floats.
    ("1.0", "cb3ff0000000000000", "fb3ff0000000000000"),
    ("-0.0", "cb8000000000000000", "fb8000000000000000"),
    ("0.1", "cb3fb999999999999a", "fb3fb999999999999a"),
    ("-4.1", "cbc010666666666666", "fbc010666666666666"),
    ("1e16", "cb4341c37937e08000", "fb4341c37937e08000"),
    ("5e-324", "cb0000000000000001", "fb0000000000000001"),
    ("1.7976931348623157e308", "cb7fefffffffffffff", "fb7fefffffffffffff"),
    // Texts.
    ("\"\"", "a0", "60"),
    ("\"a\"", "a161", "6161"),
    (r#""\"\\/\b\f\n\r\t\u0001\u001f""#, "aa225c2f080c0a0d09011f", "6a225c2f080c0a0d09011f"),
    ("\"\u{7f}\u{fc}\u{65e5}\u{1f600}\"", "aa7fc3bce697a5f09f9880", "6a7fc3bce697a5f09f9880"),
    (
        "\"0123456789012345678901234567890\"",
        "bf30313233343536373839303132333435363738393031323334353637383930",
        "781f30313233343536373839303132333435363738393031323334353637383930",
    ),
    (
        "\"01234567890123456789012345678901\"",
        "d9203031323334353637383930313233343536373839303132333435363738393031",
        "78203031323334353637383930313233343536373839303132333435363738393031",
    ),
    // Binary.
    (r#""\u0000""#, "c400", "40"),
    (r#""\u0000AAEC/w==""#, "c404000102ff", "44000102ff"),
    // Lists and dicts; keys keep their order.
    ("[]", "90", "80"),
    ("{}", "80", "a0"),
    ("[1,[2,[3,[]]],{}]", "9301920292039080", "8301820282 0380a0"),
    (r#"{"b":1,"a":{"z":[{}],"y":null}}"#, "82a16201a16182a17a9180a179c0", "a261620161 61a2617a81a06179f6"),
];

fn octets(serialization: Serialization, value: &(&str, &str, &str)) -> Vec<u8> {
    match serialization {
        Json => value.0.as_bytes().to_vec(),
        MessagePack => from_hex(value.1).to_vec(),
        Cbor => from_hex(&value.2.replace(' ', "")).to_vec(),
    }
}

/// R117, C7.
#[test]
fn every_value_crosses_between_all_pairs_of_serializations() {
    for value in VALUES {
        for from in Serialization::ALL {
            for towards in Serialization::ALL {
                let got = carried(from, &octets(from, value), towards);
                assert_eq!(got, Ok((octets(towards, value), Fidelity::Exact)), "{value:?} {from:?} {towards:?}");
            }
        }
    }
}

#[test]
fn every_value_is_read_and_written_as_a_value() {
    for value in VALUES {
        for from in Serialization::ALL {
            let read = read_value(from, &octets(from, value)).unwrap();
            for towards in Serialization::ALL {
                let message = Yield {
                    request: InvocationId::FIRST,
                    options: ResultOptions::default(),
                    payload: Payload::args(vec![read.clone()]),
                };
                let (written, fidelity) = write(&message.into(), towards).unwrap();
                assert_eq!(
                    written,
                    write(&yielding(towards, &octets(towards, value)), towards).unwrap().0,
                    "{value:?}"
                );
                assert_eq!(fidelity, Fidelity::Exact);
            }
        }
    }
}

/// From, octets (JSON as text, the others in hex), towards, octets, whether exact. C7, C8, D78.
const ODD: &[(Serialization, &str, Serialization, &str, Fidelity)] = &[
    // Texts in forms of their own.
    (Json, r#""\u0041\u00fc\ud83d\ude00\/""#, MessagePack, "a841c3bcf09f98802f", Fidelity::Exact),
    (Json, "-0", MessagePack, "cb8000000000000000", Fidelity::Exact),
    (Json, "1E2", Cbor, "fb4059000000000000", Fidelity::Exact),
    (Json, "100e-2", Cbor, "fb3ff0000000000000", Fidelity::Exact),
    (Json, "[ 1 , { \"a\" : 2 } ]", MessagePack, "920181a16102", Fidelity::Exact),
    (MessagePack, "ca3fc00000", Json, "1.5", Fidelity::Exact),
    (MessagePack, "ca3fc00000", Cbor, "fb3ff8000000000000", Fidelity::Exact),
    (Cbor, "f93e00", MessagePack, "cb3ff8000000000000", Fidelity::Exact),
    (Cbor, "f7", Json, "null", Fidelity::Exact),
    (Cbor, "f7", MessagePack, "c0", Fidelity::Exact),
    (Cbor, "9f01bf616102ff9fffff", MessagePack, "930181a1610290", Fidelity::Exact),
    (Cbor, "9f01bf616102ff9fffff", Json, "[1,{\"a\":2},[]]", Fidelity::Exact),
    (Cbor, "7f61616162ff", MessagePack, "a26162", Fidelity::Exact),
    (Cbor, "5f41014102ff", Json, "\"\\u0000AQI=\"", Fidelity::Exact),
    // Integers that do not fit.
    (Json, "18446744073709551616", MessagePack, "cb43f0000000000000", Fidelity::Lossy),
    (Json, "-1e400", MessagePack, "cbfff0000000000000", Fidelity::Lossy),
    (Json, "18446744073709551616", Cbor, "fb43f0000000000000", Fidelity::Lossy),
    (Json, "-9223372036854775809", MessagePack, "cbc3e0000000000000", Fidelity::Lossy),
    (Json, "-9223372036854775809", Cbor, "3b8000000000000000", Fidelity::Exact),
    (Json, "-18446744073709551616", Cbor, "3bffffffffffffffff", Fidelity::Exact),
    (Json, "-18446744073709551617", Cbor, "fbc3f0000000000000", Fidelity::Lossy),
    (Cbor, "3bffffffffffffffff", Json, "-18446744073709551616", Fidelity::Exact),
    (Cbor, "3bffffffffffffffff", MessagePack, "cbc3f0000000000000", Fidelity::Lossy),
    (Cbor, "c2480000000000000005", Json, "5", Fidelity::Exact),
    (Cbor, "c34105", MessagePack, "fa", Fidelity::Exact),
    (Cbor, "c249010000000000000000", Json, "1.8446744073709552e19", Fidelity::Lossy),
    (Cbor, "c349010000000000000000", MessagePack, "cbc3f0000000000000", Fidelity::Lossy),
    (Cbor, "9f01c24105ff", MessagePack, "920105", Fidelity::Exact),
    // What is not finite.
    (MessagePack, "cb7ff8000000000000", Json, "null", Fidelity::Lossy),
    (MessagePack, "cb7ff0000000000000", Json, "null", Fidelity::Lossy),
    (MessagePack, "cb7ff0000000000000", Cbor, "fb7ff0000000000000", Fidelity::Exact),
    (Cbor, "f9fc00", Json, "null", Fidelity::Lossy),
    (Cbor, "f9fc00", MessagePack, "cbfff0000000000000", Fidelity::Exact),
    // Keys that are no texts.
    (
        MessagePack,
        "8601a162ff90c3c0c2c0c0c0cb3ff8000000000000c0",
        Json,
        r#"{"1":"b","-1":[],"true":null,"false":null,"null":null,"1.5":null}"#,
        Fidelity::Lossy,
    ),
    (MessagePack, "8201a162ff90", Cbor, "a20161622080", Fidelity::Exact),
    (Cbor, "a20161622080", MessagePack, "8201a162ff90", Fidelity::Exact),
    (Cbor, "a14101f6", Json, r#"{"\u0000AQ==":null}"#, Fidelity::Lossy),
    (Cbor, "a14101f6", MessagePack, "81c40101c0", Fidelity::Exact),
    // A key in JSON is always a text.
    (Json, r#"{"\u0000AQ==":null}"#, MessagePack, "81a50041513d3dc0", Fidelity::Exact),
];

/// C7, C8, D53, D78.
#[test]
fn what_a_serialization_cannot_hold_becomes_the_nearest_it_can() {
    let bytes = |serialization, text: &str| match serialization {
        Json => text.as_bytes().to_vec(),
        MessagePack | Cbor => from_hex(text).to_vec(),
    };
    for (from, value, towards, expected, fidelity) in ODD {
        let got = carried(*from, &bytes(*from, value), *towards);
        let shown = got.as_ref().map(|(octets, _)| to_hex(octets));
        assert_eq!(got, Ok((bytes(*towards, expected), *fidelity)), "{from:?} {value} {towards:?} {shown:?}");
    }
}

/// C8: the delivery fails, and what was in the buffer stays.
#[test]
fn what_no_form_can_be_found_for_fails_that_one_delivery() {
    let no_form = |kind, towards| TranscodeError::NoForm { kind, towards };
    let key = |kind, towards| TranscodeError::Key { kind, towards };
    for (from, hex, expected) in [
        (MessagePack, "d40500", no_form(ValueKind::Extension, Json)),
        (MessagePack, "d40500", no_form(ValueKind::Extension, Cbor)),
        (MessagePack, "d6ff00000000", no_form(ValueKind::Extension, Json)),
        (Cbor, "c11a00000000", no_form(ValueKind::Tag, Json)),
        (Cbor, "c11a00000000", no_form(ValueKind::Tag, MessagePack)),
        (Cbor, "c201", no_form(ValueKind::Tag, MessagePack)),
        (Cbor, "f820", no_form(ValueKind::Simple, Json)),
        (MessagePack, "8190c0", key(ValueKind::List, Json)),
        (MessagePack, "8180c0", key(ValueKind::Dict, Cbor)),
        (MessagePack, "81cb7ff8000000000000c0", key(ValueKind::Float, Json)),
        (Cbor, "a18101f6", key(ValueKind::List, MessagePack)),
        (Cbor, "a1c14100f6", key(ValueKind::Tag, Json)),
    ] {
        let towards = match expected {
            TranscodeError::NoForm { towards, .. } | TranscodeError::Key { towards, .. } => towards,
            TranscodeError::Payload(_) => panic!("{expected}"),
        };
        let mut out = b"before".to_vec();
        assert_eq!(encode(&yielding(from, &from_hex(hex)), towards, &mut out), Err(expected), "{hex}");
        assert_eq!(out, b"before");
    }
}

/// D78: odd values are nobody's business on the same serialization.
#[test]
fn odd_values_pass_unchanged_to_the_same_serialization() {
    for (serialization, hex) in
        [(MessagePack, "d40500"), (MessagePack, "8190c0"), (Cbor, "c11a00000000"), (Cbor, "f820"), (Cbor, "a1c1f6f6")]
    {
        assert_eq!(
            carried(serialization, &from_hex(hex), serialization),
            Ok((from_hex(hex).to_vec(), Fidelity::Exact))
        );
    }
}

/// The deepest payload that is read is also carried over, both ways.
#[test]
fn the_deepest_payload_is_transcoded() {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(125), close.repeat(125));
    for (open, close) in [("[", "]"), ("{\"k\":", "}")] {
        let json = deep(open, close).replace(":}", ":1}");
        for towards in [MessagePack, Cbor] {
            let (binary, _) = carried(Json, json.as_bytes(), towards).unwrap();
            assert_eq!(carried(towards, &binary, Json).unwrap().0, json.as_bytes());
        }
    }
}

/// Long lists and dicts have headers of 2 and 4 octets.
#[test]
fn lists_and_dicts_of_every_length_are_transcoded() {
    for length in [0, 15, 16, 23, 24, 255, 256, 65_535, 65_536] {
        let list = format!("[{}]", vec!["7"; length].join(","));
        let dict = format!("{{{}}}", (0..length).map(|key| format!("\"{key}\":7")).collect::<Vec<_>>().join(","));
        for json in [list, dict] {
            for (towards, then) in [(MessagePack, Cbor), (Cbor, MessagePack)] {
                let (once, _) = carried(Json, json.as_bytes(), towards).unwrap();
                let (twice, _) = carried(towards, &once, then).unwrap();
                assert!(carried(then, &twice, Json).unwrap().0 == json.as_bytes(), "{length} {towards:?}");
            }
        }
    }
}

#[test]
fn nan_made_by_the_router_is_null_in_json() {
    let payload = Payload::values(vec![Value::Float(f64::NAN)], vec![("k".to_owned(), Value::Float(f64::INFINITY))]);
    let message = Yield { request: InvocationId::FIRST, options: ResultOptions::default(), payload };
    let (written, fidelity) = write(&message.into(), Json).unwrap();
    assert_eq!((written.as_slice(), fidelity), (&br#"[70,1,{},[null],{"k":null}]"#[..], Fidelity::Lossy));
}
