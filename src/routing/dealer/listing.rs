//! What the registration meta API asks about registrations (R94 to R98).
//!
//! Changes nothing. Reserved procedures do not occur: nobody can register them.

use super::Dealer;
use crate::routing::change::Named;
use crate::routing::key::SessionKey;
use crate::routing::names::{Beginnings, Name, Slice};
use crate::wamp::{MatchPolicy, RegistrationId, Uri};
use std::ops::Bound;

impl Dealer {
    /// Another number whenever a procedure or pattern has come or gone.
    pub(crate) fn registrations_version(&self) -> u64 {
        self.registrations.version()
    }

    /// The registrations with an id beyond `after`, by id, each with its policy.
    pub(crate) fn registrations_after(
        &self,
        after: Option<RegistrationId>,
    ) -> impl Iterator<Item = (RegistrationId, MatchPolicy)> + '_ {
        self.registrations.after(after).map(|record| (record.id, record.policy))
    }

    /// The registrations whose names begin so, from one on. As [`Names::slice`](crate::routing::names::Names::slice).
    pub(crate) fn registered(
        &self,
        beginnings: &Beginnings,
        from: Bound<Name>,
        looks: usize,
    ) -> Slice<Named<RegistrationId>> {
        let Slice { items, go_on } = self.registrations.names().slice(beginnings, from, looks);
        let items = items.into_iter().filter_map(|place| self.registrations.at(place)).map(|record| record.named());
        Slice { items: items.collect(), go_on }
    }

    /// As [`Names::near`](crate::routing::names::Names::near).
    pub(crate) fn near(&self, procedure: &str, may: impl Fn(&Uri) -> bool) -> Vec<Uri> {
        self.registrations.names().near(procedure, may)
    }

    /// The registration of this very procedure or pattern.
    pub(crate) fn registration_of(&self, policy: MatchPolicy, procedure: &str) -> Option<RegistrationId> {
        self.registrations.id_of(policy, procedure)
    }

    /// The registration that would serve a call of `procedure`.
    pub(crate) fn best_registration(&self, procedure: &str) -> Option<RegistrationId> {
        self.registrations.best_id(procedure)
    }

    /// What the details of a registration say; `None` if there is none with this id.
    pub(crate) fn registration(&self, id: RegistrationId) -> Option<Named<RegistrationId>> {
        self.registrations.by_id(id).map(|record| record.named())
    }

    /// The callees of a registration, the oldest first; `None` if there is no registration with this id.
    pub(crate) fn callees(&self, id: RegistrationId) -> Option<impl ExactSizeIterator<Item = SessionKey> + '_> {
        self.registrations.by_id(id).map(|record| record.callees().iter().map(|callee| callee.session))
    }
}
