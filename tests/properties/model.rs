//! The naive realm: lists and linear search, written from the protocol's text. It knows no index, no key and no time but a
//! number of milliseconds. What the realm draws at random it is told, and checks.

use crate::op::{How, Lists};
use crate::out::{Drawn, EventOut, InvocationOut, Out};
use std::collections::VecDeque;
use wharf::wamp::{
    CancelMode, InvocationPolicy, MatchPolicy, MessageKind, Payload, PublicationId, RegistrationId, SubscriptionId,
};

pub(crate) const SUBSCRIPTIONS_PER_SESSION: usize = 5;
pub(crate) const REGISTRATIONS_PER_SESSION: usize = 5;
pub(crate) const PENDING_CALLS: usize = 4;
pub(crate) const OPEN_INVOCATIONS: usize = 3;
pub(crate) const TIMEOUT_MAX_MS: u64 = 100;

#[derive(Default)]
pub(crate) struct Model {
    pub(crate) sessions: Vec<Session>,
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) registrations: Vec<Registration>,
    pub(crate) calls: Vec<UnderWay>,
    pub(crate) now: u64,
    /// Calls so far, for the order of equal times.
    called: u64,
    /// The publications of the step under way, in order, as the realm drew their ids.
    pub(crate) heard: VecDeque<PublicationId>,
}

pub(crate) struct Session {
    pub(crate) there: bool,
    pub(crate) id: u64,
    pub(crate) authid: usize,
    pub(crate) authrole: usize,
    pub(crate) canceling: bool,
    pub(crate) progressive: bool,
    pub(crate) keeps_time: bool,
    invoked: u64,
}

pub(crate) struct Subscription {
    pub(crate) policy: MatchPolicy,
    pub(crate) topic: String,
    pub(crate) id: SubscriptionId,
    pub(crate) subscribers: Vec<usize>,
}

pub(crate) struct Registration {
    policy: MatchPolicy,
    pub(crate) procedure: String,
    invoke: InvocationPolicy,
    pub(crate) id: RegistrationId,
    pub(crate) callees: Vec<Callee>,
    /// The position that round robin goes on from.
    next: usize,
}

#[derive(Clone, Copy)]
pub(crate) struct Callee {
    who: usize,
    disclose: bool,
    forward: bool,
}

pub(crate) struct UnderWay {
    pub(crate) caller: usize,
    pub(crate) request: u64,
    pub(crate) callee: usize,
    pub(crate) invocation: u64,
    progressive: bool,
    killing: bool,
    period: Option<u64>,
    until: Option<u64>,
    number: u64,
}

pub(crate) struct CallWish<'a> {
    pub(crate) procedure: &'a str,
    pub(crate) receive_progress: bool,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) disclose: bool,
    pub(crate) payload: Payload,
}

pub(crate) struct PublishWish<'a> {
    pub(crate) topic: &'a str,
    pub(crate) ack: bool,
    pub(crate) exclude_me: bool,
    pub(crate) disclose: bool,
    pub(crate) lists: &'a Lists,
    pub(crate) payload: Payload,
}

pub(crate) fn matches(policy: MatchPolicy, pattern: &str, uri: &str) -> bool {
    match policy {
        MatchPolicy::Exact => pattern == uri,
        MatchPolicy::Prefix => uri.starts_with(pattern),
        MatchPolicy::Wildcard => {
            let (pattern, uri): (Vec<_>, Vec<_>) = (pattern.split('.').collect(), uri.split('.').collect());
            pattern.len() == uri.len() && pattern.iter().zip(uri).all(|(part, whole)| part.is_empty() || *part == whole)
        }
    }
}

fn refused(to: usize, kind: MessageKind, request: u64, error: &str) -> Vec<Out> {
    vec![Out::Error { to, kind, request, error: error.to_owned() }]
}

fn canceled(call: &UnderWay) -> Out {
    Out::Error {
        to: call.caller,
        kind: MessageKind::Call,
        request: call.request,
        error: "wamp.error.canceled".to_owned(),
    }
}

