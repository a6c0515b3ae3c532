//! Who serves what: sections 9.1 to 9.3 and 9.9 of the reference.

use super::meta::Change;
use super::{best, is_reserved, Model};
use crate::ask::RegisterWish;
use crate::out::Out;
use crate::setup::{Setup, REGISTRATIONS_PER_SESSION};
use wharf::wamp::role::Feature;
use wharf::wamp::{InvocationPolicy, MatchPolicy, MessageKind, Value};

pub(crate) struct Registration {
    pub(crate) policy: MatchPolicy,
    pub(crate) procedure: String,
    pub(crate) invoke: InvocationPolicy,
    pub(crate) id: u64,
    at: u64,
    pub(super) callees: Vec<Callee>,
    /// The position that round robin goes on from.
    pub(super) next: usize,
}

#[derive(Clone, Copy)]
pub(super) struct Callee {
    pub(super) who: usize,
    pub(super) disclose: bool,
    pub(super) forward: bool,
    pub(super) concurrency: Option<u64>,
    /// A callee that registers again is another one.
    pub(super) number: u64,
}

/// A REGISTER.
#[derive(Clone)]
pub(super) struct Register {
    pub(super) request: u64,
    pub(super) procedure: String,
    pub(super) policy: MatchPolicy,
    pub(super) wish: RegisterWish,
}

/// What is in the way of a REGISTER.
enum Obstacle {
    Taken,
    Full,
}

impl Registration {
    pub(super) fn has(&self, who: usize) -> bool {
        self.callees.iter().any(|callee| callee.who == who)
    }

    /// One of its callees.
    pub(crate) fn callee(&self, number: usize) -> usize {
        self.callees[number % self.callees.len()].who
    }

    /// RegistrationDetails (section 10.3).
    pub(super) fn details(&self, setup: &Setup) -> Value {
        Value::Dict(vec![
            ("id".to_owned(), Value::Unsigned(self.id)),
            ("created".to_owned(), Value::Text(setup.time_of_day(self.at).to_string())),
            ("uri".to_owned(), Value::Text(self.procedure.clone())),
            ("match".to_owned(), Value::from(self.policy.as_str())),
            ("invoke".to_owned(), Value::from(self.invoke.as_str())),
        ])
    }
}

impl Model {
    pub(super) fn register(&mut self, who: usize, register: Register) {
        match self.obstacle(who, &register) {
            Some(Obstacle::Taken) if self.may_take_over(who, &register) => self.suspect(who, register),
            _ => self.register_now(who, &register),
        }
    }

    /// Answers a REGISTER by what holds now.
    pub(super) fn register_now(&mut self, who: usize, register: &Register) {
        let kind = MessageKind::Register;
        match self.obstacle(who, register) {
            Some(Obstacle::Taken) => self.refuse(who, kind, register.request, "wamp.error.procedure_already_exists"),
            Some(Obstacle::Full) => self.refuse(who, kind, register.request, "wharf.error.limit_exceeded"),
            None => self.enter(who, register),
        }
        self.pump();
    }

    fn place_of_pattern(&self, register: &Register) -> Option<usize> {
        let same = |known: &Registration| known.policy == register.policy && known.procedure == register.procedure;
        self.registrations.iter().position(same)
    }

    /// What is in the way.
    fn obstacle(&self, who: usize, register: &Register) -> Option<Obstacle> {
        let RegisterWish { invoke, force, .. } = register.wish;
        let found = self.place_of_pattern(register).map(|place| &self.registrations[place]).filter(|_| !force);
        let again = found.is_some_and(|known| known.has(who));
        match found {
            Some(known) if known.invoke != invoke || invoke == InvocationPolicy::Single => Some(Obstacle::Taken),
            _ if !again && self.is_full(who) => Some(Obstacle::Full),
            _ => None,
        }
    }

    pub(super) fn is_full(&self, who: usize) -> bool {
        self.registrations.iter().filter(|known| known.has(who)).count() >= REGISTRATIONS_PER_SESSION
    }

