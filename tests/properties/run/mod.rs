//! Runs commands on a realm and on the model, and compares after each.

mod command;
mod reflect;
mod resolve;

use crate::ask::{passed, Ask};
use crate::model::{Abilities, Model, Session};
use crate::op::Op;
use crate::out::{Names, Out};
use crate::read::{read, Seen};
use crate::rights::{Denied, Role};
use crate::setup::{Setup, AUTHIDS, AUTHROLES};
use crate::tally::Tally;
use crate::test_realm::{args, member};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wharf::routing::{
    Described, Effect, Effects, KeptEvent, Member, Page, Permit, Realm, SessionKey, StoreFault, Waiting,
};
use wharf::wamp::message::Call;
use wharf::wamp::options::{CallOptions, Disclosed};
use wharf::wamp::role::{Announced, CalleeFeatures, CallerFeatures, PublisherFeatures, SubscriberFeatures};
use wharf::wamp::{ErrorUri, InvocationId, Message, Payload, PublicationId, RequestId, SessionId, Value};

struct Run {
    realm: Realm,
    effects: Effects,
    start: Instant,
    model: Model,
    names: Names,
    /// What the roles may do.
    roles: [Arc<Role>; 2],
    keys: Vec<SessionKey>,
    number: BTreeMap<SessionKey, usize>,
    requests: Vec<u64>,
    /// What the realm did in the step under way.
    observed: Vec<Out>,
    /// Who waits for the store, in the order of the model's list.
    waiting: Vec<Waiting>,
    /// The questions about history without an answer; some are not waited for any more.
    tickets: Vec<u64>,
    log: Vec<Effect>,
    steps: u64,
}

/// Panics where realm and model part, where a table breaks its rules, or where a second run differs from the first.
pub(crate) fn agree(setup: &Setup, ops: &[Op], tally: &mut Tally) {
    let first = run(setup, ops, tally);
    let again = run(setup, ops, &mut Tally::default());
    assert_eq!(first, again, "the same commands, times and seed give the same effects");
}

fn run(setup: &Setup, ops: &[Op], tally: &mut Tally) -> Vec<Effect> {
    // Instants cannot be made, only taken; the runs compare effects, which hold none.
    let start = Instant::now();
    let mut realm = Realm::with_rules(setup.rules(), 3);
    realm.set_time_of_day(start, setup.time_of_day(0));
    let mut run = Run {
        realm,
        effects: Effects::new(),
        start,
        model: Model::new(setup.clone()),
        names: Names::default(),
        roles: Default::default(),
        keys: Vec::new(),
        number: BTreeMap::new(),
        requests: Vec::new(),
        observed: Vec::new(),
        waiting: Vec::new(),
        tickets: Vec::new(),
        log: Vec::new(),
        steps: 0,
    };
    run.restore();
    run.learn_lasting();
    for op in ops {
        run.step(op);
        run.observed.iter().for_each(|out| tally.note(out));
        run.compare(op);
        run.model.noted.drain(..).for_each(|what| tally.add(what, 1));
        tally.note_counters(&run.realm.counters());
    }
    run.end();
    run.log
}

impl Run {
    fn compare(&mut self, op: &Op) {
        let (mut expected, mut observed) = (self.model.take(), std::mem::take(&mut self.observed));
        // The store is told at the end of a turn, in order: nothing says where between two messages an order stands.
        expected.sort_by_key(Out::is_order);
        observed.sort_by_key(Out::is_order);
        let (expected, observed) = self.names.settle(expected, observed);
        assert_eq!(observed, expected, "{op:?}");
        assert_eq!(self.realm.broken_invariant(), None, "{op:?}");
        let counters = self.realm.counters();
        assert_eq!(counters.sessions, self.model.sessions.iter().filter(|session| session.there).count());
        assert_eq!(counters.subscriptions, self.model.subscriptions.len());
        assert_eq!(counters.registrations, self.model.registrations.len());
        assert_eq!(counters.calls, self.model.calls.len(), "{op:?}");
        assert_eq!(counters.retained_topics, self.model.retained_topics());
        for (who, session) in self.model.sessions.iter().enumerate() {
            assert_eq!(self.realm.is_held(self.keys[who]), session.held.is_some(), "{op:?}: session {who}");
        }
        self.compare_descriptions(op);
        self.compare_deadline();
    }

    /// What the router's own pages show to each role.
    fn compare_descriptions(&self, op: &Op) {
        for (authrole, role) in self.roles.iter().enumerate() {
            let permit = Permit::new(role.clone());
            for kind in [Described::Procedure, Described::Topic, Described::Error] {
                let shown = self.realm.descriptions(kind, &permit);
                let shown: Vec<_> = shown.map(|shown| (shown.policy, shown.uri.as_str(), shown.description)).collect();
                let expected = self.model.described(authrole, kind).into_iter();
                let expected: Vec<_> =
                    expected.map(|(thing, value)| (thing.policy, thing.uri.as_str(), value)).collect();
                assert_eq!(shown, expected, "{op:?}");
            }
        }
    }

