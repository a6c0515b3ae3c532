//! The method `wampcra`: the client signs a text with a shared secret, or with a key derived from it.
//!
//! Only the derived key need be known here; nothing is derived during a login.
//! Source: section 11.3 of the reference; D26.

use super::{decoy::Decoy, kdf, AuthSettings, Claim, Method, Secret, PROVIDER};
use crate::wamp::Dict;
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use subtle::ConstantTimeEq;

/// The most rounds that a client computes.
pub(super) const ROUNDS_MAX: u32 = 10_000_000;

/// The longest key that a client derives, in octets.
pub(super) const KEYLEN_MAX: u32 = 64;

/// One user of `auth.wampcra`.
#[derive(Clone, Debug)]
pub struct WampCraUser {
    /// What signs: the secret's own text, or the padded Base64 text of the derived key.
    pub key: Secret,
    /// How the client derives the key; `None`: it does not.
    pub salted: Option<Salting>,
    /// Its role.
    pub role: String,
}

/// How a key is derived from a secret: PBKDF2-HMAC-SHA256.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Salting {
    /// The salt; its UTF-8 octets count.
    pub salt: String,
    /// Rounds.
    pub iterations: u32,
    /// Octets of the key.
    pub keylen: u32,
}

impl Salting {
    /// The key that signs: the padded Base64 text of what is derived. Costly.
    pub fn key(&self, secret: &Secret) -> Secret {
        let length = self.keylen as usize;
        let key = kdf::pbkdf2(secret.expose().as_bytes(), self.salt.as_bytes(), self.iterations, length);
        Secret::new(STANDARD.encode(&*key))
    }
}

/// A signature is awaited.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    challenge: String,
    key: Secret,
    salted: Option<Salting>,
}

/// The user's role, if there is one, and the challenge: for a name that nobody has, one that looks like some user's.
pub(super) fn open(settings: &AuthSettings, claim: &Claim<'_>, authid: &str) -> Option<(Option<String>, Waiting)> {
    let users = settings.wampcra.as_ref()?;
    let number = decoy(claim, authid).below(users.len());
    let like = users.nth(number).map(|(_, user)| user);
    Some(challenge_for(claim, authid, users.get(authid), like, PROVIDER))
}

fn decoy(claim: &Claim<'_>, authid: &str) -> Decoy {
    Decoy::new(claim.node_secret, claim.realm, Method::WampCra.name(), authid)
}

/// The same for a user that is found, or none and one that looks like `like`.
pub(super) fn challenge_for(
    claim: &Claim<'_>,
    authid: &str,
    found: Option<&WampCraUser>,
    like: Option<&WampCraUser>,
    provider: &str,
) -> (Option<String>, Waiting) {
    let decoy = decoy(claim, authid);
    let made_up = WampCraUser {
        key: Secret::new(STANDARD.encode(decoy.octets("key"))),
        salted: like
            .and_then(|user| user.salted.as_ref())
            .map(|like| Salting { salt: decoy.text_like(&like.salt), ..like.clone() }),
        role: like.map_or_else(|| "user".to_owned(), |user| user.role.clone()),
    };
    let user = found.unwrap_or(&made_up);
    let challenge = challenge(claim, authid, &user.role, provider);
    let waiting = Waiting { challenge, key: user.key.clone(), salted: user.salted.clone() };
    (found.map(|user| user.role.clone()), waiting)
}

/// The text to sign. `session` is the id that WELCOME will carry (R102).
fn challenge(claim: &Claim<'_>, authid: &str, authrole: &str, provider: &str) -> String {
    let text = serde_json::json!({
        "authid": authid,
        "authrole": authrole,
        "authmethod": Method::WampCra.name(),
        "authprovider": provider,
        "nonce": STANDARD.encode(claim.drawn.challenge),
        "timestamp": claim.drawn.time.to_string(),
        "session": claim.drawn.session.get(),
    });
    text.to_string()
}

impl Waiting {
    pub(super) fn extra(&self) -> Dict {
        let mut extra = vec![("challenge".to_owned(), self.challenge.as_str().into())];
        if let Some(salted) = &self.salted {
            extra.push(("salt".to_owned(), salted.salt.as_str().into()));
            extra.push(("iterations".to_owned(), u64::from(salted.iterations).into()));
            extra.push(("keylen".to_owned(), u64::from(salted.keylen).into()));
        }
        extra
    }

    /// Whether `signature` is that of the challenge.
    pub(super) fn check(&self, signature: &str) -> bool {
        let expected = sign(&self.key, &self.challenge);
        STANDARD.decode(signature).is_ok_and(|given| given.ct_eq(&expected).into())
    }
}

/// The signature of a challenge, before Base64.
pub(super) fn sign(key: &Secret, challenge: &str) -> [u8; 32] {
    kdf::hmac(key.expose().as_bytes(), &[challenge.as_bytes()])
}

#[cfg(test)]
mod tests;
