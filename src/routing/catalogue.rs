//! What may be called in a realm, with what is said of it: for descriptions of an API. Changes nothing.

use super::meta::Described;
use super::rights::Permit;
use super::Realm;
use crate::wamp::{MatchPolicy, Uri, Value};
use std::collections::BTreeMap;

impl Realm {
    /// The exact procedures that are registered, in order, each with its description (as of `wamp.reflect.define`) if there is
    /// one; at most `max`, and whether these are all.
    ///
    /// # Cost
    /// One look at each registration.
    pub fn exact_procedures(&self, max: usize) -> (BTreeMap<Uri, Option<Value>>, bool) {
        let exact = self.dealer.registrations_after(None).filter(|(_, policy)| *policy == MatchPolicy::Exact);
        let mut procedures: BTreeMap<Uri, Option<Value>> =
            exact.filter_map(|(id, _)| self.dealer.registration(id)).map(|named| (named.uri, None)).collect();
        let is_whole = procedures.len() <= max;
        while procedures.len() > max {
            procedures.pop_last();
        }
        for described in self.descriptions(Described::Procedure, &Permit::default()) {
            if described.policy == MatchPolicy::Exact {
                if let Some(place) = procedures.get_mut(described.uri) {
                    *place = Some(described.description.clone());
                }
            }
        }
        (procedures, is_whole)
    }

    /// Another number whenever [`exact_procedures`](Self::exact_procedures) may have become others.
    pub fn procedures_version(&self) -> u64 {
        self.dealer.registrations_version().wrapping_add(self.meta.descriptions_version())
    }
}
