//! What the model of `tests/properties` does not know, in any order: calls in parts, calls that wait, calls that go on to another
//! callee, registrations that change hands. After each step the tables agree; in the end each call has had one answer.

use crate::test_realm::{TestRealm, ALL_FEATURES};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::time::Duration;
use wharf::routing::{Effect, RealmLimits, SessionKey};
use wharf::wamp::message::{Call, Cancel, Invocation, Register};
use wharf::wamp::options::{CallOptions, CancelOptions, RegisterOptions};
use wharf::wamp::role::CalleeFeatures;
use wharf::wamp::{CancelMode, ErrorUri, InvocationPolicy, Message, MessageKind, Payload, RegistrationId, RequestId};

#[derive(Default)]
struct Ledger {
    /// Calls without an answer, and whether their last CALL is owed.
    open: BTreeMap<(SessionKey, RequestId), (bool, &'static str)>,
    invocations: Vec<(SessionKey, Invocation)>,
    registrations: Vec<(SessionKey, RegistrationId)>,
    there: Vec<SessionKey>,
    /// Probed, and silent so far.
    probed: Vec<SessionKey>,
    answered: usize,
}

impl Ledger {
    fn note(&mut self, seed: u64, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send { to, message } => self.note_message(seed, to, message),
                Effect::Probe(session) => self.probed.push(session),
                Effect::Close { session, .. } => self.gone(session),
                Effect::Deliver { .. } | Effect::Store(_) => {}
            }
        }
    }

    fn note_message(&mut self, seed: u64, to: SessionKey, message: Message) {
        assert!(self.there.contains(&to), "seed {seed}: {message:?} to a session that is gone");
        let answered = match message {
            Message::Invocation(invocation) => return self.invocations.push((to, invocation)),
            Message::Registered(registered) => return self.registrations.push((to, registered.registration)),
            Message::Result(result) if !result.details.progress => result.request,
            Message::Error(error) if error.request_kind == MessageKind::Call => error.request,
            _ => return,
        };
        assert!(self.open.remove(&(to, answered)).is_some(), "seed {seed}: a second answer to {answered}");
        self.answered += 1;
    }

    fn gone(&mut self, session: SessionKey) {
        self.there.retain(|other| *other != session);
        self.open.retain(|(caller, _), _| *caller != session);
        self.invocations.retain(|(callee, _)| *callee != session);
        self.registrations.retain(|(callee, _)| *callee != session);
    }
}

const PROCEDURES: [&str; 3] = ["a", "b", "c"];

fn any<T: Clone>(rng: &mut StdRng, list: &[T]) -> Option<T> {
    (!list.is_empty()).then(|| list[rng.random_range(0..list.len())].clone())
}

fn answer(rng: &mut StdRng, realm: &mut TestRealm, callee: SessionKey, id: u64) -> Vec<Effect> {
    match rng.random_range(0..6) {
        0 => realm.progress(callee, id).0,
        1 => realm.errs(callee, id, "com.app.no").0,
        2 | 3 => realm.errs(callee, id, "wamp.error.unavailable").0,
        _ => realm.yields(callee, id).0,
    }
}

