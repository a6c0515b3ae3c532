//! A stream gives the same items and the same fault however it is cut into reads.

use super::*;
use crate::transport::websocket::deflate::Compressor;
use proptest::prelude::*;

/// Reads `stream` in pieces that end at `cuts`; empty reads are lawful.
fn decode_cut(mut decoder: Decoder, stream: &[u8], cuts: &[usize]) -> (Vec<Item>, Option<FrameFault>) {
    let mut items = Vec::new();
    let mut at = 0;
    for &cut in cuts.iter().chain([&stream.len()]) {
        let end = cut.clamp(at, stream.len());
        if let Err(fault) = decoder.feed(&stream[at..end], &mut items) {
            return (items, Some(fault));
        }
        at = end;
    }
    (items, None)
}

/// Streams that end in every state: good, cut, and wrong in each way.
fn streams() -> Vec<Vec<u8>> {
    let text = "κόσμε €💡 and some more, to be longer than a block of words";
    let mut compressor = Compressor::new();
    let compressed = compressor.compress(text.repeat(9).as_bytes()).unwrap_or_default().to_vec();
    let good = [
        fin(TEXT, text.as_bytes()),
        fin(PING, b"ping"),
        frame(TEXT, &text.as_bytes()[..9]),
        fin(PONG, b""),
        frame(MORE, b""),
        fin(MORE, &text.as_bytes()[9..]),
        fin(BINARY, &[0xee; 300]),
        fin(RSV1 | TEXT, &compressed),
        fin(BINARY, b""),
    ]
    .concat();
    let ends: Vec<Vec<u8>> = vec![
        vec![],
        fin(CLOSE, b"\x03\xe8done"),
        [fin(CLOSE, b""), fin(TEXT, b"late")].concat(),
        fin(CLOSE, b"\x03"),
        fin(CLOSE, b"\x03\xed"),
        fin(CLOSE, b"\x03\xe8\xff"),
        fin(TEXT, b"bad \xff text, with more after it"),
        fin(TEXT, b"ends too early \xe2\x82"),
        [frame(TEXT, b"\xe2"), frame(MORE, b"\x82"), fin(MORE, b"\x41")].concat(),
        [frame(TEXT, b"\xe2\x82"), fin(BINARY, b"")].concat(),
        fin(MORE, b"x"),
        b"\x81\x05hello".to_vec(),
        fin(0x10 | TEXT, b""),
        fin(3, b""),
        frame(PING, b""),
        fin(PING, &[0; 126]),
        announced(FIN | TEXT, 1 << 40, b"much"),
        announced(FIN | TEXT, 1 << 63, b""),
        [&[0x81, 0xfe, 0, 5][..], &KEY, b"hello"].concat(),
        fin(RSV1 | BINARY, b"\xff\xff\xff"),
        announced(FIN | TEXT, 50, b"cut"),
        announced(FIN | PING, 50, b"cut"),
        vec![0x81],
        vec![0x82, 0xff, 0, 0, 0],
        frame(TEXT, b"").repeat(1).into_iter().chain(frame(MORE, b"").repeat(20)).collect(),
    ];
    ends.into_iter().map(|end| [good.clone(), end].concat()).collect()
}

/// T5.
#[test]
fn every_cut_into_two_reads_gives_the_same() {
    for stream in streams() {
        let whole = decode(deflating_server(), &stream);
        assert!(whole.0.len() >= 7, "{whole:?}");
        for cut in 0..=stream.len() {
            assert_eq!(decode_cut(deflating_server(), &stream, &[cut]), whole, "cut at {cut}");
        }
    }
}

/// T5.
#[test]
fn octet_by_octet_gives_the_same() {
    for stream in streams() {
        let cuts: Vec<usize> = (0..stream.len()).collect();
        assert_eq!(decode_cut(deflating_server(), &stream, &cuts), decode(deflating_server(), &stream));
    }
}

/// Frames as a careless client might write them: mostly lawful.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        8 => prop::sample::select(vec![0x81_u8, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8a]),
        1 => prop::sample::select(vec![0x88_u8, 0xc1, 0xc2, 0x41]),
        1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        "[a-zκ€💡]{0,40}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..20),
        (100_usize..300).prop_map(|len| vec![b'x'; len]),
    ];
    (first, payload).prop_map(|(first, payload)| frame(first, &payload))
}

proptest! {
    /// T5.
    #[test]
    fn any_cuts_of_any_frames_give_the_same(
        frames in proptest::collection::vec(any_frame(), 0..12),
        mut cuts in proptest::collection::vec(0_usize..1500, 0..20),
    ) {
        let stream = frames.concat();
        cuts.sort_unstable();
        prop_assert_eq!(decode_cut(deflating_server(), &stream, &cuts), decode(deflating_server(), &stream));
    }

    /// T5.
    #[test]
    fn any_cuts_of_any_octets_give_the_same(
        stream in proptest::collection::vec(any::<u8>(), 0..200),
        mut cuts in proptest::collection::vec(0_usize..200, 0..10),
    ) {
        cuts.sort_unstable();
        for role in [Role::Server, Role::Client] {
            let decoder = || Decoder::new(role, LIMITS, Some(Deflate::new()));
            prop_assert_eq!(decode_cut(decoder(), &stream, &cuts), decode(decoder(), &stream));
        }
    }
}
