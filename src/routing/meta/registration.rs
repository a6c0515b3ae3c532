//! The registration meta API: which procedures there are, and who serves them. Source: section 10.3 of the reference.
//!
//! Long lists come in pages, by kwargs `limit` and `after`; the RESULT's kwarg `next` is the `after` of the next page. In the
//! list of all registrations a page counts over the ids of its three lists together.

use super::arguments::Arguments;
use super::{count, id_or_null};
use crate::routing::effect::Effects;
use crate::routing::refusal::Refusal;
use crate::routing::Realm;
use crate::wamp::uri::is_reserved;
use crate::wamp::{Payload, RegistrationId};
use std::time::Instant;

/// `wamp.registration.*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RegistrationProcedure {
    List,
    Lookup,
    Match,
    Get,
    ListCallees,
    CountCallees,
    RemoveCallee,
}

impl RegistrationProcedure {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "list" => Some(Self::List),
            "lookup" => Some(Self::Lookup),
            "match" => Some(Self::Match),
            "get" => Some(Self::Get),
            "list_callees" => Some(Self::ListCallees),
            "count_callees" => Some(Self::CountCallees),
            "remove_callee" => Some(Self::RemoveCallee),
            _ => None,
        }
    }
}

const PROCEDURE: &str = "a procedure, a string";

impl Realm {
    pub(super) fn answer_registration(
        &mut self,
        now: Instant,
        procedure: RegistrationProcedure,
        arguments: &Arguments,
        effects: &mut Effects,
    ) -> Result<Payload, Refusal> {
        let max = self.rules.limits.meta_list_max;
        match procedure {
            RegistrationProcedure::List => {
                let page = arguments.page(max)?;
                let after = page.after.and_then(|after| RegistrationId::new(after).ok());
                // One more than the page holds tells whether there are more.
                let listed = self.dealer.registrations_after(after).take(page.limit.saturating_add(1));
                page.ids_by_policy(listed.map(|(id, policy)| (id.get(), policy)).collect())
            }
            RegistrationProcedure::Lookup => {
                let uri = arguments.text(0, PROCEDURE)?;
                let found = self.dealer.registration_of(arguments.lookup_policy()?, uri);
                Ok(id_or_null(found.map(RegistrationId::get)))
            }
            RegistrationProcedure::Match => {
                let uri = arguments.text(0, PROCEDURE)?;
                // Patterns never serve what is the router's (D51).
                let found = self.dealer.best_registration(uri).filter(|_| !is_reserved(uri));
                Ok(id_or_null(found.map(RegistrationId::get)))
            }
            RegistrationProcedure::Get => {
                let id = registration(arguments)?;
                let named = self.dealer.registration(id).ok_or(Refusal::NoSuchRegistration)?;
                Ok(Payload::args(vec![named.details(id.get())]))
            }
            RegistrationProcedure::ListCallees => {
                let callees = self.dealer.callees(registration(arguments)?).ok_or(Refusal::NoSuchRegistration)?;
                let members = callees.filter_map(|session| self.directory.member(session));
                arguments.page(max)?.ids(members.map(|member| member.session.get()))
            }
            RegistrationProcedure::CountCallees => {
                let callees = self.dealer.callees(registration(arguments)?).ok_or(Refusal::NoSuchRegistration)?;
                Ok(count(callees.len()))
            }
            RegistrationProcedure::RemoveCallee => self.remove_callee(now, arguments, effects),
        }
    }

    /// `[id, session, reason?]`: the registration is taken from the callee; invocations under way finish (R80, D64).
    fn remove_callee(
        &mut self,
        now: Instant,
        arguments: &Arguments,
        effects: &mut Effects,
    ) -> Result<Payload, Refusal> {
        let (id, session) = (registration(arguments)?, arguments.session(1)?);
        let reason = arguments.revocation_reason()?;
        let (_, dealer, mut turn) = self.turn(now, effects);
        dealer.remove_callee(&mut turn, id, session, reason)?;
        Ok(Payload::Empty)
    }
}

fn registration(arguments: &Arguments) -> Result<RegistrationId, Refusal> {
    arguments.id(0, RegistrationId::new, "a registration id, an integer", Refusal::NoSuchRegistration)
}
