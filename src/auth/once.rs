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

/// Topics and patterns.
pub type Topics = Arc<[(MatchPolicy, Uri)]>;

/// What a ticket may be used for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// A stream of events, or a cursor of a poll: of what these topics and patterns cover, or without them of all.
    Events(Option<Topics>),
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
mod tests {
    use super::*;
    use crate::auth::{ApiKey, ApiKeys, KeyHash, PeerRange, Ticket, TicketUser};
    use proptest::prelude::*;

    fn vouched(realm: &str, authid: &str) -> Vouched {
        let identity = Identity {
            authid: authid.into(),
            authrole: "guest".into(),
            authmethod: "ticket".into(),
            authprovider: "static".into(),
        };
        Vouched { realm: Uri::from(realm), identity, purpose: Purpose::WebSocket }
    }

    fn key(number: usize) -> TicketKey {
        TicketKey::of(&number.to_string())
    }

    /// Section 4.6.
    #[test]
    fn a_ticket_is_good_once_and_for_a_minute() {
        let (mut tickets, now) = (Tickets::default(), crate::actors::clock::now());
        tickets.keep(key(1), vouched("r", "ann"), now).unwrap();
        tickets.keep(key(2), vouched("r", "ann"), now).unwrap();
        assert_eq!(tickets.take(&key(3), now), None);
        assert_eq!(tickets.take(&key(1), now), Some(vouched("r", "ann")));
        assert_eq!(tickets.take(&key(1), now), None, "it was used");
        assert_eq!(tickets.take(&key(2), now + LIFETIME), None, "it has expired");
        assert!(tickets.is_empty());
    }

    #[test]
    fn a_ticket_has_256_bits_a_prefix_and_nothing_that_a_url_escapes() {
        let ticket = new_ticket(&Zeroizing::new([0xfb; 32]));
        assert_eq!(ticket.expose(), format!("wht_{}-_s", "-_v7".repeat(10)));
        assert!(ticket.expose() != new_ticket(&Zeroizing::new([0xfa; 32])).expose());
        assert_eq!(format!("{ticket:?} {:?}", TicketKey::of(ticket.expose())), "*** ***");
    }

    #[test]
    fn unused_tickets_are_bounded_by_name_by_realm_and_in_all() {
        let (mut tickets, now) = (Tickets::default(), crate::actors::clock::now());
        let mut number = 0;
        let mut keep = |tickets: &mut Tickets, realm: &str, authid: &str| {
            number += 1;
            tickets.keep(key(number), vouched(realm, authid), now)
        };
        for _ in 0..PER_NAME_MAX {
            keep(&mut tickets, "r", "ann").unwrap();
        }
        assert_eq!(keep(&mut tickets, "r", "ann"), Err(TooMany::OfName));
        keep(&mut tickets, "s", "ann").unwrap();
        for at in PER_NAME_MAX..PER_REALM_MAX {
            keep(&mut tickets, "r", &at.to_string()).unwrap();
        }
        assert_eq!(keep(&mut tickets, "r", "bob"), Err(TooMany::OfRealm));
        for at in PER_REALM_MAX + 1..ALL_MAX {
            keep(&mut tickets, &format!("t{}", at % 7), &at.to_string()).unwrap();
        }
        assert_eq!(keep(&mut tickets, "s", "bob"), Err(TooMany::OfNode));
        assert_eq!(tickets.len(), ALL_MAX);
        // What is used makes room, and so does time.
        assert!(tickets.take(&key(1), now).is_some());
        keep(&mut tickets, "r", "ann").unwrap();
        tickets.keep(key(usize::MAX), vouched("r", "ann"), now + LIFETIME).unwrap();
        assert_eq!(tickets.len(), 1);
    }

