//! The bodies of the fuzz targets. Each takes any bytes and panics if a law of the codec does not hold.
//!
//! The tests of the main crate include this file and replay `corpus/<target>` through it, so that every file that a fuzzer
//! has ever found stays a regression test.

mod ws;

pub use ws::{ws_deflate, ws_frame, ws_stream_split};

use bytes::Bytes;
use wharf::codec::batched::Batched;
use wharf::codec::rawsocket::{accept, handshake, read_reply, Handshake, Header, LengthLimit, ReplyError};
use wharf::codec::{decode, encode, message_len_hint, payload_args, payload_kwargs, read_value, Fidelity, Limits};
use wharf::wamp::{Message, Payload, Serialization};

/// The name of a target, which is that of its corpus, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("json_msg", json_msg),
    ("msgpack_msg", msgpack_msg),
    ("cbor_msg", cbor_msg),
    ("transcode", transcode),
    ("batched", batched),
    ("rawsocket", rawsocket),
    ("ws_frame", ws_frame),
    ("ws_stream_split", ws_stream_split),
    ("ws_deflate", ws_deflate),
];

/// Any bytes as a JSON message.
pub fn json_msg(bytes: &[u8]) {
    message(Serialization::Json, bytes);
}

/// Any bytes as a MessagePack message.
pub fn msgpack_msg(bytes: &[u8]) {
    message(Serialization::MessagePack, bytes);
}

/// Any bytes as a CBOR message.
pub fn cbor_msg(bytes: &[u8]) {
    message(Serialization::Cbor, bytes);
}

fn read(serialization: Serialization, bytes: &[u8]) -> Option<Message> {
    decode(serialization, &Bytes::copy_from_slice(bytes), &Limits::default()).ok()
}

fn write(message: &Message, serialization: Serialization) -> Option<(Vec<u8>, Fidelity)> {
    let mut out = b"before".to_vec();
    let written = encode(message, serialization, &mut out);
    assert!(out.starts_with(b"before"));
    match written {
        Ok(fidelity) => Some((out.split_off(6), fidelity)),
        Err(_) => {
            assert_eq!(out, b"before");
            None
        }
    }
}

/// What was read can be written; what was written can be read, and is then written the same.
fn message(serialization: Serialization, bytes: &[u8]) {
    let _ = read_value(serialization, bytes);
    let Some(message) = read(serialization, bytes) else { return };
    assert!(message_len_hint(&message) > 0);
    look_inside(&message);
    let (once, _) = write(&message, serialization).expect("the same serialization carries everything");
    let again = read(serialization, &once).expect("what we write can be read");
    assert_eq!(again.kind(), message.kind());
    assert_eq!(write(&again, serialization).map(|(twice, _)| twice), Some(once));
    for towards in Serialization::ALL {
        if let Some((written, _)) = write(&message, towards) {
            assert!(read(towards, &written).is_some(), "{towards:?} cannot read {written:x?}");
        }
    }
}

fn look_inside(message: &Message) {
    if let Message::Call(call) = message {
        // Dicts deeper down may have keys that no value can hold, so either may fail; neither may panic.
        let _ = (payload_args(&call.payload), payload_kwargs(&call.payload));
        if let Payload::Raw(raw) = &call.payload {
            assert!(raw.args().len() + raw.kwargs().map_or(0, <[u8]>::len) <= raw.tail().len());
        }
    }
}

/// JSON to another serialization and back: the second way there gives the same as the first.
pub fn transcode(bytes: &[u8]) {
    let Some(message) = read(Serialization::Json, bytes) else { return };
    // Extra and `authextra` are values, in which a number too great for a float has become infinity long before the writing.
    let has_values =
        matches!(message, Message::Hello(_) | Message::Welcome(_) | Message::Challenge(_) | Message::Authenticate(_));
    for towards in [Serialization::MessagePack, Serialization::Cbor] {
        let (there, fidelity) = write(&message, towards).expect("everything in JSON has a form elsewhere");
        let (back, _) = write(&read(towards, &there).expect("readable"), Serialization::Json).expect("came from JSON");
        let (again, _) = write(&read(Serialization::Json, &back).expect("readable"), towards).expect("came from JSON");
        if fidelity == Fidelity::Exact && !has_values {
            assert_eq!(again, there);
        }
    }
}

/// The first octet chooses the serialization, the rest is a batch. What is split is framed into the same messages.
pub fn batched(bytes: &[u8]) {
    let Some((choice, batch)) = bytes.split_first() else { return };
    let serialization = Serialization::ALL[usize::from(*choice) % 3];
    let mut batched = Batched::new(serialization, 64);
    let Ok(messages) = batched.split(&Bytes::copy_from_slice(batch)) else { return };
    assert!((1..=64).contains(&messages.len()));
    let mut out = Vec::new();
    messages.iter().for_each(|message| batched.append(message, &mut out));
    assert_eq!(out.len(), batch.len());
    assert_eq!(batched.split(&out.into()), Ok(messages));
}

/// The first octet is the router's own limit; then four octets that are a handshake, an answer and a header.
pub fn rawsocket(bytes: &[u8]) {
    let Some((own, octets)) = bytes.split_first_chunk::<1>() else { return };
    let Some(octets) = octets.first_chunk::<4>() else { return };
    let own = LengthLimit::at_most(1 << (9 + (own[0] & 0xf)));
    match accept(*octets, own) {
        Handshake::Accept { serialization, peer_limit, reply } => {
            assert_eq!(handshake(serialization, peer_limit), *octets);
            assert_eq!(read_reply(reply, serialization), Ok(own));
        }
        Handshake::Refuse(refusal) => {
            assert_eq!(read_reply(refusal.reply(), Serialization::Json), Err(ReplyError::Refused(refusal)));
        }
        Handshake::Close => assert_ne!(octets[0], 0x7f),
    }
    if let Ok(header) = Header::parse(*octets, own) {
        assert!(header.length <= own.octets());
        assert_eq!(header.write(), Ok(*octets));
    }
}