    /// Who holds what the REGISTER is for.
    pub(super) fn holders(&self, register: &Register) -> Vec<usize> {
        let place = self.place_of_pattern(register);
        let mut holders: Vec<usize> = place
            .map_or(Vec::new(), |place| self.registrations[place].callees.iter().map(|callee| callee.who).collect());
        holders.sort_by_key(|holder| self.sessions[*holder].key);
        holders
    }

    /// Nothing is in the way.
    fn enter(&mut self, who: usize, register: &Register) {
        let Register { request, policy, .. } = *register;
        let RegisterWish { invoke, disclose, forward, concurrency, force } = register.wish;
        if let Some(place) = self.place_of_pattern(register).filter(|_| force) {
            self.depose(place);
        }
        let id = self.drawn.registrations.pop_front().expect("REGISTERED");
        let place = self.place_of_pattern(register).unwrap_or_else(|| {
            assert!(self.registrations.iter().all(|known| known.id != id), "ids in use are unique");
            let (procedure, at) = (register.procedure.clone(), self.now);
            self.registrations.push(Registration { policy, procedure, invoke, id, at, callees: Vec::new(), next: 0 });
            self.note_registration(who, self.registrations.len() - 1, "on_create");
            self.registrations.len() - 1
        });
        if !self.registrations[place].has(who) {
            self.called += 1;
            let number = self.called;
            self.registrations[place].callees.push(Callee { who, disclose, forward, concurrency, number });
            self.note_registration(who, place, "on_register");
        }
        let registration = self.registrations[place].id;
        self.say(Out::Registered { to: who, request, registration });
        self.freed.push(registration);
    }

    fn note_registration(&mut self, who: usize, place: usize, what: &str) {
        let known = &self.registrations[place];
        assert!(!is_reserved(&known.procedure), "nobody serves what is the router's");
        let about = if what == "on_create" { known.details(&self.setup) } else { Value::Unsigned(known.id) };
        let session = Value::Unsigned(self.sessions[who].id);
        self.changes.push(Change { topic: format!("wamp.registration.{what}"), args: vec![session, about] });
    }

    pub(super) fn unregister(&mut self, who: usize, request: u64, id: u64) {
        let Some(place) = self.registrations.iter().position(|known| known.id == id && known.has(who)) else {
            return self.refuse(who, MessageKind::Unregister, request, "wamp.error.no_such_registration");
        };
        self.drop_callee(who, place);
        self.say(Out::Unregistered { to: who, request });
        self.freed.push(id);
        self.pump();
    }

    /// Takes a callee out; the registration goes with the last one.
    pub(super) fn drop_callee(&mut self, who: usize, place: usize) {
        self.note_registration(who, place, "on_unregister");
        let known = &mut self.registrations[place];
        let position = known.callees.iter().position(|callee| callee.who == who).expect("a callee");
        known.callees.remove(position);
        if position < known.next {
            known.next -= 1;
        }
        if known.callees.is_empty() {
            self.note_registration(who, place, "on_delete");
            self.registrations.remove(place);
        }
    }

    pub(super) fn forget_registrations(&mut self, who: usize) {
        let own = self.registrations.iter().filter(|known| known.has(who));
        let mut own: Vec<u64> = own.map(|known| known.id).collect();
        own.sort_unstable();
        for id in own {
            let place = self.registrations.iter().position(|known| known.id == id).expect("a registration");
            self.drop_callee(who, place);
            self.freed.push(id);
        }
    }

    /// `force_reregister`: the former callees lose the registration.
    fn depose(&mut self, place: usize) {
        let id = self.registrations[place].id;
        let former: Vec<usize> = self.registrations[place].callees.iter().map(|callee| callee.who).collect();
        for who in former {
            self.drop_callee(who, place);
            self.freed.push(id);
            self.tell_revoked(who, id);
        }
    }

    pub(super) fn tell_revoked(&mut self, who: usize, registration: u64) {
        if self.sessions[who].can.revocation && self.has(Feature::RegistrationRevocation) {
            self.say(Out::RegistrationRevoked { to: who, registration });
        }
    }

    /// Section 9.2.
    pub(super) fn best_registration(&self, procedure: &str) -> Option<usize> {
        best(self.registrations.iter().map(|known| (known.policy, known.procedure.as_str())), procedure)
    }
}
