//! The keys of a dict, watched for one that is there twice.
//!
//! ArgumentsKw may have as many keys as fit into a message, so each costs eight octets here and no text is kept: keys with
//! equal hashes are read again and compared.

use super::error::{DecodeError, Quoted};
use super::reader::{Items, Levels, Reader};
use smallvec::SmallVec;
use std::hash::BuildHasher;

/// Passes over ArgumentsKw, whose opening has been read: keys are texts, each there once; values are well formed.
pub(super) fn check_kwargs<'a, R: Reader<'a>>(
    reader: &mut R,
    mut items: Items,
    levels: Levels,
) -> Result<(), DecodeError> {
    const FIELD: &str = "ArgumentsKw";
    let levels = levels.inside()?;
    let hashes = foldhash::fast::RandomState::default();
    let mut seen: SmallVec<[(u32, u32); 16]> = SmallVec::new();
    while reader.next_entry(&mut items)? {
        let at = reader.start();
        let key = reader.text_key()?.map_err(|got| DecodeError::KeyNotText { field: FIELD, got })?;
        // A message is at most 2^24 octets, and half a hash is enough to find what to compare.
        seen.push((hashes.hash_one(key.as_ref()) as u32, at as u32));
        reader.skip(levels)?;
    }
    seen.sort_unstable();
    for equal in seen.chunk_by(|one, other| one.0 == other.0).filter(|equal| equal.len() > 1) {
        let mut ahead = *reader;
        let mut texts = Vec::with_capacity(equal.len());
        for (_, at) in equal {
            ahead.seek(*at as usize);
            if let Ok(key) = ahead.text_key()? {
                texts.push(key);
            }
        }
        texts.sort_unstable();
        if texts.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(DecodeError::DuplicateKey { field: FIELD, key: Quoted::withheld() });
        }
    }
    Ok(())
}
