//! The scheduler: what happens when. Clients act, messages travel both ways in order but with delays, connections drop.

use crate::client::{tag, Client};
use crate::test_realm::{error_of, member};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use wharf::routing::{Command, Effect, Effects, MetaCalls, Realm, RealmLimits, RealmRules, SessionKey, Takeover};
use wharf::wamp::message::{Call, Cancel, Publish, Register, Subscribe, Unregister, Unsubscribe, Yield};
use wharf::wamp::options::{
    CallOptions, CancelOptions, PublishOptions, RegisterOptions, ResultOptions, SubscribeOptions,
};
use wharf::wamp::role::CalleeFeatures;
use wharf::wamp::{
    CancelMode, InvocationId, InvocationPolicy, MatchPolicy, Message, MessageKind, Payload, RequestId, Uri, Value,
};

const CLIENTS: usize = 20;
const ACTS: usize = 1500;
const TOPICS: [(MatchPolicy, &str); 8] = [
    (MatchPolicy::Exact, "a.b"),
    (MatchPolicy::Exact, "a.c"),
    (MatchPolicy::Prefix, "a."),
    (MatchPolicy::Prefix, ""),
    (MatchPolicy::Wildcard, "a."),
    (MatchPolicy::Wildcard, ".b"),
    (MatchPolicy::Prefix, "wamp.session."),
    (MatchPolicy::Wildcard, "wamp.session."),
];
const URIS: [&str; 4] = ["a.b", "a.c", "b.b", "c"];

/// What is to happen.
enum Happening {
    /// A client does something.
    Act(usize),
    /// A command reaches the realm, if its session is still there.
    Arrive(SessionKey, Command),
    /// A message reaches its client, if that is still the same session.
    Receive(usize, SessionKey, Message),
    /// The realm's GOODBYE or ABORT reaches the client.
    Closed(usize, SessionKey),
    /// The client opens a session.
    Connect(usize),
}

