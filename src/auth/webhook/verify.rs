//! Whether a hook that came in is from whom it should be. Everything is compared in constant time; why something is wrong is for
//! the operator and never for the sender.

use super::crossbar::{CrossbarFault, CrossbarKey, CrossbarRule, CrossbarSigned, Padding, CROSSBAR_WINDOW};
use super::signature::{shared_mac, shared_secret, SigningKeyError};
use crate::auth::Secret;
use crate::wamp::WallTime;
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha512};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Seconds by which a timestamp may differ from our clock, to either side.
pub const WINDOW: u64 = 300;

/// Signatures of one hook that are looked at.
const SIGNATURES_MAX: usize = 16;

/// Octets of an id.
const ID_MAX: usize = 256;

/// What a hook is not. For the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{reason}")]
pub struct WrongSignature {
    /// In words.
    pub reason: &'static str,
    /// Whether somebody may have guessed at a secret: a proof was given, and it was wrong.
    pub is_guess: bool,
}

impl WrongSignature {
    /// A proof that is wrong.
    fn guess(reason: &'static str) -> Self {
        Self { reason, is_guess: true }
    }

    /// No proof, or none that counts.
    fn none(reason: &'static str) -> Self {
        Self { reason, is_guess: false }
    }
}

impl From<CrossbarFault> for WrongSignature {
    fn from(fault: CrossbarFault) -> Self {
        match fault {
            CrossbarFault::Missing(_) => Self::none("a field of the signature is missing"),
            CrossbarFault::Unreadable { .. } => Self::none("a field of the signature cannot be read"),
            CrossbarFault::Expired => Self::none("a timestamp more than a minute off our clock"),
            CrossbarFault::Key => Self::guess("there is no such key"),
            CrossbarFault::Signature => Self::guess("the signature is another"),
        }
    }
}

/// Which hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum HmacAlgorithm {
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-512.
    Sha512,
    /// SHA-1, for senders that have nothing else.
    Sha1,
}

/// How a signature is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Encoding {
    /// Hexadecimal digits.
    #[default]
    Hex,
    /// Base64.
    Base64,
}

/// A signature of the body in a header.
#[derive(Clone, Debug)]
pub struct HmacRule {
    /// The key, as text.
    pub secret: Secret,
    /// The header, in lower case.
    pub header: String,
    /// The hash.
    pub algorithm: HmacAlgorithm,
    /// What stands before the signature.
    pub prefix: String,
    /// How it is written.
    pub encoding: Encoding,
}

/// A key of Standard Webhooks on the receiving side. Never printed.
#[derive(Clone)]
pub enum VerifyKey {
    /// `whsec_`.
    Shared(Zeroizing<Vec<u8>>),
    /// `whpk_`.
    Public(Box<ed25519_dalek::VerifyingKey>),
}

impl fmt::Debug for VerifyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl VerifyKey {
    /// Reads `whsec_` and `whpk_`.
    ///
    /// # Errors
    /// [`SigningKeyError`].
    pub fn parse(text: &str) -> Result<Self, SigningKeyError> {
        let Some(encoded) = text.strip_prefix("whpk_") else { return shared_secret(text).map(Self::Shared) };
        let octets = STANDARD.decode(encoded).map_err(|_| SigningKeyError::Base64)?;
        let octets: [u8; 32] = octets.try_into().map_err(|_| SigningKeyError::KeyPair)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&octets).map_err(|_| SigningKeyError::KeyPair)?;
        Ok(Self::Public(Box::new(key)))
    }
}

/// How a hook proves itself.
#[derive(Clone, Debug)]
pub enum Verifier {
    /// Standard Webhooks 1.0.0, by any of these keys.
    Standard(Vec<VerifyKey>),
    /// `X-Hub-Signature-256` and the like.
    Hmac(HmacRule),
    /// HTTP Basic.
    Basic {
        /// The name.
        name: String,
        /// The password.
        secret: Secret,
    },
    /// In the query, as clients of Crossbar's bridge sign.
    Crossbar(CrossbarKey),
}

/// What is known of a hook that proved itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Proven {
    /// That it is from whom it should be.
    Anew,
    /// Its id, too, and until when its signature is good (seconds since 1970). A repeat was acted on already.
    Id(String, u64),
    /// What is good once: a repeat proves nothing.
    Once(CrossbarSigned),
}

impl Verifier {
    /// GitHub's.
    pub fn github(secret: Secret) -> Self {
        Self::Hmac(HmacRule {
            secret,
            header: "x-hub-signature-256".to_owned(),
            algorithm: HmacAlgorithm::Sha256,
            prefix: "sha256=".to_owned(),
            encoding: Encoding::Hex,
        })
    }

