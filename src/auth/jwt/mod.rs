//! JSON Web Tokens (RFC 7519) as a proof: signed by somebody that the configuration trusts, for us, and not too old.
//!
//! As the answer to a CHALLENGE of the method `jwt` or, where the realm takes tokens, `ticket`; over HTTP as `Bearer`. Which
//! algorithms are taken is pinned by the configuration, and what a key is used for by the key: a token chooses neither.
//! Source: RFC 7515, 7517, 7519 and 8725.

mod algorithm;
mod claims;
mod freshness;
mod keys;

pub use algorithm::JwtAlgorithm;
pub use freshness::{Freshness, Wish};
pub use keys::{JwtKeyring, JwtKeys, JwtKeysError};

use super::{AuthSettings, Claim, Identity, Method, Secret, WebAddress};
use crate::wamp::WallTime;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use claims::Claims;
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Octets of a token.
const TOKEN_MAX: usize = 8 << 10;

/// What is said to come from a token.
pub(super) const PROVIDER: &str = "jwt";

/// `auth.jwt`.
#[derive(Clone, Debug)]
pub struct JwtSettings {
    /// What `iss` must be.
    pub issuer: String,
    /// What `aud` must be, or have among its entries.
    pub audience: String,
    /// The algorithms that are taken.
    pub algorithms: Vec<JwtAlgorithm>,
    /// The claim that is the authid.
    pub authid: String,
    /// Where the role comes from.
    pub role: JwtRole,
    /// How far clocks may differ. 30 s.
    pub leeway: Duration,
    /// What signatures are checked with.
    pub keys: JwtKeyring,
    /// Where they were read, for those who keep them fresh.
    pub source: JwtKeySource,
}

/// Where keys are read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JwtKeySource {
    /// They came with the configuration.
    Given,
    /// A file with one public key in PEM.
    Pem(PathBuf),
    /// A file with a set of keys.
    Jwks(PathBuf),
    /// An address with a set of keys. There are none before the first fetch.
    Address(Arc<WebAddress>),
}

/// Where the role of a token's owner comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JwtRole {
    /// It is the same for all.
    Fixed(String),
    /// A claim has it: a text, or a list of texts.
    Claim {
        /// The claim.
        name: String,
        /// The roles that it may give; of several the first.
        allowed: Vec<String>,
    },
}

/// What is no token at all may have been meant as a ticket.
pub(super) const NO_TOKEN: &str = "this is no token";

/// Why a token lets nobody in: for the log, never for the peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TokenFault {
    Form,
    Algorithm,
    Key,
    Signature,
    NoEnd,
    Expired,
    NotYet,
    Issuer,
    Audience,
    NoName,
    OtherName,
    Role,
}

impl TokenFault {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Form => NO_TOKEN,
            Self::Algorithm => "the token's algorithm is not one of `algorithms`",
            Self::Key => "no key fits the token's kid and algorithm",
            Self::Signature => "the token's signature is wrong",
            Self::NoEnd => "the token has no exp",
            Self::Expired => "the token has expired",
            Self::NotYet => "the token is not valid yet",
            Self::Issuer => "the token is of another issuer",
            Self::Audience => "the token is for another audience",
            Self::NoName => "the token has no authid",
            Self::OtherName => "the token is of another authid",
            Self::Role => "the token gives no role that is allowed",
        }
    }
}

/// A token is awaited.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    settings: Arc<JwtSettings>,
    method: Method,
    /// Who the client has said it is, if it has.
    authid: Option<String>,
    now: WallTime,
}

/// What waits for a token, if the realm takes any.
pub(super) fn open(settings: &AuthSettings, claim: &Claim<'_>, method: Method) -> Option<Waiting> {
    let settings = Arc::clone(settings.jwt.as_ref()?);
    Some(Waiting { settings, method, authid: claim.authid.map(str::to_owned), now: claim.drawn.time })
}

impl Waiting {
    /// Where its keys are fetched, if they are.
    pub(super) fn address(&self) -> Option<&Arc<WebAddress>> {
        match &self.settings.source {
            JwtKeySource::Address(address) => Some(address),
            JwtKeySource::Given | JwtKeySource::Pem(_) | JwtKeySource::Jwks(_) => None,
        }
    }

    /// Who the token's owner is.
    ///
    /// # Errors
    /// [`TokenFault`]; towards the peer all are the same.
    pub(super) fn look(&self, token: &str) -> Result<Identity, TokenFault> {
        self.owner(token).map(|(authid, role)| Identity {
            authid: authid.into(),
            authrole: role.into(),
            authmethod: self.method.name().into(),
            authprovider: PROVIDER.into(),
        })
    }

    fn owner(&self, token: &str) -> Result<(String, &str), TokenFault> {
        let settings = &*self.settings;
        let claims = Claims::read(&signed_payload(settings, token)?)?;
        claims.check(settings, self.now)?;
        let authid = claims.authid(&settings.authid)?;
        if self.authid.as_ref().is_some_and(|said| said != authid) {
            return Err(TokenFault::OtherName);
        }
        Ok((authid.to_owned(), claims.role(&settings.role)?))
    }
}

/// What the header of a token may say that matters here.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<serde_json::Value>,
}

impl Header {
    /// No extension is known that could be critical, and a token that says it is something else than one of identity is.
    fn is_lawful(&self) -> bool {
        let plain = |typ: &str| {
            let name = typ.get(..12).filter(|prefix| prefix.eq_ignore_ascii_case("application/"));
            let name = name.map_or(typ, |prefix| &typ[prefix.len()..]);
            ["JWT", "at+jwt"].iter().any(|known| name.eq_ignore_ascii_case(known))
        };
        self.crit.is_none() && self.typ.as_deref().is_none_or(plain)
    }
}

/// The payload of a token whose signature is right. Nothing of it is read before that is known.
fn signed_payload(settings: &JwtSettings, token: &str) -> Result<Vec<u8>, TokenFault> {
    if token.len() > TOKEN_MAX {
        return Err(TokenFault::Form);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(TokenFault::Form)?;
    let (header, payload) = signed.split_once('.').ok_or(TokenFault::Form)?;
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenFault::Form);
    let (header, payload, signature) = (decode(header)?, decode(payload)?, decode(signature)?);
    let header: Header = serde_json::from_slice(&header).map_err(|_| TokenFault::Form)?;
    if !header.is_lawful() {
        return Err(TokenFault::Form);
    }
    let algorithm = JwtAlgorithm::from_name(&header.alg).filter(|algorithm| settings.algorithms.contains(algorithm));
    let algorithm = algorithm.ok_or(TokenFault::Algorithm)?;
    let verified = settings.keys.keys().verify(algorithm, header.kid.as_deref(), signed.as_bytes(), &signature);
    match verified {
        Some(true) => Ok(payload),
        Some(false) => Err(TokenFault::Signature),
        None => Err(TokenFault::Key),
    }
}

#[cfg(test)]
mod tests;
