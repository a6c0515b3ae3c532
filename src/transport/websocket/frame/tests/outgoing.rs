//! What the encoder writes, octet by octet, and that the decoder of the other end reads it.

use super::*;
use crate::transport::websocket::close::CloseCode;
use crate::transport::websocket::deflate::Compressor;
use crate::transport::websocket::encode;
use bytestring::ByteString;
use proptest::prelude::*;

fn client(deflate: Option<Deflate>) -> Decoder {
    Decoder::new(Role::Client, LIMITS, deflate)
}

/// T5: a server masks nothing, and writes the shortest length.
#[test]
fn a_server_writes_unmasked_frames_with_the_shortest_header() {
    let cases: [(usize, &[u8]); 6] = [
        (0, b"\x82\x00"),
        (125, b"\x82\x7d"),
        (126, b"\x82\x7e\x00\x7e"),
        (65_535, b"\x82\x7e\xff\xff"),
        (65_536, b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
        (69_999, b"\x82\x7f\x00\x00\x00\x00\x00\x01\x11\x6f"),
    ];
    for (len, header) in cases {
        let data = vec![9; len];
        let mut out = Vec::new();
        encode::write_message(&mut out, None, false, &data);
        assert_eq!(out, [header, &data].concat(), "{len}");
        assert_eq!(decode(client(None), &out), (vec![message(false, &data)], None));
    }
}

/// T5.
#[test]
fn a_client_writes_masked_frames() {
    let mut out = Vec::new();
    encode::write_message(&mut out, Some(KEY), true, b"hello");
    encode::ping(&mut out, Some(KEY), b"p");
    encode::pong(&mut out, Some(KEY), b"");
    encode::close(&mut out, Some(KEY), CloseCode::NORMAL, "bye");
    assert_eq!(out, [fin(TEXT, b"hello"), fin(PING, b"p"), fin(PONG, b""), fin(CLOSE, b"\x03\xe8bye")].concat());
}

/// T5.
#[test]
fn control_frames_are_written_whole() {
    let mut out = Vec::new();
    encode::ping(&mut out, None, &[7; 125]);
    encode::pong(&mut out, None, b"x");
    encode::close_empty(&mut out, None);
    assert_eq!(out, [&b"\x89\x7d"[..], &[7; 125], b"\x8a\x01x\x88\x00"].concat());
}

/// T5: cut before the character that does not fit.
#[test]
fn a_close_reason_is_cut_to_what_a_control_frame_holds() {
    let mut out = Vec::new();
    encode::close(&mut out, None, CloseCode::POLICY, &"€".repeat(60));
    let expected = ByteString::from("€".repeat(41));
    assert_eq!(decode(client(None), &out), (vec![Item::Close(Some((CloseCode::POLICY, expected)))], None));
    out.clear();
    encode::close(&mut out, None, CloseCode::POLICY, &["x", &"€".repeat(60)].concat());
    let expected = ByteString::from(["x", &"€".repeat(40)].concat());
    assert_eq!(decode(client(None), &out), (vec![Item::Close(Some((CloseCode::POLICY, expected)))], None));
}

/// A message that is serialised into the write buffer is framed as one that is copied there.
#[test]
fn finishing_in_place_writes_the_same_frame() {
    for len in [0, 1, 125, 126, 127, 65_535, 65_536, 66_000] {
        let data: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
        let mut expected = b"before".to_vec();
        encode::write_message(&mut expected, None, false, &data);
        let mut out = b"before".to_vec();
        let start = encode::begin(&mut out);
        out.extend_from_slice(&data);
        assert_eq!(encode::message_octets(&out, &start), len);
        encode::finish(&mut out, start, false);
        assert_eq!(out, expected, "{len}");
    }
}

/// A message that cannot be serialised leaves no trace.
#[test]
fn an_abandoned_frame_leaves_the_buffer_as_it_was() {
    let mut out = b"before".to_vec();
    let start = encode::begin(&mut out);
    out.extend_from_slice(b"half a mess");
    encode::abandon(&mut out, start);
    assert_eq!(out, b"before");
}

/// T6.
#[test]
fn a_message_is_compressed_only_if_it_is_long_and_becomes_smaller() {
    let mut compressor = Compressor::new();
    let noise: Vec<u8> =
        (0..2000_u32).flat_map(|i| i.wrapping_mul(2_654_435_761).rotate_left(i % 31).to_le_bytes()).collect();
    let noise = &noise[..600];
    let cases: [(&[u8], bool); 4] = [(b"", false), (&[b'x'; 256], false), (&[b'x'; 257], true), (noise, false)];
    for (data, compressed) in cases {
        let mut written = b"before".to_vec();
        encode::write_message_deflated(&mut written, None, false, data, &mut compressor);
        let mut finished = b"before".to_vec();
        let start = encode::begin(&mut finished);
        finished.extend_from_slice(data);
        encode::finish_deflated(&mut finished, start, false, &mut compressor);
        assert_eq!(written, finished);
        let frame = &written[6..];
        assert_eq!(frame.first().map(|first| first & RSV1 != 0), Some(compressed), "{} octets", data.len());
        assert_eq!(frame.len() < data.len(), compressed);
        assert_eq!(decode(client(Some(Deflate::new())), frame), (vec![message(false, data)], None));
    }
}

proptest! {
    /// T5: the two ends understand each other.
    #[test]
    fn what_is_written_is_what_is_read(
        messages in proptest::collection::vec((any::<bool>(), ".{0,200}", any::<Option<[u8; 4]>>()), 0..8),
        masked: bool,
        deflate: bool,
    ) {
        let mut compressor = Compressor::new();
        let mut out = Vec::new();
        for (text, data, key) in &messages {
            let mask = masked.then(|| key.unwrap_or_default());
            if deflate {
                encode::write_message_deflated(&mut out, mask, *text, data.as_bytes(), &mut compressor);
            } else {
                encode::write_message(&mut out, mask, *text, data.as_bytes());
            }
        }
        let role = if masked { Role::Server } else { Role::Client };
        let expected: Vec<Item> = messages.iter().map(|(text, data, _)| message(*text, data.as_bytes())).collect();
        prop_assert_eq!(decode(Decoder::new(role, LIMITS, deflate.then(Deflate::new)), &out), (expected, None));
    }
}
