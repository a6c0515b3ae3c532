//! The rules of frames, one by one, and that no cut changes a verdict. Helpers to write frames that our encoder never would.

mod cuts;
mod limits;
mod outgoing;
mod rules;

use super::{Decoder, Deflate, FrameFault, FrameLimits, Item, Role};
use bytes::Bytes;

const KEY: [u8; 4] = [0x5a, 0x01, 0xc3, 0x7e];
const LIMITS: FrameLimits = FrameLimits { message_max: 70_000, fragments_max: 16 };
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const MORE: u8 = 0;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;

/// A client's frame: `first` is the first octet as it stands.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    announced(first, payload.len() as u64, payload)
}

/// A client's frame that announces `len` octets and has `payload`.
fn announced(first: u8, len: u64, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match len {
        0..=125 => out.push(0x80 | len as u8),
        126..=0xffff => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            out.push(0x80 | 127);
            out.extend_from_slice(&len.to_be_bytes());
        }
    }
    out.extend_from_slice(&KEY);
    out.extend(payload.iter().zip(KEY.iter().cycle()).map(|(octet, key)| octet ^ key));
    out
}

fn fin(opcode: u8, payload: &[u8]) -> Vec<u8> {
    frame(FIN | opcode, payload)
}

fn message(text: bool, data: &[u8]) -> Item {
    Item::Message { text, data: Bytes::copy_from_slice(data) }
}

fn server() -> Decoder {
    Decoder::new(Role::Server, LIMITS, None)
}

fn deflating_server() -> Decoder {
    Decoder::new(Role::Server, LIMITS, Some(Deflate::new()))
}

/// What a whole stream gives in one read.
fn decode(mut decoder: Decoder, stream: &[u8]) -> (Vec<Item>, Option<FrameFault>) {
    let mut items = Vec::new();
    let fault = decoder.feed(stream, &mut items).err();
    (items, fault)
}

/// The stream of these frames gives these items, and nothing is wrong.
fn gives(frames: &[Vec<u8>], items: &[Item]) {
    assert_eq!(decode(server(), &frames.concat()), (items.to_vec(), None));
}

/// The stream of these frames gives nothing but this fault.
fn fails(frames: &[Vec<u8>], fault: FrameFault) {
    assert_eq!(decode(server(), &frames.concat()), (vec![], Some(fault)));
}
