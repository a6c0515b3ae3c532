//! The method `cryptosign`: the client signs the challenge with an Ed25519 key whose public half is known here.
//! Source: section 11.5 of the reference; D27.

use super::scram::TLS_EXPORTER;
use super::{extra, AuthSettings, Claim, Denied, Users};
use crate::wamp::{Dict, Value};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use std::collections::BTreeMap;
use std::fmt;
use subtle::ConstantTimeEq;

/// `auth.cryptosign`.
#[derive(Clone, Debug, Default)]
pub struct CryptosignSettings {
    users: Users<CryptosignUser>,
    /// Whose key it is.
    authid_by_key: BTreeMap<[u8; 32], String>,
    binding: ChannelBinding,
    key: Option<RouterKey>,
}

impl CryptosignSettings {
    /// `key` is the router's own, if it can prove itself. Of two users with one key, the first has it where no name is given.
    pub fn new(users: Users<CryptosignUser>, binding: ChannelBinding, key: Option<RouterKey>) -> Self {
        let mut authid_by_key = BTreeMap::new();
        for (authid, user) in users.iter() {
            for key in &user.keys {
                authid_by_key.entry(*key.0.as_bytes()).or_insert_with(|| authid.to_owned());
            }
        }
        Self { users, authid_by_key, binding, key }
    }

    /// The users.
    pub fn users(&self) -> &Users<CryptosignUser> {
        &self.users
    }

    /// Whether some user has the key that a HELLO names.
    pub(super) fn knows_key_of(&self, claim: &Claim<'_>) -> bool {
        let key = extra::text(claim.authextra, "pubkey").ok().flatten().and_then(extra::hex);
        key.is_some_and(|key| self.authid_by_key.contains_key(&key))
    }

    /// What the realm wants of channels.
    pub fn binding(&self) -> ChannelBinding {
        self.binding
    }
}

/// One user of `auth.cryptosign`.
#[derive(Clone, Debug)]
pub struct CryptosignUser {
    /// Its public keys.
    pub keys: Vec<PublicKey>,
    /// Its role.
    pub role: String,
}

/// A client's public key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads 64 hexadecimal digits; `None` if they are no Ed25519 key, or a weak one.
    pub fn parse(text: &str) -> Option<Self> {
        let key = VerifyingKey::from_bytes(&extra::hex(text)?).ok()?;
        (!key.is_weak()).then_some(Self(key))
    }

    /// For verifying with it.
    pub(super) fn verifying(self) -> VerifyingKey {
        self.0
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&extra::to_hex(self.0.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The router's own key: never printed, wiped when dropped.
#[derive(Clone)]
pub struct RouterKey(SigningKey);

impl RouterKey {
    /// Reads the 64 hexadecimal digits of a private key.
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self(SigningKey::from_bytes(&zeroize::Zeroizing::new(extra::hex(text)?))))
    }

    /// Of 32 octets that nobody can guess.
    pub fn new(octets: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(octets))
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The 64 hexadecimal digits of the private half.
    pub fn to_hex(&self) -> super::Secret {
        super::Secret::new(extra::to_hex(self.0.as_bytes()))
    }

    /// The signature, then the message: 192 hexadecimal digits.
    pub(super) fn sign(&self, message: &[u8; 32]) -> String {
        extra::to_hex(&[self.0.sign(message).to_bytes().as_slice(), message].concat())
    }
}

impl fmt::Debug for RouterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Whether logins are bound to their TLS connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ChannelBinding {
    /// Never.
    Off,
    /// Where the client asks for it and the connection has it.
    #[default]
    Optional,
    /// Always: who does not ask for it is refused.
    Required,
}

/// A signature is awaited.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    /// What the client must sign.
    message: [u8; 32],
    key: Option<VerifyingKey>,
    challenge: [u8; 32],
    bound: bool,
    /// The router's own proof, if the client wants it and there is a key.
    proof: Option<(String, String)>,
}

/// Who it would be, its role if there is such a user with that key, and the challenge: one for any key that is well formed.
///
/// # Errors
/// A malformed key or challenge of the client, or no channel binding where one is required.
pub(super) fn open(
    settings: &AuthSettings,
    claim: &Claim<'_>,
) -> Result<Option<(String, Option<String>, Waiting)>, Denied> {
    let Some(settings) = settings.cryptosign.as_ref() else { return Ok(None) };
    let Some(wish) = wish(settings, claim)? else { return Ok(None) };
    let key = wish.key;
    let authid = claim.authid.or_else(|| settings.authid_by_key.get(&key).map(String::as_str)).unwrap_or_default();
    let known = settings.users.get(authid).and_then(|user| {
        let key = user.keys.iter().find(|known| known.0.as_bytes() == &key)?;
        Some((key.0, user.role.clone()))
    });
    let authid = authid.to_owned();
    let (role, waiting) = challenge_for(settings, claim, &wish, known);
    Ok(Some((authid, role, waiting)))
}

