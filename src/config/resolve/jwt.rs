//! `[realms.NAME.auth.jwt]`: whose tokens are taken, and the keys that they are checked with, which are read here once, so that a
//! mistake is found before anything starts.

use super::Resolver;
use crate::auth::{JwtAlgorithm, JwtKeySource, JwtKeyring, JwtKeys, JwtRole, JwtSettings};
use crate::config::error::Code;
use crate::config::keys::{self, KeysFault};
use crate::config::read::Placed;
use crate::config::shape::Jwt;
use crate::config::values::SecretPlace;
use std::path::Path;
use std::time::Duration;

/// A larger difference of clocks is a clock that is wrong.
const LEEWAY_MAX: Duration = Duration::from_secs(600);

/// What is taken where nothing is pinned.
const WITH_SECRET: &[JwtAlgorithm] = &[JwtAlgorithm::Hs256];
const WITH_PUBLIC_KEYS: &[JwtAlgorithm] = &[JwtAlgorithm::Rs256, JwtAlgorithm::Es256, JwtAlgorithm::EdDsa];

impl Resolver<'_> {
    /// Whose tokens are taken; `None` after a mistake, which is noted.
    pub(super) fn jwt<T>(&mut self, table: &Placed<T>, jwt: &Jwt, roles: &[&str]) -> Option<JwtSettings> {
        for (name, text) in [("issuer", &jwt.issuer), ("audience", &jwt.audience), ("authid", &jwt.authid)] {
            if text.is_empty() && text.is_given() {
                self.error(Code::Malformed, text, format!("`{name}` is empty"), "nothing could be compared with it");
            }
        }
        if jwt.leeway.0 > LEEWAY_MAX {
            self.error(Code::OutOfRange, &jwt.leeway, "`leeway` is out of range", "expected \"0s\" to \"10m\"");
        }
        let role = self.jwt_role(table, jwt, roles);
        let (keys, source) = self.jwt_keys(table, jwt)?;
        let algorithms = self.jwt_algorithms(jwt, &keys);
        Some(JwtSettings {
            issuer: jwt.issuer.value.clone(),
            audience: jwt.audience.value.clone(),
            algorithms,
            authid: jwt.authid.value.clone(),
            role: role?,
            leeway: jwt.leeway.0,
            keys: JwtKeyring::new(keys),
            source,
        })
    }

    fn jwt_role<T>(&mut self, table: &Placed<T>, jwt: &Jwt, roles: &[&str]) -> Option<JwtRole> {
        for role in &jwt.allowed_roles.0 {
            self.check_role(role, roles);
        }
        match (&jwt.role.value, &jwt.role_fixed.value) {
            (Some(claim), None) => {
                if jwt.allowed_roles.0.is_empty() && !jwt.allowed_roles.broken {
                    let hint = "list the roles that a token may give";
                    self.error(Code::MissingKey, &jwt.role, "`allowed_roles` is missing beside `role`", hint);
                }
                Some(JwtRole::Claim { name: claim.clone(), allowed: jwt.allowed_roles.values() })
            }
            (None, Some(role)) => {
                self.check_text("role", role, &jwt.role_fixed, roles);
                if !jwt.allowed_roles.0.is_empty() {
                    let message = "`allowed_roles` means nothing beside `role_fixed`";
                    self.error(Code::Exclusive, &jwt.allowed_roles, message, "remove it");
                }
                Some(JwtRole::Fixed(role.clone()))
            }
            (Some(_), Some(_)) => {
                let message = "`role` and `role_fixed` exclude each other";
                self.error(Code::Exclusive, &jwt.role_fixed, message, "keep one of them");
                None
            }
            (None, None) => {
                self.missing(table, &[&jwt.role, &jwt.role_fixed], "`role` (a claim) or `role_fixed` is missing")
            }
        }
    }

    /// The one place that the keys are at.
    fn jwt_keys<T>(&mut self, table: &Placed<T>, jwt: &Jwt) -> Option<(JwtKeys, JwtKeySource)> {
        let places = [
            (jwt.key.is_given(), jwt.key.broken, jwt.key.place, &jwt.key.path),
            (
                jwt.public_key_file.is_given(),
                jwt.public_key_file.broken,
                jwt.public_key_file.place,
                &jwt.public_key_file.path,
            ),
            (jwt.jwks_file.is_given(), jwt.jwks_file.broken, jwt.jwks_file.place, &jwt.jwks_file.path),
            (jwt.jwks_url.is_given(), jwt.jwks_url.broken, jwt.jwks_url.place, &jwt.jwks_url.path),
        ];
        let mut given = places.iter().filter(|(given, ..)| *given);
        if let (Some((_, _, place, path)), Some(_)) = (given.next(), given.next()) {
            let message = "`key`, `public_key_file`, `jwks_file` and `jwks_url` exclude each other";
            self.error_at(Code::Exclusive, *place, path, message, "keep one of them");
            return None;
        }
        if jwt.ca.is_given() && !jwt.jwks_url.is_given() {
            self.error(Code::Exclusive, &jwt.ca, "`ca` means nothing without `jwks_url`", "remove it");
        }
        if let Some(place) = &jwt.key.value {
            return self.jwt_secret(&jwt.key, place);
        }
        if let Some(path) = &jwt.public_key_file.value {
            let source = JwtKeySource::Pem(self.beside(&jwt.public_key_file, Path::new(path)));
            return self.jwt_file(&jwt.public_key_file, source);
        }
        if let Some(path) = &jwt.jwks_file.value {
            let source = JwtKeySource::Jwks(self.beside(&jwt.jwks_file, Path::new(path)));
            return self.jwt_file(&jwt.jwks_file, source);
        }
        if let Some(url) = &jwt.jwks_url.value {
            let address = self.web_address(&jwt.jwks_url, url, &jwt.ca)?;
            return Some((JwtKeys::none(), JwtKeySource::Address(address)));
        }
        if !places.iter().any(|(_, broken, ..)| *broken) {
            let message = "`key`, `public_key_file`, `jwks_file` or `jwks_url` is missing";
            self.error(Code::MissingKey, table, message, "what are tokens to be checked with?");
        }
        None
    }

    fn jwt_secret(
        &mut self,
        key: &Placed<Option<SecretPlace>>,
        place: &SecretPlace,
    ) -> Option<(JwtKeys, JwtKeySource)> {
        match JwtKeys::of_secret(self.secret(key, place)?) {
            Ok(keys) => Some((keys, JwtKeySource::Given)),
            Err(error) => {
                self.error(Code::Malformed, key, error.to_string(), "`openssl rand -hex 32` makes a good one");
                None
            }
        }
    }

    fn jwt_file<T>(&mut self, at: &Placed<T>, source: JwtKeySource) -> Option<(JwtKeys, JwtKeySource)> {
        match keys::read(&source) {
            Ok(keys) => Some((keys, source)),
            Err(fault) => {
                let code = match fault.wrong {
                    KeysFault::Unreadable(_) => Code::SecretNotFound,
                    KeysFault::TooLong | KeysFault::Keys(_) => Code::Malformed,
                };
                self.error(code, at, fault.to_string(), "");
                None
            }
        }
    }

    /// Those that are pinned, each of which must fit a key; else those that one expects of the keys.
    fn jwt_algorithms(&mut self, jwt: &Jwt, keys: &JwtKeys) -> Vec<JwtAlgorithm> {
        let Some(pinned) = &jwt.algorithms.value else {
            let expected = if jwt.key.is_given() { WITH_SECRET } else { WITH_PUBLIC_KEYS };
            return expected.to_vec();
        };
        // A set may get its keys later.
        let is_set = jwt.jwks_file.is_given() || jwt.jwks_url.is_given();
        for algorithm in &pinned.0 {
            let fits = if is_set { !algorithm.value.has_secret() } else { keys.fit(algorithm.value) };
            if !fits {
                let message = format!("{} cannot be used with the key that is given", algorithm.value.name());
                self.error(
                    Code::Exclusive,
                    algorithm,
                    message,
                    "HS256 and its kin are for `key`, the others for public keys",
                );
            }
        }
        if pinned.0.is_empty() {
            self.error(Code::Malformed, &jwt.algorithms, "there is no algorithm", "expected one algorithm or more");
        }
        pinned.values()
    }
}
