//! The method `ticket`: a shared secret, sent as it is, compared in constant time or with a hash of it.
//! Source: section 11.2 of the reference.

use super::{decoy::Decoy, AuthSettings, Claim, Method, Secret};
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, Version};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The most memory that checking a ticket may take, in KiB, and the most passes: 1 GiB, 100.
const MEMORY_MAX: u32 = 1 << 20;
const PASSES_MAX: u32 = 100;

/// One user of `auth.ticket`.
#[derive(Clone, Debug)]
pub struct TicketUser {
    /// What the client must present.
    pub ticket: Ticket,
    /// Its role.
    pub role: String,
}

/// What is known of a ticket.
#[derive(Clone, Debug)]
pub enum Ticket {
    /// The ticket itself.
    Plain(Secret),
    /// What it hashes to.
    Hashed(TicketHash),
}

/// An argon2id hash in PHC form: `$argon2id$v=19$m=..,t=..,p=..$salt$hash`.
#[derive(Clone)]
pub struct TicketHash(Box<PasswordHash>);

/// Why a text is no [`TicketHash`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TicketHashError {
    /// Not of this form.
    #[error("expected $argon2id$v=19$m=..,t=..,p=..$salt$hash, as `wharf hash-secret ticket` makes it")]
    Form,
    /// Checking would take more than 1 GiB or 100 passes.
    #[error("expected m of at most 1048576 and t of at most 100")]
    TooCostly,
}

impl TicketHash {
    /// Reads one.
    ///
    /// # Errors
    /// [`TicketHashError`]; its text does not quote what was given.
    pub fn parse(text: &str) -> Result<Self, TicketHashError> {
        let hash = PasswordHash::new(text).map_err(|_| TicketHashError::Form)?;
        let lawful = hash.algorithm.as_str() == "argon2id" && hash.version == Some(Version::V0x13.into());
        if !lawful || hash.salt.is_none() || hash.hash.is_none_or(|hash| hash.len() < 16) {
            return Err(TicketHashError::Form);
        }
        let parameters = Params::try_from(&hash).map_err(|_| TicketHashError::Form)?;
        if parameters.m_cost() > MEMORY_MAX || parameters.t_cost() > PASSES_MAX {
            return Err(TicketHashError::TooCostly);
        }
        Ok(Self(Box::new(hash)))
    }

    /// Makes one of `secret`: 19 MiB, two passes, one lane.
    ///
    /// # Errors
    /// [`super::BadParameters`]: the salt is shorter than 8 octets.
    pub fn make(secret: &Secret, salt: &[u8; 16]) -> Result<String, super::BadParameters> {
        use argon2::password_hash::CustomizedPasswordHasher;
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT);
        let made: PasswordHash = hasher
            .hash_password_customized(secret.expose().as_bytes(), salt, None, None, Params::DEFAULT)
            .map_err(|_| super::BadParameters)?;
        Ok(made.to_string())
    }

    /// Whether `ticket` hashes to it. Costly.
    fn matches(&self, ticket: &str) -> bool {
        let (Some(salt), Some(expected)) = (&self.0.salt, &self.0.hash) else { return false };
        let Ok(parameters) = Params::try_from(&*self.0) else { return false };
        let mut made = Zeroizing::new(vec![0; expected.len()]);
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
        let hashed = hasher.hash_password_into(ticket.as_bytes(), salt.as_ref(), &mut made).is_ok();
        hashed & bool::from(made.as_slice().ct_eq(expected.as_bytes()))
    }
}

impl fmt::Debug for TicketHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A ticket is awaited.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    ticket: Ticket,
}

/// What looking at a ticket came to.
pub(super) enum Looked {
    Now(bool),
    Later(Check),
}

/// A ticket and the hash that it is compared with.
#[derive(Debug)]
pub(super) struct Check {
    hash: TicketHash,
    given: Secret,
}

impl Check {
    pub(super) fn run(&self) -> bool {
        self.hash.matches(self.given.expose())
    }
}

/// The user's role, if there is one, and what waits for the ticket: for a name that nobody has, the ticket of some user, so
/// that checking it takes the same time.
pub(super) fn open(settings: &AuthSettings, claim: &Claim<'_>, authid: &str) -> Option<(Option<String>, Waiting)> {
    let users = settings.ticket.as_ref()?;
    let decoy = Decoy::new(claim.node_secret, claim.realm, Method::Ticket.name(), authid).below(users.len());
    let like = users.nth(decoy).map(|(_, user)| user.ticket.clone());
    let found = users.get(authid);
    let ticket = found.map(|user| user.ticket.clone()).or(like);
    let ticket = ticket.unwrap_or_else(|| Ticket::Plain(Secret::new(String::new())));
    Some((found.map(|user| user.role.clone()), Waiting { ticket }))
}

impl Waiting {
    pub(super) fn check(self, given: &str) -> Looked {
        match self.ticket {
            Ticket::Plain(ticket) => Looked::Now(ticket.matches(given)),
            Ticket::Hashed(hash) => Looked::Later(Check { hash, given: Secret::new(given.to_owned()) }),
        }
    }
}
