//! From the numbers of a command to the sessions and things that there are.

use super::Run;
use crate::ask::{Ask, CallWish, Lists, Meta, PublishWish, RegisterWish};
use crate::model::is_reserved;
use crate::op::{Op, Publishing, What};
use wharf::wamp::role::Feature;
use wharf::wamp::MatchPolicy;

impl Run {
    /// One of the sessions that are there; for one number in 16 one of the last that joined, which may be gone.
    pub(super) fn who(&self, number: usize) -> usize {
        let count = self.keys.len();
        let there: Vec<usize> = (0..count).filter(|who| self.model.sessions[*who].there).collect();
        if there.is_empty() || number == 15 {
            return count - 1 - number % count.min(8);
        }
        there[number % there.len()]
    }

    /// Mostly one of the subscribers of a subscription.
    fn subscriber(&self, nth: usize, number: usize) -> usize {
        let known = pick(&self.model.subscriptions, Some(nth)).filter(|known| !known.subscribers.is_empty());
        match known.filter(|_| !number.is_multiple_of(4)) {
            Some(known) => known.subscribers[number % known.subscribers.len()],
            None => self.who(number),
        }
    }

    /// Mostly one of the callees of a registration.
    fn callee(&self, nth: usize, number: usize) -> usize {
        let known = pick(&self.model.registrations, Some(nth)).filter(|_| !number.is_multiple_of(4));
        known.map_or_else(|| self.who(number), |known| known.callee(number))
    }

    pub(super) fn request(&mut self, who: usize) -> u64 {
        self.requests[who] += 1;
        self.requests[who]
    }

    /// Whether the session may pass opaque payloads: what it may not is refused before it comes to the realm.
    fn may_pass(&self, who: usize) -> bool {
        self.model.sessions[who].can.ppt && self.model.setup.features().has(Feature::PayloadPassthruMode)
    }

    /// What is said, and by whom; `None` if there is nothing that it could be about.
    pub(super) fn resolve(&mut self, op: &Op) -> Option<(usize, Ask)> {
        let tag = self.steps;
        match op {
            Op::Answer { nth, how, ppt } => {
                let served: Vec<_> =
                    self.model.calls.iter().filter_map(|call| Some((call.callee?, call.invocation))).collect();
                let (callee, invocation) = served[nth.checked_rem(served.len())?];
                let ppt = *ppt && self.may_pass(callee);
                Some((callee, Ask::Answer { invocation, how: *how, ppt, tag }))
            }
            Op::Forge { who, invocation, how } => {
                let who = self.who(*who);
                // Most are of long ago, some were never issued.
                let (invoked, how) = (self.model.sessions[who].invoked, *how);
                let invocation = if *invocation < 60 { 1 + invocation % invoked.max(1) } else { invoked + 1 };
                Some((who, Ask::Answer { invocation, how, ppt: false, tag }))
            }
            Op::Cancel { by_caller, who, nth, mode } => {
                let asking = self.model.asking.iter().map(|asking| (asking.who, asking.request));
                let calls: Vec<_> =
                    self.model.calls.iter().map(|call| (call.caller, call.request)).chain(asking).collect();
                let (caller, request) = calls[nth.checked_rem(calls.len())?];
                let who = if *by_caller { caller } else { self.who(*who) };
                Some((who, Ask::Cancel { request, mode: *mode }))
            }
            Op::GoOn { nth, progress, other } => {
                let owed: Vec<_> = self.model.calls.iter().filter(|call| call.is_owed() || *other).collect();
                let call = owed[nth.checked_rem(owed.len())?];
                let procedure = if *other { "c".to_owned() } else { call.wish.procedure.clone() };
                // Options that are frozen already.
                let disclose = !call.wish.disclose;
                // The session's room lets no other progressive CALL pass (D16).
                let progress = *progress && self.model.may_give_input(call.caller);
                let wish = CallWish { procedure, progress, disclose, tag, ..call.wish.clone() };
                Some((call.caller, Ask::Call { request: call.request, wish }))
            }
            Op::GoOnLate { who, nth, progress } => {
                let who = self.who(*who);
                let owed = &self.model.sessions[who].owed;
                let (request, procedure) =
                    owed.get(nth.checked_rem(owed.len())?).map(|owed| (owed.request, owed.procedure.clone()))?;
                let (receive_progress, timeout_ms, disclose, ppt) = (false, None, false, false);
                let progress = *progress;
                let wish = CallWish { procedure, receive_progress, progress, timeout_ms, disclose, ppt, tag };
                Some((who, Ask::Call { request, wish }))
            }
            Op::Reflect(asked) => Some(self.reflect(asked)),
            said => Some(self.requested(said)),
        }
    }

