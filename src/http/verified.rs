//! Tickets that were found right a short while ago, so that not every request costs a look at a hash.
//!
//! Each thread of each listener has its own. A ticket is kept as a keyed hash with its name, realm and the address that it came
//! from; a wrong one is never kept. What is found here holds for the realm with the settings that it was found under: a reload
//! forgets it; and so does whoever kills a session of the name. Source: section 3 of the HTTP design, `rest.auth_cache`.

use crate::actors::RealmShared;
use crate::auth::Identity;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Tickets that are remembered; the oldest goes first.
const ENTRIES_MAX: usize = 10_000;

/// A credential, and where it came from, by a keyed hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Mark([u8; 32]);

struct Entry<S> {
    until: Instant,
    identity: Identity,
    /// How often all that was remembered of the name had been forgotten.
    forgotten: u32,
    /// Under which settings.
    settings: Weak<S>,
}

/// What a finding depends on.
#[derive(Debug)]
pub(super) struct Under<'a, S> {
    pub(super) settings: &'a Arc<S>,
    /// How often all that was remembered of the name has been forgotten, as of before the credential was looked at.
    pub(super) forgotten: u32,
}

impl<S> Clone for Under<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Under<'_, S> {}

/// What was found right under settings `S`.
pub(super) struct Verified<S = RealmShared> {
    key: Zeroizing<[u8; 32]>,
    entry_by_mark: HashMap<Mark, Entry<S>>,
    /// In the order in which they came.
    marks: VecDeque<Mark>,
}

impl<S> Default for Verified<S> {
    fn default() -> Self {
        Self { key: Zeroizing::new(rand::random()), entry_by_mark: HashMap::new(), marks: VecDeque::new() }
    }
}

impl<S> Verified<S> {
    /// The mark of a name and a ticket.
    pub(super) fn mark(&self, realm: &str, address: Option<IpAddr>, authid: &str, ticket: &str) -> Option<Mark> {
        // A key of 32 octets always fits.
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.key).ok()?;
        for part in [realm, &address.map(|address| address.to_string()).unwrap_or_default(), authid, ticket] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        Some(Mark(mac.finalize().into_bytes().into()))
    }

    /// Who that is, if it was found right under these settings a short while ago, and was not forgotten since.
    pub(super) fn find(&self, mark: Mark, under: Under<'_, S>, now: Instant) -> Option<Identity> {
        let entry = self.entry_by_mark.get(&mark)?;
        let holds = now < entry.until
            && entry.forgotten == under.forgotten
            && std::ptr::eq(entry.settings.as_ptr(), Arc::as_ptr(under.settings));
        holds.then(|| entry.identity.clone())
    }

    /// It was right under these settings, and is remembered for so long.
    pub(super) fn keep(&mut self, mark: Mark, identity: &Identity, under: Under<'_, S>, now: Instant, time: Duration) {
        self.forget_old(now);
        if time.is_zero() {
            return;
        }
        let Under { settings, forgotten } = under;
        let (identity, settings) = (identity.clone(), Arc::downgrade(settings));
        let entry = Entry { until: now + time, identity, forgotten, settings };
        if self.entry_by_mark.insert(mark, entry).is_none() {
            self.marks.push_back(mark);
        }
        if self.marks.len() > ENTRIES_MAX {
            self.forget_first();
        }
    }

    fn forget_old(&mut self, now: Instant) {
        let is_old = |marks: &VecDeque<Mark>, entries: &HashMap<Mark, Entry<S>>| {
            marks.front().is_some_and(|mark| entries.get(mark).is_none_or(|entry| entry.until <= now))
        };
        while is_old(&self.marks, &self.entry_by_mark) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some(mark) = self.marks.pop_front() {
            self.entry_by_mark.remove(&mark);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::from_secs(60);

    fn identity() -> Identity {
        Identity {
            authid: "ann".into(),
            authrole: "guest".into(),
            authmethod: "ticket".into(),
            authprovider: "static".into(),
        }
    }

    #[test]
    fn a_ticket_is_remembered_for_its_time_its_address_and_its_settings() {
        let (mut verified, settings, now) = (Verified::<u8>::default(), Arc::new(1), Instant::now());
        let settings = Under { settings: &settings, forgotten: 7 };
        let here = Some(IpAddr::from([127, 0, 0, 1]));
        let mark = verified.mark("r", here, "ann", "s3cret").unwrap();
        assert!(verified.find(mark, settings, now).is_none());
        verified.keep(mark, &identity(), settings, now, TIME);
        assert!(verified.find(mark, settings, now).is_some());
        assert!(verified.find(mark, settings, now + TIME).is_none());
        // After a reload the settings are others, though they may say the same.
        assert!(verified.find(mark, Under { settings: &Arc::new(1), ..settings }, now).is_none());
        assert!(verified.find(mark, Under { forgotten: 8, ..settings }, now).is_none());
        for (realm, address, authid, ticket) in [
            ("r", here, "ann", "s3cre"),
            ("r", None, "ann", "s3cret"),
            ("r", here, "anns", "3cret"),
            ("q", here, "ann", "s3cret"),
        ] {
            let other = verified.mark(realm, address, authid, ticket).unwrap();
            assert!(verified.find(other, settings, now).is_none());
        }
    }

    #[test]
    fn no_more_than_ten_thousand_tickets_are_remembered() {
        let (mut verified, settings, now) = (Verified::<u8>::default(), Arc::new(1), Instant::now());
        let settings = Under { settings: &settings, forgotten: 0 };
        let mark = |verified: &Verified<u8>, n: usize| verified.mark("r", None, "ann", &n.to_string()).unwrap();
        for n in 0..=ENTRIES_MAX {
            let mark = mark(&verified, n);
            verified.keep(mark, &identity(), settings, now, TIME);
        }
        assert_eq!((verified.entry_by_mark.len(), verified.marks.len()), (ENTRIES_MAX, ENTRIES_MAX));
        assert!(verified.find(mark(&verified, 0), settings, now).is_none());
        assert!(verified.find(mark(&verified, 1), settings, now).is_some());
        let other = mark(&verified, ENTRIES_MAX + 1);
        verified.keep(other, &identity(), settings, now + TIME, TIME);
        assert_eq!(verified.entry_by_mark.len(), 1);
    }
}
