//! Bodies and answers in every serialization. Section 7 of the HTTP design.

use crate::client::{Http, Response};
use crate::router::Router;
use crate::wamp::Session;
use serde_json::json;
use wharf::codec::{compose, read_value, Piece};
use wharf::wamp::{Serialization, Value};

const TYPES: [(&str, Serialization); 5] = [
    ("application/json", Serialization::Json),
    ("application/msgpack", Serialization::MessagePack),
    ("application/x-msgpack", Serialization::MessagePack),
    ("application/vnd.msgpack", Serialization::MessagePack),
    ("application/cbor", Serialization::Cbor),
];

/// What a body and its answer hold, in JSON: binary, integers that no double holds, nothing but names, and nothing.
const PAYLOADS: [&str; 4] = [
    r#"{"args":["\u0000AP8Q",18446744073709551615,-9007199254740993,1.5,"\u00fc\ud83d\ude80",null,true,[[],{}]],"kwargs":{}}"#,
    r#"{"args":[],"kwargs":{"a":[1,2],"b":{"c":"\u0000"}}}"#,
    r#"{"args":[[1,{"x":[2]}]],"kwargs":{"n":-1}}"#,
    r#"{"args":[],"kwargs":{}}"#,
];

fn written(json: &str, serialization: Serialization) -> Vec<u8> {
    let mut octets = Vec::new();
    compose(&Piece::Written(Serialization::Json, json.as_bytes()), serialization, &mut octets).unwrap();
    octets
}

fn value(serialization: Serialization, octets: &[u8]) -> Value {
    read_value(serialization, octets).unwrap()
}

fn echoed(http: &mut Http, callee: &mut Session, headers: &[(&str, &str)], body: &[u8]) -> Response {
    http.send_octets("POST", "/api/v1/call/com.echo", headers, body);
    callee.echo();
    http.receive(false)
}

/// Section 7: the two are independent, and the values are the same.
#[test]
fn request_and_answer_may_be_in_any_two_serializations() {
    let router = Router::start();
    let (mut http, mut callee) = (router.http(), router.session());
    callee.register("com.echo");
    for (given, from) in TYPES {
        for (wanted, to) in TYPES {
            for payload in PAYLOADS {
                let headers = [("Content-Type", given), ("Accept", wanted)];
                let answer = echoed(&mut http, &mut callee, &headers, &written(payload, from));
                assert_eq!((answer.status, answer.header("content-type")), (200, Some(wanted)), "{given} {payload}");
                let expected = value(Serialization::Json, payload.as_bytes());
                assert_eq!(value(to, &answer.octets), expected, "{given} to {wanted}");
            }
        }
    }
}

/// Section 7: absent or `*/*`.
#[test]
fn the_answer_is_in_the_serialization_of_the_request_unless_accept_says_otherwise() {
    let router = Router::start();
    let (mut http, mut callee) = (router.http(), router.session());
    callee.register("com.echo");
    let body = written(PAYLOADS[1], Serialization::Cbor);
    for accept in
        [&[("Content-Type", "application/cbor")][..], &[("Content-Type", "application/cbor"), ("Accept", "*/*")]]
    {
        let answer = echoed(&mut http, &mut callee, accept, &body);
        assert_eq!(answer.header("content-type"), Some("application/cbor"));
    }
    let answer = echoed(&mut http, &mut callee, &[("Accept", "text/html, application/msgpack;q=0.3, */*;q=0.1")], b"");
    assert_eq!(answer.header("content-type"), Some("application/msgpack"));
    assert_eq!(value(Serialization::MessagePack, &answer.octets), value(Serialization::Json, PAYLOADS[3].as_bytes()));
}

/// Section 7: problem bodies are JSON whatever Accept says; faults of a body are told as those of JSON.
#[test]
fn failures_are_problems_in_json_whatever_was_asked_for() {
    let router = Router::start();
    let mut http = router.http();
    let headers = [("Content-Type", "application/msgpack"), ("Accept", "application/cbor")];
    for (body, status, text) in [
        (written(r#"{"arg":[1]}"#, Serialization::MessagePack), 400, "did you mean \"args\""),
        (written("[1]", Serialization::MessagePack), 400, "must be an object"),
        (written(r#"{"options":{"timeout":"soon"}}"#, Serialization::MessagePack), 400, "timeout"),
        (vec![0x81, 0xa4, b'a', b'r'], 400, "end"),
        (vec![0x81, 0xc0, 0xc0], 400, "key"),
        ([&[0x81, 0xa4][..], b"args", &[0x91; 200][..]].concat(), 400, "nested deeper"),
        (written("{}", Serialization::MessagePack), 404, "com.nope"),
    ] {
        http.send_octets("POST", "/api/v1/call/com.nope", &headers, &body);
        let answer = http.receive(false);
        assert_eq!(answer.status, status, "{}", answer.body);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert!(answer.body.contains(&text.replace('"', "\\\"")), "{text}: {}", answer.body);
    }
}

/// Section 4.2.
#[test]
fn events_of_a_publish_in_another_serialization_reach_their_subscribers() {
    let router = Router::start();
    let (mut http, mut subscriber) = (router.http(), router.session());
    subscriber.subscribe("com.topic");
    for (given, from) in TYPES {
        http.send_octets("POST", "/api/v1/publish/com.topic", &[("Content-Type", given)], &written(PAYLOADS[2], from));
        let event = subscriber.expect(36);
        assert_eq!((&event[4], &event[5]), (&json!([[1, {"x": [2]}]]), &json!({"n": -1})));
        let answer = http.receive(false);
        let Value::Dict(members) = value(from, &answer.octets) else { panic!("{}", answer.body) };
        assert_eq!(members.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["id"]);
    }
    let body = written(r#"{"options":{"acknowledge":false}}"#, Serialization::Cbor);
    http.send_octets("POST", "/api/v1/publish/com.topic", &[("Content-Type", "application/cbor")], &body);
    let answer = http.receive(false);
    assert_eq!((answer.status, &answer.octets[..]), (202, &[0xa0][..]));
}