    /// The header that holds the proof, in lower case, where one does: told to nobody.
    pub fn header(&self) -> Option<&str> {
        match self {
            Self::Standard(_) => Some("webhook-signature"),
            Self::Hmac(rule) => Some(&rule.header),
            Self::Basic { .. } => Some("authorization"),
            Self::Crossbar(_) => None,
        }
    }

    /// Judges one. `header` gives the value of a header that is there exactly once.
    ///
    /// # Errors
    /// [`WrongSignature`].
    pub fn verify<'a>(
        &self,
        header: impl Fn(&str) -> Option<&'a str>,
        query: &str,
        body: &[u8],
        now: WallTime,
    ) -> Result<Proven, WrongSignature> {
        match self {
            Self::Standard(keys) => {
                let there =
                    |name| header(name).ok_or(WrongSignature::none("a webhook- header is missing, or there twice"));
                let (id, timestamp) = (there("webhook-id")?, there("webhook-timestamp")?);
                let signatures = there("webhook-signature")?;
                standard(keys, (id, timestamp), signatures, body, seconds(now))
            }
            Self::Hmac(rule) => {
                let given = header(&rule.header).ok_or(WrongSignature::none("no signature, or more than one"))?;
                let is_right = rule.is_right(given, body);
                is_right.then_some(Proven::Anew).ok_or(WrongSignature::guess("the signature is another"))
            }
            Self::Basic { name, secret } => {
                let given = header("authorization").ok_or(WrongSignature::none("no credential, or more than one"))?;
                let is_right = basic(given).is_some_and(|given| {
                    let (name, secret) = (given.0.matches(name), secret.matches(given.1.expose()));
                    // Both are looked at, whatever the first says.
                    name & secret
                });
                is_right.then_some(Proven::Anew).ok_or(WrongSignature::guess("the name or the password is another"))
            }
            Self::Crossbar(key) => {
                let (window, padding) = (Some(CROSSBAR_WINDOW), Padding::Indifferent);
                let signed = CrossbarRule { key: Some(key), window, padding }.check(query, body, now)?;
                signed.map(Proven::Once).ok_or(WrongSignature::none("nothing is signed"))
            }
        }
    }
}

/// Whole ones since 1970, as webhooks write their timestamps.
pub fn seconds(now: WallTime) -> u64 {
    u64::try_from(now.0 / 1_000_000).unwrap_or_default()
}

/// Name and password.
fn basic(line: &str) -> Option<(Secret, Secret)> {
    let (scheme, value) = line.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let octets = Zeroizing::new(STANDARD.decode(value.trim()).ok()?);
    let (name, secret) = std::str::from_utf8(&octets).ok()?.split_once(':')?;
    Some((Secret::new(name.to_owned()), Secret::new(secret.to_owned())))
}

fn standard(
    keys: &[VerifyKey],
    (id, timestamp): (&str, &str),
    signatures: &str,
    body: &[u8],
    now: u64,
) -> Result<Proven, WrongSignature> {
    if id.is_empty() || id.len() > ID_MAX {
        return Err(WrongSignature::none("an id of no octets, or of more than 256"));
    }
    let is_number = !timestamp.is_empty() && timestamp.bytes().all(|digit| digit.is_ascii_digit());
    let sent = timestamp.parse::<u64>().ok().filter(|_| is_number);
    let sent = sent.ok_or(WrongSignature::none("a timestamp that is no number of seconds"))?;
    let mut is_right = false;
    for signature in signatures.split(' ').take(SIGNATURES_MAX) {
        let Some((version, signature)) = signature.split_once(',') else { continue };
        let Ok(signature) = STANDARD.decode(signature) else { continue };
        for key in keys {
            is_right |= match (key, version) {
                (VerifyKey::Shared(secret), "v1") => {
                    shared_mac(secret, id, timestamp, body).as_slice().ct_eq(&signature).into()
                }
                (VerifyKey::Public(key), "v1a") => {
                    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
                    let signature = ed25519_dalek::Signature::from_slice(&signature);
                    signature.is_ok_and(|signature| key.verify_strict(&signed, &signature).is_ok())
                }
                (VerifyKey::Shared(_) | VerifyKey::Public(_), _) => false,
            };
        }
    }
    if !is_right {
        return Err(WrongSignature::guess("no signature is right"));
    }
    if sent.abs_diff(now) > WINDOW {
        return Err(WrongSignature::none("signed, but more than five minutes off our clock"));
    }
    Ok(Proven::Id(id.to_owned(), sent + WINDOW))
}

