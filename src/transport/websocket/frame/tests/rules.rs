//! RFC 6455, a rule a test.

use super::*;
use crate::transport::websocket::close::CloseCode;
use bytestring::ByteString;

/// T5.
#[test]
fn a_masked_frame_is_a_message() {
    gives(&[fin(TEXT, b"[1]"), fin(BINARY, b"\x00\xff")], &[message(true, b"[1]"), message(false, b"\x00\xff")]);
}

/// T5.
#[test]
fn an_empty_message_is_a_message() {
    gives(&[fin(TEXT, b""), fin(BINARY, b"")], &[message(true, b""), message(false, b"")]);
}

/// T5: around each change of the length's form.
#[test]
fn every_form_of_length_is_read() {
    for len in [0, 1, 124, 125, 126, 127, 128, 65_534, 65_535, 65_536, 65_537] {
        let payload: Vec<u8> = (0..len).map(|i| i as u8).collect();
        gives(&[fin(BINARY, &payload)], &[message(false, &payload)]);
    }
}

/// T5.
#[test]
fn an_unmasked_frame_of_a_client_is_refused() {
    fails(&[b"\x81\x01x".to_vec()], FrameFault::Unmasked);
    fails(&[b"\x89\x00".to_vec()], FrameFault::Unmasked);
}

/// T5.
#[test]
fn a_masked_frame_of_a_server_is_refused() {
    let client = Decoder::new(Role::Client, LIMITS, None);
    assert_eq!(decode(client, &fin(TEXT, b"x")), (vec![], Some(FrameFault::Masked)));
}

/// T5.
#[test]
fn a_client_reads_unmasked_frames() {
    let client = Decoder::new(Role::Client, LIMITS, None);
    assert_eq!(decode(client, b"\x81\x02hi\x8a\x00"), (vec![message(true, b"hi"), Item::Pong(Bytes::new())], None));
}

/// T5.
#[test]
fn reserved_bits_are_refused() {
    for bits in [0x40, 0x20, 0x10, 0x70] {
        for opcode in [TEXT, BINARY, PING, PONG, CLOSE] {
            fails(&[fin(bits | opcode, b"")], FrameFault::ReservedBits);
        }
    }
}

/// T6: RFC 7692 gives RSV1 a meaning on a message's first frame only.
#[test]
fn rsv1_is_refused_on_control_and_continuation_frames_even_with_deflate() {
    for first in [FIN | RSV1 | PING, FIN | RSV1 | PONG, FIN | RSV1 | CLOSE, FIN | RSV1 | MORE] {
        let stream = [frame(TEXT, b""), frame(first, b"")].concat();
        assert_eq!(decode(deflating_server(), &stream), (vec![], Some(FrameFault::ReservedBits)));
    }
    let stream = fin(0x20 | TEXT, b"");
    assert_eq!(decode(deflating_server(), &stream), (vec![], Some(FrameFault::ReservedBits)));
}

/// T5.
#[test]
fn reserved_opcodes_are_refused() {
    for opcode in (3..=7).chain(11..=15) {
        fails(&[fin(opcode, b"")], FrameFault::ReservedOpcode);
    }
}

/// T5.
#[test]
fn a_length_that_is_not_in_its_shortest_form_is_refused() {
    let long = |len: u16| [&[0x81, 0xfe][..], &len.to_be_bytes(), &KEY].concat();
    let longest = |len: u64| [&[0x81, 0xff][..], &len.to_be_bytes(), &KEY].concat();
    for stream in [long(0), long(1), long(125), longest(0), longest(125), longest(126), longest(65_535)] {
        fails(&[stream], FrameFault::LengthNotShortest);
    }
}

/// T4.
#[test]
fn a_length_with_the_top_bit_set_is_a_protocol_fault() {
    for len in [1_u64 << 63, u64::MAX] {
        fails(&[[&[0x82, 0xff][..], &len.to_be_bytes()].concat()], FrameFault::LengthTopBit);
    }
    assert_eq!(FrameFault::LengthTopBit.close_code(), CloseCode::PROTOCOL);
}

