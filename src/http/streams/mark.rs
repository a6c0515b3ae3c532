//! What an event's `id` says: which publication was the last, and up to when everything was told. Opaque to clients. Pure.
//!
//! A realm tells its sessions what is published in order, so whoever has got a publication has got all that was published
//! before it. The time is one at which the stream had nothing to tell, less what an event may be under way: it is for topics
//! that do not keep the publication. Source: section 10.1 of the HTTP design.

use crate::wamp::{PublicationId, WallTime};

/// How far a client has got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Mark {
    pub(super) publication: PublicationId,
    /// Everything that was published before has been told.
    pub(super) time: WallTime,
}

impl Mark {
    /// Reads a `Last-Event-ID`; `None` if it is none of ours.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (time, publication) = text.trim().split_once('-')?;
        let is_word = |word: &str| !word.is_empty() && word.bytes().all(|octet| octet.is_ascii_alphanumeric());
        if !is_word(time) || !is_word(publication) {
            return None;
        }
        let time = i64::from_str_radix(time, RADIX).ok()?;
        let publication = u64::from_str_radix(publication, RADIX).ok()?;
        Some(Self {
            publication: PublicationId::new(publication).ok()?,
            time: WallTime(time.checked_mul(MICROSECONDS)?),
        })
    }

    /// Appends it as it stands in `id`.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        word(out, u64::try_from(self.time.0 / MICROSECONDS).unwrap_or(0));
        out.push(b'-');
        word(out, self.publication.get());
    }
}

const RADIX: u32 = 36;

/// Of a millisecond, which is what a mark's time is told in.
const MICROSECONDS: i64 = 1000;

fn word(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 13];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b"0123456789abcdefghijklmnopqrstuvwxyz"[(number % u64::from(RADIX)) as usize];
        number /= u64::from(RADIX);
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_reads_back(publication in 1_u64..=1 << 53, time in 0_i64..1 << 50) {
            let time = WallTime(time * MICROSECONDS);
            let mark = Mark { publication: PublicationId::new(publication).unwrap(), time };
            let mut text = Vec::new();
            mark.write(&mut text);
            prop_assert_eq!(Mark::read(std::str::from_utf8(&text).unwrap()), Some(mark));
        }

        #[test]
        fn no_text_makes_reading_panic(text in "\\PC{0,40}|[0-9a-z+-]{0,40}") {
            let _mark = Mark::read(&text);
        }
    }

    #[test]
    fn what_is_none_of_ours_is_none() {
        for text in ["", "-", "1", "a-", "-a", "1-0", "+1-1", "zzzzzzzzzzzzzz-1", "1-zzzzzzzzzzzzzz", "1-1-1"] {
            assert_eq!(Mark::read(text), None, "{text}");
        }
    }
}
