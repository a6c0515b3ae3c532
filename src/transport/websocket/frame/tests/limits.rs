//! Sizes, numbers and memory: limits on the header, and buffers that follow what has come.

use super::*;
use crate::transport::websocket::deflate::Compressor;

fn limited(message_max: usize) -> Decoder {
    Decoder::new(Role::Server, FrameLimits { message_max, fragments_max: 1024 }, None)
}

/// T4: the header alone is enough; no octet of payload is needed.
#[test]
fn a_message_over_the_limit_fails_on_its_header() {
    for len in [1001, 65_536, 1 << 40, (1 << 63) - 1] {
        let stream = announced(FIN | BINARY, len, b"");
        assert_eq!(decode(limited(1000), &stream), (vec![], Some(FrameFault::MessageTooBig)), "{len}");
    }
    let exactly = [7; 1000];
    assert_eq!(decode(limited(1000), &fin(BINARY, &exactly)), (vec![message(false, &exactly)], None));
}

/// T4: a fragment is counted before its payload comes.
#[test]
fn fragments_over_the_limit_together_fail_on_the_header_that_goes_over() {
    let begun = [frame(BINARY, &[1; 600]), frame(MORE, &[2; 400])].concat();
    let over = [begun.clone(), announced(FIN | MORE, 1, b"")].concat();
    assert_eq!(decode(limited(1000), &over), (vec![], Some(FrameFault::MessageTooBig)));
    let overflowing = [begun.clone(), announced(FIN | MORE, (1 << 63) - 1, b"")].concat();
    assert_eq!(decode(limited(1000), &overflowing), (vec![], Some(FrameFault::MessageTooBig)));
    let exact = [begun, fin(MORE, b"")].concat();
    assert_eq!(decode(limited(1000), &exact).1, None);
}

/// T4: 16 KiB before WELCOME, 1 MiB after it.
#[test]
fn the_limit_may_change_between_frames() {
    let mut decoder = limited(10);
    let mut items = Vec::new();
    decoder.set_message_max(20);
    assert_eq!(decoder.feed(&fin(TEXT, &[b'x'; 20]), &mut items), Ok(()));
    assert_eq!(decoder.feed(&fin(TEXT, &[b'x'; 21]), &mut items), Err(FrameFault::MessageTooBig));
}

/// T4: empty fragments and those of one octet cost the peer its connection, and us nothing.
#[test]
fn a_million_fragments_are_cut_at_the_1024th() {
    for payload in [&b""[..], b"x"] {
        let mut decoder = limited(1 << 20);
        let mut items = Vec::new();
        let mut read = decoder.feed(&frame(TEXT, payload), &mut items);
        let mut frames = 1;
        let more = frame(MORE, payload);
        while read.is_ok() && frames < 1_000_000 {
            assert!(decoder.held_octets() <= 4096);
            read = decoder.feed(&more, &mut items);
            frames += 1;
        }
        assert_eq!((read, frames), (Err(FrameFault::TooManyFragments), 1025));
        assert_eq!(items, []);
    }
}

/// T4.
#[test]
fn a_message_of_1024_fragments_is_lawful() {
    let stream = [frame(TEXT, b"x"), frame(MORE, b"x").repeat(1022), fin(MORE, b"x")].concat();
    assert_eq!(decode(limited(1 << 20), &stream), (vec![message(true, &[b'x'; 1024])], None));
}

/// T4: two hundred peers that announce the maximum and fall silent cost nothing.
#[test]
fn memory_follows_what_has_come_and_not_what_was_announced() {
    let mut decoder = limited(16 << 20);
    let mut items = Vec::new();
    let stream = announced(FIN | BINARY, 16 << 20, b"");
    assert_eq!(decoder.feed(&stream, &mut items), Ok(()));
    assert_eq!(decoder.held_octets(), 0);
    let mut sent = 0;
    for piece in [1, 10, 100, 1000, 10_000, 100_000] {
        assert_eq!(decoder.feed(&vec![0; piece], &mut items), Ok(()));
        sent += piece;
        assert!(decoder.held_octets() <= 2 * sent.max(64), "{sent} sent, {} held", decoder.held_octets());
    }
}

/// T4: the last growth knows the end, and does not go beyond it.
#[test]
fn a_cut_message_is_held_without_spare_room_at_its_end() {
    let stream = fin(BINARY, &[5; 60_000]);
    let mut decoder = server();
    for piece in stream[..stream.len() - 1].chunks(4096) {
        assert_eq!(decoder.feed(piece, &mut Vec::new()), Ok(()));
    }
    assert_eq!(decoder.held_octets(), 60_000);
}

/// An idle connection costs no heap.
#[test]
fn a_decoder_between_messages_holds_nothing() {
    let mut decoder = server();
    assert_eq!(decoder.held_octets(), 0);
    let stream = [frame(TEXT, b"frag"), fin(PING, b"p"), fin(MORE, b"ment"), fin(BINARY, &[1; 500])].concat();
    for piece in stream.chunks(3) {
        assert_eq!(decoder.feed(piece, &mut Vec::new()), Ok(()));
    }
    assert_eq!(decoder.held_octets(), 0);
    assert_eq!(decoder.feed(&stream[..1], &mut Vec::new()), Ok(()), "a cut header is kept without heap");
    assert_eq!(decoder.held_octets(), 0);
}