/// Whose key HELLO names; if nobody's, the key itself, as a name that nobody has.
pub(super) fn name_of_key(settings: &AuthSettings, claim: &Claim<'_>) -> Option<String> {
    let text = extra::text(claim.authextra, "pubkey").ok()??;
    let known = extra::hex(text).and_then(|key| settings.cryptosign.as_ref()?.authid_by_key.get(&key));
    Some(known.map_or_else(|| text.to_ascii_lowercase(), String::clone))
}

/// What a HELLO says for this method.
pub(super) struct Wish {
    key: [u8; 32],
    theirs: Option<[u8; 32]>,
    binding: Option<[u8; 32]>,
}

impl Wish {
    /// Whether this is the key that the client has.
    pub(super) fn is_of(&self, key: &PublicKey) -> bool {
        key.0.as_bytes() == &self.key
    }
}

/// Reads it; `None` if there is no key.
///
/// # Errors
/// As [`open`].
pub(super) fn wish(settings: &CryptosignSettings, claim: &Claim<'_>) -> Result<Option<Wish>, Denied> {
    let key = octets(claim.authextra, "pubkey", "HELLO: authextra.pubkey must be 64 hexadecimal digits")?;
    let Some(key) = key else { return Ok(None) };
    let theirs =
        octets(claim.authextra, "challenge", "HELLO: authextra.challenge must be 64 hexadecimal digits or null")?;
    Ok(Some(Wish { key, theirs, binding: binding(settings, claim)? }))
}

/// The role and what waits for the signature: of a user that is known, or for a key that nobody has.
pub(super) fn challenge_for(
    settings: &CryptosignSettings,
    claim: &Claim<'_>,
    wish: &Wish,
    known: Option<(VerifyingKey, String)>,
) -> (Option<String>, Waiting) {
    let Wish { key, theirs, binding } = *wish;
    // A key that nobody has is worked with just the same; what it proves opens nothing.
    let (key, role) = match known {
        Some((key, role)) => (Some(key), Some(role)),
        None => (VerifyingKey::from_bytes(&key).ok(), None),
    };
    let proof = settings.key.as_ref().zip(theirs).map(|(own, theirs)| {
        let message = bound(&theirs, binding.as_ref());
        (own.public().to_string(), own.sign(&message))
    });
    let challenge = claim.drawn.challenge;
    let message = bound(&challenge, binding.as_ref());
    (role, Waiting { message, key, challenge, bound: binding.is_some(), proof })
}

fn octets(dict: &[(String, Value)], key: &str, otherwise: &'static str) -> Result<Option<[u8; 32]>, Denied> {
    match extra::text(dict, key) {
        Ok(None) => Ok(None),
        Ok(Some(text)) => extra::hex(text).map(Some).ok_or_else(|| Denied::malformed(otherwise)),
        Err(_) => Err(Denied::malformed(otherwise)),
    }
}

/// The octets that this login is bound to. A wish that cannot be met is left out of CHALLENGE, and the client decides.
fn binding(settings: &CryptosignSettings, claim: &Claim<'_>) -> Result<Option<[u8; 32]>, Denied> {
    let wish = extra::text(claim.authextra, "channel_binding")
        .map_err(|_| Denied::malformed("HELLO: authextra.channel_binding must be a string or null"))?;
    let binding = match settings.binding {
        ChannelBinding::Off => None,
        ChannelBinding::Optional | ChannelBinding::Required => claim.binding.filter(|_| wish == Some(TLS_EXPORTER)),
    };
    if settings.binding == ChannelBinding::Required && binding.is_none() {
        return Err(Denied::malformed("cryptosign needs the channel binding \"tls-exporter\" here"));
    }
    Ok(binding)
}

/// The message that is signed for `challenge`.
pub(super) fn bound(challenge: &[u8; 32], binding: Option<&[u8; 32]>) -> [u8; 32] {
    binding.map_or(*challenge, |binding| std::array::from_fn(|at| challenge[at] ^ binding[at]))
}

impl Waiting {
    /// CHALLENGE.Extra.
    pub(super) fn extra(&self) -> Dict {
        let mut extra = vec![("challenge".to_owned(), extra::to_hex(&self.challenge).into())];
        if self.bound {
            extra.push(("channel_binding".to_owned(), TLS_EXPORTER.into()));
        }
        if let Some((pubkey, signature)) = &self.proof {
            extra.push(("pubkey".to_owned(), pubkey.as_str().into()));
            extra.push(("signature".to_owned(), signature.as_str().into()));
        }
        extra
    }

    /// Whether `signature` is one of this challenge, and of this key.
    pub(super) fn check(&self, signature: &str) -> bool {
        let Some(octets) = extra::hex::<96>(signature) else { return false };
        let (mut signature, mut message) = ([0; 64], [0; 32]);
        signature.copy_from_slice(&octets[..64]);
        message.copy_from_slice(&octets[64..]);
        let of_this = bool::from(message.ct_eq(&self.message));
        let signature = Signature::from_bytes(&signature);
        let signed = self.key.is_some_and(|key| key.verify_strict(&message, &signature).is_ok());
        of_this & signed
    }
}

#[cfg(test)]
mod tests;
