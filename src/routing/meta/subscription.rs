//! The subscription meta API: which topics are subscribed to, and by whom. Source: section 10.4 of the reference.
//!
//! Subscriptions to reserved topics are not told. Long lists come in pages, as in the registration meta API.

use super::arguments::Arguments;
use super::{count, id_or_null};
use crate::routing::effect::Effects;
use crate::routing::refusal::Refusal;
use crate::routing::Realm;
use crate::wamp::uri::is_reserved;
use crate::wamp::{Payload, SubscriptionId, Uri};
use std::time::Instant;

/// `wamp.subscription.*`, but for event history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SubscriptionProcedure {
    List,
    Lookup,
    Match,
    Get,
    ListSubscribers,
    CountSubscribers,
    RemoveSubscriber,
}

impl SubscriptionProcedure {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "list" => Some(Self::List),
            "lookup" => Some(Self::Lookup),
            "match" => Some(Self::Match),
            "get" => Some(Self::Get),
            "list_subscribers" => Some(Self::ListSubscribers),
            // D75: another router's spelling, which clients have learned.
            "count_subscribers" | "count_suscribers" => Some(Self::CountSubscribers),
            "remove_subscriber" => Some(Self::RemoveSubscriber),
            _ => None,
        }
    }
}

const TOPIC: &str = "a topic, a string";

impl Realm {
    pub(super) fn answer_subscription(
        &mut self,
        now: Instant,
        procedure: SubscriptionProcedure,
        arguments: &Arguments,
        effects: &mut Effects,
    ) -> Result<Payload, Refusal> {
        let max = self.rules.limits.meta_list_max;
        match procedure {
            SubscriptionProcedure::List => {
                let page = arguments.page(max)?;
                let after = page.after.and_then(|after| SubscriptionId::new(after).ok());
                // One more than the page holds tells whether there are more.
                let listed = self.broker.subscriptions_after(after).take(page.limit.saturating_add(1));
                page.ids_by_policy(listed.map(|(id, policy)| (id.get(), policy)).collect())
            }
            SubscriptionProcedure::Lookup => {
                let uri = Uri::from(arguments.text(0, TOPIC)?);
                let found = self.broker.lookup(arguments.lookup_policy()?, &uri);
                Ok(id_or_null(found.map(SubscriptionId::get)))
            }
            SubscriptionProcedure::Match => {
                let topic = Uri::from(arguments.text(0, TOPIC)?);
                let found = self.broker.matching_ids(&topic);
                // Of reserved topics nothing is told, and other patterns do not reach them (D45, D51).
                if found.is_empty() || is_reserved(&topic) {
                    return Ok(id_or_null(None));
                }
                arguments.page(max)?.ids(found.into_iter().map(SubscriptionId::get))
            }
            SubscriptionProcedure::Get => {
                let id = subscription(arguments)?;
                let named = self.broker.details(id).ok_or(Refusal::NoSuchSubscription)?;
                Ok(Payload::args(vec![named.details(id.get())]))
            }
            SubscriptionProcedure::ListSubscribers => {
                let subscribers =
                    self.broker.subscribers(subscription(arguments)?).ok_or(Refusal::NoSuchSubscription)?;
                let members = subscribers.iter().filter_map(|session| self.directory.member(*session));
                arguments.page(max)?.ids(members.map(|member| member.session.get()))
            }
            SubscriptionProcedure::CountSubscribers => {
                let subscribers =
                    self.broker.subscribers(subscription(arguments)?).ok_or(Refusal::NoSuchSubscription)?;
                Ok(count(subscribers.len()))
            }
            SubscriptionProcedure::RemoveSubscriber => self.remove_subscriber(now, arguments, effects),
        }
    }

    /// `[id, session, reason?]`: the session is taken off the subscription (R54).
    fn remove_subscriber(
        &mut self,
        now: Instant,
        arguments: &Arguments,
        effects: &mut Effects,
    ) -> Result<Payload, Refusal> {
        let (id, session) = (subscription(arguments)?, arguments.session(1)?);
        let reason = arguments.revocation_reason()?;
        self.broker.subscribers(id).ok_or(Refusal::NoSuchSubscription)?;
        let key = self.directory.key(session).ok_or(Refusal::NoSuchSession)?;
        let (broker, _, mut turn) = self.turn(now, effects);
        broker.remove_subscriber(&mut turn, id, key, reason)?;
        Ok(Payload::Empty)
    }
}

/// The subscription that the first argument names.
pub(super) fn subscription(arguments: &Arguments) -> Result<SubscriptionId, Refusal> {
    arguments.id(0, SubscriptionId::new, "a subscription id, an integer", Refusal::NoSuchSubscription)
}
