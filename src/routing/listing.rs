//! What is registered and subscribed to, for lists and for those who look for one procedure. Whoever asks sees to permissions,
//! but where it says otherwise. Changes nothing.

use super::change::Named;
use super::meta::Described;
use super::names::{Beginnings, Name, Slice};
use super::rights::Permit;
use super::Realm;
use crate::wamp::uri::is_reserved;
use crate::wamp::{InvocationPolicy, MatchPolicy, RegistrationId, Uri, Value};
use std::ops::Bound;

/// Characters of a summary in a list; of a longer one these are the first.
const SUMMARY_MAX: usize = 256;

/// What a list says of a registration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Registered {
    /// The procedure or pattern.
    pub uri: Uri,
    /// How it is compared.
    pub policy: MatchPolicy,
    /// Which of its callees serves a call.
    pub invoke: InvocationPolicy,
    /// The beginning of `summary` in its description (as of `wamp.reflect.define`), if there is one.
    pub summary: Option<String>,
}

/// What a list says of a topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subscribed {
    /// The topic or pattern.
    pub uri: Uri,
    /// How it is compared.
    pub policy: MatchPolicy,
    /// Whether somebody is subscribed; where nobody is, its history is kept.
    pub is_subscribed: bool,
}

impl Realm {
    /// The procedures and patterns that begin so, from one on.
    ///
    /// # Cost
    /// At most `looks` of them are looked at, where a beginning that none has counts as one.
    pub fn registered(&self, beginnings: &Beginnings, from: Bound<Name>, looks: usize) -> Slice<Registered> {
        let Slice { items, go_on } = self.dealer.registered(beginnings, from, looks);
        Slice { items: items.into_iter().map(|named| self.told(named)).collect(), go_on }
    }

    /// The topics and patterns that somebody is subscribed to or whose history is kept, likewise; no reserved ones.
    ///
    /// # Cost
    /// As [`registered`](Self::registered).
    pub fn subscribed(&self, beginnings: &Beginnings, from: Bound<Name>, looks: usize) -> Slice<Subscribed> {
        self.broker.subscribed(beginnings, from, looks)
    }

    /// The registration that would serve a call of this procedure.
    pub fn reached_by(&self, procedure: &Uri) -> Option<Registered> {
        // Patterns never serve what is the router's (D51).
        let id = self.dealer.best_registration(procedure).filter(|_| !is_reserved(procedure))?;
        self.dealer.registration(id).map(|named| self.told(named))
    }

    /// Procedures whose URIs are nearly the same, of those that may be called with this permit; none where something serves a
    /// call of `procedure`, as far as it may be known.
    ///
    /// # Cost
    /// Bounded, whatever is registered (`names/near.rs`).
    pub fn near(&self, procedure: &Uri, permit: &Permit) -> Vec<Uri> {
        let is_served = || permit.may_call(procedure) && self.dealer.best_registration(procedure).is_some();
        if is_reserved(procedure) || is_served() {
            return Vec::new();
        }
        self.dealer.near(procedure, |uri| permit.may_call(uri))
    }

    fn told(&self, named: Named<RegistrationId>) -> Registered {
        let Named { uri, policy, invoke, .. } = named;
        let description = self.description(Described::Procedure, policy, &uri);
        let summary = description.and_then(Value::as_dict).and_then(|described| {
            let (_, summary) = described.iter().find(|(key, _)| key == "summary")?;
            Some(summary.as_text()?.chars().take(SUMMARY_MAX).collect())
        });
        Registered { uri, policy, invoke: invoke.unwrap_or_default(), summary }
    }
}
