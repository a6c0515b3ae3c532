//! What a token says, once its signature is known to be right: until when, from whom, for whom, and who it is.

use super::{JwtRole, JwtSettings, TokenFault};
use crate::wamp::WallTime;
use serde_json::{Map, Value};

/// Octets of a name.
const NAME_MAX: usize = 256;

/// The claims of one token.
pub(super) struct Claims(Map<String, Value>);

impl Claims {
    pub(super) fn read(payload: &[u8]) -> Result<Self, TokenFault> {
        serde_json::from_slice(payload).map(Self).map_err(|_| TokenFault::Form)
    }

    /// RFC 7519, section 4.1. A token without an end is none: it could never be taken back.
    pub(super) fn check(&self, settings: &JwtSettings, now: WallTime) -> Result<(), TokenFault> {
        #[expect(clippy::cast_precision_loss, reason = "seconds of the next million years are exact")]
        let now = (now.0 / 1_000_000) as f64;
        let leeway = settings.leeway.as_secs_f64();
        let expires = self.time("exp")?.ok_or(TokenFault::NoEnd)?;
        if now >= expires + leeway {
            return Err(TokenFault::Expired);
        }
        if self.time("nbf")?.is_some_and(|begins| now + leeway < begins) {
            return Err(TokenFault::NotYet);
        }
        if self.0.get("iss").and_then(Value::as_str) != Some(settings.issuer.as_str()) {
            return Err(TokenFault::Issuer);
        }
        let ours = match self.0.get("aud") {
            Some(Value::String(audience)) => *audience == settings.audience,
            Some(Value::Array(all)) => all.iter().any(|one| one.as_str() == Some(settings.audience.as_str())),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => false,
        };
        if ours {
            Ok(())
        } else {
            Err(TokenFault::Audience)
        }
    }

    /// Seconds since 1970, which may have a fraction.
    fn time(&self, claim: &str) -> Result<Option<f64>, TokenFault> {
        match self.0.get(claim) {
            None => Ok(None),
            Some(value) => value.as_f64().filter(|seconds| seconds.is_finite()).map(Some).ok_or(TokenFault::Form),
        }
    }

    /// Who it is.
    pub(super) fn authid(&self, claim: &str) -> Result<&str, TokenFault> {
        let name = self.0.get(claim).and_then(Value::as_str);
        name.filter(|name| (1..=NAME_MAX).contains(&name.len())).ok_or(TokenFault::NoName)
    }

    /// The role: of several that a token has, the first of those allowed.
    pub(super) fn role<'a>(&self, role: &'a JwtRole) -> Result<&'a str, TokenFault> {
        let (claim, allowed) = match role {
            JwtRole::Fixed(role) => return Ok(role),
            JwtRole::Claim { name, allowed } => (name, allowed),
        };
        let has = |role: &str| match self.0.get(claim) {
            Some(Value::String(one)) => one == role,
            Some(Value::Array(all)) => all.iter().any(|one| one.as_str() == Some(role)),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => false,
        };
        allowed.iter().find(|role| has(role)).map(String::as_str).ok_or(TokenFault::Role)
    }
}