impl Model {
    pub(crate) fn join(&mut self, session: Session) -> Vec<Out> {
        self.sessions.push(session);
        self.meta_event("wamp.session.on_join")
    }

    /// Everything of a session goes, in the order of section 4.4.
    pub(crate) fn leave(&mut self, who: usize, announced: bool) -> Vec<Out> {
        self.sessions[who].there = false;
        let told = self.drop_all(who);
        let mut outs = self.tell(&told);
        let (mut served, rest): (Vec<_>, Vec<_>) = self.calls.drain(..).partition(|call| call.callee == who);
        let (mut issued, rest): (Vec<_>, Vec<_>) = rest.into_iter().partition(|call| call.caller == who);
        self.calls = rest;
        served.sort_by_key(|call| call.invocation);
        issued.sort_by_key(|call| call.request);
        outs.extend(served.iter().filter(|call| call.caller != who).map(canceled));
        outs.extend(issued.iter().filter_map(|call| self.interrupt(call, CancelMode::KillNoWait)));
        if announced {
            outs.extend(self.meta_event("wamp.session.on_leave"));
        }
        outs
    }

    pub(crate) fn violate(&mut self, who: usize) -> Vec<Out> {
        let mut outs = self.leave(who, true);
        outs.push(Out::Violated { who });
        outs
    }

    /// A session's new request whose id is a call's that is under way.
    pub(crate) fn is_in_use(&self, who: usize, request: u64) -> bool {
        self.calls.iter().any(|call| call.caller == who && call.request == request)
    }

    pub(crate) fn subscribe(
        &mut self,
        who: usize,
        request: u64,
        policy: MatchPolicy,
        topic: &str,
        drawn: Drawn,
    ) -> Vec<Out> {
        let own = self.subscriptions.iter().filter(|subscription| subscription.subscribers.contains(&who)).count();
        let found = self.subscriptions.iter_mut().find(|known| known.policy == policy && known.topic == topic);
        let again = found.as_ref().is_some_and(|known| known.subscribers.contains(&who));
        if !again && own >= SUBSCRIPTIONS_PER_SESSION {
            return refused(who, MessageKind::Subscribe, request, "wharf.error.limit_exceeded");
        }
        let created = found.is_none();
        let subscription = match found {
            Some(known) => {
                if !again {
                    known.subscribers.push(who);
                }
                known.id
            }
            None => {
                let id = drawn.subscription.expect("SUBSCRIBED");
                assert!(self.subscriptions.iter().all(|known| known.id != id), "ids in use are unique");
                self.subscriptions.push(Subscription { policy, topic: topic.to_owned(), id, subscribers: vec![who] });
                id
            }
        };
        let mut outs = vec![Out::Subscribed { to: who, request, subscription }];
        let told: &[_] = if again { &[] } else { &["wamp.subscription.on_create", "wamp.subscription.on_subscribe"] };
        outs.extend(self.tell_of(topic, if created { told } else { told.get(1..).unwrap_or_default() }));
        outs
    }

    pub(crate) fn unsubscribe(&mut self, who: usize, request: u64, id: SubscriptionId) -> Vec<Out> {
        let own = |known: &Subscription| known.id == id && known.subscribers.contains(&who);
        let Some(place) = self.subscriptions.iter().position(own) else {
            return refused(who, MessageKind::Unsubscribe, request, "wamp.error.no_such_subscription");
        };
        let told = self.drop_subscriber(place, who);
        let mut outs = vec![Out::Unsubscribed { to: who, request }];
        outs.extend(self.tell(&told));
        outs
    }

    pub(crate) fn publish(&mut self, who: usize, request: u64, wish: &PublishWish<'_>) -> Vec<Out> {
        let publication = self.heard.pop_front();
        let mut outs = Vec::new();
        if wish.ack {
            outs.push(Out::Published { to: who, request, publication: publication.expect("PUBLISHED") });
        }
        for subscription in self.subscriptions.iter().filter(|known| matches(known.policy, &known.topic, wish.topic)) {
            let gets = |session: &usize| self.gets(*session, who, wish);
            let to: Vec<usize> = subscription.subscribers.iter().copied().filter(gets).collect();
            let publisher = wish.disclose.then(|| self.sessions[who].id);
            outs.extend(subscription.event(to, wish.topic, publisher, Some(wish.payload.clone()), publication));
        }
        outs
    }

