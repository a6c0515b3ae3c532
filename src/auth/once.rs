//! One-time tickets: what a caller is given who has proven over HTTP who it is, so that it comes in once more, soon, where it
//! can set no header.
//!
//! A ticket has 256 random bits and only its hash is kept, for a minute, by the node that gave it. Whoever shows it uses it up,
//! whatever comes of that. What it stands for is looked at again when it is used ([`AuthSettings::lets_in_again`]): a ticket
//! never lets in more than its identity could. Source: section 4.6 of the HTTP design.

use super::{AuthSettings, Denied, Identity, Secret};
use crate::wamp::{Entrance, MatchPolicy, Uri, WallTime};
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use hashbrown::HashMap;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// How long a ticket is good.
pub const LIFETIME: Duration = Duration::from_secs(60);

/// What each ticket begins with, so that it is known for one where it should not be.
pub const PREFIX: &str = "wht_";

/// Unused tickets of one name of a realm.
pub const PER_NAME_MAX: usize = 100;

/// Unused tickets of one realm.
pub const PER_REALM_MAX: usize = 5_000;

/// Unused tickets of the node.
pub const ALL_MAX: usize = 20_000;

/// A ticket of random octets.
pub fn new_ticket(octets: &Zeroizing<[u8; 32]>) -> Secret {
    let mut text = String::with_capacity(PREFIX.len() + 43);
    text.push_str(PREFIX);
    URL_SAFE_NO_PAD.encode_string(octets.as_slice(), &mut text);
    Secret::new(text)
}

/// What is kept of a ticket: its SHA-256. Finding it takes the same time whatever is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketKey([u8; 32]);

impl TicketKey {
    /// Of a ticket, or of what is shown as one.
    pub fn of(ticket: &str) -> Self {
        Self(Sha256::digest(ticket.as_bytes()).into())
    }
}

impl fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What a ticket may be used for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// A stream of events, or a cursor of a poll: of what these topics and patterns cover, or without them of all.
    Events(Option<Arc<[(MatchPolicy, Uri)]>>),
    /// A session of a WebSocket.
    WebSocket,
}

/// Whom a ticket lets in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vouched {
    /// The realm's URI.
    pub realm: Uri,
    /// Who has asked for it.
    pub identity: Identity,
    /// What for.
    pub purpose: Purpose,
}

/// There are as many unused tickets as there may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TooMany {
    /// Of this name.
    #[error("at most {PER_NAME_MAX} unused tickets of one authid: use them, or wait until they expire")]
    OfName,
    /// Of this realm.
    #[error("at most {PER_REALM_MAX} unused tickets of one realm: come back when others are used or have expired")]
    OfRealm,
    /// Of all realms.
    #[error("at most {ALL_MAX} unused tickets of all realms: come back when others are used or have expired")]
    OfNode,
}

#[derive(Debug)]
struct Held {
    vouched: Vouched,
    until: Instant,
}

/// A name of a realm.
type Owner = (Uri, Arc<str>);

/// The unused tickets of a node.
#[derive(Debug, Default)]
pub struct Tickets {
    held: HashMap<TicketKey, Held, foldhash::fast::RandomState>,
    by_time: BTreeSet<(Instant, TicketKey)>,
    by_owner: BTreeMap<Owner, BTreeSet<TicketKey>>,
    count_by_realm: BTreeMap<Uri, usize>,
}

impl Tickets {
    /// Keeps a ticket for its [`LIFETIME`].
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn keep(&mut self, key: TicketKey, vouched: Vouched, now: Instant) -> Result<(), TooMany> {
        self.forget_expired(now);
        let owner = (vouched.realm.clone(), Arc::clone(&vouched.identity.authid));
        if self.by_owner.get(&owner).is_some_and(|keys| keys.len() >= PER_NAME_MAX) {
            return Err(TooMany::OfName);
        }
        if self.count_by_realm.get(&vouched.realm).is_some_and(|count| *count >= PER_REALM_MAX) {
            return Err(TooMany::OfRealm);
        }
        if self.held.len() >= ALL_MAX {
            return Err(TooMany::OfNode);
        }
        let until = now + LIFETIME;
        *self.count_by_realm.entry(vouched.realm.clone()).or_default() += 1;
        self.by_owner.entry(owner).or_default().insert(key);
        self.by_time.insert((until, key));
        self.held.insert(key, Held { vouched, until });
        Ok(())
    }

    /// Uses a ticket up. `None`: it is unknown, was used, or has expired.
    pub fn take(&mut self, key: &TicketKey, now: Instant) -> Option<Vouched> {
        self.forget_expired(now);
        self.remove(key)
    }

    /// None of this name's is good any more.
    pub fn forget(&mut self, realm: &Uri, authid: &Arc<str>) {
        if self.held.is_empty() {
            return;
        }
        let of_owner = self.by_owner.get(&(realm.clone(), Arc::clone(authid))).cloned();
        for key in of_owner.into_iter().flatten() {
            self.remove(&key);
        }
    }

    /// How many are unused, as far as that was looked at.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    fn forget_expired(&mut self, now: Instant) {
        while let Some((_, key)) = self.by_time.first().copied().filter(|(until, _)| *until <= now) {
            self.remove(&key);
        }
    }

    fn remove(&mut self, key: &TicketKey) -> Option<Vouched> {
        let Held { vouched, until } = self.held.remove(key)?;
        self.by_time.remove(&(until, *key));
        let owner = (vouched.realm.clone(), Arc::clone(&vouched.identity.authid));
        if let Some(keys) = self.by_owner.get_mut(&owner) {
            keys.remove(key);
            if keys.is_empty() {
                self.by_owner.remove(&owner);
            }
        }
        if let Some(count) = self.count_by_realm.get_mut(&vouched.realm) {
            *count -= 1;
            if *count == 0 {
                self.count_by_realm.remove(&vouched.realm);
            }
        }
        Some(vouched)
    }
}

impl AuthSettings {
    /// Whether somebody who has proven a short while ago who he is may come in again, now and there: his user is there with the
    /// same role, and neither a source nor the limits of his key keep him out. What proves it is not looked at again.
    ///
    /// # Errors
    /// [`Denied`], as for a wrong proof; why is for the operator only.
    pub fn lets_in_again(&self, identity: &Identity, entrance: &Entrance, now: WallTime) -> Result<(), Denied> {
        if !self.still_lists(identity) {
            return Err(Denied::because("the user of the one-time ticket is not there any more, or has another role"));
        }
        self.keys.reaches(identity, entrance.address, now)?;
        self.lets_in(identity, entrance)
    }
}

#[cfg(test)]
mod tests;