/// T5.
#[test]
fn a_control_frame_has_at_most_125_octets() {
    let largest = [b'x'; 125];
    gives(&[fin(PING, &largest)], &[Item::Ping(Bytes::copy_from_slice(&largest))]);
    for opcode in [PING, PONG, CLOSE] {
        fails(&[fin(opcode, &[b'x'; 126])], FrameFault::ControlTooLong);
        fails(&[announced(FIN | opcode, 1 << 20, b"")], FrameFault::ControlTooLong);
    }
}

/// T5.
#[test]
fn a_control_frame_is_not_fragmented() {
    for opcode in [PING, PONG, CLOSE] {
        fails(&[frame(opcode, b"")], FrameFault::ControlFragmented);
    }
}

/// T5.
#[test]
fn fragments_are_one_message() {
    gives(
        &[frame(TEXT, b"[1,"), frame(MORE, b""), frame(MORE, b"2"), fin(MORE, b"]"), fin(BINARY, b"next")],
        &[message(true, b"[1,2]"), message(false, b"next")],
    );
    gives(&[frame(BINARY, b""), fin(MORE, b"")], &[message(false, b"")]);
}

/// T5, T7: a Ping between fragments comes before the message that it interrupts.
#[test]
fn control_frames_may_stand_between_fragments() {
    gives(
        &[frame(TEXT, b"a"), fin(PING, b"mid"), frame(MORE, b"b"), fin(PONG, b""), fin(MORE, b"c")],
        &[Item::Ping(Bytes::from_static(b"mid")), Item::Pong(Bytes::new()), message(true, b"abc")],
    );
}

/// T5.
#[test]
fn a_data_frame_inside_a_fragmented_message_is_refused() {
    for opcode in [TEXT, BINARY] {
        fails(&[frame(TEXT, b"a"), fin(opcode, b"b")], FrameFault::DataInsideMessage);
        fails(&[frame(BINARY, b"a"), frame(opcode, b"b")], FrameFault::DataInsideMessage);
    }
}

/// T5.
#[test]
fn a_continuation_needs_a_message_to_continue() {
    fails(&[fin(MORE, b"x")], FrameFault::NothingToContinue);
    fails(&[frame(MORE, b"x")], FrameFault::NothingToContinue);
    let stream = [frame(TEXT, b"a"), fin(MORE, b"b"), fin(MORE, b"c")].concat();
    assert_eq!(decode(server(), &stream), (vec![message(true, b"ab")], Some(FrameFault::NothingToContinue)));
}

/// T5.
#[test]
fn a_close_says_nothing_or_a_code_and_a_reason() {
    gives(&[fin(CLOSE, b"")], &[Item::Close(None)]);
    for code in [1000_u16, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4999] {
        let said = CloseCode::new(code).map(|code| (code, ByteString::from_static("bye €")));
        assert!(said.is_some());
        gives(&[fin(CLOSE, &[&code.to_be_bytes(), "bye €".as_bytes()].concat())], &[Item::Close(said)]);
    }
}

/// T5.
#[test]
fn a_close_of_one_octet_is_refused() {
    fails(&[fin(CLOSE, b"\x03")], FrameFault::ClosePayload);
}

/// T5.
#[test]
fn a_close_code_that_must_not_travel_is_refused() {
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        fails(&[fin(CLOSE, &code.to_be_bytes())], FrameFault::CloseCode);
    }
}

/// T5.
#[test]
fn a_close_reason_is_utf8() {
    fails(&[fin(CLOSE, b"\x03\xe8\xce\xba\xed\xa0\x80")], FrameFault::InvalidUtf8);
    fails(&[fin(CLOSE, b"\x03\xe8\xe2\x82")], FrameFault::InvalidUtf8);
}