    /// The seven conditions of section 8.4.
    fn gets(&self, session: usize, publisher: usize, wish: &PublishWish<'_>) -> bool {
        let Session { authid, authrole, .. } = self.sessions[session];
        let lists = wish.lists;
        let listed = |list: &Option<Vec<usize>>, entry: usize| list.as_ref().map(|list| list.contains(&entry));
        listed(&lists.eligible, session) != Some(false)
            && listed(&lists.eligible_authid, authid) != Some(false)
            && listed(&lists.eligible_authrole, authrole) != Some(false)
            && listed(&lists.exclude, session) != Some(true)
            && listed(&lists.exclude_authid, authid) != Some(true)
            && listed(&lists.exclude_authrole, authrole) != Some(true)
            && (session != publisher || !wish.exclude_me)
    }

    pub(crate) fn register(
        &mut self,
        who: usize,
        request: u64,
        (policy, procedure): (MatchPolicy, &str),
        (invoke, disclose, forward): (InvocationPolicy, bool, bool),
        drawn: Drawn,
    ) -> Vec<Out> {
        let own = self.registrations.iter().filter(|known| known.has(who)).count();
        let full = own >= REGISTRATIONS_PER_SESSION;
        let callee = Callee { who, disclose, forward };
        let found = self.registrations.iter_mut().find(|known| known.policy == policy && known.procedure == procedure);
        let created = found.is_none();
        let registration = match found {
            Some(known) if known.invoke != invoke || invoke == InvocationPolicy::Single => {
                return refused(who, MessageKind::Register, request, "wamp.error.procedure_already_exists");
            }
            Some(known) if known.has(who) => {
                return vec![Out::Registered { to: who, request, registration: known.id }];
            }
            _ if full => return refused(who, MessageKind::Register, request, "wharf.error.limit_exceeded"),
            Some(known) => {
                known.callees.push(callee);
                known.id
            }
            None => {
                let id = drawn.registration.expect("REGISTERED");
                assert!(self.registrations.iter().all(|known| known.id != id), "ids in use are unique");
                let (uri, callees) = (procedure.to_owned(), vec![callee]);
                self.registrations.push(Registration { policy, procedure: uri, invoke, id, callees, next: 0 });
                id
            }
        };
        let mut outs = vec![Out::Registered { to: who, request, registration }];
        let told = ["wamp.registration.on_create", "wamp.registration.on_register"];
        outs.extend(self.tell_of(procedure, if created { &told } else { &told[1..] }));
        outs
    }

    pub(crate) fn unregister(&mut self, who: usize, request: u64, id: RegistrationId) -> Vec<Out> {
        let own = |known: &Registration| known.id == id && known.has(who);
        let Some(place) = self.registrations.iter().position(own) else {
            return refused(who, MessageKind::Unregister, request, "wamp.error.no_such_registration");
        };
        let told = self.drop_callee(place, who);
        let mut outs = vec![Out::Unregistered { to: who, request }];
        outs.extend(self.tell(&told));
        outs
    }

    /// Section 9.2.
    fn best(&self, procedure: &str) -> Option<usize> {
        let fits = |policy: MatchPolicy| {
            let known = self.registrations.iter().enumerate();
            known.filter(move |(_, known)| known.policy == policy && matches(policy, &known.procedure, procedure))
        };
        let literals_first = |pattern: &str| pattern.split('.').map(str::is_empty).collect::<Vec<_>>();
        let exact = fits(MatchPolicy::Exact).next();
        let prefix = || fits(MatchPolicy::Prefix).max_by_key(|(_, known)| known.procedure.len());
        let wildcard = || fits(MatchPolicy::Wildcard).min_by_key(|(_, known)| literals_first(&known.procedure));
        exact.or_else(prefix).or_else(wildcard).map(|(place, _)| place)
    }

