//! WebSocket frames under hostile octets: no panic, no lie about UTF-8, no memory beyond the limits, and the same
//! verdict however a stream is cut.

use wharf::transport::websocket::{encode, Compressor, Decoder, Deflate, FrameFault, FrameLimits, Item, Role};

const MESSAGE_MAX: usize = 1 << 16;

/// The first octet chooses role and extension; the others are the stream, in one read.
pub fn ws_frame(data: &[u8]) {
    let Some((&choice, stream)) = data.split_first() else { return };
    let mut decoder = decoder(choice);
    let mut items = Vec::new();
    let fault = decoder.feed(stream, &mut items).err();
    // A message under way, in a buffer of 128 octets or twice what came, and a cut control frame.
    assert!(decoder.held_octets() <= 2 * stream.len() + 128 + 250);
    for item in &items {
        if let Item::Message { text, data } = item {
            assert!(data.len() <= MESSAGE_MAX);
            assert!(!text || std::str::from_utf8(data).is_ok());
        }
    }
    let closed = matches!(items.last(), Some(Item::Close(_)));
    assert_eq!(decoder.is_closed(), closed || fault.is_some());
    read_back(&items);
}

/// The second octet says how many octets follow that are lengths of reads, over and over; the others are the stream.
pub fn ws_stream_split(data: &[u8]) {
    let [choice, cuts, rest @ ..] = data else { return };
    let (cuts, stream) = rest.split_at(usize::from(*cuts % 16).min(rest.len()));
    let whole = decode(decoder(*choice), std::iter::once(stream));
    let mut left = stream;
    let reads = cuts.iter().cycle().map_while(|&len| {
        // A read of no octets is lawful, but does not bring the end nearer.
        let (read, rest) = left.split_at(usize::from(len).max(1).min(left.len()));
        left = rest;
        (!read.is_empty()).then_some(read)
    });
    if !cuts.is_empty() {
        assert_eq!(decode(decoder(*choice), reads), whole);
    }
    assert_eq!(decode(decoder(*choice), stream.chunks(1)), whole);
}

/// The octets as a compressed message, and as a message to be compressed.
pub fn ws_deflate(data: &[u8]) {
    if let Ok(inflated) = Deflate::new().inflate(data, MESSAGE_MAX) {
        assert!(inflated.len() <= MESSAGE_MAX);
    }
    if let Some(compressed) = Compressor::new().compress(data) {
        assert!(compressed.len() < data.len());
        match Deflate::new().inflate(compressed, data.len()) {
            Ok(inflated) => assert_eq!(inflated, data),
            Err(fault) => assert_eq!(fault, FrameFault::InflatedRatio),
        }
    }
}

fn decoder(choice: u8) -> Decoder {
    let role = if choice & 1 == 0 { Role::Server } else { Role::Client };
    let deflate = (choice & 2 != 0).then(Deflate::new);
    Decoder::new(role, FrameLimits { message_max: MESSAGE_MAX, fragments_max: 16 }, deflate)
}

fn decode<'a>(mut decoder: Decoder, reads: impl Iterator<Item = &'a [u8]>) -> (Vec<Item>, Option<FrameFault>) {
    let mut items = Vec::new();
    for read in reads {
        if let Err(fault) = decoder.feed(read, &mut items) {
            return (items, Some(fault));
        }
    }
    (items, None)
}

/// What was read can be written, and is read back as the same.
fn read_back(items: &[Item]) {
    let mut out = Vec::new();
    for item in items {
        match item {
            Item::Message { text, data } => encode::write_message(&mut out, None, *text, data),
            Item::Ping(payload) => encode::ping(&mut out, None, payload),
            Item::Pong(payload) => encode::pong(&mut out, None, payload),
            Item::Close(Some((code, reason))) => encode::close(&mut out, None, *code, reason),
            Item::Close(None) => encode::close_empty(&mut out, None),
        }
    }
    assert_eq!(decode(decoder(1), std::iter::once(out.as_slice())), (items.to_vec(), None));
}
