//! The keys that tokens are checked with: a secret, a public key in PEM, or a set of public keys (JWKS, RFC 7517).
//!
//! A key is of one kind, found when it is read. A token chooses among the keys by its `kid`, never what a key is used for.

use super::algorithm::{JwtAlgorithm, Kind};
use super::Secret;
use arc_swap::ArcSwap;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use ring::{hmac, signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::SubjectPublicKeyInfoDer;
use serde::Deserialize;
use std::fmt;
use std::sync::Arc;
use x509_cert::der::asn1::UintRef;
use x509_cert::der::{AnyRef, Decode};
use x509_cert::spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};

/// The keys of one set.
const KEYS_MAX: usize = 100;

/// Octets of a secret: as many as the shortest hash has (RFC 7518, section 3.2).
const SECRET_MIN: usize = 32;

/// Octets of an RSA modulus.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=1024;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// Why there are no keys in what was read. None of its texts quotes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JwtKeysError {
    /// Too short to resist guessing.
    #[error("the secret is too short: expected 32 octets or more")]
    ShortSecret,
    /// Not a public key in PEM.
    #[error("expected one public key in PEM, beginning with -----BEGIN PUBLIC KEY-----")]
    Pem,
    /// A key of a kind that is not known here.
    #[error("expected a key of RSA (2048 to 8192 bits), P-256, P-384 or Ed25519")]
    Kind,
    /// Not a set of keys.
    #[error("expected a JSON Web Key Set: {{\"keys\": [...]}}")]
    Set,
    /// A set without a key that could be used.
    #[error("there is no key in the set that signatures can be checked with: RSA (2048 to 8192 bits), P-256, P-384 or Ed25519")]
    Empty,
    /// A set with too many.
    #[error("there are more than 100 keys in the set")]
    Many,
}

/// Keys that tokens are checked with.
#[derive(Clone, Debug)]
pub struct JwtKeys(Vec<Key>);

#[derive(Clone, Debug)]
struct Key {
    kid: Option<String>,
    /// What the set says that it is for, if it does.
    algorithm: Option<JwtAlgorithm>,
    material: Material,
}

#[derive(Clone)]
enum Material {
    Secret(Secret),
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// A point, or the key of Ed25519.
    Curve(Kind, Vec<u8>),
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(_) => f.write_str("***"),
            Self::Rsa { .. } => f.write_str("Rsa"),
            Self::Curve(kind, _) => kind.fmt(f),
        }
    }
}

impl Material {
    fn kind(&self) -> Kind {
        match self {
            Self::Secret(_) => Kind::Secret,
            Self::Rsa { .. } => Kind::Rsa,
            Self::Curve(kind, _) => *kind,
        }
    }
}

impl JwtKeys {
    /// One secret that both sides have: its UTF-8 octets.
    ///
    /// # Errors
    /// [`JwtKeysError::ShortSecret`].
    pub fn of_secret(secret: Secret) -> Result<Self, JwtKeysError> {
        if secret.expose().len() < SECRET_MIN {
            return Err(JwtKeysError::ShortSecret);
        }
        Ok(Self(vec![Key { kid: None, algorithm: None, material: Material::Secret(secret) }]))
    }

    /// One public key, as `openssl pkey -pubout` writes it.
    ///
    /// # Errors
    /// [`JwtKeysError`]: none, more than one, or one of another kind.
    pub fn of_pem(text: &[u8]) -> Result<Self, JwtKeysError> {
        let mut keys = SubjectPublicKeyInfoDer::pem_slice_iter(text);
        let (Some(Ok(key)), None) = (keys.next(), keys.next()) else { return Err(JwtKeysError::Pem) };
        let material = of_der(&key).ok_or(JwtKeysError::Kind)?;
        Ok(Self(vec![Key { kid: None, algorithm: None, material }]))
    }

    /// The public keys of a set. Keys of other kinds or for other uses are passed over, as RFC 7517 asks; a secret in a set is
    /// no key, as sets are public.
    ///
    /// # Errors
    /// [`JwtKeysError`]: no set, or nothing in it that can be used.
    pub fn of_jwks(text: &[u8]) -> Result<Self, JwtKeysError> {
        let set: Set = serde_json::from_slice(text).map_err(|_| JwtKeysError::Set)?;
        if set.keys.len() > KEYS_MAX {
            return Err(JwtKeysError::Many);
        }
        let keys = set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
        let keys: Vec<Key> = keys.filter_map(of_jwk).collect();
        if keys.is_empty() {
            return Err(JwtKeysError::Empty);
        }
        Ok(Self(keys))
    }

    /// None, until some are fetched.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether one of them can be used with `algorithm`.
    pub fn fit(&self, algorithm: JwtAlgorithm) -> bool {
        self.0.iter().any(|key| key.fits(algorithm))
    }

    /// The key that is meant: the one with the token's `kid`; of keys without a name, or for a token that names none, the only
    /// one that fits. Where several could be meant, none is.
    fn select(&self, algorithm: JwtAlgorithm, kid: Option<&str>) -> Option<&Key> {
        let fitting = || self.0.iter().filter(|key| key.fits(algorithm));
        let Some(kid) = kid else { return only(fitting()) };
        let named = fitting().find(|key| key.kid.as_deref() == Some(kid));
        named.or_else(|| only(fitting().filter(|key| key.kid.is_none())))
    }