    pub(crate) fn call(&mut self, who: usize, request: u64, wish: CallWish<'_>, drawn: Drawn) -> Vec<Out> {
        let kind = MessageKind::Call;
        if self.calls.iter().filter(|call| call.caller == who).count() >= PENDING_CALLS {
            return refused(who, kind, request, "wharf.error.limit_exceeded");
        }
        let Some(place) = self.best(wish.procedure) else {
            return refused(who, kind, request, "wamp.error.no_such_procedure");
        };
        let Self { calls, registrations, .. } = self;
        let load = |callee: &Callee| calls.iter().filter(|call| call.callee == callee.who).count();
        let registration = &mut registrations[place];
        let Some(callee) = registration.choose(load, drawn.callee) else {
            return refused(who, kind, request, "wamp.error.no_available_callee");
        };
        let caller_id = self.sessions[who].id;
        let session = &mut self.sessions[callee.who];
        session.invoked += 1;
        let invocation = session.invoked;
        let asked = wish.receive_progress && session.progressive && session.canceling;
        let timeout = wish.timeout_ms.filter(|ms| *ms > 0).map(|ms| ms.min(TIMEOUT_MAX_MS));
        let forwarded = timeout.filter(|_| session.keeps_time && callee.forward);
        let period = forwarded.map(|ms| ms + 10_000).or(timeout);
        let until = period.map(|ms| self.now + ms);
        self.called += 1;
        self.calls.push(UnderWay {
            caller: who,
            request,
            callee: callee.who,
            invocation,
            progressive: wish.receive_progress,
            killing: false,
            period,
            until,
            number: self.called,
        });
        vec![Out::Invocation(InvocationOut {
            to: callee.who,
            invocation,
            registration: registration.id,
            procedure: (registration.policy != MatchPolicy::Exact).then(|| wish.procedure.to_owned()),
            caller: (wish.disclose || callee.disclose).then_some(caller_id),
            receive_progress: asked,
            timeout_ms: forwarded,
            payload: wish.payload,
        })]
    }

    /// Section 9.8.
    pub(crate) fn cancel(&mut self, who: usize, request: u64, mode: CancelMode) -> Vec<Out> {
        let Some(place) = self.calls.iter().position(|call| call.caller == who && call.request == request) else {
            return Vec::new();
        };
        let supported = self.sessions[self.calls[place].callee].canceling;
        let killing = self.calls[place].killing;
        if mode == CancelMode::Kill && killing {
            return Vec::new();
        }
        if mode == CancelMode::Kill && supported {
            self.calls[place].killing = true;
            return self.interrupt(&self.calls[place], mode).into_iter().collect();
        }
        let call = self.calls.remove(place);
        let told = (mode == CancelMode::KillNoWait && !killing).then(|| self.interrupt(&call, mode)).flatten();
        std::iter::once(canceled(&call)).chain(told).collect()
    }

    /// YIELD or ERROR by `who`. `None`: a violation.
    pub(crate) fn answer(&mut self, who: usize, invocation: u64, how: How, payload: &Payload) -> Option<Vec<Out>> {
        let found = self.calls.iter().position(|call| call.callee == who && call.invocation == invocation);
        let Some(place) = found else {
            return (invocation <= self.sessions[who].invoked).then(Vec::new);
        };
        if how == How::Partial {
            let call = &mut self.calls[place];
            if !call.progressive {
                return Some(Vec::new());
            }
            call.until = call.period.map(|ms| self.now + ms);
        }
        let UnderWay { caller: to, request, .. } = self.calls[place];
        if how != How::Partial {
            self.calls.remove(place);
        }
        let progress = how == How::Partial;
        Some(match how {
            How::Final | How::Partial => vec![Out::Result { to, request, progress, payload: Some(payload.clone()) }],
            How::Error => refused(to, MessageKind::Call, request, "com.app.failed"),
        })
    }