impl HmacRule {
    fn is_right(&self, given: &str, body: &[u8]) -> bool {
        let Some(given) = given.strip_prefix(self.prefix.as_str()) else { return false };
        let given = match self.encoding {
            Encoding::Hex => unhex(given),
            Encoding::Base64 => STANDARD.decode(given).ok(),
        };
        let expected = self.mac(body);
        given.is_some_and(|given| expected.as_slice().ct_eq(&given).into())
    }

    fn mac(&self, body: &[u8]) -> Vec<u8> {
        let key = self.secret.expose().as_bytes();
        match self.algorithm {
            HmacAlgorithm::Sha256 => Hmac::<Sha256>::new_from_slice(key).map_or_else(
                |_| Vec::new(),
                |mut mac| {
                    mac.update(body);
                    mac.finalize().into_bytes().to_vec()
                },
            ),
            HmacAlgorithm::Sha512 => Hmac::<Sha512>::new_from_slice(key).map_or_else(
                |_| Vec::new(),
                |mut mac| {
                    mac.update(body);
                    mac.finalize().into_bytes().to_vec()
                },
            ),
            HmacAlgorithm::Sha1 => {
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
                ring::hmac::sign(&key, body).as_ref().to_vec()
            }
        }
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |octet: u8| char::from(octet).to_digit(16);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    // Two hexadecimal digits fit one octet.
    pairs.iter().map(|[high, low]| Some((digit(*high)? * 16 + digit(*low)?) as u8)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::SigningKey;
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    type Lines<'a> = &'a [(&'a str, &'a str)];

    fn judge(verifier: &Verifier, lines: Lines<'_>, body: &str, now: u64) -> Result<Proven, WrongSignature> {
        let header = |name: &str| lines.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        verifier.verify(header, "", body.as_bytes(), WallTime(i64::try_from(now).unwrap() * 1_000_000))
    }

    #[test]
    fn a_standard_webhook_is_taken_within_five_minutes_of_its_signature_and_no_octet_may_differ() {
        let verifier = Verifier::Standard(vec![VerifyKey::parse(SECRET).unwrap()]);
        let right = SigningKey::parse(SECRET).unwrap().sign("m1", 1000, b"{}");
        let both = format!("v1,AAAA v2,{right} {right}");
        let lines = |signature| [("webhook-id", "m1"), ("webhook-timestamp", "1000"), ("webhook-signature", signature)];
        let proven = Ok(Proven::Id("m1".to_owned(), 1300));
        for (now, expected) in [(1000, true), (1300, true), (700, true), (1301, false), (699, false)] {
            assert_eq!(judge(&verifier, &lines(&right), "{}", now) == proven, expected, "{now}");
        }
        assert_eq!(judge(&verifier, &lines(&both), "{}", 1000), proven);
        assert!(judge(&verifier, &lines(&right), "{ }", 1000).is_err());
        let [id, timestamp, signature] = lines(&right);
        for wrong in [
            &[("webhook-id", "m2"), timestamp, signature][..],
            &[id, ("webhook-timestamp", "1001"), signature],
            &[id, ("webhook-timestamp", "+1000"), signature],
            &[id, timestamp, ("webhook-signature", "v1,")],
            &[id, timestamp, ("webhook-signature", "")],
            &[id, timestamp],
            &[timestamp, signature],
            &[],
        ] {
            assert!(judge(&verifier, wrong, "{}", 1000).is_err(), "{wrong:?}");
        }
        let other = Verifier::Standard(vec![VerifyKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx").unwrap()]);
        assert!(judge(&other, &lines(&right), "{}", 1000).is_err());
    }

    #[test]
    fn a_standard_webhook_with_a_key_pair_is_taken_by_its_public_key() {
        let pair = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let public = format!("whpk_{}", STANDARD.encode(pair.verifying_key().as_bytes()));
        let signature = SigningKey::parse(&format!("whsk_{}", STANDARD.encode([7; 32]))).unwrap().sign("m", 5, b"x");
        let lines = [("webhook-id", "m"), ("webhook-timestamp", "5"), ("webhook-signature", signature.as_str())];
        let verifier = Verifier::Standard(vec![VerifyKey::parse(&public).unwrap()]);
        assert!(judge(&verifier, &lines, "x", 5).is_ok());
        assert!(judge(&verifier, &lines, "y", 5).is_err());
    }

    /// The example of GitHub's documentation, "Validating webhook deliveries".
    #[test]
    fn a_delivery_of_github_is_taken_by_its_signature() {
        let verifier = Verifier::github(Secret::new("It's a Secret to Everybody".to_owned()));
        let right = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let lines = |signature| [("x-hub-signature-256", signature)];
        assert_eq!(judge(&verifier, &lines(right), "Hello, World!", 0), Ok(Proven::Anew));
        let upper = right.to_uppercase().replace("SHA", "sha");
        assert!(judge(&verifier, &[("x-hub-signature-256", &upper)], "Hello, World!", 0).is_ok());
        for wrong in ["", "sha256=", &right[7..], &right[..70], "sha1=757107ea0eb2509fc211221cce984b8a37570b6d"] {
            assert!(judge(&verifier, &lines(wrong), "Hello, World!", 0).is_err(), "{wrong}");
        }
        assert!(judge(&verifier, &lines(right), "Hello, World?", 0).is_err());
        assert!(judge(&verifier, &[], "Hello, World!", 0).is_err());
    }

    /// RFC 2202, 2.2 and RFC 4231, 4.3: the key is "Jefe".
    #[test]
    fn an_hmac_is_taken_by_its_algorithm_prefix_and_encoding() {
        let body = "what do ya want for nothing?";
        let sha512 = "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fd\
                      caeab1a34d4a6b4b636e070a38bce737";
        for (algorithm, encoding, prefix, signature) in [
            (HmacAlgorithm::Sha1, Encoding::Hex, "", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79".to_owned()),
            (HmacAlgorithm::Sha512, Encoding::Hex, "v0=", format!("v0={sha512}")),
            (HmacAlgorithm::Sha512, Encoding::Base64, "", STANDARD.encode(unhex(sha512).unwrap())),
        ] {
            let (secret, prefix) = (Secret::new("Jefe".to_owned()), prefix.to_owned());
            let verifier =
                Verifier::Hmac(HmacRule { secret, header: "x-sign".to_owned(), algorithm, prefix, encoding });
            assert!(judge(&verifier, &[("x-sign", &signature)], body, 0).is_ok(), "{algorithm:?}");
            assert!(judge(&verifier, &[("x-sign", &signature)], "another", 0).is_err());
        }
    }

    #[test]
    fn a_name_and_a_password_are_both_needed() {
        let verifier = Verifier::Basic { name: "erp".to_owned(), secret: Secret::new("s3:cret".to_owned()) };
        let line = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        assert!(judge(&verifier, &[("authorization", &line("erp:s3:cret"))], "", 0).is_ok());
        for wrong in ["erp:s3", "crm:s3:cret", "erp", ":", ""] {
            assert!(judge(&verifier, &[("authorization", &line(wrong))], "", 0).is_err(), "{wrong}");
        }
        assert!(judge(&verifier, &[("authorization", "Bearer x")], "", 0).is_err());
    }

    /// Section 12.2: the example of the page about Crossbar, section 1.4.
    #[test]
    fn a_hook_with_the_signature_of_crossbars_bridge_is_taken_within_a_minute_and_is_good_once() {
        let body = "{\"topic\": \"com.test.messages\", \"args\": [1]}";
        let right = "key=myapp1&timestamp=2026-01-02T03:04:05.678Z&seq=1&nonce=12345\
                     &signature=LZULkOrFsf2myvBkHVvAksPdZPTVNfJ534j1gPp6ENM%3D";
        let signed = WallTime::parse("2026-01-02T03:04:05.678Z").unwrap();
        let secret = Secret::new("s3cr3t".to_owned());
        let verifier = Verifier::Crossbar(CrossbarKey { key: "myapp1".to_owned(), secret });
        let judge = |query: &str, body: &str, seconds: i64| {
            let now = WallTime(signed.0 + seconds * 1_000_000);
            verifier.verify(|_| None, query, body.as_bytes(), now)
        };
        let Ok(Proven::Once(proven)) = judge(right, body, 60) else { panic!("it is right") };
        let good_for = Some(std::time::Duration::from_micros(1));
        assert_eq!((&*proven.key, &*proven.nonce, proven.good_for), ("myapp1", "12345", good_for));
        for (query, body, seconds, is_guess) in [
            (right, body, 61, false),
            (right, body, -61, false),
            (right, "{}", 0, true),
            (&right.replace("myapp1", "other"), body, 0, true),
            (&right.replace("seq=1", "seq=2"), body, 0, true),
            (&right.replace("seq=1", "seq=x"), body, 0, false),
            (&right[..right.len() - 60], body, 0, false),
            ("", body, 0, false),
        ] {
            assert_eq!(judge(query, body, seconds).map_err(|wrong| wrong.is_guess), Err(is_guess), "{query}");
        }
    }
}
