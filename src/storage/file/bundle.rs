//! How small chunks of many topics lie in the file: those that were committed together, one behind the other, in one value.
//!
//! ```text
//! check (8) | parts (4)
//! per part: number of the topic (8) | seq of the first event (8) | length (4)
//! the parts, each a chunk
//! ```
//! Numbers are little-endian. The check covers the list of parts and the place; each chunk has its own. Never trusts a length
//! that it reads.

use super::chunk::{check, number, short, take, Damaged};
use crate::storage::Seq;
use std::ops::Range;

const CHECK: usize = 8;
const HEAD: usize = CHECK + 4;
const LISTED: usize = 8 + 8 + 4;

/// Makes bundles; its room is used again.
#[derive(Debug, Default)]
pub(super) struct BundleWriter {
    list: Vec<u8>,
    chunks: Vec<u8>,
    out: Vec<u8>,
}

/// A chunk in a bundle.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Part {
    pub(super) topic: u64,
    pub(super) seq: Seq,
    pub(super) at: Range<usize>,
}

impl BundleWriter {
    /// Puts a chunk behind the others.
    pub(super) fn push(&mut self, topic: u64, seq: Seq, chunk: &[u8]) {
        self.list.extend_from_slice(&topic.to_le_bytes());
        self.list.extend_from_slice(&seq.0.to_le_bytes());
        self.list.extend_from_slice(&short(chunk.len()).to_le_bytes());
        self.chunks.extend_from_slice(chunk);
    }

    /// Octets of the bundle as it is.
    pub(super) fn len(&self) -> usize {
        HEAD + self.list.len() + self.chunks.len()
    }

    /// The bundle that lies at this place, if there is anything in it; the writer is empty then.
    pub(super) fn finish(&mut self, place: (u32, u64)) -> Option<&[u8]> {
        let Self { list, chunks, out } = self;
        if list.is_empty() {
            return None;
        }
        out.clear();
        out.extend_from_slice(&[0; CHECK]);
        out.extend_from_slice(&short(list.len() / LISTED).to_le_bytes());
        out.append(list);
        if let Some((sum, checked)) = out.split_first_chunk_mut::<CHECK>() {
            *sum = sum_of(place, checked).to_le_bytes();
        }
        out.append(chunks);
        Some(out)
    }
}

fn sum_of((slice, number): (u32, u64), list: &[u8]) -> u64 {
    check((slice.into(), Seq(number)), list)
}

/// The parts of the bundle that lies at this place, in order.
pub(super) fn parts(octets: &[u8], place: (u32, u64)) -> Result<Vec<Part>, Damaged> {
    let (expected, mut rest) = octets.split_first_chunk::<CHECK>().ok_or(Damaged)?;
    let checked = rest;
    let many = u32::from_le_bytes(take::<4>(&mut rest)?) as usize;
    let length = many.checked_mul(LISTED).filter(|length| *length <= rest.len()).ok_or(Damaged)?;
    let checked = checked.get(..4 + length).ok_or(Damaged)?;
    if u64::from_le_bytes(*expected) != sum_of(place, checked) {
        return Err(Damaged);
    }
    let mut start = HEAD + length;
    let mut parts = Vec::with_capacity(many);
    for _ in 0..many {
        let (topic, seq) = (number(&mut rest)?, Seq(number(&mut rest)?));
        let length = u32::from_le_bytes(take::<4>(&mut rest)?) as usize;
        let end = start.checked_add(length).filter(|end| *end <= octets.len()).ok_or(Damaged)?;
        parts.push(Part { topic, seq, at: start..end });
        start = end;
    }
    if start == octets.len() {
        Ok(parts)
    } else {
        Err(Damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list of parts that is damaged would hide events.
    #[test]
    fn a_flipped_bit_in_the_list_of_parts_is_seen() {
        let mut writer = BundleWriter::default();
        assert_eq!(writer.finish((1, 7)), None);
        writer.push(3, Seq(7), b"one");
        writer.push(4, Seq(5), b"other");
        let len = writer.len();
        let octets = writer.finish((1, 7)).unwrap().to_vec();
        assert_eq!(octets.len(), len);
        let head = HEAD + 2 * LISTED;
        let expected = [
            Part { topic: 3, seq: Seq(7), at: head..head + 3 },
            Part { topic: 4, seq: Seq(5), at: head + 3..head + 8 },
        ];
        assert_eq!(parts(&octets, (1, 7)), Ok(expected.to_vec()));
        assert_eq!(parts(&octets, (2, 7)), Err(Damaged));
        assert_eq!(parts(&octets, (1, 8)), Err(Damaged));
        for bit in 0..head * 8 {
            let mut hurt = octets.clone();
            hurt[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(parts(&hurt, (1, 7)), Err(Damaged), "{bit}");
        }
        for len in 0..octets.len() {
            assert_eq!(parts(&octets[..len], (1, 7)), Err(Damaged), "{len}");
        }
    }
}