    pub(crate) fn undeliverable(&mut self, place: usize) -> Vec<Out> {
        let call = self.calls.remove(place);
        refused(call.caller, MessageKind::Call, call.request, "wamp.error.network_failure")
    }

    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.calls.iter().filter_map(|call| call.until).min()
    }

    pub(crate) fn pass(&mut self, ms: u64) -> Vec<Out> {
        self.now += ms;
        let now = self.now;
        let (mut due, rest): (Vec<_>, Vec<_>) =
            self.calls.drain(..).partition(|call| call.until.is_some_and(|until| until <= now));
        self.calls = rest;
        due.sort_by_key(|call| (call.until, call.number));
        let end = |call: &UnderWay| {
            let told = (!call.killing).then(|| self.interrupt(call, CancelMode::KillNoWait)).flatten();
            let error = refused(call.caller, MessageKind::Call, call.request, "wamp.error.timeout");
            error.into_iter().chain(told).collect::<Vec<_>>()
        };
        due.iter().flat_map(end).collect()
    }

    /// The others of a kill, by session id.
    pub(crate) fn others(&self, who: usize, authrole: Option<usize>) -> Vec<usize> {
        let fits = |session: &Session| session.there && authrole.is_none_or(|authrole| session.authrole == authrole);
        let mut others: Vec<usize> =
            (0..self.sessions.len()).filter(|other| *other != who && fits(&self.sessions[*other])).collect();
        others.sort_by_key(|other| self.sessions[*other].id);
        others
    }

    fn interrupt(&self, call: &UnderWay, mode: CancelMode) -> Option<Out> {
        let callee = &self.sessions[call.callee];
        (callee.there && callee.canceling).then_some(Out::Interrupt {
            to: call.callee,
            invocation: call.invocation,
            mode,
        })
    }
}

impl Session {
    pub(crate) fn new(id: u64, authid: usize, authrole: usize, features: usize) -> Self {
        let (canceling, progressive, keeps_time) =
            [(false, false, false), (true, false, false), (true, true, false), (true, true, true), (false, true, true)]
                [features];
        Self { there: true, id, authid, authrole, canceling, progressive, keeps_time, invoked: 0 }
    }
}

impl Subscription {
    pub(crate) fn event(
        &self,
        mut to: Vec<usize>,
        topic: &str,
        publisher: Option<u64>,
        payload: Option<Payload>,
        publication: Option<PublicationId>,
    ) -> Option<Out> {
        if to.is_empty() {
            return None;
        }
        to.sort_unstable();
        let topic = (self.policy != MatchPolicy::Exact).then(|| topic.to_owned());
        let publication = publication.expect("an EVENT");
        Some(Out::Event(EventOut { to, subscription: self.id, publication, topic, publisher, payload }))
    }
}

impl Registration {
    pub(crate) fn has(&self, who: usize) -> bool {
        self.callees.iter().any(|callee| callee.who == who)
    }

    pub(crate) fn drop_callee(&mut self, who: usize) {
        if let Some(place) = self.callees.iter().position(|callee| callee.who == who) {
            self.callees.remove(place);
            if place < self.next {
                self.next -= 1;
            }
        }
    }

    fn choose(&mut self, load: impl Fn(&Callee) -> usize, drawn: Option<usize>) -> Option<Callee> {
        let free = |callee: &Callee| load(callee) < OPEN_INVOCATIONS;
        match self.invoke {
            InvocationPolicy::LeastLoaded => {
                let least = self.callees.iter().filter(|callee| free(callee)).map(&load).min()?;
                self.callees.iter().find(|callee| load(callee) == least).copied()
            }
            InvocationPolicy::Single | InvocationPolicy::First => {
                self.callees.iter().find(|callee| free(callee)).copied()
            }
            InvocationPolicy::Last => self.callees.iter().rfind(|callee| free(callee)).copied(),
            InvocationPolicy::Random => {
                let mut able = self.callees.iter().filter(|callee| free(callee)).peekable();
                able.peek()?;
                let drawn = drawn.expect("INVOCATION");
                Some(*able.find(|callee| callee.who == drawn).expect("one that can take the call"))
            }
            InvocationPolicy::RoundRobin => {
                let count = self.callees.len();
                let start = if self.next < count { self.next } else { 0 };
                let place = (start..count).chain(0..start).find(|place| free(&self.callees[*place]))?;
                self.next = place + 1;
                Some(self.callees[place])
            }
        }
    }
}
