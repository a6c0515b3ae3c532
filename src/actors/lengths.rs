//! How a connection in memory frames what its session writes: each message behind its length, so that whoever takes the octets of
//! an outbox can take them apart again. Pure.

/// Octets of the length.
pub const LENGTH: usize = 4;

/// Makes room for the length of the message that is appended next, and says where.
pub fn begin(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH]);
    start
}

/// Writes the length of the message that was begun at `start`.
pub fn finish(out: &mut [u8], start: usize) {
    // A message is at most 2^24 octets, so the cast loses nothing.
    let length = out.len().saturating_sub(start + LENGTH) as u32;
    if let Some(place) = out.get_mut(start..start + LENGTH) {
        place.copy_from_slice(&length.to_be_bytes());
    }
}

/// The first message, and what is behind it; `None`: there is no whole one.
pub fn first(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = octets.split_first_chunk::<LENGTH>()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn messages_come_apart_as_they_were_put_together_and_half_a_one_stays(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..6),
            cut in 1_usize..24,
        ) {
            let mut out = Vec::new();
            for message in &messages {
                let start = begin(&mut out);
                out.extend_from_slice(message);
                finish(&mut out, start);
            }
            let (mut rest, mut read) = (&out[..], Vec::new());
            while let Some((message, after)) = first(rest) {
                read.push(message.to_vec());
                rest = after;
            }
            prop_assert!(rest.is_empty());
            prop_assert_eq!(&read, &messages);
            if let Some(last) = messages.last() {
                let whole = out.len() - LENGTH - last.len();
                let cut = cut.min(LENGTH + last.len());
                prop_assert_eq!(first(&out[whole..out.len() - cut]), None);
            }
        }
    }
}