pub(crate) struct World {
    rng: StdRng,
    realm: Realm,
    effects: Effects,
    start: Instant,
    now: u64,
    /// By time, then by the order of making.
    happenings: BTreeMap<(u64, u64), Happening>,
    made: u64,
    clients: Vec<Option<(SessionKey, Client)>>,
    client_by_key: BTreeMap<SessionKey, usize>,
    /// When the last message of each client arrives, there and back: later ones arrive later.
    arrivals: Vec<[u64; 2]>,
    acts_left: usize,
    sessions: u64,
    log: Vec<(u64, Effect)>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        // Each seed draws its bounds, so that rare refusals come together.
        let limits = RealmLimits {
            subscriptions_per_session_max: rng.random_range(2..9),
            registrations_per_session_max: rng.random_range(2..9),
            pending_calls_per_session_max: rng.random_range(1..9),
            open_invocations_per_session_max: rng.random_range(1..9),
            call_timeout: rng.random_bool(0.5).then(|| Duration::from_millis(300)),
            meta_calls: MetaCalls { per_second: 1000, burst: 1000 },
            ..RealmLimits::default()
        };
        let takeover = Takeover::Off;
        let realm = Realm::with_rules(RealmRules { limits, takeover, ..RealmRules::default() }, seed);
        let mut world = Self {
            rng,
            realm,
            effects: Effects::new(),
            start: Instant::now(),
            now: 0,
            happenings: BTreeMap::new(),
            made: 0,
            clients: (0..CLIENTS).map(|_| None).collect(),
            client_by_key: BTreeMap::new(),
            arrivals: vec![[0; 2]; CLIENTS],
            acts_left: ACTS,
            sessions: 0,
            log: Vec::new(),
        };
        for client in 0..CLIENTS {
            world.after(client as u64, Happening::Connect(client));
        }
        world
    }

    /// Runs to the end; gives back all effects with their times.
    pub(crate) fn run(mut self) -> Vec<(u64, Effect)> {
        while self.step() {}
        self.check_rest();
        for client in 0..CLIENTS {
            self.disconnect(client);
        }
        let counters = self.realm.counters();
        let left = (counters.sessions, counters.subscriptions, counters.registrations, counters.calls);
        assert_eq!((left, self.realm.next_deadline()), ((0, 0, 0, 0), None), "every table is empty");
        self.log
    }

    /// Once all that travels has arrived and all that was asked has been answered, nobody waits.
    fn check_rest(&self) {
        assert_eq!(self.realm.counters().calls, 0, "every call has ended");
        for (_, client) in self.clients.iter().flatten() {
            assert!(client.waiting.is_empty() && client.calls.is_empty(), "every request was answered");
        }
    }

    fn after(&mut self, ms: u64, happening: Happening) {
        self.made += 1;
        self.happenings.insert((self.now + ms, self.made), happening);
    }

    /// What travels arrives in order, with a delay.
    fn travel(&mut self, client: usize, direction: usize, happening: Happening) {
        let delay = if self.rng.random_bool(0.1) { self.rng.random_range(0..200) } else { self.rng.random_range(0..5) };
        let at = (self.now + delay).max(self.arrivals[client][direction]);
        self.arrivals[client][direction] = at;
        self.after(at - self.now, happening);
    }

    fn instant(&self) -> Instant {
        self.start + Duration::from_millis(self.now)
    }

    /// The next thing that happens; `false` when nothing is left.
    fn step(&mut self) -> bool {
        let deadline = self.realm.next_deadline().map(|at| at.duration_since(self.start).as_millis() as u64);
        let next = self.happenings.first_key_value().map(|(key, _)| *key);
        match (next, deadline) {
            (None, None) => return false,
            (Some((at, _)), Some(deadline)) if deadline <= at => self.time_out(deadline),
            (None, Some(deadline)) => self.time_out(deadline),
            (Some(key), _) => {
                self.now = key.0;
                let happening = self.happenings.remove(&key).unwrap();
                self.happen(happening);
            }
        }
        true
    }

    fn time_out(&mut self, at: u64) {
        self.now = at;
        self.realm.handle_timeout(self.instant(), &mut self.effects);
        self.carry_out();
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Connect(client) => self.connect(client),
            Happening::Act(client) => self.act(client),
            Happening::Arrive(key, command) => {
                self.realm.handle(self.instant(), key, command, &mut self.effects);
                self.carry_out();
            }
            Happening::Receive(client, key, message) => self.receive(client, key, &message),
            Happening::Closed(client, key) => {
                let session = self.clients[client].take_if(|(current, _)| *current == key);
                if session.is_some() && self.acts_left > 0 {
                    self.after(20, Happening::Connect(client));
                }
            }
        }
    }

    /// Sends all effects on their way. The realm must know everybody whom it names.
    fn carry_out(&mut self) {
        assert_eq!(self.realm.broken_invariant(), None);
        let effects: Vec<Effect> = self.effects.drain().collect();
        for effect in &effects {
            match effect {
                Effect::Send { to, message } => self.deliver(*to, message.clone()),
                Effect::Deliver { to, event } => {
                    let mut once = to.to_vec();
                    once.sort_unstable();
                    once.dedup();
                    assert_eq!(once.len(), to.len(), "one EVENT per session and subscription");
                    to.iter().for_each(|to| self.deliver(*to, event.message.clone().into()));
                }
                Effect::Close { session, .. } => {
                    let client = self.client_by_key.remove(session).expect("a session that was there");
                    self.travel(client, 1, Happening::Closed(client, *session));
                }
                Effect::Store(order) => panic!("no topic of this realm keeps anything: {order:?}"),
                Effect::Probe(session) => panic!("nobody is asked for a sign of life: {session:?}"),
            }
        }
        self.log.extend(effects.into_iter().map(|effect| (self.now, effect)));
    }

    fn deliver(&mut self, to: SessionKey, message: Message) {
        let client = *self.client_by_key.get(&to).expect("nothing is sent to a session that is gone");
        self.travel(client, 1, Happening::Receive(client, to, message));
    }

    fn connect(&mut self, client: usize) {
        self.sessions += 1;
        let features = CalleeFeatures {
            call_canceling: self.rng.random_bool(0.7),
            progressive_call_results: self.rng.random_bool(0.7),
            call_timeout: self.rng.random_bool(0.5),
            ..CalleeFeatures::default()
        };
        let authid = ["ann", "bob", "eve"][client % 3];
        let member = member(self.sessions, authid, ["staff", "guest"][client % 2], features);
        let key = self.realm.join(self.instant(), member, &mut self.effects).unwrap();
        assert_eq!(self.client_by_key.insert(key, client), None, "a key is never used again");
        self.clients[client] = Some((key, Client::new(self.sessions)));
        self.carry_out();
        self.after(1, Happening::Act(client));
    }

    /// The connection drops: the realm hears of it, what still travels to the client is lost.
    fn disconnect(&mut self, client: usize) {
        let Some((key, _)) = self.clients[client].take() else { return };
        self.client_by_key.remove(&key);
        self.realm.leave(self.instant(), key, &mut self.effects);
        self.carry_out();
        if self.acts_left > 0 {
            self.after(30, Happening::Connect(client));
        }
    }

    fn receive(&mut self, client: usize, key: SessionKey, message: &Message) {
        let Some((current, state)) = &mut self.clients[client] else { return };
        if *current != key {
            return;
        }
        state.receive(message);
        if matches!(message, Message::Invocation(_)) {
            let think = self.rng.random_range(0..400);
            self.after(think, Happening::Act(client));
        }
    }

    fn act(&mut self, client: usize) {
        let Some((key, state)) = &mut self.clients[client] else { return };
        let key = *key;
        if self.acts_left == 0 {
            // Faults and requests stop; what is served is answered.
            let serving: Vec<u64> = state.serving.keys().copied().collect();
            let answers: Vec<_> = serving.into_iter().map(|invocation| answer(state, invocation, false)).collect();
            for answer in answers {
                self.travel(client, 0, Happening::Arrive(key, answer));
            }
            return;
        }
        self.acts_left -= 1;
        let dice = self.rng.random_range(0..1000);
        if dice < 15 {
            return self.disconnect(client);
        }
        let command = match dice {
            15..18 => forge(&mut self.rng),
            18..22 => kill(state, &mut self.rng, self.sessions),
            22..300 => answer_some(state, &mut self.rng),
            _ => ask(state, &mut self.rng),
        };
        if let Some(command) = command {
            self.travel(client, 0, Happening::Arrive(key, command));
        }
        let pause = self.rng.random_range(0..20);
        self.after(pause, Happening::Act(client));
        if self.acts_left == 0 {
            (0..CLIENTS).for_each(|client| self.after(1000, Happening::Act(client)));
        }
    }
}

