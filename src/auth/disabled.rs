//! Users who are switched off: they stand in no table, so that each is answered as a name that nobody has (A1). Kept here is
//! only what keeps others from being asked about them.

use super::cryptosign::{self, CryptosignSettings};
use super::{Claim, PublicKey};
use std::collections::BTreeSet;

/// Names and keys of users whom no table has because they are switched off.
#[derive(Clone, Debug, Default)]
pub struct Disabled {
    authids: BTreeSet<String>,
    keys: Vec<PublicKey>,
}

impl Disabled {
    /// One more, with the keys that it has.
    pub fn add(&mut self, authid: &str, keys: &[PublicKey]) {
        self.authids.insert(authid.to_owned());
        self.keys.extend_from_slice(keys);
    }

    /// Whether somebody switched off is meant: by name, or, where HELLO has none, by key.
    pub(super) fn is_meant(&self, claim: &Claim<'_>) -> bool {
        match claim.authid {
            Some(authid) => self.authids.contains(authid),
            None if self.keys.is_empty() => false,
            None => match cryptosign::wish(&CryptosignSettings::default(), claim) {
                Ok(Some(wish)) => self.keys.iter().any(|key| wish.is_of(key)),
                // What is malformed is told to whoever reads it next.
                Ok(None) | Err(_) => false,
            },
        }
    }
}