    /// Whether `signature` is of `signed`; `None`: no key is meant.
    pub(super) fn verify(
        &self,
        algorithm: JwtAlgorithm,
        kid: Option<&str>,
        signed: &[u8],
        signature: &[u8],
    ) -> Option<bool> {
        let key = self.select(algorithm, kid)?;
        Some(key.material.verify(algorithm, signed, signature))
    }
}

/// The only one.
fn only<T>(mut all: impl Iterator<Item = T>) -> Option<T> {
    let first = all.next();
    first.filter(|_| all.next().is_none())
}

impl Key {
    fn fits(&self, algorithm: JwtAlgorithm) -> bool {
        self.material.kind() == algorithm.kind() && self.algorithm.is_none_or(|its| its == algorithm)
    }
}

impl Material {
    fn verify(&self, algorithm: JwtAlgorithm, signed: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Secret(secret) => algorithm.hmac().is_some_and(|hash| {
                let key = hmac::Key::new(hash, secret.expose().as_bytes());
                hmac::verify(&key, signed, signature).is_ok()
            }),
            Self::Rsa { modulus, exponent } => algorithm.rsa().is_some_and(|parameters| {
                let key = signature::RsaPublicKeyComponents { n: modulus, e: exponent };
                key.verify(parameters, signed, signature).is_ok()
            }),
            Self::Curve(_, octets) => algorithm.curve().is_some_and(|curve| {
                signature::UnparsedPublicKey::new(curve, octets).verify(signed, signature).is_ok()
            }),
        }
    }
}

/// A SubjectPublicKeyInfo.
fn of_der(der: &[u8]) -> Option<Material> {
    let info = SubjectPublicKeyInfoRef::from_der(der).ok()?;
    let octets = info.subject_public_key.as_bytes()?;
    let curve = || info.algorithm.parameters_oid().ok();
    if info.algorithm.oid == RSA {
        let read = AnyRef::from_der(octets).ok()?.sequence(|reader| {
            let (modulus, exponent) = (UintRef::decode(reader)?, UintRef::decode(reader)?);
            Ok::<_, x509_cert::der::Error>((modulus.as_bytes().to_vec(), exponent.as_bytes().to_vec()))
        });
        let (modulus, exponent) = read.ok()?;
        return rsa(modulus, exponent);
    }
    match info.algorithm.oid {
        EC if curve() == Some(P256) => on_curve(Kind::P256, octets.to_vec()),
        EC if curve() == Some(P384) => on_curve(Kind::P384, octets.to_vec()),
        ED25519 => on_curve(Kind::Ed25519, octets.to_vec()),
        _ => None,
    }
}

fn rsa(modulus: Vec<u8>, exponent: Vec<u8>) -> Option<Material> {
    let strip = |mut octets: Vec<u8>| {
        let zeros = octets.iter().take_while(|octet| **octet == 0).count();
        octets.drain(..zeros);
        octets
    };
    let (modulus, exponent) = (strip(modulus), strip(exponent));
    let lawful = MODULUS.contains(&modulus.len()) && modulus.first() >= Some(&0x80);
    (lawful && (1..=8).contains(&exponent.len())).then_some(Material::Rsa { modulus, exponent })
}

/// A point as it is written without compression, or the octets of an Ed25519 key.
fn on_curve(kind: Kind, octets: Vec<u8>) -> Option<Material> {
    let lawful = match kind {
        Kind::P256 => octets.len() == 65 && octets.first() == Some(&4),
        Kind::P384 => octets.len() == 97 && octets.first() == Some(&4),
        Kind::Ed25519 => octets.len() == 32,
        Kind::Secret | Kind::Rsa => false,
    };
    lawful.then_some(Material::Curve(kind, octets))
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

/// What a JWK may say that matters here.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

fn of_jwk(jwk: Jwk) -> Option<Key> {
    let octets = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
    let checks = jwk.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
        && jwk.key_ops.as_ref().is_none_or(|uses| uses.iter().any(|usage| usage == "verify"));
    let algorithm = match jwk.alg.as_deref() {
        None => None,
        Some(name) => Some(JwtAlgorithm::from_name(name)?),
    };
    let point = |kind, octets_of_each: usize| {
        let (x, y) = (octets(&jwk.x)?, octets(&jwk.y)?);
        let whole = x.len() == octets_of_each && y.len() == octets_of_each;
        whole.then(|| [&[4][..], &x, &y].concat()).and_then(|point| on_curve(kind, point))
    };
    let material = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => rsa(octets(&jwk.n)?, octets(&jwk.e)?),
        ("EC", Some("P-256")) => point(Kind::P256, 32),
        ("EC", Some("P-384")) => point(Kind::P384, 48),
        ("OKP", Some("Ed25519")) => on_curve(Kind::Ed25519, octets(&jwk.x)?),
        _ => None,
    };
    let material = material.filter(|_| checks)?;
    Some(Key { kid: jwk.kid, algorithm, material })
}

/// Keys that can be replaced as a whole while tokens are checked. Whoever has it sees the newest.
#[derive(Clone, Debug)]
pub struct JwtKeyring(Arc<ArcSwap<JwtKeys>>);

impl JwtKeyring {
    /// With these for a start.
    pub fn new(keys: JwtKeys) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(keys)))
    }

    /// Tokens are checked with these from now on.
    pub fn replace(&self, keys: JwtKeys) {
        self.0.store(Arc::new(keys));
    }

    /// The newest.
    pub fn keys(&self) -> Arc<JwtKeys> {
        self.0.load_full()
    }

    /// Whether anybody but the asker still has it.
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}
