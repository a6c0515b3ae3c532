//! The scheduler: what happens when. Clients act, messages travel both ways in order but with delays, connections drop, some
//! INVOCATIONs are lost, the store answers late or fails.

use crate::acts::{answer, ask, forge, Ask};
use crate::client::{read_tag, Client};
use crate::ledger::Ledger;
use crate::setup::{announced, restored, rules, time_of_day, Guest, DURABLE};
use crate::store::{Store, Told};
use crate::test_realm::member;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wharf::routing::{Command, Described, Effect, Effects, Member, Order, Permit, Realm, SessionKey};
use wharf::wamp::role::{CalleeFeatures, Features};
use wharf::wamp::{ErrorUri, Message};

const CLIENTS: usize = 20;
const ACTS: usize = 1500;

/// What is to happen.
enum Happening {
    /// A client does something.
    Act(usize),
    /// A command reaches the realm, if its session is still there.
    Arrive(SessionKey, Command),
    /// A message reaches its client, if that is still the same session. `true`: an INVOCATION that came of no CALL just now.
    Receive(usize, SessionKey, Message, bool),
    /// An INVOCATION cannot be handed to its client.
    Lose(usize, SessionKey, Message),
    /// The realm's GOODBYE or ABORT reaches the client.
    Closed(usize, SessionKey),
    /// The client opens a session.
    Connect(usize),
    /// A sign of life reaches the realm.
    Alive(SessionKey),
    /// The store has done what it was told.
    Stored(Told),
}

