//! RawSocket on the wire. R1, R2, S5, section 7.3 of the reference.

use crate::http;
use crate::rawsocket_peer::{RawSocketPeer, MESSAGE, PING, PONG};
use crate::router::Router;
use serde_json::{json, Value};
use std::io::{Read, Write};

fn octets(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn table(part: &str) -> Vec<Value> {
    let text = include_str!("../vectors/data/rawsocket.json");
    serde_json::from_str::<Value>(text).unwrap()[part].as_array().unwrap().clone()
}

/// R1: the table of the vectors, on a port of its own and on a shared one.
#[test]
fn each_handshake_is_answered_as_the_table_says() {
    let router = Router::start();
    for row in table("handshake") {
        let request = octets(row["request_hex"].as_str().unwrap());
        let expected = row["reply_hex"].as_str().unwrap();
        for listener in ["main", "raw"] {
            let mut stream = http::connect(router.port(listener));
            stream.write_all(&request).unwrap();
            if expected == "close" {
                // The first word of HTTP: on a shared port the rest is awaited.
                stream.write_all(b"/livez HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
                assert_eq!(http::answer(&mut stream).0, if listener == "main" { 200 } else { 400 }, "{row}");
                continue;
            }
            let mut answer = [0; 4];
            stream.read_exact(&mut answer).unwrap();
            // The star stands for the router's own limit: 1 MiB here.
            assert_eq!(answer.to_vec(), octets(&expected.replace('*', "b")), "{row}");
            if !expected.contains('*') {
                assert_eq!(http::rest(&mut stream), b"", "closed after an error: {row}");
            }
        }
    }
}

/// R1: a first octet that begins neither RawSocket nor a mistake that is known.
#[test]
fn a_wrong_magic_octet_is_closed_without_a_word() {
    let router = Router::start();
    for octets in [[0x7E, 0xF1, 0, 0], [0, 0, 0, 0], [0xFF, 0xF1, 0, 0]] {
        let mut stream = http::connect(router.port("raw"));
        stream.write_all(&octets).unwrap();
        assert_eq!(http::rest(&mut stream), b"");
    }
    assert_eq!(router.refused("rawsocket"), 3);
}

/// R1: what the listener does not offer.
#[test]
fn a_serializer_that_is_switched_off_is_error_1() {
    let router = Router::with(&["listeners.raw.rawsocket.serializers=[\"cbor\"]"]);
    for (serializer, answer) in [(1, [0x7F, 0x10, 0, 0]), (2, [0x7F, 0x10, 0, 0]), (3, [0x7F, 0xB3, 0, 0])] {
        let mut stream = http::connect(router.port("raw"));
        stream.write_all(&[0x7F, 0xF0 | serializer, 0, 0]).unwrap();
        let mut got = [0; 4];
        stream.read_exact(&mut got).unwrap();
        assert_eq!(got, answer);
    }
}

/// R113: each PING is answered once, with the same body, whatever else is on its way.
#[test]
fn pings_are_answered_while_events_flow() {
    let router = Router::start();
    let mut subscriber = router.raw_session();
    let mut publisher = router.session();
    subscriber.subscribe("com.example.flow");
    let bodies: Vec<Vec<u8>> = (0..50_u8).map(|number| vec![number; usize::from(number) * 10]).collect();
    for number in 0..200 {
        publisher.send(&json!([16, 1 + number, {}, "com.example.flow", [number, "x".repeat(2000)]]));
        if let Some(body) = bodies.get(number) {
            assert!(subscriber.frame(PING, body));
        }
    }
    let (mut events, mut pongs) = (0, 0);
    while events < 200 || pongs < bodies.len() {
        match subscriber.next() {
            Some((MESSAGE, body)) => {
                let event: Value = serde_json::from_slice(&body).unwrap();
                assert_eq!((&event[0], &event[4][0]), (&json!(36), &json!(events)));
                events += 1;
            }
            Some((PONG, body)) => {
                assert_eq!(body, bodies[pongs]);
                pongs += 1;
            }
            other => panic!("{other:?}"),
        }
    }
}

/// R2: what is reserved is said to be so, and what the session had is free.
#[test]
fn reserved_types_and_bits_are_aborted_and_closed() {
    let router = Router::start();
    let mut heir = router.raw_session();
    for (number, row) in table("frame_headers_refused").iter().enumerate() {
        let procedure = format!("com.example.held{number}");
        let mut peer = router.raw_session();
        peer.register(&procedure);
        assert!(peer.octets(&octets(row["header_hex"].as_str().unwrap())));
        assert_eq!(peer.expect(3)[2], "wamp.error.protocol_violation", "{row}");
        assert_eq!(peer.next(), None);
        heir.register(&procedure);
        // Before WELCOME nothing is said.
        let mut peer = RawSocketPeer::open(router.main(), 0xF);
        assert!(peer.octets(&octets(row["header_hex"].as_str().unwrap())));
        assert_eq!(peer.next(), None, "{row}");
    }
}

/// T4: on the header, before the body.
#[test]
fn a_length_over_the_limit_is_closed_on_its_header() {
    let router = Router::start();
    for (hello, head) in
        [(true, [0, 0x10, 0, 1]), (true, [8, 0, 0, 0]), (true, [1, 0x10, 0, 1]), (false, [0, 0, 0x40, 1])]
    {
        let mut peer = RawSocketPeer::open(router.main(), 0xF);
        if hello {
            peer.hello(&json!({}));
        }
        assert!(peer.octets(&head));
        assert_eq!(peer.next(), None, "{head:?}");
    }
    assert_eq!(router.refused("message_too_big"), 4);
    let mut peer = router.raw_session();
    assert!(peer.frame(MESSAGE, &padded_call(1 << 20)));
    peer.expect(50);
}

/// A CALL of just so many octets.
fn padded_call(octets: usize) -> Vec<u8> {
    let empty = r#"[48,1,{},"wamp.session.count",[],{"x":""}]"#;
    empty.replace("\"\"", &format!("\"{}\"", "x".repeat(octets - empty.len()))).into_bytes()
}

/// R2: the only length that needs the 25th bit, both ways.
#[test]
fn exactly_2_to_the_24_octets_are_lawful_where_announced() {
    let router = Router::with(&["listeners.raw.max_message=16MiB", "realms.realm1.queue.max_bytes=64MiB"]);
    let mut stream = http::connect(router.port("raw"));
    stream.write_all(&[0x7F, 0xF1, 0, 0]).unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, [0x7F, 0xF1, 0, 0]);

    let mut callee = RawSocketPeer::join(router.port("raw"), 0xF);
    let mut caller = RawSocketPeer::join(router.port("raw"), 0xF);
    assert!(caller.frame(MESSAGE, &padded_call(1 << 24)));
    caller.expect(50);
    // An INVOCATION without its text tells how long the text may be.
    callee.register("a.b");
    caller.call("a.b", &json!([""]));
    let (_, empty) = callee.next().unwrap();
    caller.call("a.b", &json!(["x".repeat((1 << 24) - empty.len())]));
    let (kind, body) = callee.next().unwrap();
    assert_eq!((kind, body.len()), (MESSAGE, 1 << 24));
}

/// S5, R115: the peer takes 512 octets, and is given no more.
#[test]
fn a_peer_that_takes_512_octets_is_never_sent_more() {
    let router = Router::start();
    let mut small = RawSocketPeer::join(router.main(), 0);
    let mut other = router.raw_session();
    let long = json!(["x".repeat(1024)]);
    small.register("com.example.small");
    small.subscribe("com.example.topic");

    // An INVOCATION that does not fit: the caller is told.
    other.call("com.example.small", &long);
    assert_eq!(other.expect(8)[4], "wamp.error.payload_size_exceeded");

    // An EVENT that does not fit is dropped, and the next one comes.
    for (request, args) in [(10, &long), (11, &json!(["short"]))] {
        other.send(&json!([16, request, {"acknowledge": true}, "com.example.topic", args]));
        other.expect(17);
    }
    assert_eq!(small.expect(36)[4], json!(["short"]));

    // A RESULT and an ERROR that do not fit become an ERROR that does.
    other.register("com.example.echo");
    for answer in [true, false] {
        small.call("com.example.echo", &json!([]));
        let request = &other.expect(68)[1];
        other.send(&match answer {
            true => json!([70, request, {}, long]),
            false => json!([8, 68, request, {}, "com.example.error", long]),
        });
        let error = small.expect(8);
        assert_eq!((&error[1], &error[4]), (&json!(48), &json!("wamp.error.payload_size_exceeded")));
    }

    other.call("com.example.small", &json!(["short"]));
    let invocation = small.expect(68);
    small.send(&json!([70, invocation[1], {}, ["done"]]));
    assert_eq!(other.expect(50)[3], json!(["done"]));
    assert_eq!(router.metric("wharf_undeliverable_total"), 4);
}

/// U1, D32: an INVOCATION that one callee cannot be given goes to the next.
#[test]
fn a_call_that_is_too_large_for_one_callee_goes_to_another() {
    let router = Router::start();
    let mut small = RawSocketPeer::join(router.main(), 2);
    let (mut large, mut caller) = (router.raw_session(), router.raw_session());
    let register = json!([64, 100, {"invoke": "first"}, "com.example.shared"]);
    small.send(&register);
    small.expect(65);
    large.send(&register);
    large.expect(65);
    let long = json!(["x".repeat(4096)]);
    caller.call("com.example.shared", &long);
    let invocation = large.expect(68);
    assert_eq!(invocation[4], long);
    large.send(&json!([70, invocation[1], {}, ["done"]]));
    assert_eq!(caller.expect(50)[3], json!(["done"]));
    caller.call("com.example.shared", &json!(["short"]));
    assert_eq!(small.expect(68)[4], json!(["short"]));
}

/// R1: memory grows with what is received, never with what is announced.
#[test]
fn what_is_announced_takes_no_memory() {
    let router = Router::with(&["listeners.raw.max_message=16MiB"]);
    let mut peers: Vec<_> = (0..100).map(|_| RawSocketPeer::join(router.port("raw"), 0xF)).collect();
    let before = router.resident();
    for peer in &mut peers {
        assert!(peer.octets(&[8, 0, 0, 0]) && peer.octets(b"[16,1,{},\"com.example"));
    }
    router.session().lives();
    let grown = router.resident().saturating_sub(before);
    assert!(grown < 8 << 10, "{grown} KiB");
}
