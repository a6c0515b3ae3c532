//! RawSocket handshakes and frame headers.

use crate::data::{from_hex, list, text, to_hex, vectors};
use wharf::codec::rawsocket::{
    accept, handshake, read_reply, FrameKind, Handshake, Header, HeaderError, LengthLimit, ReplyError,
};
use wharf::wamp::Serialization;

fn four(hex: &str) -> [u8; 4] {
    from_hex(hex)[..].try_into().unwrap()
}

/// R112, D54, D55.
#[test]
fn every_handshake_gets_its_reply() {
    let file = vectors!("rawsocket.json");
    for own in [LengthLimit::MIN, LengthLimit::at_most(1 << 20), LengthLimit::MAX] {
        for case in list(&file, "handshake") {
            let request = four(text(case, "request_hex"));
            let nibble = format!("{:x}", own.octets().ilog2() - 9);
            let expected = text(case, "reply_hex").replace('*', &nibble);
            let got = match accept(request, own) {
                Handshake::Accept { reply, peer_limit, serialization } => {
                    assert_eq!(handshake(serialization, peer_limit), request);
                    assert_eq!(read_reply(reply, serialization), Ok(own));
                    to_hex(&reply)
                }
                Handshake::Refuse(refusal) => {
                    assert_eq!(read_reply(refusal.reply(), Serialization::Json), Err(ReplyError::Refused(refusal)));
                    to_hex(&refusal.reply())
                }
                Handshake::Close => "close".to_owned(),
            };
            assert_eq!(got, expected, "{case}");
        }
    }
}

/// R114.
#[test]
fn every_header_is_read_and_written() {
    let file = vectors!("rawsocket.json");
    for case in list(&file, "frame_headers") {
        let kind = match text(case, "type") {
            "wamp" => FrameKind::Message,
            "ping" => FrameKind::Ping,
            "pong" => FrameKind::Pong,
            other => panic!("{other}"),
        };
        let header = Header { kind, length: case["length"].as_u64().unwrap() as usize };
        let octets = four(text(case, "header_hex"));
        assert_eq!(Header::parse(octets, LengthLimit::MAX), Ok(header), "{case}");
        assert_eq!(header.write(), Ok(octets), "{case}");
    }
    let long = Header { kind: FrameKind::Message, length: (1 << 24) + 1 };
    assert_eq!(long.write(), Err(HeaderError::TooLong { length: (1 << 24) + 1, limit: 1 << 24 }));
}

/// R116.
#[test]
fn reserved_types_and_bits_fail_the_connection() {
    let file = vectors!("rawsocket.json");
    for case in list(&file, "frame_headers_refused") {
        let octets = four(text(case, "header_hex"));
        let expected = Err(HeaderError::Reserved(u32::from_be_bytes(octets)));
        assert_eq!(Header::parse(octets, LengthLimit::MAX), expected, "{case}");
    }
}

/// R114: on the header, before the body.
#[test]
fn a_frame_over_the_announced_limit_is_refused_by_its_header() {
    let own = LengthLimit::at_most(1024);
    assert!(Header::parse([0, 0, 4, 0], own).is_ok());
    assert_eq!(Header::parse([0, 0, 4, 1], own), Err(HeaderError::TooLong { length: 1025, limit: 1024 }));
    assert_eq!(Header::parse([8, 0, 0, 0], own), Err(HeaderError::TooLong { length: 1 << 24, limit: 1024 }));
}

#[test]
fn a_limit_is_the_power_of_two_that_is_not_above_the_number() {
    for (octets, limit) in [(0, 512), (512, 512), (1023, 512), (1024, 1024), (1 << 24, 1 << 24), (usize::MAX, 1 << 24)]
    {
        assert_eq!(LengthLimit::at_most(octets).octets(), limit, "{octets}");
    }
}