fn pick<T: Copy>(rng: &mut StdRng, from: &[T]) -> Option<T> {
    (!from.is_empty()).then(|| from[rng.random_range(0..from.len())])
}

/// An answer to something that was never asked, mostly; or to something of long ago.
fn forge(rng: &mut StdRng) -> Option<Command> {
    let id = rng.random_range(1..50);
    if rng.random_bool(0.5) {
        return Some(error_of(MessageKind::Invocation, RequestId::new(id).unwrap(), "com.app.forged").into());
    }
    let request = InvocationId::new(id).unwrap();
    Some(Yield { request, options: ResultOptions::default(), payload: Payload::Empty }.into())
}

fn kill(state: &mut Client, rng: &mut StdRng, sessions: u64) -> Option<Command> {
    let (request, options) = (next(state), CallOptions::default());
    state.calls.insert(request.get(), false);
    let victim = Value::Unsigned(rng.random_range(1..=sessions));
    let (procedure, args) = match rng.random_range(0..20) {
        0 => ("wamp.session.kill_all", vec![]),
        1 => ("wamp.session.kill_by_authrole", vec![Value::from("guest")]),
        2 => ("wamp.session.kill_by_authid", vec![Value::from("eve")]),
        _ => ("wamp.session.kill", vec![victim]),
    };
    Some(Call { request, options, procedure: procedure.into(), payload: Payload::args(args) }.into())
}

