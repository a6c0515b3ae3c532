//! What is accepted, and how it is understood: options, null, legal but unusual encodings, slices of the frame.

use crate::data::{from_hex, in_all, read, read_json, to_hex, write};
use wharf::codec::{payload_args, payload_kwargs};
use wharf::wamp::options::{CallOptions, PublishOptions};
use wharf::wamp::role::Announced;
use wharf::wamp::{Message, Serialization, Uri, Value};

/// Every message type with every key it may have, as our own encoder writes it.
const FULL: &[&str] = &[
    r#"[1,"realm1",{"roles":{"caller":{"features":{"call_canceling":true,"call_timeout":false}},"callee":{}},"agent":"a","authmethods":["ticket","anonymous"],"authid":"joe","authrole":"user","authextra":{"n":[1,-2,2.5,null,true,"x",{"y":{}}]}}]"#,
    r#"[1,null,{"roles":{}}]"#,
    r#"[2,9007199254740992,{"agent":"wharf","realm":"realm1","authid":"joe","authrole":"user","authmethod":"ticket","authprovider":"static","authextra":{"verifier":"v"},"roles":{"broker":{"features":{"publisher_exclusion":true}},"dealer":{}}}]"#,
    r#"[3,{"message":"no"},"wamp.error.no_such_realm",[1],{"a":2}]"#,
    r#"[4,"ticket",{"nonce":"x","n":1}]"#,
    r#"[5,"secret",{}]"#,
    r#"[6,{"message":"bye"},"wamp.close.normal"]"#,
    r#"[8,68,1,{"ppt_scheme":"x_custom","ppt_keyid":"k"},"com.error",["why"],{"code":5}]"#,
    r#"[16,1,{"acknowledge":true,"exclude_me":false,"disclose_me":true,"retain":true,"exclude":[0,1,18446744073709551615],"exclude_authid":["a"],"exclude_authrole":[],"eligible":[],"eligible_authid":["b"],"eligible_authrole":["c","d"],"ppt_scheme":"wamp","ppt_serializer":"cbor","ppt_cipher":"aes256gcm","ppt_keyid":"k","_traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},"t",["p"]]"#,
    r#"[17,1,2]"#,
    r#"[32,1,{"match":"wildcard","get_retained":true},"a..b"]"#,
    r#"[33,1,2]"#,
    r#"[34,1,2]"#,
    r#"[35,1]"#,
    r#"[35,0,{"subscription":7,"reason":"wamp.error.not_authorized"}]"#,
    r#"[36,1,2,{"topic":"a.b","publisher":3,"publisher_authid":"joe","publisher_authrole":"user","trustlevel":0,"retained":true,"ppt_scheme":"wamp","_traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","_tracestate":"a@b=1,c=2 3"},[],{"k":1}]"#,
    r#"[48,1,{"receive_progress":true,"progress":true,"timeout":1000,"disclose_me":true,"ppt_scheme":"wamp","_traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","_tracestate":"a@b=1,c=2 3"},"p",[1]]"#,
    r#"[49,1,{"mode":"kill"}]"#,
    r#"[50,1,{"progress":true},["r"]]"#,
    r#"[64,1,{"match":"prefix","invoke":"roundrobin","disclose_caller":true,"forward_timeout":true,"concurrency":4,"force_reregister":true},"p"]"#,
    r#"[65,1,2]"#,
    r#"[66,1,2]"#,
    r#"[67,1]"#,
    r#"[67,0,{"registration":7,"reason":"r"}]"#,
    r#"[68,1,2,{"procedure":"p","caller":3,"caller_authid":"joe","caller_authrole":"user","trustlevel":4,"receive_progress":true,"progress":true,"timeout":9,"ppt_scheme":"wamp","_traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","_tracestate":"a@b=1,c=2 3"},[1],{"a":1}]"#,
    r#"[69,1,{"mode":"killnowait"}]"#,
    r#"[70,1,{"progress":true,"ppt_scheme":"wamp"},[]]"#,
];

/// R18: nothing that has a place in a message is lost on the way through any serialization.
#[test]
fn every_message_with_every_key_reads_and_writes_alike_in_every_serialization() {
    for json in FULL {
        for (serialization, bytes) in in_all(json) {
            let message = read(serialization, bytes).unwrap_or_else(|error| panic!("{json}: {error}"));
            assert_eq!(String::from_utf8(write(&message, Serialization::Json).unwrap().0).unwrap(), *json);
        }
    }
}

fn publish_options(json: &str) -> PublishOptions {
    match read_json(json) {
        Ok(Message::Publish(publish)) => publish.options,
        other => panic!("{json}: {other:?}"),
    }
}