fn step(rng: &mut StdRng, realm: &mut TestRealm, ledger: &mut Ledger) -> Option<Vec<Effect>> {
    let who = any(rng, &ledger.there);
    Some(match rng.random_range(0..100) {
        0..6 => {
            let features = CalleeFeatures { call_reroute: rng.random_bool(0.8), ..ALL_FEATURES };
            let key = realm.join_featured(["ann", "bob"][rng.random_range(0..2)], "user", features);
            ledger.there.push(key);
            return None;
        }
        6..10 => {
            let who = who?;
            ledger.gone(who);
            realm.leave(who).0
        }
        10..22 => {
            let options = RegisterOptions {
                invoke: any(rng, InvocationPolicy::ALL)?,
                concurrency: rng.random_bool(0.6).then(|| rng.random_range(1..3)),
                force_reregister: rng.random_bool(0.1),
                ..RegisterOptions::default()
            };
            let request = realm.request(who?);
            realm.handle(who?, Register { request, options, procedure: any(rng, &PROCEDURES)?.into() }).0
        }
        22..26 => {
            let (callee, id) = any(rng, &ledger.registrations)?;
            realm.unregister(callee, id).0
        }
        26..52 => {
            let (request, procedure) = (realm.request(who?), any(rng, &PROCEDURES)?);
            let options = CallOptions {
                progress: rng.random_bool(0.3),
                receive_progress: rng.random_bool(0.3),
                timeout_ms: rng.random_bool(0.3).then(|| rng.random_range(1..400)),
                ..CallOptions::default()
            };
            ledger.open.insert((who?, request), (options.progress, procedure));
            realm.handle(who?, Call { request, options, procedure: procedure.into(), payload: Payload::Empty }).0
        }
        52..60 => {
            let owed: Vec<_> = ledger.open.iter().filter(|(_, (owed, _))| *owed).collect();
            let (&(caller, request), &(_, procedure)) = any(rng, &owed)?;
            let options = CallOptions { progress: rng.random_bool(0.5), ..CallOptions::default() };
            ledger.open.insert((caller, request), (options.progress, procedure));
            realm.handle(caller, Call { request, options, procedure: procedure.into(), payload: Payload::Empty }).0
        }
        60..66 => {
            let keys: Vec<_> = ledger.open.keys().copied().collect();
            let (caller, request) = any(rng, &keys)?;
            let mode = any(rng, CancelMode::ALL)?;
            realm.handle(caller, Cancel { request, options: CancelOptions { mode } }).0
        }
        66..72 => {
            let at = (!ledger.invocations.is_empty()).then(|| rng.random_range(0..ledger.invocations.len()))?;
            let (callee, invocation) = ledger.invocations.swap_remove(at);
            realm.gives_back(callee, invocation, ErrorUri::NETWORK_FAILURE).0
        }
        72..92 => {
            let (callee, invocation) = any(rng, &ledger.invocations)?;
            answer(rng, realm, callee, invocation.request.get())
        }
        92..95 => {
            let probed = ledger.probed.pop()?;
            realm.sign_of_life(probed).0
        }
        _ => realm.pass(Duration::from_millis(rng.random_range(1..700))).0,
    })
}

/// R65 and invariants 6 and 7 of the map.
#[test]
fn each_call_has_one_answer_whatever_happens() {
    let (mut answered, mut rerouted, mut waited) = (0, 0, 0);
    for seed in 0..150 {
        let mut rng = StdRng::seed_from_u64(seed);
        let limits = RealmLimits {
            queued_calls_per_registration_max: 3,
            open_invocations_per_session_max: 4,
            ..RealmLimits::default()
        };
        let mut realm = TestRealm::with(limits);
        let mut ledger = Ledger::default();
        for _ in 0..400 {
            if let Some(effects) = step(&mut rng, &mut realm, &mut ledger) {
                ledger.note(seed, effects);
            }
            waited += realm.realm.counters().calls_queued;
            let held = |session: &SessionKey| realm.realm.is_held(*session);
            let open = ledger.open.keys().filter(|(caller, _)| !held(caller)).count();
            let under_way = realm.realm.counters().calls;
            assert!(open <= under_way && under_way <= ledger.open.len(), "seed {seed}: a call ends with an answer");
        }
        while let Some(who) = ledger.there.pop() {
            ledger.there.push(who);
            ledger.gone(who);
            let effects = realm.leave(who).0;
            ledger.note(seed, effects);
        }
        let counters = realm.realm.counters();
        assert_eq!((counters.calls, counters.registrations, ledger.open.len()), (0, 0, 0), "seed {seed}");
        assert_eq!(realm.realm.next_deadline(), None);
        (answered, rerouted) = (answered + ledger.answered, rerouted + counters.calls_rerouted);
    }
    assert!(answered > 1000 && rerouted > 50 && waited > 100, "{answered} {rerouted} {waited}");
}
