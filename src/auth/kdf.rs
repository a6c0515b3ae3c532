//! The functions that make keys and proofs: HMAC-SHA256, PBKDF2 and Argon2id, and nothing of WAMP.
//!
//! A derivation costs milliseconds to seconds: it runs where a configuration is made and in [`super::Work`], never in the
//! middle of a session.

use argon2::{Algorithm, Argon2, Params, Version};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// HMAC-SHA256 over `parts`, one after the other.
pub(super) fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of every length: the other arm is never taken, and what it gives fits nothing.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// PBKDF2-HMAC-SHA256, `length` octets.
pub(super) fn pbkdf2(password: &[u8], salt: &[u8], iterations: u32, length: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(vec![0; length]);
    pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut key);
    key
}

/// Why Argon2 would not work: its parameters are out of range.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the parameters of argon2id are out of its range")]
pub struct BadParameters;

/// Argon2id version 1.3, one lane, 32 octets. `memory` in KiB.
pub(super) fn argon2id(
    password: &[u8],
    salt: &[u8],
    iterations: u32,
    memory: u32,
) -> Result<Zeroizing<[u8; 32]>, BadParameters> {
    let parameters = Params::new(memory, iterations, 1, Some(32)).map_err(|_| BadParameters)?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
        .hash_password_into(password, salt, &mut *key)
        .map_err(|_| BadParameters)?;
    Ok(key)
}