    fn subscription(&self, nth: usize) -> u64 {
        pick(&self.model.subscriptions, Some(nth)).map_or(1, |known| known.id.max(1))
    }

    fn registration(&self, nth: usize) -> u64 {
        pick(&self.model.registrations, Some(nth)).map_or(1, |known| known.id)
    }

    /// Who makes a new request.
    fn requester(&self, op: &Op) -> usize {
        match op {
            // Most give back what they have.
            Op::Unsubscribe { who, nth } => self.subscriber(*nth, *who),
            Op::Unregister { who, nth } => self.callee(*nth, *who),
            Op::Publish(publishing) | Op::Testament { publishing, .. } => self.who(publishing.who),
            Op::Subscribe { who, .. } | Op::Register { who, .. } | Op::Call { who, .. } | Op::Meta { who, .. } => {
                self.who(*who)
            }
            other => panic!("{other:?} is no request"),
        }
    }

    /// A new request of a session, which may be gone.
    fn requested(&mut self, op: &Op) -> (usize, Ask) {
        let who = self.requester(op);
        let in_use = self.model.calls.iter().find(|call| call.caller == who).map(|call| call.request);
        let request = match in_use.filter(|_| matches!(op, Op::Call { reuse: true, .. })) {
            Some(request) => request,
            None => self.request(who),
        };
        let ask = match op {
            Op::Subscribe { topic, policy, get_retained, like, .. } => {
                let known = pick(&self.model.subscriptions, *like);
                let (policy, topic) =
                    known.map_or((*policy, topic.clone()), |known| (known.policy, known.topic.clone()));
                Ask::Subscribe { request, topic, policy, get_retained: *get_retained }
            }
            Op::Unsubscribe { nth, .. } => Ask::Unsubscribe { request, subscription: self.subscription(*nth) },
            Op::Register { procedure, policy, invoke, disclose, forward, concurrency, force, like, .. } => {
                let known = pick(&self.model.registrations, *like);
                let (policy, procedure) =
                    known.map_or((*policy, procedure.clone()), |known| (known.policy, known.procedure.clone()));
                // Whoever joins mostly knows how.
                let invoke = known.filter(|_| *forward || *disclose).map_or(invoke, |known| &known.invoke);
                let (invoke, disclose, forward) = (*invoke, *disclose, *forward);
                let wish = RegisterWish { invoke, disclose, forward, concurrency: *concurrency, force: *force };
                Ask::Register { request, procedure, policy, wish }
            }
            Op::Unregister { nth, .. } => Ask::Unregister { request, registration: self.registration(*nth) },
            Op::Publish(publishing) => Ask::Publish { request, wish: self.published(who, publishing, false) },
            Op::Testament { publishing, detached } => {
                let wish = self.published(who, publishing, true);
                Ask::Meta { request, meta: Meta::AddTestament { detached: *detached, wish } }
            }
            Op::Meta { .. } => Ask::Meta { request, meta: self.meta_asked(op) },
            call => Ask::Call { request, wish: self.called(who, call) },
        };
        (who, ask)
    }