    #[test]
    fn all_tickets_of_a_name_can_be_forgotten_and_no_others_are() {
        let (mut tickets, now) = (Tickets::default(), crate::actors::clock::now());
        for (number, realm, authid) in [(1, "r", "ann"), (2, "r", "ann"), (3, "r", "bob"), (4, "s", "ann")] {
            tickets.keep(key(number), vouched(realm, authid), now).unwrap();
        }
        tickets.forget(&Uri::from("r"), &"ann".into());
        let found: Vec<bool> = (1..=4).map(|number| tickets.take(&key(number), now).is_some()).collect();
        assert_eq!(found, [false, false, true, true]);
    }

    proptest! {
        /// Whatever is done, the indexes agree with what is held.
        #[test]
        fn the_counts_are_those_of_what_is_held(
            steps in proptest::collection::vec((0..3_u8, 0..6_usize, 0..3_usize, 0..40_u64), 1..80),
        ) {
            let mut tickets = Tickets::default();
            let mut now = crate::actors::clock::now();
            for (step, number, owner, seconds) in steps {
                now += Duration::from_secs(seconds);
                let (realm, authid) = [("r", "ann"), ("r", "bob"), ("s", "ann")][owner];
                match step {
                    0 => {
                        // A key is never kept twice: it is random.
                        tickets.remove(&key(number));
                        prop_assert_eq!(tickets.keep(key(number), vouched(realm, authid), now), Ok(()));
                    }
                    1 => drop(tickets.take(&key(number), now)),
                    _ => tickets.forget(&Uri::from(realm), &authid.into()),
                }
                prop_assert_eq!(tickets.by_time.len(), tickets.len());
                prop_assert_eq!(tickets.by_owner.values().map(BTreeSet::len).sum::<usize>(), tickets.len());
                prop_assert_eq!(tickets.count_by_realm.values().sum::<usize>(), tickets.len());
                prop_assert!(tickets.by_owner.values().all(|keys| !keys.is_empty()));
                prop_assert!(tickets.count_by_realm.values().all(|count| *count > 0));
            }
        }
    }

    /// Revocation: what a ticket stands for is looked at when it is used.
    #[test]
    fn a_ticket_lets_in_only_whom_the_settings_still_let_in_from_there() {
        let ticket = || Ticket::Plain(Secret::new("s".to_owned()));
        let with_ann = |role: &str| AuthSettings {
            ticket: Some(
                [("ann".to_owned(), TicketUser { ticket: ticket(), role: role.to_owned() })].into_iter().collect(),
            ),
            ..AuthSettings::default()
        };
        let (ann, here, now) = (vouched("r", "ann").identity, Entrance::default(), WallTime(10));
        assert_eq!(with_ann("guest").lets_in_again(&ann, &here, now), Ok(()));
        for settings in [AuthSettings::default(), with_ann("boss")] {
            let denied = settings.lets_in_again(&ann, &here, now).unwrap_err();
            assert_eq!(Denied { reason: None, ..denied }, Denied::wrong());
        }
        // By a key: its time and its addresses hold for its tickets too.
        let cron = ApiKey {
            name: "cron".to_owned(),
            hash: KeyHash::of("whk_x"),
            authid: "job".to_owned(),
            role: "guest".to_owned(),
            expires: Some(WallTime(11)),
            allow_from: vec![PeerRange::parse("10.0.0.0/8").unwrap()],
        };
        let settings = AuthSettings { keys: ApiKeys(vec![cron]), ..AuthSettings::default() };
        let address = Some("10.1.2.3".parse().unwrap());
        let job = settings.keys.identify("whk_x", address, now).unwrap();
        let from = |address: &str| Entrance { address: Some(address.parse().unwrap()), ..Entrance::default() };
        assert_eq!(settings.lets_in_again(&job, &from("10.1.2.3"), now), Ok(()));
        assert!(settings.lets_in_again(&job, &from("10.1.2.3"), WallTime(11)).is_err(), "expired");
        assert!(settings.lets_in_again(&job, &from("192.0.2.1"), now).is_err(), "from elsewhere");
    }
}