/// D48: null, undefined and MessagePack extension type 0.
#[test]
fn an_option_that_is_null_counts_as_absent() {
    let json = r#"{"acknowledge":null,"exclude_me":null,"exclude":null,"eligible_authid":null,"ppt_scheme":null}"#;
    assert_eq!(publish_options(&format!("[16,1,{json},\"a\"]")), PublishOptions::default());
    for (serialization, hex) in [
        (Serialization::MessagePack, "94300181a774696d656f7574c0a161"),
        (Serialization::MessagePack, "94300181a774696d656f7574d40000a161"),
        (Serialization::MessagePack, "94300181a774696d656f7574c70000a161"),
        (Serialization::Cbor, "84183001a16774696d656f7574f66161"),
        (Serialization::Cbor, "84183001a16774696d656f7574f76161"),
    ] {
        match read(serialization, from_hex(hex)) {
            Ok(Message::Call(call)) => assert_eq!(call.options, CallOptions::default(), "{hex}"),
            other => panic!("{hex}: {other:?}"),
        }
    }
}

/// An extension, so a bad value of it is as none: a fault of tracing never ends a session.
#[test]
fn a_trace_that_is_not_well_formed_is_as_none() {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for (keys, expected) in [
        (format!(r#""_traceparent":"{parent}","_tracestate":"a=1""#), Some((parent, Some("a=1")))),
        (format!(r#""_tracestate":"A=1","_traceparent":"{parent}""#), Some((parent, None))),
        (format!(r#""_traceparent":"{parent}","_tracestate":{{"a":[1]}}"#), Some((parent, None))),
        (r#""_tracestate":"a=1""#.to_owned(), None),
        (r#""_traceparent":null,"_tracestate":"a=1""#.to_owned(), None),
        (r#""_traceparent":[{"a":1}],"_tracestate":"a=1""#.to_owned(), None),
        (format!(r#""_traceparent":"{}""#, &parent[1..]), None),
    ] {
        let trace = publish_options(&format!("[16,1,{{{keys}}},\"a\"]")).trace;
        let trace = trace.as_ref().map(|trace| (trace.parent(), trace.state()));
        assert_eq!(trace, expected, "{keys}");
    }
}

/// A dict of options has at most 15 keys on its way out.
#[test]
fn of_a_trace_only_the_parent_goes_where_all_other_options_are_there() {
    let full = FULL.iter().find(|json| json.contains("_traceparent") && json.starts_with("[16,")).unwrap();
    let with_state = full.replace(r#""_traceparent""#, r#""_tracestate":"a=1","_traceparent""#);
    for (serialization, bytes) in in_all(&with_state) {
        let message = read(serialization, bytes).unwrap();
        let (octets, _) = write(&message, serialization).unwrap();
        let again = read(serialization, octets).unwrap();
        assert_eq!(String::from_utf8(write(&again, Serialization::Json).unwrap().0).unwrap(), **full);
    }
}

/// Section 2, rule 4.
#[test]
fn an_unknown_key_is_passed_over_and_not_passed_on() {
    let message = read_json(r#"[48,1,{"x_custom":{"a":[1,{"b":null}]},"timeout":5,"rkey":"x"},"p"]"#).unwrap();
    assert_eq!(write(&message, Serialization::Json).unwrap().0, br#"[48,1,{"timeout":5},"p"]"#);
}

/// R6.
#[test]
fn unknown_keys_roles_and_features_of_hello_are_passed_over() {
    let roles = r#"{"caller":{"features":{"x_teleport":true,"call_timeout":true},"x_key":1},"x_role":{}}"#;
    let json = format!(r#"[1,"realm1",{{"x_custom":{{"a":[1]}},"roles":{roles}}}]"#);
    match read_json(&json) {
        Ok(Message::Hello(hello)) => {
            let expected = Announced { caller: true, ..Announced::default() };
            assert_eq!(Announced::read(&hello.details.roles), expected);
        }
        other => panic!("{other:?}"),
    }
}

/// D6: an empty list and an absent one are not the same.
#[test]
fn an_empty_white_list_is_kept() {
    let listing = publish_options(r#"[16,1,{"eligible":[]},"a"]"#).listing.unwrap();
    assert_eq!((listing.eligible, listing.exclude), (Some(vec![]), None));
}

/// Section 6: any width, wide headers, indefinite lengths, white space and escapes.
#[test]
fn every_legal_encoding_of_a_message_is_accepted() {
    let expected = br#"[48,1,{"timeout":5},"p",["x"]]"#;
    for (serialization, hex) in [
        (Serialization::MessagePack, "95300181a774696d656f757405a17091a178"),
        (
            Serialization::MessagePack,
            "dd00000005cf0000000000000030d200000001de0001d90774696d656f7574cd0005db0000000170dc0001da000178",
        ),
        (Serialization::MessagePack, "dc0005d030d10001df00000001da000774696d656f7574ce00000005a17091a178"),
        (Serialization::Cbor, "85183001a16774696d656f7574056170816178"),
        (Serialization::Cbor, "9f190030190001bf7f6474696d65636f7574ff1a00000005ff7f6170ff9f7f6178ffffff"),
        (
            Serialization::Cbor,
            "9b00000000000000051b00000000000000301801b900017a0000000774696d656f75741b000000000000000578017098016178",
        ),
    ] {
        let message = read(serialization, from_hex(hex)).unwrap_or_else(|error| panic!("{hex}: {error}"));
        assert_eq!(write(&message, Serialization::Json).unwrap().0, expected, "{hex}");
    }
    let json = "\t[ 48 ,\r1\n, { \"\\u0074ime\\u006f\\u0075t\" : 5 } , \"\\u0070\" , [ \"x\" ] ]\n ";
    for (towards, hex) in [
        (Serialization::MessagePack, "95300181a774696d656f757405a17091a178"),
        (Serialization::Cbor, "85183001a16774696d656f7574056170816178"),
    ] {
        assert_eq!(to_hex(&write(&read_json(json).unwrap(), towards).unwrap().0), hex);
    }
}

/// Section 1, "Payload": forwarded exactly as received, white space and digits included.
#[test]
fn payload_is_passed_on_octet_by_octet_in_the_same_serialization() {
    let tail = r#"[ 1e400, 123456789012345678901234567890 ,-0.10e+5, "\u0041\/" ] , {"a" : {"b":1,"b":2} }"#;
    let message = read_json(&format!("[70,1,{{}}, {tail} ]")).unwrap();
    assert_eq!(
        String::from_utf8(write(&message, Serialization::Json).unwrap().0).unwrap(),
        format!("[70,1,{{}},{tail}]")
    );
    for (serialization, hex) in [
        (Serialization::MessagePack, "9546018092d40100dc000181c00181d90161c3"),
        (Serialization::Cbor, "85184601a09fc100a1018002f94200ffbf6161f7ff"),
    ] {
        let message = read(serialization, from_hex(hex)).unwrap_or_else(|error| panic!("{hex}: {error}"));
        assert_eq!(to_hex(&write(&message, serialization).unwrap().0), hex);
    }
}

/// Section 1: what the sender left out is not added, what it sent empty is not taken away.
#[test]
fn empty_payload_parts_stay_as_they_were_sent() {
    for json in ["[70,1,{}]", "[70,1,{},[]]", "[70,1,{},[],{}]", "[70,1,{},[1],{}]", "[70,1,{},[],{\"a\":1}]"] {
        for (serialization, bytes) in in_all(json) {
            let message = read(serialization, bytes).unwrap();
            assert_eq!(write(&message, Serialization::Json).unwrap().0, json.as_bytes(), "{json}");
        }
    }
}

#[test]
fn uri_and_payload_are_slices_of_the_frame() {
    for (serialization, bytes) in in_all(r#"[48,1,{},"com.example.procedure",["argument"],{"k":1}]"#) {
        let frame = bytes.as_ptr_range();
        match read(serialization, bytes.clone()) {
            Ok(Message::Call(call)) => {
                assert!(frame.contains(&call.procedure.as_ptr()));
                assert_eq!(call.procedure, Uri::from("com.example.procedure"));
                assert_eq!(payload_args(&call.payload), Ok(vec![Value::from("argument")]));
                assert_eq!(payload_kwargs(&call.payload), Ok(vec![("k".to_owned(), Value::from(1))]));
            }
            other => panic!("{other:?}"),
        }
    }
}

/// RFC 8949, appendix A, and the edges of each width.
#[test]
fn cbor_half_floats_have_their_values() {
    for (hex, value) in [
        ("f90000", 0.0),
        ("f93c00", 1.0),
        ("f93e00", 1.5),
        ("f97bff", 65504.0),
        ("f90001", 5.960_464_477_539_063e-8),
        ("f90400", 6.103_515_625e-5),
        ("f9c400", -4.0),
        ("f97c00", f64::INFINITY),
        ("f9fc00", f64::NEG_INFINITY),
    ] {
        assert_eq!(wharf::codec::read_value(Serialization::Cbor, &from_hex(hex)), Ok(Value::Float(value)), "{hex}");
    }
}