fn answer_some(state: &mut Client, rng: &mut StdRng) -> Option<Command> {
    let serving: Vec<u64> = state.serving.keys().copied().collect();
    let invocation = pick(rng, &serving)?;
    let progressive = state.serving[&invocation].0;
    let partial = rng.random_bool(if progressive { 0.5 } else { 0.1 });
    if !partial && rng.random_bool(0.2) {
        state.serving.remove(&invocation);
        return Some(error_of(MessageKind::Invocation, RequestId::new(invocation).unwrap(), "com.app.failed").into());
    }
    Some(answer(state, invocation, partial))
}

fn answer(state: &mut Client, invocation: u64, progress: bool) -> Command {
    let payload = state.serving[&invocation].1.clone();
    if !progress {
        state.serving.remove(&invocation);
    }
    Yield { request: InvocationId::new(invocation).unwrap(), options: ResultOptions { progress, ppt: None }, payload }
        .into()
}

fn next(state: &mut Client) -> RequestId {
    RequestId::new(state.next_request()).unwrap()
}

/// One of the requests, or CANCEL.
fn ask(state: &mut Client, rng: &mut StdRng) -> Option<Command> {
    let uri = Uri::from(pick(rng, &URIS)?);
    let (match_policy, pattern) = pick(rng, &TOPICS)?;
    match rng.random_range(0..100) {
        0..15 => {
            let options = SubscribeOptions { match_policy, ..SubscribeOptions::default() };
            let request = waiting(state, MessageKind::Subscribe);
            Some(Subscribe { request, options, topic: pattern.into() }.into())
        }
        15..20 => {
            let known: Vec<_> = state.subscriptions.iter().copied().collect();
            let subscription = pick(rng, &known).filter(|id| !state.unsubscribing.values().any(|other| other == id))?;
            let request = waiting(state, MessageKind::Unsubscribe);
            state.unsubscribing.insert(request.get(), subscription);
            Some(Unsubscribe { request, subscription }.into())
        }
        20..32 => {
            let reserved = pattern.starts_with("wamp");
            let invoke = pick(rng, InvocationPolicy::ALL)?;
            let forward_timeout = rng.random_bool(0.5);
            let match_policy = if reserved { MatchPolicy::Exact } else { match_policy };
            let options = RegisterOptions { match_policy, invoke, forward_timeout, ..RegisterOptions::default() };
            let procedure = if reserved { uri } else { pattern.into() };
            let request = waiting(state, MessageKind::Register);
            Some(Register { request, options, procedure }.into())
        }
        32..36 => {
            let known: Vec<_> = state.registrations.iter().copied().collect();
            let registration = pick(rng, &known).filter(|id| !state.unregistering.values().any(|other| other == id))?;
            let request = waiting(state, MessageKind::Unregister);
            state.unregistering.insert(request.get(), registration);
            Some(Unregister { request, registration }.into())
        }
        36..58 => {
            let (acknowledge, exclude_me) = (rng.random_bool(0.5), rng.random_bool(0.5));
            let request = if acknowledge { waiting(state, MessageKind::Publish) } else { next(state) };
            let options = PublishOptions { acknowledge, exclude_me, ..PublishOptions::default() };
            Some(Publish { request, options, topic: uri, payload: tag(state.name, state.last_request()) }.into())
        }
        58..92 => {
            let receive_progress = rng.random_bool(0.5);
            let timeout_ms = rng.random_bool(0.4).then(|| rng.random_range(0..400));
            let request = next(state);
            state.calls.insert(request.get(), receive_progress);
            let options = CallOptions { receive_progress, timeout_ms, ..CallOptions::default() };
            Some(Call { request, options, procedure: uri, payload: tag(state.name, request.get()) }.into())
        }
        _ => {
            let calls: Vec<u64> = state.calls.keys().copied().collect();
            let request = RequestId::new(pick(rng, &calls)?).unwrap();
            Some(Cancel { request, options: CancelOptions { mode: pick(rng, CancelMode::ALL)? } }.into())
        }
    }
}

fn waiting(state: &mut Client, kind: MessageKind) -> RequestId {
    let request = next(state);
    state.waiting.insert(request.get(), kind);
    request
}
