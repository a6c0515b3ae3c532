//! Who of a subscription's subscribers gets an event: publisher exclusion and the six black and white lists.
//!
//! Made once per PUBLISH. Without lists a subscription's receivers are copied as they stand; with lists each one is asked,
//! and the lists are sorted first, so that long lists and many subscribers do not multiply.

use super::subscriptions::{Subscription, Subscriptions};
use crate::routing::directory::{Directory, Member};
use crate::routing::effect::Receivers;
use crate::routing::key::SessionKey;
use crate::wamp::options::Listing;

/// The conditions of one PUBLISH. Source: section 8.4 of the reference.
#[derive(Debug)]
pub(super) struct Filter<'a> {
    lists: Option<Lists<'a>>,
    /// The publisher, if it does not get its own event.
    excluded: Option<SessionKey>,
}

/// The six lists, sorted. An absent list restricts nothing; an empty `eligible` list means nobody (D6).
#[derive(Debug)]
struct Lists<'a> {
    eligible: Option<Vec<u64>>,
    eligible_authid: Option<Vec<&'a str>>,
    eligible_authrole: Option<Vec<&'a str>>,
    exclude: Option<Vec<u64>>,
    exclude_authid: Option<Vec<&'a str>>,
    exclude_authrole: Option<Vec<&'a str>>,
}

impl<'a> Filter<'a> {
    pub(super) fn new(listing: Option<&'a Listing>, excluded: Option<SessionKey>) -> Self {
        Self { lists: listing.map(Lists::new), excluded }
    }

    /// Whether the lists admit this session; says nothing of the publisher's exclusion.
    pub(super) fn admits(&self, member: &Member) -> bool {
        self.lists.as_ref().is_none_or(|lists| lists.admit(member))
    }

    /// The subscribers that get the event.
    #[inline]
    pub(super) fn receivers(
        &self,
        all: &Subscriptions,
        subscription: &Subscription,
        directory: &Directory,
    ) -> Receivers {
        let subscribers = subscription.subscribers();
        if let Some(lists) = &self.lists {
            let eligible = |session: &SessionKey| {
                Some(*session) != self.excluded && directory.member(*session).is_some_and(|member| lists.admit(member))
            };
            return subscribers.iter().copied().filter(eligible).collect();
        }
        let own_position = self.excluded.and_then(|session| all.position(session, subscription));
        let Some((before, after)) = own_position.and_then(|position| subscribers.split_at_checked(position)) else {
            return Receivers::from_slice(subscribers);
        };
        let mut receivers = Receivers::with_capacity(subscribers.len());
        receivers.extend_from_slice(before);
        receivers.extend_from_slice(after.get(1..).unwrap_or_default());
        receivers
    }
}

impl<'a> Lists<'a> {
    fn new(listing: &'a Listing) -> Self {
        Self {
            eligible: sorted(listing.eligible.as_ref()),
            eligible_authid: sorted_texts(listing.eligible_authid.as_ref()),
            eligible_authrole: sorted_texts(listing.eligible_authrole.as_ref()),
            exclude: sorted(listing.exclude.as_ref()),
            exclude_authid: sorted_texts(listing.exclude_authid.as_ref()),
            exclude_authrole: sorted_texts(listing.exclude_authrole.as_ref()),
        }
    }

    fn admit(&self, member: &Member) -> bool {
        let session = member.session.get();
        let (authid, authrole) = (&*member.authid, &*member.authrole);
        has(&self.eligible, session).unwrap_or(true)
            && has(&self.eligible_authid, authid).unwrap_or(true)
            && has(&self.eligible_authrole, authrole).unwrap_or(true)
            && !has(&self.exclude, session).unwrap_or(false)
            && !has(&self.exclude_authid, authid).unwrap_or(false)
            && !has(&self.exclude_authrole, authrole).unwrap_or(false)
    }
}

/// A copy of the lists, sorted, for [`admits`]; `None` if there is none.
pub(super) fn sorted_listing(listing: &Listing) -> Option<Box<Listing>> {
    if *listing == Listing::default() {
        return None;
    }
    let mut listing = Box::new(listing.clone());
    sort(&mut listing);
    Some(listing)
}

/// Sorts lists that came from elsewhere.
pub(super) fn sort(listing: &mut Listing) {
    let Listing { exclude, exclude_authid, exclude_authrole, eligible, eligible_authid, eligible_authrole, .. } =
        listing;
    for list in [exclude, eligible].into_iter().flatten() {
        list.sort_unstable();
    }
    for list in [exclude_authid, exclude_authrole, eligible_authid, eligible_authrole].into_iter().flatten() {
        list.sort_unstable();
    }
}

/// Whether lists that are sorted admit the member.
pub(super) fn admits(sorted: &Listing, member: &Member) -> bool {
    let session = |list: &Option<Vec<u64>>| Some(list.as_ref()?.binary_search(&member.session.get()).is_ok());
    let text = |list: &Option<Vec<String>>, text: &str| {
        Some(list.as_ref()?.binary_search_by(|entry| entry.as_str().cmp(text)).is_ok())
    };
    session(&sorted.eligible).unwrap_or(true)
        && text(&sorted.eligible_authid, &member.authid).unwrap_or(true)
        && text(&sorted.eligible_authrole, &member.authrole).unwrap_or(true)
        && !session(&sorted.exclude).unwrap_or(false)
        && !text(&sorted.exclude_authid, &member.authid).unwrap_or(false)
        && !text(&sorted.exclude_authrole, &member.authrole).unwrap_or(false)
}

/// Whether the list holds the entry; `None` if there is no list.
fn has<T: Ord>(list: &Option<Vec<T>>, entry: T) -> Option<bool> {
    list.as_ref().map(|sorted| sorted.binary_search(&entry).is_ok())
}

fn sorted(list: Option<&Vec<u64>>) -> Option<Vec<u64>> {
    let mut list = list?.clone();
    list.sort_unstable();
    Some(list)
}

fn sorted_texts(list: Option<&Vec<String>>) -> Option<Vec<&str>> {
    let mut list: Vec<&str> = list?.iter().map(String::as_str).collect();
    list.sort_unstable();
    Some(list)
}
