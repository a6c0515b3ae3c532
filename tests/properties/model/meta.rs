//! The router's own procedures and events: section 10 of the reference.

use super::kept::Asking;
use super::{matches, Model, Subscription};
use crate::ask::Meta;
use crate::out::{Out, Said};
use crate::setup::{AUTHIDS, AUTHROLES};
use wharf::wamp::role::Feature;
use wharf::wamp::{MatchPolicy, MessageKind, Value};

/// A change of subscriptions or registrations, as it is told.
pub(super) struct Change {
    pub(super) topic: String,
    pub(super) args: Vec<Value>,
}

const READS_PER_SESSION: usize = 8;

pub(super) type Answer = Result<Option<Vec<Value>>, &'static str>;

impl Model {
    pub(super) fn tell_joined(&mut self, _who: usize) {
        if self.has(Feature::SessionMetaApi) {
            self.meta_event("wamp.session.on_join", Said::Any);
        }
    }

    pub(super) fn tell_left(&mut self, who: usize) {
        if self.has(Feature::SessionMetaApi) {
            let session = &self.sessions[who];
            let (authid, authrole) = (Value::from(AUTHIDS[session.authid]), Value::from(AUTHROLES[session.authrole]));
            let args = vec![Value::Unsigned(session.id), authid, authrole];
            self.meta_event("wamp.session.on_leave", Said::Values(args, Vec::new()));
        }
    }

    /// Publishes what the step has changed, in order.
    pub(super) fn tell_changes(&mut self) {
        for Change { topic, args } in std::mem::take(&mut self.changes) {
            let feature = if topic.starts_with("wamp.subscription.") {
                Feature::SubscriptionMetaApi
            } else {
                Feature::RegistrationMetaApi
            };
            let ended = match args[..] {
                [Value::Unsigned(session), Value::Unsigned(id)] if topic == "wamp.registration.on_delete" => {
                    Some((session, id))
                }
                _ => None,
            };
            if self.has(feature) {
                self.meta_event(&topic, Said::Values(args, Vec::new()));
            }
            if let Some((session, registration)) = ended {
                self.forget_described_by(session, registration);
            }
        }
    }

    /// Whether the realm has what the procedure belongs to.
    fn offers(&self, meta: &Meta) -> bool {
        let feature = match meta {
            Meta::Count | Meta::Kill { .. } | Meta::KillByAuthrole { .. } | Meta::KillAll => Feature::SessionMetaApi,
            Meta::AddTestament { .. } | Meta::FlushTestaments { .. } => Feature::TestamentMetaApi,
            Meta::RemoveCallee { .. } if !self.has(Feature::RegistrationMetaApi) => Feature::RegistrationMetaApi,
            Meta::RemoveCallee { .. } => Feature::RegistrationRevocation,
            Meta::RemoveSubscriber { .. } if !self.has(Feature::SubscriptionMetaApi) => Feature::SubscriptionMetaApi,
            Meta::RemoveSubscriber { .. } => Feature::SubscriptionRevocation,
            Meta::ClearRetained { .. } => Feature::EventRetention,
            Meta::GetEvents { .. } => Feature::EventHistory,
            Meta::ListRegistrations | Meta::MatchProcedure { .. } | Meta::ListCallees { .. } => {
                Feature::RegistrationMetaApi
            }
            Meta::ListSubscriptions | Meta::MatchTopic { .. } | Meta::ListSubscribers { .. } => {
                Feature::SubscriptionMetaApi
            }
            // Reflection has no feature.
            Meta::Define { .. }
            | Meta::Undefine { .. }
            | Meta::DescribeAll { .. }
            | Meta::Describe { .. }
            | Meta::ListDescribed { .. } => return true,
        };
        self.has(feature)
    }

    pub(super) fn do_meta(&mut self, who: usize, request: u64, meta: Meta) -> Answer {
        if !self.offers(&meta) {
            return Err("wamp.error.no_such_procedure");
        }
        match meta {
            Meta::Count => {
                let count = self.sessions.iter().filter(|session| session.there).count();
                Ok(Some(vec![Value::Unsigned(count as u64)]))
            }
            Meta::Kill { victim } => {
                if victim == who || !self.sessions[victim].there {
                    return Err("wamp.error.no_such_session");
                }
                self.kill(victim, true);
                Ok(Some(Vec::new()))
            }
            Meta::KillByAuthrole { authrole } => Ok(Some(self.kill_others(who, Some(authrole), true))),
            Meta::KillAll => Ok(Some(self.kill_others(who, None, false))),
            Meta::AddTestament { detached, wish } => self.add_testament(who, detached, wish).map(|()| Some(Vec::new())),
            Meta::FlushTestaments { detached } => {
                self.flush_testaments(who, detached);
                Ok(Some(Vec::new()))
            }
            Meta::ClearRetained { topic, policy } => {
                Ok(Some(vec![Value::Unsigned(self.clear_retained(policy, &topic))]))
            }
            Meta::RemoveCallee { registration, victim } => self.remove_callee(registration, victim),
            Meta::RemoveSubscriber { subscription, victim } => self.remove_subscriber(subscription, victim),
            Meta::GetEvents { subscription, limit } => self.get_events(who, request, subscription, limit),
            Meta::Define { thing, tag } => self.define(who, thing, tag),
            Meta::Undefine { thing } => self.undefine(who, &thing),
            Meta::DescribeAll { uri } => self.describe_all(who, &uri),
            Meta::Describe { thing } => self.describe(who, &thing),
            Meta::ListDescribed { kind, policy, limit, after } => {
                self.list_described((who, request), (kind, policy), limit, after.as_deref())
            }
            look @ (Meta::ListRegistrations
            | Meta::MatchProcedure { .. }
            | Meta::ListCallees { .. }
            | Meta::ListSubscriptions
            | Meta::MatchTopic { .. }
            | Meta::ListSubscribers { .. }) => self.look_up(&look),
        }
    }

