//! Masking: every octet of a client's payload is XORed with a key of four octets, over and over.
//!
//! Copies and unmasks in one pass, in blocks of words. Never looks at single octets.

use bytes::BufMut;

/// Large enough that the cost of appending a block vanishes, small enough to live in registers and the stack.
const BLOCK: usize = 128;

/// A masking key, turned so that its first octet is the one for the next octet of the payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::transport::websocket) struct Mask([u8; 4]);

impl Mask {
    /// The mask of a payload that has none is all zeros: it changes nothing.
    pub(in crate::transport::websocket) fn new(key: Option<[u8; 4]>) -> Self {
        Self(key.unwrap_or_default())
    }

    /// The mask for what follows after `octets` of the payload.
    pub(super) fn after(self, octets: usize) -> Self {
        let mut key = self.0;
        key.rotate_left(octets % 4);
        Self(key)
    }

    /// Appends `from` to `to`, masked or unmasked: the two are the same.
    pub(in crate::transport::websocket) fn copy(self, from: &[u8], to: &mut impl BufMut) {
        if self.0 == [0; 4] {
            to.put_slice(from);
            return;
        }
        let word = self.word();
        let (blocks, tail) = from.as_chunks::<BLOCK>();
        for block in blocks {
            let mut block = *block;
            xor(&mut block, word);
            to.put_slice(&block);
        }
        let mut block = [0; BLOCK];
        let (used, _) = block.split_at_mut(tail.len());
        used.copy_from_slice(tail);
        xor(&mut block, word);
        let (used, _) = block.split_at(tail.len());
        to.put_slice(used);
    }

    fn word(self) -> u64 {
        let half = u64::from(u32::from_ne_bytes(self.0));
        half | half << 32
    }
}

#[inline]
fn xor(block: &mut [u8; BLOCK], word: u64) {
    let (words, _) = block.as_chunks_mut::<8>();
    for octets in words {
        *octets = (u64::from_ne_bytes(*octets) ^ word).to_ne_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::{Mask, BLOCK};
    use bytes::BytesMut;

    fn slowly(key: [u8; 4], from: &[u8]) -> Vec<u8> {
        from.iter().zip(key.iter().cycle()).map(|(octet, key)| octet ^ key).collect()
    }

    /// T5: every length around a block's edges, every alignment of the input, every place in the key.
    #[test]
    fn a_mask_fits_at_every_alignment_and_length() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        let source: Vec<u8> = (0..4 * BLOCK + 16).map(|i| (i * 7 + i / 256) as u8).collect();
        for start in 0..9 {
            for len in (0..40).chain(BLOCK - 9..BLOCK + 10).chain(3 * BLOCK - 3..3 * BLOCK + 4) {
                let from = &source[start..start + len];
                let expected = slowly(key, from);
                let mut copied = BytesMut::from(&b"x"[..]);
                Mask::new(Some(key)).copy(from, &mut copied);
                assert_eq!(&copied[1..], expected, "start {start}, length {len}");

                let cut = len / 3;
                let mut pieces = Vec::new();
                Mask::new(Some(key)).copy(&from[..cut], &mut pieces);
                Mask::new(Some(key)).after(cut).copy(&from[cut..], &mut pieces);
                assert_eq!(pieces, expected, "start {start}, length {len}, cut {cut}");
            }
        }
    }

    /// T5.
    #[test]
    fn a_payload_without_a_mask_is_copied_as_it_is() {
        let mut copied = Vec::new();
        Mask::new(None).copy(b"as it is", &mut copied);
        assert_eq!(copied, b"as it is");
    }
}