/// T5.
#[test]
fn nothing_is_taken_after_a_close() {
    let mut decoder = server();
    let mut items = Vec::new();
    let stream = [frame(TEXT, b"a"), fin(CLOSE, b""), fin(MORE, b"b"), vec![0xff; 9]].concat();
    assert_eq!(decoder.feed(&stream, &mut items), Ok(()));
    assert_eq!(decoder.feed(&fin(PING, b""), &mut items), Ok(()));
    assert_eq!(items, [Item::Close(None)]);
    assert!(decoder.is_closed());
    assert_eq!(decoder.held_octets(), 0);
}

/// T5.
#[test]
fn nothing_is_taken_after_a_fault() {
    let mut decoder = server();
    let mut items = Vec::new();
    let stream = [fin(TEXT, b"good"), frame(TEXT, b"a"), fin(TEXT, b"b")].concat();
    assert_eq!(decoder.feed(&stream, &mut items), Err(FrameFault::DataInsideMessage));
    assert_eq!(decoder.feed(&fin(TEXT, b"late"), &mut items), Ok(()));
    assert_eq!(items, [message(true, b"good")]);
    assert!(decoder.is_closed());
    assert_eq!(decoder.held_octets(), 0);
}

/// T5: whole, in fragments, and cut in the middle of a character.
#[test]
fn text_is_utf8_across_fragments() {
    let text = "κόσμε €💡".as_bytes();
    gives(&[fin(TEXT, text)], &[message(true, text)]);
    for cut in 0..=text.len() {
        let (head, tail) = text.split_at(cut);
        gives(
            &[frame(TEXT, head), fin(PING, b"\xff"), fin(MORE, tail)],
            &[Item::Ping(Bytes::from_static(b"\xff")), message(true, text)],
        );
    }
    let bad: [&[u8]; 5] = [b"\xff\xfe", b"a\xed\xa0\x80", b"\xc0\xaf", b"ok\xe2\x82", b"\xf4\x90\x80\x80"];
    for text in bad {
        fails(&[fin(TEXT, text)], FrameFault::InvalidUtf8);
        gives(&[fin(BINARY, text)], &[message(false, text)]);
        for cut in 0..=text.len() {
            let (head, tail) = text.split_at(cut);
            fails(&[frame(TEXT, head), fin(MORE, tail)], FrameFault::InvalidUtf8);
        }
    }
}

/// T5: what comes after the wrong octet, even within its frame, is not awaited.
#[test]
fn invalid_text_fails_at_its_first_wrong_octet() {
    let mut decoder = server();
    let stream = announced(TEXT, 1000, b"fine so far \xed");
    assert_eq!(decoder.feed(&stream, &mut Vec::new()), Ok(()));
    let next = 0xa0 ^ KEY[13 % 4];
    assert_eq!(decoder.feed(&[next], &mut Vec::new()), Err(FrameFault::InvalidUtf8));
}

/// Close codes and counted reasons of section 12 of the limits.
#[test]
fn each_fault_has_its_close_code_and_its_reason() {
    let cases = [
        (FrameFault::Unmasked, CloseCode::PROTOCOL, "ws_protocol"),
        (FrameFault::ReservedBits, CloseCode::PROTOCOL, "ws_protocol"),
        (FrameFault::InvalidDeflate, CloseCode::PROTOCOL, "ws_protocol"),
        (FrameFault::InvalidUtf8, CloseCode::INVALID_DATA, "ws_protocol"),
        (FrameFault::MessageTooBig, CloseCode::TOO_BIG, "message_too_big"),
        (FrameFault::TooManyFragments, CloseCode::TOO_BIG, "message_too_big"),
        (FrameFault::InflatedTooBig, CloseCode::TOO_BIG, "deflate_bomb"),
        (FrameFault::InflatedRatio, CloseCode::TOO_BIG, "deflate_bomb"),
    ];
    for (fault, code, reason) in cases {
        assert_eq!((fault.close_code(), fault.refused_as()), (code, reason), "{fault}");
    }
}