pub(crate) struct World {
    rng: StdRng,
    realm: Realm,
    features: Features,
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
    store: Store,
    ledger: Ledger,
    guest: Arc<Guest>,
    /// Caller and number of the CALL that the realm has before it.
    calling: Option<(u64, u64)>,
    /// Subscriptions that are there without subscribers.
    lasting: usize,
    log: Vec<(u64, Effect)>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let rules = rules(&mut rng);
        let (features, start) = (rules.features, Instant::now());
        // Only what is on disk is there after a start.
        let before = if rules.retained_durable { restored(&mut rng) } else { Vec::new() };
        let mut realm = Realm::with_rules(rules, seed);
        realm.set_time_of_day(start, time_of_day(0));
        let lasting = realm.counters().subscriptions;
        let mut world = Self {
            store: Store::new(&mut rng),
            rng,
            realm,
            features,
            effects: Effects::new(),
            start,
            now: 0,
            happenings: BTreeMap::new(),
            made: 0,
            clients: (0..CLIENTS).map(|_| None).collect(),
            client_by_key: BTreeMap::new(),
            arrivals: vec![[0; 2]; CLIENTS],
            acts_left: ACTS,
            sessions: 0,
            ledger: Ledger::default(),
            guest: Arc::default(),
            calling: None,
            lasting,
            log: Vec::new(),
        };
        before.iter().for_each(|(tag, event, until)| world.ledger.restore(*tag, event, *until));
        let before = before.into_iter().map(|(_, event, _)| event).collect();
        world.realm.restore_retained(start, before);
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
        // What the testaments left behind may have its time.
        while self.step() {}
        let counters = self.realm.counters();
        let left = (counters.sessions, counters.subscriptions, counters.registrations, counters.calls);
        assert_eq!((left, self.realm.next_deadline()), ((0, self.lasting, 0, 0), None), "every table is empty");
        self.check_undescribed();
        self.check_history();
        self.log
    }

    /// Once all that travels has arrived and all that was asked has been answered, nobody waits.
    fn check_rest(&self) {
        assert_eq!(self.realm.counters().calls, 0, "every call has ended");
        for (key, client) in self.clients.iter().flatten() {
            assert!(!self.realm.is_held(*key), "nobody is held");
            assert!(client.waiting.is_empty() && client.calls.is_empty(), "every request was answered");
        }
    }

    /// What was described is gone with those who did.
    fn check_undescribed(&self) {
        for kind in [Described::Procedure, Described::Topic, Described::Error] {
            assert_eq!(self.realm.descriptions(kind, &Permit::default()).count(), 0, "nothing is described: {kind:?}");
        }
    }

    /// What was acknowledged is in history.
    fn check_history(&self) {
        let kept = self.store.history(time_of_day(self.now), DURABLE);
        let mut acknowledged = self.ledger.acknowledged(DURABLE);
        assert!(acknowledged.all(|publication| kept.contains(&publication)), "an acknowledged event is in history");
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
        self.now = self.now.max(at);
        self.realm.handle_timeout(self.instant(), &mut self.effects);
        self.carry_out();
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Connect(client) => self.connect(client),
            Happening::Act(client) => self.act(client),
            Happening::Arrive(key, command) => {
                self.calling = match &command {
                    Command::Call(call) => read_tag(&call.payload).map(|(name, number, _)| (name, number)),
                    _ => None,
                };
                self.realm.handle(self.instant(), key, command, &mut self.effects);
                self.carry_out();
                self.calling = None;
            }
            Happening::Receive(client, key, message, waited) => self.receive(client, key, &message, waited),
            Happening::Lose(client, key, message) => self.lose(client, key, message),
            Happening::Closed(client, key) => {
                let session = self.clients[client].take_if(|(current, _)| *current == key);
                if session.is_some() && self.acts_left > 0 {
                    self.after(20, Happening::Connect(client));
                }
            }
            Happening::Alive(key) => {
                self.realm.sign_of_life(self.instant(), key, &mut self.effects);
                self.carry_out();
            }
            Happening::Stored(Told::Kept(waiting, outcome)) => {
                if outcome.is_ok() {
                    self.ledger.acknowledge(waiting);
                }
                self.realm.kept(self.instant(), waiting, outcome, &mut self.effects);
                self.carry_out();
            }
            Happening::Stored(Told::Read(ticket, page)) => {
                self.realm.history_read(self.instant(), ticket, page, &mut self.effects);
                self.carry_out();
            }
        }
    }

    /// Sends all effects on their way. The realm must know everybody whom it names.
    fn carry_out(&mut self) {
        assert_eq!(self.realm.broken_invariant(), None);
        let effects: Vec<Effect> = self.effects.drain().flat_map(Effect::one_by_one).collect();
        for effect in &effects {
            match effect {
                Effect::Send { to, message } => self.send(*to, message),
                Effect::Deliver { to, event } => {
                    let mut once = to.to_vec();
                    once.sort_unstable();
                    once.dedup();
                    assert_eq!(once.len(), to.len(), "each receiver once");
                    // Who was closed in the same step is not there to be asked who it is.
                    let members: Vec<&Member> = to.iter().filter_map(|key| self.realm.member(*key)).collect();
                    let is_there = |name: u64| self.realm.key(wharf::wamp::SessionId::new(name).unwrap()).is_some();
                    self.ledger.check_event(self.now, &event.message, &members, is_there);
                    for key in to {
                        self.deliver(*key, event.message.clone().into(), false);
                    }
                }
                Effect::Close { session, .. } => {
                    let client = self.client_by_key.remove(session).expect("a session is closed once");
                    if let Some((_, client)) = self.clients[client].as_ref().filter(|(key, _)| key == session) {
                        self.ledger.descriptions.forget(client.name);
                    }
                    self.travel(client, 1, Happening::Closed(client, *session));
                }
                Effect::Store(order) => self.order(order.clone()),
                Effect::Probe(session) => {
                    let client = self.client_by_key[session];
                    let silent = self.clients[client].as_ref().is_none_or(|(_, client)| client.silent);
                    if !silent {
                        self.travel(client, 0, Happening::Alive(*session));
                    }
                }
            }
        }
        self.log.extend(effects.into_iter().map(|effect| (self.now, effect)));
    }

    fn send(&mut self, to: SessionKey, message: &Message) {
        if let Message::Result(result) = message {
            let asker = self.realm.member(to);
            asker.into_iter().for_each(|asker| self.ledger.check_history(&result.payload, asker));
            // What it was answered holds, also if it was ended in the same step.
            let client = self.clients[self.client_by_key[&to]].as_ref();
            if let Some((_, Client { name, .. })) = client.filter(|(key, _)| *key == to) {
                let is_guest = self.ledger.guests.contains(name);
                self.ledger.descriptions.answered(*name, result.request.get(), is_guest, &result.payload);
            }
        }
        let Message::Invocation(invocation) = message else { return self.deliver(to, message.clone(), false) };
        self.ledger.check_invocation(invocation);
        let of = read_tag(&invocation.payload).map(|(name, number, _)| (name, number));
        let waited = of.is_none() || of != self.calling;
        if self.rng.random_bool(0.01) {
            let client = self.client_by_key[&to];
            return self.travel(client, 1, Happening::Lose(client, to, message.clone()));
        }
        self.deliver(to, message.clone(), waited);
    }

    fn deliver(&mut self, to: SessionKey, message: Message, waited: bool) {
        let client = *self.client_by_key.get(&to).expect("nothing is sent to a session that is gone");
        self.travel(client, 1, Happening::Receive(client, to, message, waited));
    }

    fn order(&mut self, order: Order) {
        if let Order::Keep { event, history, retain, .. } = &order {
            self.ledger.keep(event, *history, *retain);
        }
        let (ms, told) = self.store.take(&mut self.rng, self.now, time_of_day(self.now), order);
        told.into_iter().for_each(|told| self.after(ms, Happening::Stored(told)));
    }

    fn connect(&mut self, client: usize) {
        self.sessions += 1;
        let announced = announced(&mut self.rng);
        let (authid, authrole) = (["ann", "bob", "eve"][client % 3], ["staff", "guest"][client % 2]);
        let is_guest = authrole == "guest";
        self.ledger.guests.extend(is_guest.then_some(self.sessions));
        let permit = if is_guest { Permit::new(self.guest.clone()) } else { Permit::default() };
        let joining =
            Member { announced, permit, ..member(self.sessions, authid, authrole, CalleeFeatures::default()) };
        let key = self.realm.join(self.instant(), joining, &mut self.effects).unwrap();
        assert_eq!(self.client_by_key.insert(key, client), None, "a key is never used again");
        let silent = self.rng.random_bool(0.3);
        self.clients[client] = Some((key, Client::new(self.sessions, announced, silent)));
        self.carry_out();
        self.after(1, Happening::Act(client));
    }

    /// The connection drops: the realm hears of it, what still travels to the client is lost.
    fn disconnect(&mut self, client: usize) {
        let Some((key, gone)) = self.clients[client].take() else { return };
        self.ledger.descriptions.forget(gone.name);
        self.client_by_key.remove(&key);
        self.realm.leave(self.instant(), key, &mut self.effects);
        self.carry_out();
        if self.acts_left > 0 {
            self.after(30, Happening::Connect(client));
        }
    }

    fn receive(&mut self, client: usize, key: SessionKey, message: &Message, waited: bool) {
        let Some((current, state)) = &mut self.clients[client] else { return };
        if *current != key {
            return;
        }
        state.receive(message, waited);
        if matches!(message, Message::Invocation(_)) {
            let think = self.rng.random_range(0..400);
            self.after(think, Happening::Act(client));
        }
    }

    /// The callee's side could not write it: the realm hears of it, and mostly gets it back.
    fn lose(&mut self, client: usize, key: SessionKey, message: Message) {
        let Some((current, state)) = &mut self.clients[client] else { return };
        let Message::Invocation(invocation) = message else { return };
        if *current != key {
            return;
        }
        let id = invocation.request;
        state.lose(&invocation);
        let given = self.rng.random_bool(0.8).then(|| Box::new(invocation));
        let (now, error) = (self.instant(), ErrorUri::PAYLOAD_SIZE_EXCEEDED);
        self.realm.invocation_undeliverable(now, key, id, given, error, &mut self.effects);
        self.carry_out();
    }

    /// Something changes that is nobody's doing: memory is short or not, guests may publish what is secret or not.
    fn change(&mut self) {
        if self.rng.random_bool(0.5) {
            self.ledger.is_short_of_memory = self.rng.random_bool(0.3);
            self.realm.set_short_of_memory(self.ledger.is_short_of_memory);
        } else {
            self.ledger.is_denied = self.rng.random_bool(0.5);
            self.guest.deny(self.ledger.is_denied);
        }
    }

    fn act(&mut self, client: usize) {
        let Some((key, state)) = &mut self.clients[client] else { return };
        let key = *key;
        if self.acts_left == 0 {
            // Faults and requests stop; what is served is answered.
            let serving: Vec<u64> = state.serving.keys().copied().collect();
            let answers: Vec<_> = serving.into_iter().map(|invocation| answer(state, invocation, false, 0)).collect();
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
        if self.rng.random_bool(0.02) {
            self.change();
        }
        let Some((_, state)) = &mut self.clients[client] else { return };
        let mut asking = Ask {
            state,
            rng: &mut self.rng,
            sessions: self.sessions,
            features: self.features,
            ledger: &mut self.ledger,
        };
        let command = if dice < 18 { forge(asking.rng) } else { ask(&mut asking, dice) };
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