    fn called(&self, who: usize, op: &Op) -> CallWish {
        let Op::Call { procedure, receive_progress, progress, timeout_ms, disclose, ppt, like, .. } = op else {
            panic!("{op:?} is no request");
        };
        let known = pick(&self.model.registrations, *like);
        // Who may not is stopped before it comes to the realm.
        let may_stream = self.model.sessions[who].can.gives_input
            && self.model.setup.features().has(Feature::ProgressiveCallInvocations);
        CallWish {
            procedure: known.map_or(procedure.clone(), |known| concrete(known.policy, &known.procedure)),
            receive_progress: *receive_progress,
            progress: *progress && may_stream,
            timeout_ms: *timeout_ms,
            disclose: *disclose,
            ppt: *ppt && self.may_pass(who),
            tag: self.steps,
        }
    }

    fn meta_asked(&self, op: &Op) -> Meta {
        let Op::Meta { what, nth, of, policy, uri, flag, .. } = op else { panic!("{op:?} is no meta call") };
        let (subscription, registration) = (self.subscription(*of), self.registration(*of));
        match what {
            What::Count => Meta::Count,
            What::Kill => Meta::Kill { victim: self.who(*nth) },
            What::KillByAuthrole => Meta::KillByAuthrole { authrole: nth % 2 },
            What::KillAll => Meta::KillAll,
            What::RemoveCallee => Meta::RemoveCallee { registration, victim: self.callee(*of, *nth) },
            What::RemoveSubscriber => Meta::RemoveSubscriber { subscription, victim: self.subscriber(*of, *nth) },
            What::ClearRetained => Meta::ClearRetained { topic: uri.clone(), policy: *policy },
            What::FlushTestaments => Meta::FlushTestaments { detached: *flag },
            What::ListRegistrations => Meta::ListRegistrations,
            What::ListSubscriptions => Meta::ListSubscriptions,
            What::MatchProcedure => Meta::MatchProcedure { procedure: uri.clone() },
            What::MatchTopic => Meta::MatchTopic { topic: uri.clone() },
            What::ListCallees => Meta::ListCallees { registration },
            What::ListSubscribers => Meta::ListSubscribers { subscription },
            What::GetEvents => Meta::GetEvents { subscription, limit: flag.then_some(7) },
        }
    }

    fn published(&self, who: usize, publishing: &Publishing, testament: bool) -> PublishWish {
        let Publishing { ref topic, like, ack, exclude_me, disclose, retain, ppt, ref lists, .. } = *publishing;
        let ppt = ppt && self.may_pass(who);
        let known = pick(&self.model.subscriptions, like).filter(|known| !is_reserved(&known.topic));
        let topic = known.map_or(topic.clone(), |known| concrete(known.policy, &known.topic));
        let (lists, tag) = (self.lists(lists), self.steps);
        PublishWish { topic, ack, exclude_me, disclose, retain, ppt, lists, tag, testament }
    }

    /// The lists with their numbers as sessions of the run.
    fn lists(&self, lists: &Lists) -> Lists {
        let sessions =
            |list: &Option<Vec<usize>>| list.as_ref().map(|list| list.iter().map(|number| self.who(*number)).collect());
        Lists { eligible: sessions(&lists.eligible), exclude: sessions(&lists.exclude), ..lists.clone() }
    }
}

/// One of these, if one is asked for and there is any.
fn pick<T>(known: &[T], nth: Option<usize>) -> Option<&T> {
    known.get(nth?.checked_rem(known.len())?)
}

/// A URI that the pattern fits.
fn concrete(policy: MatchPolicy, pattern: &str) -> String {
    match policy {
        MatchPolicy::Exact => pattern.to_owned(),
        MatchPolicy::Prefix if pattern.is_empty() || pattern.ends_with('.') => format!("{pattern}b"),
        MatchPolicy::Prefix => pattern.to_owned(),
        MatchPolicy::Wildcard => {
            let filled = pattern.split('.').map(|component| if component.is_empty() { "a" } else { component });
            filled.collect::<Vec<_>>().join(".")
        }
    }
}