    fn compare_deadline(&self) {
        let deadline = self.realm.next_deadline().map(|at| at.duration_since(self.start).as_millis() as u64);
        let due = self.model.next_deadline();
        let expiry = self.model.next_expiry();
        if deadline != due || expiry.is_some() {
            // What is retained may be swept later than it ends, but within a second.
            let expiry = expiry.expect("a deadline").max(self.model.now);
            let latest = due.map_or(expiry + 1000, |due| due.min(expiry + 1000));
            let earliest = due.map_or(expiry, |due| due.min(expiry)).min(self.model.now);
            assert!(deadline.is_some_and(|at| at >= earliest && at <= latest), "{deadline:?}: {earliest} to {latest}");
        }
    }

    /// The store gives back what was retained before the start.
    fn restore(&mut self) {
        let restored = self.model.setup.restored.clone();
        let events = restored.iter().zip(1..).map(|(event, id)| {
            let age = Duration::from_millis(event.age_ms.unsigned_abs());
            let start = self.model.setup.time_of_day(0);
            let publisher = event.publisher.map(|id| {
                let session = SessionId::new(id).unwrap();
                Box::new(Disclosed { session, authid: None, authrole: None })
            });
            KeptEvent {
                publication: PublicationId::new(id).unwrap(),
                time: if event.age_ms < 0 { start.plus(age) } else { start.minus(age) },
                topic: event.topic.as_str().into(),
                publisher,
                excluded: None,
                trustlevel: event.trust,
                ppt: passed(event.ppt),
                listing: self.listing(&event.lists),
                payload: command::tagged(event.tag),
            }
        });
        let events = events.collect();
        self.realm.restore_retained(self.start, events);
        let labels = self.model.restore(&restored);
        labels.into_iter().zip(1..).for_each(|(label, id)| self.names.know(label, id));
    }

    /// Asks for the ids of the subscriptions that are there from the start.
    fn learn_lasting(&mut self) {
        let Self { realm, effects, start, model, .. } = self;
        let key = realm.join(*start, member(1 << 40, "ann", "staff", CalleeFeatures::default()), effects).unwrap();
        for (known, nth) in model.subscriptions.iter_mut().zip(1..) {
            let options = Value::Dict(vec![("match".to_owned(), Value::from(known.policy.as_str()))]);
            let payload = Payload::args(vec![Value::from(known.topic.as_str()), options]);
            let (request, procedure) = (RequestId::new(nth).unwrap(), "wamp.subscription.lookup".into());
            effects.drain();
            realm.handle(
                *start,
                key,
                Call { request, options: CallOptions::default(), procedure, payload }.into(),
                effects,
            );
            let answer = effects.as_slice().first();
            if let Some(Effect::Send { message: Message::Result(result), .. }) = answer {
                let [Value::Unsigned(id)] = args(&result.payload)[..] else { panic!("an id, not {result:?}") };
                known.id = id;
            }
        }
        realm.leave(*start, key, effects);
        effects.drain();
    }