/// A read with many frames costs one buffer: their payloads lie end to end.
#[test]
fn the_whole_messages_of_one_read_share_one_buffer() {
    let mut stream = Vec::new();
    for i in 0..100_u8 {
        stream.extend(fin(if i % 3 == 0 { PING } else { BINARY }, &vec![i; usize::from(i) + 1]));
    }
    stream.extend(announced(FIN | BINARY, 60_000, &[0; 20_000]));
    let (items, fault) = decode(server(), &stream);
    assert_eq!((items.len(), fault), (100, None));
    let mut end = None;
    for item in &items {
        let (Item::Message { data, .. } | Item::Ping(data)) = item else { panic!("{item:?}") };
        assert!(end.is_none_or(|end| std::ptr::eq(end, data.as_ptr())), "{item:?}");
        end = Some(data.as_ptr_range().end);
    }
}

/// One message alone owns its buffer: nothing else is pinned by keeping it.
#[test]
fn a_message_alone_in_a_read_pins_no_more_than_itself() {
    let begun = announced(FIN | BINARY, 60_000, &[0; 50_000]);
    assert_eq!(pinned(&[fin(TEXT, b"small"), begun].concat()), Some(5));
}

/// The room that a buffer has left when its message is whole is given back.
#[test]
fn a_fragmented_message_pins_no_more_than_itself() {
    let stream = [frame(TEXT, &[b'x'; 300]), frame(MORE, &[b'y'; 100]), fin(MORE, b"")].concat();
    assert_eq!(pinned(&stream), Some(400));
}

/// Octets of the buffer that the only message of a stream lies in; `None` if others share it.
fn pinned(stream: &[u8]) -> Option<usize> {
    let (mut items, _) = decode(server(), stream);
    let Some(Item::Message { data, .. }) = items.pop() else { return None };
    assert_eq!(items, []);
    Some(data.try_into_mut().ok()?.capacity())
}

fn bomb(octets: usize) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec(&vec![0; octets], 9)
}

/// T6: counted as a bomb and not as a large message.
#[test]
fn a_compression_bomb_is_cut_at_the_limit_of_a_message() {
    let bomb = bomb(256 << 20);
    assert!(bomb.len() > 250 << 10);
    let limits = FrameLimits::default();
    let decoder = Decoder::new(Role::Server, limits, Some(Deflate::new()));
    assert_eq!(decode(decoder, &fin(RSV1 | BINARY, &bomb)), (vec![], Some(FrameFault::InflatedTooBig)));
}

/// T6.
#[test]
fn a_message_that_grows_out_of_proportion_is_refused_beyond_64_kib() {
    let decoder = || Decoder::new(Role::Server, FrameLimits::default(), Some(Deflate::new()));
    let (items, fault) = decode(decoder(), &fin(RSV1 | BINARY, &bomb(64 << 10)));
    assert_eq!((items, fault), (vec![message(false, &vec![0; 64 << 10])], None));
    let beyond = fin(RSV1 | BINARY, &bomb((64 << 10) + 1));
    assert_eq!(decode(decoder(), &beyond), (vec![], Some(FrameFault::InflatedRatio)));
}

/// T6: RSV1 on the first frame counts for the message; control frames between are as ever.
#[test]
fn a_compressed_message_may_be_fragmented() {
    let text = "to be or not to be, ".repeat(50);
    let mut compressor = Compressor::new();
    let compressed = compressor.compress(text.as_bytes()).unwrap_or_default().to_vec();
    assert!(!compressed.is_empty());
    let (head, tail) = compressed.split_at(9);
    let stream = [frame(RSV1 | TEXT, head), fin(PING, b""), fin(MORE, tail), fin(TEXT, b"plain")].concat();
    let expected = vec![Item::Ping(Bytes::new()), message(true, text.as_bytes()), message(true, b"plain")];
    assert_eq!(decode(deflating_server(), &stream), (expected, None));
}

/// T5, T6.
#[test]
fn compressed_text_is_checked_after_inflating() {
    let stream = |opcode| fin(RSV1 | opcode, &miniz_oxide::deflate::compress_to_vec(b"bad \xff text", 6));
    assert_eq!(decode(deflating_server(), &stream(TEXT)), (vec![], Some(FrameFault::InvalidUtf8)));
    assert_eq!(decode(deflating_server(), &stream(BINARY)), (vec![message(false, b"bad \xff text")], None));
}

/// T4, T6: the compressed octets are bounded like any others, on the header.
#[test]
fn a_compressed_message_over_the_limit_fails_on_its_header() {
    let stream = announced(FIN | RSV1 | BINARY, 70_001, b"");
    assert_eq!(decode(deflating_server(), &stream), (vec![], Some(FrameFault::MessageTooBig)));
}