    fn kill_others(&mut self, who: usize, authrole: Option<usize>, announced: bool) -> Vec<Value> {
        let others = self.others(who, authrole);
        let count = others.len() as u64;
        others.into_iter().for_each(|victim| self.kill(victim, announced));
        vec![Value::Unsigned(count)]
    }

    fn remove_callee(&mut self, id: u64, victim: usize) -> Answer {
        let Some(place) = self.registrations.iter().position(|known| known.id == id) else {
            return Err("wamp.error.no_such_registration");
        };
        if !self.registrations[place].has(victim) {
            return Err("wamp.error.no_such_session");
        }
        self.drop_callee(victim, place);
        self.freed.push(id);
        self.tell_revoked(victim, id);
        self.pump();
        Ok(Some(Vec::new()))
    }

    fn remove_subscriber(&mut self, id: u64, victim: usize) -> Answer {
        let known = self.told(id)?;
        if !known.subscribers.contains(&victim) {
            return Err("wamp.error.no_such_session");
        }
        self.take_off(victim, id);
        if self.sessions[victim].can.revocation {
            self.say(Out::SubscriptionRevoked { to: victim, subscription: id, reason: Some("why".to_owned()) });
        }
        Ok(Some(Vec::new()))
    }

    /// The subscription, unless it is to one of the router's own topics: of those nothing is told.
    fn told(&self, id: u64) -> Result<&Subscription, &'static str> {
        let known = self.subscriptions.iter().find(|known| known.id == id && !super::is_reserved(&known.topic));
        known.ok_or("wamp.error.no_such_subscription")
    }

    /// What there is. What lies under reserved URIs is not listed.
    fn look_up(&self, meta: &Meta) -> Answer {
        let number = |id: &u64| Value::Unsigned(*id);
        let list = |mut ids: Vec<u64>| {
            ids.sort_unstable();
            Value::List(ids.iter().map(number).collect())
        };
        let by_policy = |of: &dyn Fn(MatchPolicy) -> Vec<u64>| {
            let entry = |policy: &MatchPolicy| (policy.as_str().to_owned(), list(of(*policy)));
            Value::Dict(MatchPolicy::ALL.iter().map(entry).collect())
        };
        let found = match meta {
            Meta::ListRegistrations => by_policy(&|policy| {
                self.registrations.iter().filter(|known| known.policy == policy).map(|known| known.id).collect()
            }),
            Meta::ListSubscriptions => by_policy(&|policy| {
                let listed = self
                    .subscriptions
                    .iter()
                    .filter(|known| known.policy == policy && !super::is_reserved(&known.topic));
                listed.map(|known| known.id).collect()
            }),
            Meta::MatchProcedure { procedure } => self
                .best_registration(procedure)
                .map_or(Value::Null, |place| Value::Unsigned(self.registrations[place].id)),
            Meta::MatchTopic { topic } => {
                let told = self.subscriptions.iter().filter(|known| !super::is_reserved(&known.topic));
                let fits = told.filter(|known| matches(known.policy, &known.topic, topic));
                let ids: Vec<u64> = fits.map(|known| known.id).collect();
                if ids.is_empty() {
                    Value::Null
                } else {
                    list(ids)
                }
            }
            Meta::ListCallees { registration } => {
                let known = self.registrations.iter().find(|known| known.id == *registration);
                let known = known.ok_or("wamp.error.no_such_registration")?;
                list(known.callees.iter().map(|callee| self.sessions[callee.who].id).collect())
            }
            Meta::ListSubscribers { subscription } => {
                let known = self.told(*subscription)?;
                list(known.subscribers.iter().map(|who| self.sessions[*who].id).collect())
            }
            other => unreachable!("{other:?} changes something"),
        };
        Ok(Some(vec![found]))
    }

    fn get_events(&mut self, who: usize, request: u64, id: u64, limit: Option<u64>) -> Answer {
        let known = self.told(id)?;
        if !self.denied[self.sessions[who].authrole].may_subscribe(&known.topic) {
            return Err("wamp.error.not_authorized");
        }
        if self.asking.iter().filter(|asking| asking.who == who).count() >= READS_PER_SESSION {
            return Err("wharf.error.limit_exceeded");
        }
        let topic = known.topic.clone();
        let authrole = AUTHROLES[self.sessions[who].authrole].to_owned();
        self.say(Out::Read { topic, limit, authrole });
        let ticket = self.drawn.tickets.pop_front().expect("a question");
        self.asking.push(Asking { ticket, who, request });
        Ok(None)
    }

    pub(super) fn cancel_asking(&mut self, who: usize, request: u64) -> bool {
        let Some(place) = self.asking.iter().position(|asking| asking.who == who && asking.request == request) else {
            return false;
        };
        self.asking.remove(place);
        self.refuse(who, MessageKind::Call, request, "wamp.error.canceled");
        true
    }
}
