//! Signatures of what goes out, as Standard Webhooks 1.0.0 has them: `v1` (HMAC-SHA256 with a `whsec_` secret) and `v1a`
//! (Ed25519 with a `whsk_` key), over `id.timestamp.body`.

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use ed25519_dalek::Signer;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Octets of a shared secret.
const SECRET_OCTETS: std::ops::RangeInclusive<usize> = 24..=64;

/// Why a text is no key to sign with. Quotes nothing of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// Neither prefix.
    #[error("expected `whsec_` and Base64 of 24 to 64 octets, or `whsk_` and Base64 of an Ed25519 key")]
    Prefix,
    /// Behind it stands something else.
    #[error("what stands behind the prefix is no Base64")]
    Base64,
    /// Too short to be safe, or too long.
    #[error("expected 24 to 64 octets behind `whsec_`, got {0}: `openssl rand -base64 32` makes good ones")]
    SecretLength(usize),
    /// Not the seed, and not seed and public key together.
    #[error("expected an Ed25519 key behind `whsk_`: 32 octets, or 64 with the public key that belongs to it")]
    KeyPair,
}

/// What a webhook is signed with. Never printed; wiped when dropped.
#[derive(Clone)]
pub enum SigningKey {
    /// `v1`.
    Shared(Zeroizing<Vec<u8>>),
    /// `v1a`: the seed of an Ed25519 key.
    KeyPair(Zeroizing<[u8; 32]>),
}

/// In constant time for keys of one length.
impl PartialEq for SigningKey {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Shared(one), Self::Shared(other)) => one.as_slice().ct_eq(other.as_slice()).into(),
            (Self::KeyPair(one), Self::KeyPair(other)) => one.as_slice().ct_eq(other.as_slice()).into(),
            (Self::Shared(_), Self::KeyPair(_)) | (Self::KeyPair(_), Self::Shared(_)) => false,
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The octets of a `whsec_` secret.
///
/// # Errors
/// [`SigningKeyError`].
pub(super) fn shared_secret(text: &str) -> Result<Zeroizing<Vec<u8>>, SigningKeyError> {
    let encoded = text.strip_prefix("whsec_").ok_or(SigningKeyError::Prefix)?;
    let octets = STANDARD.decode(encoded).map(Zeroizing::new).map_err(|_| SigningKeyError::Base64)?;
    if !SECRET_OCTETS.contains(&octets.len()) {
        return Err(SigningKeyError::SecretLength(octets.len()));
    }
    Ok(octets)
}

/// HMAC-SHA256 over what is signed.
pub(super) fn shared_mac(secret: &[u8], id: &str, timestamp: &str, body: &[u8]) -> [u8; 32] {
    // A key of any length will do.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return [0; 32] };
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

impl SigningKey {
    /// Reads `whsec_` and `whsk_`.
    ///
    /// # Errors
    /// [`SigningKeyError`].
    pub fn parse(text: &str) -> Result<Self, SigningKeyError> {
        let Some(encoded) = text.strip_prefix("whsk_") else { return shared_secret(text).map(Self::Shared) };
        let octets = STANDARD.decode(encoded).map(Zeroizing::new).map_err(|_| SigningKeyError::Base64)?;
        let (seed, public) = octets.split_first_chunk::<32>().ok_or(SigningKeyError::KeyPair)?;
        let seed = Zeroizing::new(*seed);
        let own = ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key();
        if !public.is_empty() && *public != own.as_bytes()[..] {
            return Err(SigningKeyError::KeyPair);
        }
        Ok(Self::KeyPair(seed))
    }

    /// One signature, with its version before it: `v1,...` or `v1a,...`. `timestamp` is in seconds since 1970.
    pub fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let timestamp = timestamp.to_string();
        match self {
            Self::Shared(secret) => format!("v1,{}", STANDARD.encode(shared_mac(secret, id, &timestamp, body))),
            Self::KeyPair(seed) => {
                let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
                let signature = ed25519_dalek::SigningKey::from_bytes(seed).sign(&signed);
                format!("v1a,{}", STANDARD.encode(signature.to_bytes()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification.
    #[test]
    fn a_signature_with_a_shared_secret_is_that_of_the_specification() {
        let key = SigningKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b"{\"test\": 2432232314}");
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(format!("{key:?}"), "***");
    }

    /// RFC 8032, test 1, has this key.
    #[test]
    fn a_signature_with_a_key_pair_is_verified_by_its_public_key() {
        let seed = [0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4];
        let seed = [
            &seed[..],
            &[0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60],
        ]
        .concat();
        let public = ed25519_dalek::SigningKey::from_bytes(&seed.clone().try_into().unwrap()).verifying_key();
        let both = [&seed[..], public.as_bytes()].concat();
        for octets in [&seed, &both] {
            let key = SigningKey::parse(&format!("whsk_{}", STANDARD.encode(octets))).unwrap();
            let signature = key.sign("msg_1", 7, b"{}");
            let signature = STANDARD.decode(signature.strip_prefix("v1a,").unwrap()).unwrap();
            let signature = ed25519_dalek::Signature::from_slice(&signature).unwrap();
            public.verify_strict(b"msg_1.7.{}", &signature).unwrap();
        }
        let other = [&seed[..], &[7; 32]].concat();
        assert_eq!(SigningKey::parse(&format!("whsk_{}", STANDARD.encode(other))), Err(SigningKeyError::KeyPair));
    }

    #[test]
    fn what_is_no_key_is_refused_in_words_that_do_not_quote_it() {
        for (text, expected) in [
            ("", SigningKeyError::Prefix),
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", SigningKeyError::Prefix),
            ("whsec_***", SigningKeyError::Base64),
            ("whsec_c2hvcnQ=", SigningKeyError::SecretLength(5)),
            ("whsk_c2hvcnQ=", SigningKeyError::KeyPair),
        ] {
            assert_eq!(SigningKey::parse(text), Err(expected), "{text}");
        }
    }
}
