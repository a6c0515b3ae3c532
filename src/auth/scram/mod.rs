//! The method `wamp-scram`, and the dialect `scram` of Autobahn|Python: both sides prove that they know the password, or
//! what was made of it, and neither tells it.
//!
//! The router keeps a [`Record`] for each user and derives nothing during a login. What the two methods differ in stands in
//! [`exchange`]. Source: section 11.4 of the reference; section 3 of the page on clients; D25, D27.

mod exchange;
mod record;

pub(super) use exchange::{auth_message, binding_text, Texts};
pub(super) use record::{keys, salted_password, KdfParts};
pub use record::{Flavour, Kdf, Record, RecordError};

use super::{decoy::Decoy, extra, AuthSettings, Claim, Denied, Method, Users};
use crate::wamp::{Dict, Value};
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use exchange::Exchange;
use subtle::ConstantTimeEq;

/// The one binding that TLS 1.3 has (D27).
pub(super) const TLS_EXPORTER: &str = "tls-exporter";

/// The longest client nonce, in octets.
const NONCE_MAX: usize = 128;

/// One user of `auth.scram`, for one of the two methods.
#[derive(Clone, Debug)]
pub struct ScramUser {
    /// What is known of its password.
    pub record: Record,
    /// Its role.
    pub role: String,
}

/// A proof is awaited.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    exchange: Exchange,
    record: Record,
    binding: Option<[u8; 32]>,
}

/// The users of `method`, if it is offered.
pub(super) fn users(settings: &AuthSettings, method: Method) -> Option<&Users<ScramUser>> {
    if method == Method::Scram {
        settings.scram_dialect.as_ref()
    } else {
        settings.scram.as_ref()
    }
}

/// The user's role, if there is one, and what waits for its proof: for a name that nobody has, a record that nothing fits
/// and that looks like some user's (R103).
///
/// # Errors
/// The client's nonce is none, or it wants a channel binding that is not there.
pub(super) fn open(
    settings: &AuthSettings,
    claim: &Claim<'_>,
    method: Method,
    authid: &str,
) -> Result<Option<(Option<String>, Waiting)>, Denied> {
    let Some(users) = users(settings, method) else { return Ok(None) };
    let number = decoy(claim, method, authid).below(users.len());
    let like = users.nth(number).map(|(_, user)| &user.record);
    challenge_for(claim, method, authid, users.get(authid), like).map(Some)
}

fn decoy(claim: &Claim<'_>, method: Method, authid: &str) -> Decoy {
    Decoy::new(claim.node_secret, claim.realm, method.name(), authid)
}

/// What is wrong with a HELLO for this method, if anything: to know it before anybody is asked for a user.
///
/// # Errors
/// As [`open`].
pub(super) fn check(claim: &Claim<'_>, method: Method) -> Result<(), Denied> {
    nonce(claim.authextra)?;
    if flavour(method) == Flavour::Wamp {
        binding(claim)?;
    }
    Ok(())
}

/// Which records `method` goes by.
pub(super) fn flavour(method: Method) -> Flavour {
    if method == Method::Scram {
        Flavour::Autobahn
    } else {
        Flavour::Wamp
    }
}

/// The same for a user that is found, or none and one that looks like `like`.
///
/// # Errors
/// As [`open`].
pub(super) fn challenge_for(
    claim: &Claim<'_>,
    method: Method,
    authid: &str,
    found: Option<&ScramUser>,
    like: Option<&Record>,
) -> Result<(Option<String>, Waiting), Denied> {
    let flavour = flavour(method);
    let client_nonce = nonce(claim.authextra)?;
    let binding = match flavour {
        Flavour::Wamp => binding(claim)?,
        Flavour::Autobahn => None,
    };
    let decoy = decoy(claim, method, authid);
    let made_up = match like {
        Some(like) => Record::made_up(&decoy, flavour, like.kdf(), like.salt()),
        None => Record::made_up(&decoy, flavour, flavour.kdf(), &[0; 16]),
    };
    let record = found.map_or(made_up, |user| user.record.clone());
    let exchange = Exchange::new(flavour, authid, client_nonce, &claim.drawn.challenge, &record, binding.as_ref())?;
    Ok((found.map(|user| user.role.clone()), Waiting { exchange, record, binding }))
}

fn nonce(authextra: &[(String, Value)]) -> Result<&str, Denied> {
    let nonce = extra::text(authextra, "nonce").ok().flatten();
    let lawful = |nonce: &&str| {
        nonce.len() <= NONCE_MAX * 4 / 3 + 4
            && STANDARD.decode(nonce).is_ok_and(|octets| (1..=NONCE_MAX).contains(&octets.len()))
    };
    nonce.filter(lawful).ok_or_else(|| Denied::malformed("HELLO: authextra.nonce must be Base64 of 1 to 128 octets"))
}

fn binding(claim: &Claim<'_>) -> Result<Option<[u8; 32]>, Denied> {
    match extra::text(claim.authextra, "channel_binding") {
        Ok(None) => Ok(None),
        Ok(Some(TLS_EXPORTER)) if claim.binding.is_some() => Ok(claim.binding),
        Ok(Some(_)) => Err(Denied::malformed("HELLO: this channel binding is not to be had on this connection")),
        Err(_) => Err(Denied::malformed("HELLO: authextra.channel_binding must be a string or null")),
    }
}

impl Waiting {
    /// CHALLENGE.Extra.
    pub(super) fn extra(&self) -> Dict {
        self.exchange.challenge(&self.record)
    }

    /// The router's own proof, for WELCOME, if the client's is right.
    pub(super) fn check(&self, signature: &str, given: &[(String, Value)]) -> Option<Dict> {
        let answers = self.answers(given);
        let proof: [u8; 32] =
            STANDARD.decode(signature).ok().and_then(|octets| octets.try_into().ok()).unwrap_or_default();
        let proven = self.record.proves(&proof, self.exchange.auth_message());
        let welcome = self.exchange.welcome(&self.record);
        (answers & proven).then_some(welcome)
    }

    /// Whether AUTHENTICATE.Extra repeats what HELLO and CHALLENGE said. The dialect sends none of it.
    fn answers(&self, given: &[(String, Value)]) -> bool {
        if self.exchange.flavour() == Flavour::Autobahn {
            return true;
        }
        let text = |key| extra::text(given, key);
        let nonce = text("nonce").ok().flatten().unwrap_or_default();
        let same_nonce = nonce.as_bytes().ct_eq(self.exchange.nonce().as_bytes());
        let same_binding = text("channel_binding") == Ok(self.binding.map(|_| TLS_EXPORTER));
        let same_data = match (&self.binding, text("cbind_data")) {
            (None, Ok(None)) => true,
            (Some(binding), Ok(Some(data))) => {
                STANDARD.decode(data).is_ok_and(|data| data.ct_eq(binding.as_slice()).into())
            }
            (_, Ok(_) | Err(_)) => false,
        };
        bool::from(same_nonce) & same_binding & same_data
    }
}

#[cfg(test)]
pub(super) mod tests;