    /// When the last session has left, every table is empty but what is kept.
    fn end(&mut self) {
        for who in 0..self.keys.len() {
            self.leave(who);
            self.compare(&Op::Leave { who });
        }
        let counters = self.realm.counters();
        let kept = self.model.subscriptions.len();
        let left = (counters.sessions, counters.subscriptions, counters.registrations, counters.calls);
        assert_eq!(left, (0, kept, 0, 0));
        assert!(self.model.subscriptions.iter().all(|known| known.is_kept));
        let pass = Op::Pass { ms: 3_000 };
        self.step(&pass);
        self.compare(&pass);
        assert_eq!(self.realm.next_deadline(), None);
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.model.now)
    }

    /// Reads what the realm did into the words of the model, and gives the model what was drawn.
    fn observe(&mut self) {
        let effects: Vec<Effect> = self.effects.drain().flat_map(Effect::one_by_one).collect();
        let Seen { outs, drawn, waiting } = read(&effects, &self.number);
        self.observed = outs;
        self.tickets.extend(&drawn.tickets);
        self.model.drawn = drawn;
        self.waiting.extend(waiting);
        self.log.extend(effects);
    }

    fn handle(&mut self, who: usize, ask: Ask) {
        let command = self.command(&ask);
        self.realm.handle(self.now(), self.keys[who], command, &mut self.effects);
        self.observe();
        self.model.handle(who, ask);
    }

    fn step(&mut self, op: &Op) {
        self.steps += 1;
        match op {
            Op::Join { authid, authrole, anonymous, can } => self.join(*authid, *authrole, *anonymous, *can),
            Op::Leave { who } => self.leave(self.who(*who)),
            Op::Pass { ms } => {
                let now = self.now() + Duration::from_millis(*ms);
                self.realm.handle_timeout(now, &mut self.effects);
                self.observe();
                self.model.pass(*ms);
            }
            Op::Undeliverable { nth, given_back } => self.undeliverable(*nth, *given_back),
            Op::Avoid { who, avoided } => {
                let who = self.who(*who);
                self.realm.set_avoided(self.keys[who], *avoided);
                self.model.sessions[who].avoided = *avoided && self.model.sessions[who].there;
                self.observe();
            }
            Op::Permit { authrole, denied } => {
                self.roles[*authrole].set(*denied);
                self.model.denied[*authrole] = Denied::from_bits(*denied);
            }
            Op::Memory { is_short } => {
                self.realm.set_short_of_memory(*is_short);
                self.observe();
                self.model.is_short_of_memory = *is_short;
            }
            Op::SignOfLife { who } => {
                let who = self.who(*who);
                self.realm.sign_of_life(self.now(), self.keys[who], &mut self.effects);
                self.observe();
                self.model.sign_of_life(who);
            }
            Op::Kept { nth, ok } => {
                let Some(nth) = nth.checked_rem(self.waiting.len()) else { return };
                let waiting = self.waiting.remove(nth);
                let outcome = if *ok { Ok(()) } else { Err(StoreFault::Failed) };
                self.realm.kept(self.now(), waiting, outcome, &mut self.effects);
                self.observe();
                self.model.kept(nth, *ok);
            }
            Op::HistoryRead { nth, ok } => {
                let Some(nth) = nth.checked_rem(self.tickets.len()) else { return };
                let ticket = self.tickets.remove(nth);
                let page = if *ok { Ok(Page::default()) } else { Err(StoreFault::Failed) };
                self.realm.history_read(self.now(), ticket, page, &mut self.effects);
                self.observe();
                self.model.history_read(ticket, *ok);
            }
            said => {
                if let Some((who, ask)) = self.resolve(said) {
                    self.handle(who, ask);
                }
            }
        }
    }

    fn join(&mut self, authid: usize, authrole: usize, anonymous: bool, can: u8) {
        // Ids in no order, so that the order of ids is not the order of joining.
        let id = 1 + (self.keys.len() as u64 * 7919) % 10_007;
        let can = Abilities::from_bits(can);
        let member = Member {
            authmethod: if anonymous { "anonymous" } else { "ticket" }.into(),
            announced: announced(can),
            permit: Permit::new(self.roles[authrole].clone()),
            ..member(id, AUTHIDS[authid], AUTHROLES[authrole], CalleeFeatures::default())
        };
        let key = self.realm.join(self.now(), member, &mut self.effects).unwrap();
        assert_eq!(self.number.insert(key, self.keys.len()), None, "a key is never used again");
        self.keys.push(key);
        self.requests.push(0);
        self.observe();
        let key = (key.slot(), key.generation());
        self.model.join(Session { there: true, id, authid, authrole, anonymous, can, key, ..Session::default() });
    }

    fn leave(&mut self, who: usize) {
        self.realm.leave(self.now(), self.keys[who], &mut self.effects);
        self.observe();
        self.model.leave(who);
    }

    fn undeliverable(&mut self, nth: usize, given_back: bool) {
        let served: Vec<usize> =
            (0..self.model.calls.len()).filter(|nth| self.model.calls[*nth].callee.is_some()).collect();
        let Some(nth) = nth.checked_rem(served.len()).map(|nth| served[nth]) else { return };
        let call = &self.model.calls[nth];
        let callee = self.keys[call.callee.expect("it is served")];
        let invocation = InvocationId::new(call.invocation).unwrap();
        let (now, error) = (self.now(), ErrorUri::NETWORK_FAILURE);
        let given = self.log.iter().rev().find_map(|effect| match effect {
            Effect::Send { to, message: Message::Invocation(message) }
                if *to == callee && message.request == invocation =>
            {
                Some(Box::new(message.clone()))
            }
            _ => None,
        });
        let given = given.filter(|_| given_back);
        self.realm.invocation_undeliverable(now, callee, invocation, given, error, &mut self.effects);
        self.observe();
        self.model.undeliverable(nth, given_back);
    }
}

fn announced(can: Abilities) -> Announced {
    Announced {
        publisher: true,
        subscriber: true,
        caller: true,
        callee: true,
        publisher_features: PublisherFeatures { payload_passthru_mode: can.ppt },
        subscriber_features: SubscriberFeatures { subscription_revocation: can.revocation },
        caller_features: CallerFeatures {
            progressive_call_invocations: can.gives_input,
            payload_passthru_mode: can.ppt,
        },
        callee_features: CalleeFeatures {
            call_canceling: can.canceling,
            progressive_call_results: can.progressive,
            progressive_call_invocations: can.takes_input,
            call_timeout: can.keeps_time,
            call_reroute: can.reroute,
            registration_revocation: can.revocation,
            payload_passthru_mode: can.ppt,
        },
    }
}
