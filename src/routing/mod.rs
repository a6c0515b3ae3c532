//! One realm's truth as a state machine: who is there, who subscribed, who is called.
//!
//! A [`Realm`] is fed commands and told the time; it answers with [`Effects`], in the order in which they must happen. It does
//! no I/O, reads no clock, takes no lock and knows no actor. The same inputs, times and seed give the same effects.
//!
//! What a session may not do never comes here: permissions, URIs and reserved names are checked before, by the room that
//! holds the session. Nor does anything that is not a session's: realms share nothing.

mod broker;
mod catalogue;
mod change;
mod command;
mod dealer;
mod directory;
mod effect;
mod holds;
mod key;
mod limits;
mod listing;
mod meta;
mod names;
mod pattern;
mod record;
mod records;
mod refusal;
mod rights;
mod router;
mod rules;
mod swap;
mod testaments;

pub use command::Command;
pub use directory::Member;
pub use effect::{CloseReason, Effect, Effects, Receivers, SharedEvent};
pub use key::SessionKey;
pub use limits::{MetaCalls, RealmLimits, RetainedFull, SUSPECT_AFTER};
pub use listing::{Registered, Subscribed};
pub use meta::{AdminRefusal, Described, Description, Overflow, PayloadReader, Question, Reply};
pub use names::{Beginnings, Name, Slice};
pub use record::{KeptEvent, Order, Page, Query, StoreFault, Waiting};
pub use record::{LISTED_RETAINED_MAX, PAGE_OCTETS_MAX, SCAN_EMPTY_MAX, SCAN_RECORDS_MAX};
pub use records::{RecordRest, Recorded, Records};
pub use refusal::Refusal;
pub use rights::{Permit, Rights};
pub use rules::{
    ForwardTimeout, HistoryRule, ProcedureRule, RealmRules, RetainRule, Takeover, TopicRule, TrustLevels, UriTable,
};
pub use swap::Ended;
pub use testaments::TestamentScope;

use crate::wamp::message::{Call, Invocation};
use crate::wamp::role::Feature;
use crate::wamp::uri::is_reserved;
use crate::wamp::{ErrorUri, InvocationId, MessageKind, RequestId, SessionId, WallTime};
use broker::Broker;
use change::Change;
use dealer::Dealer;
use directory::Directory;
use holds::Holds;
use meta::Meta;
use rand::rngs::StdRng;
use rand::SeedableRng;
use std::time::Instant;
use testaments::Testaments;

/// One realm: directory, broker and dealer.
#[derive(Debug)]
pub struct Realm {
    rules: RealmRules,
    rng: StdRng,
    directory: Directory,
    broker: Broker,
    dealer: Dealer,
    holds: Holds,
    testaments: Testaments,
    meta: Meta,
    /// What the step under way has changed; kept to be used again.
    changes: Vec<Change>,
    clock: Clock,
    read_payload: PayloadReader,
}

/// The time of day, told from the monotonic clock: what it was at one instant.
#[derive(Clone, Copy, Debug, Default)]
struct Clock(Option<(Instant, WallTime)>);

impl Clock {
    /// The time of day at `now`; the epoch while nobody has told it.
    fn at(self, now: Instant) -> WallTime {
        let Some((set_at, time)) = self.0 else { return WallTime::default() };
        match now.checked_duration_since(set_at) {
            Some(since) => time.plus(since),
            None => time.minus(set_at.duration_since(now)),
        }
    }
}

/// How much a realm holds, and what it has seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Sessions in the realm.
    pub sessions: usize,
    /// Topics and patterns that somebody is subscribed to, or that keep history.
    pub subscriptions: usize,
    /// Procedures and patterns that are registered.
    pub registrations: usize,
    /// Calls under way.
    pub calls: usize,
    /// Those of them that wait for a callee: each is at its `concurrency`.
    pub calls_queued: usize,
    /// Calls that went on to another callee, since the start.
    pub calls_rerouted: u64,
    /// Calls that could not, for want of room to keep them, since the start.
    pub reroutes_without_room: u64,
    /// Answers to calls that had ended, since the start (P2).
    pub late_answers: u64,
    /// Progressive results that nobody had asked for, since the start (P8).
    pub progress_dropped: u64,
    /// Topics with a retained event.
    pub retained_topics: usize,
    /// Octets that they hold, about.
    pub retained_octets: usize,
    /// Events that were to be retained and are not, because there was no room, since the start (X3).
    pub retained_refused: u64,
}

/// A broken rule of the protocol that only the realm can see. It ends the session.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
enum Violation {
    /// A new request has the id of a call under way (section 5.1).
    #[error("{kind}: request id {request} belongs to a call under way")]
    RequestInUse { kind: MessageKind, request: RequestId },
    /// An answer to an invocation that the session never had (D4).
    #[error("{kind}: invocation {invocation} was never issued to this session")]
    NeverInvoked { kind: MessageKind, invocation: InvocationId },
    /// A client's ERROR is about an invocation, always (R21).
    #[error("ERROR: expected the type INVOCATION, got {0}")]
    ErrorOfOtherKind(MessageKind),
}

/// What one step may read and write besides the state of the part that takes it.
struct Turn<'a> {
    now: Instant,
    clock: &'a Clock,
    limits: &'a RealmLimits,
    rules: &'a RealmRules,
    directory: &'a Directory,
    rng: &'a mut StdRng,
    effects: &'a mut Effects,
    changes: &'a mut Vec<Change>,
    holds: &'a mut Holds,
}

impl Turn<'_> {
    /// The time of day.
    fn time(&self) -> WallTime {
        self.clock.at(self.now)
    }
}

impl Realm {
    /// An empty realm. All its randomness comes from `seed`, publication ids included: draw it from the system.
    pub fn new(limits: RealmLimits, seed: u64) -> Self {
        Self::with_rules(RealmRules { limits, ..RealmRules::default() }, seed)
    }

    /// An empty realm with settings for its topics and procedures. All its randomness comes from `seed`.
    pub fn with_rules(rules: RealmRules, seed: u64) -> Self {
        let mut broker = Broker::default();
        broker.create_history(&rules);
        Self {
            rng: StdRng::seed_from_u64(seed),
            directory: Directory::default(),
            broker,
            dealer: Dealer::default(),
            holds: Holds::default(),
            testaments: Testaments::default(),
            meta: Meta::default(),
            changes: Vec::new(),
            clock: Clock::default(),
            read_payload: |_| None,
            rules,
        }
    }

    /// Tells the time of day, as it is at `now`. To be told again now and then: nobody minds if it jumps.
    pub fn set_time_of_day(&mut self, now: Instant, time: WallTime) {
        if self.clock.0.is_none() {
            self.broker.begin(time);
        }
        self.clock = Clock(Some((now, time)));
    }

    /// How the arguments of meta procedures are read. Routing knows no serialization; without a reader it takes only
    /// arguments that are values already.
    #[must_use]
    pub fn with_payload_reader(self, read_payload: PayloadReader) -> Self {
        Self { read_payload, ..self }
    }

    /// Lets a session in, before its WELCOME is sent; publishes `wamp.session.on_join`.
    ///
    /// # Errors
    /// [`Refusal::LimitExceeded`] if the realm is full, [`Refusal::SessionIdInUse`] if the id is taken.
    pub fn join(&mut self, now: Instant, member: Member, effects: &mut Effects) -> Result<SessionKey, Refusal> {
        if self.directory.len() >= self.rules.limits.sessions_max {
            return Err(Refusal::LimitExceeded { limit: "max_sessions", max: self.rules.limits.sessions_max });
        }
        if self.directory.key(member.session).is_some() {
            return Err(Refusal::SessionIdInUse);
        }
        let key = self.directory.insert(member);
        self.publish_on_join(now, key, effects);
        Ok(key)
    }

    /// Takes one command of a session. One of a session that is gone does nothing.
    pub fn handle(&mut self, now: Instant, from: SessionKey, command: Command, effects: &mut Effects) {
        self.take(now, from, command, effects);
        self.settle(now, effects);
    }

    #[inline]
    fn take(&mut self, now: Instant, from: SessionKey, command: Command, effects: &mut Effects) {
        if !self.directory.contains(from) {
            return;
        }
        if self.holds.is_held(from) {
            return self.holds.push(from, command);
        }
        if let Err(violation) = self.obey(now, from, command, effects) {
            self.dispose(now, from, Announce::Leave, effects);
            effects.close(from, CloseReason::Violation { text: violation.to_string() });
        }
    }

    /// Whether the session's messages wait for an answer from outside the realm. Whoever brings them brings no more than one
    /// batch meanwhile.
    pub fn is_held(&self, session: SessionKey) -> bool {
        self.holds.is_held(session)
    }

    /// What the publisher of an event that was to be kept waits for: it is as durable as its rule says, or it failed.
    pub fn kept(&mut self, now: Instant, waiting: Waiting, outcome: Result<(), StoreFault>, effects: &mut Effects) {
        if !self.directory.contains(waiting.session) {
            return;
        }
        let (broker, _, mut turn) = self.turn(now, effects);
        if broker.kept(&mut turn, waiting, outcome) {
            self.resume(now, waiting.session, effects);
            self.settle(now, effects);
        }
    }

    /// What was retained before the realm started, the newest of each topic last. Before anybody joins.
    pub fn restore_retained(&mut self, now: Instant, events: Vec<KeptEvent>) {
        self.broker.restore(&self.rules, now, self.clock.at(now), events);
    }

    /// Whether memory is scarce: until it is not any more, nothing new is retained or put into history in memory, and no
    /// testament is taken. What is on disk goes on.
    pub fn set_short_of_memory(&mut self, is_short: bool) {
        self.broker.set_short_of_memory(is_short);
    }

    /// The session's messages wait no longer.
    fn resume(&mut self, now: Instant, session: SessionKey, effects: &mut Effects) {
        let mut waiting = self.holds.release(session);
        while let Some(command) = waiting.pop_front() {
            self.take(now, session, command, effects);
            if self.holds.is_held(session) {
                return self.holds.put_back(session, waiting);
            }
        }
    }

    /// Disposes of a session that has ended, in the order of section 4.4; publishes `wamp.session.on_leave`. Does nothing
    /// the second time.
    pub fn leave(&mut self, now: Instant, session: SessionKey, effects: &mut Effects) {
        self.dispose(now, session, Announce::Leave, effects);
        self.settle(now, effects);
    }

    /// An INVOCATION could not be handed to its callee. If it is `given` back, another callee of the registration is asked; if
    /// there is none, the caller gets `error`, and the call ends. One that has ended already is left alone.
    pub fn invocation_undeliverable(
        &mut self,
        now: Instant,
        callee: SessionKey,
        invocation: InvocationId,
        given: Option<Box<Invocation>>,
        error: ErrorUri,
        effects: &mut Effects,
    ) {
        let (_, dealer, mut turn) = self.turn(now, effects);
        dealer.undeliverable(&mut turn, callee, invocation, given, error);
    }

    /// Whether calls pass this callee over from now on, where another one of the same registration is not in trouble: it does
    /// not read what is sent to it, or its sign of life is overdue. Nothing for a session that is gone.
    pub fn set_avoided(&mut self, callee: SessionKey, avoided: bool) {
        if self.directory.contains(callee) {
            self.dealer.set_avoided(callee, avoided);
        }
    }

    /// Whether the session has calls to answer.
    pub fn serves_calls(&self, session: SessionKey) -> bool {
        self.dealer.serves_calls(session)
    }

    /// The next instant at which [`handle_timeout`](Self::handle_timeout) has something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        [self.dealer.next_deadline(), self.broker.next_deadline()].into_iter().flatten().min()
    }

    /// Does everything whose time is up at `now`.
    pub fn handle_timeout(&mut self, now: Instant, effects: &mut Effects) {
        let (broker, dealer, mut turn) = self.turn(now, effects);
        dealer.handle_timeout(&mut turn);
        broker.handle_timeout(&mut turn);
        self.take_over(now, effects);
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.directory.len()
    }

    /// Whether there is no session.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Who has this key.
    pub fn member(&self, session: SessionKey) -> Option<&Member> {
        self.directory.member(session)
    }

    /// The key of the session with this WAMP id.
    pub fn key(&self, session: SessionId) -> Option<SessionKey> {
        self.directory.key(session)
    }

    /// The realm's figures.
    pub fn counters(&self) -> Counters {
        let (retained_topics, retained_octets) = self.broker.retained();
        Counters {
            sessions: self.directory.len(),
            subscriptions: self.broker.len(),
            registrations: self.dealer.len(),
            calls: self.dealer.calls(),
            calls_queued: self.dealer.queued(),
            calls_rerouted: self.dealer.rerouted(),
            reroutes_without_room: self.dealer.reroutes_without_room(),
            late_answers: self.dealer.late_answers(),
            progress_dropped: self.dealer.progress_dropped(),
            retained_topics,
            retained_octets,
            retained_refused: self.broker.retained_refused(),
        }
    }

    /// The first rule between the tables that does not hold, if any: no table holds a session that is gone, and all indexes
    /// of one truth agree. For tests.
    ///
    /// # Cost
    /// Walks all tables.
    pub fn broken_invariant(&self) -> Option<&'static str> {
        let alive = |session| self.directory.contains(session);
        let dealer = || self.dealer.broken_invariant(alive);
        let waiting = || self.holds.broken_invariant(alive).or_else(|| self.testaments.broken_invariant(alive));
        let meta = || self.meta.broken_invariant(alive, |id| self.dealer.registration(id).is_some());
        self.directory
            .broken_invariant()
            .or_else(|| self.broker.broken_invariant(alive))
            .or_else(dealer)
            .or_else(waiting)
            .or_else(meta)
    }

    #[inline]
    fn obey(
        &mut self,
        now: Instant,
        from: SessionKey,
        command: Command,
        effects: &mut Effects,
    ) -> Result<(), Violation> {
        if let Some((kind, request)) = command.new_request() {
            let waits = || self.meta.is_active(from, request);
            if self.dealer.is_active(from, request) && !self.dealer.goes_on(from, &command) || waits() {
                return Err(Violation::RequestInUse { kind, request });
            }
        }
        let verdict = self.route(now, from, command, effects);
        self.publish_changes(now, effects);
        verdict
    }

    #[inline]
    fn route(
        &mut self,
        now: Instant,
        from: SessionKey,
        command: Command,
        effects: &mut Effects,
    ) -> Result<(), Violation> {
        if let Command::Cancel(cancel) = &command {
            if self.cancel_meta(from, cancel, effects) {
                return Ok(());
            }
        }
        let (broker, dealer, turn) = &mut self.turn(now, effects);
        match command {
            Command::Publish(publish) => broker.publish(turn, from, publish),
            Command::Subscribe(subscribe) => broker.subscribe(turn, from, &subscribe),
            Command::Unsubscribe(unsubscribe) => broker.unsubscribe(turn, from, &unsubscribe),
            Command::Call(call) if dealer.discards(turn, from, &call) => {}
            // Reserved procedures are the router's: client registrations never serve them, patterns included (D51).
            Command::Call(call) if is_reserved(&call.procedure) => match lacking(&call) {
                None => self.call_meta(now, from, &call, effects),
                Some(feature) => dealer.refuse_call(turn, from, &call, feature.key()),
            },
            Command::Call(call) => dealer.call(turn, from, call),
            Command::Cancel(cancel) => dealer.cancel(turn, from, &cancel),
            Command::Register(register) => dealer.register(turn, from, &register),
            Command::Unregister(unregister) => dealer.unregister(turn, from, &unregister),
            Command::Yield(message) => return dealer.yields(turn, from, message),
            Command::Error(error) if error.request_kind != MessageKind::Invocation => {
                return Err(Violation::ErrorOfOtherKind(error.request_kind));
            }
            Command::Error(error) => return dealer.error(turn, from, error),
        }
        Ok(())
    }

    /// The one way out of the realm. Nothing is sent to the session that goes.
    fn dispose(&mut self, now: Instant, session: SessionKey, announce: Announce, effects: &mut Effects) {
        let Some(member) = self.directory.remove(session) else { return };
        self.holds.release(session);
        let (broker, dealer, mut turn) = self.turn(now, effects);
        broker.forget(&mut turn, session, member.session);
        dealer.forget_registrations(&mut turn, session, member.session);
        self.publish_changes(now, effects);
        self.forget_meta(now, session, member.session, effects);
        let (_, dealer, mut turn) = self.turn(now, effects);
        dealer.forget_calls(&mut turn, session);
        match announce {
            Announce::Leave => {
                self.publish_testaments(now, session, &member, effects);
                self.publish_on_leave(now, &member, effects);
            }
            Announce::Nothing => self.drop_testaments(session),
        }
    }

    /// The parts that take a step, and what the step may read and write.
    #[inline]
    fn turn<'a>(&'a mut self, now: Instant, effects: &'a mut Effects) -> (&'a mut Broker, &'a mut Dealer, Turn<'a>) {
        let Self { rules, rng, directory, broker, dealer, holds, changes, clock, .. } = self;
        let turn = Turn { now, clock, limits: &rules.limits, rules, directory, rng, effects, changes, holds };
        (broker, dealer, turn)
    }
}

/// What a call needs of its callee and the router has not got, where it serves a call itself.
fn lacking(call: &Call) -> Option<Feature> {
    if call.options.progress {
        return Some(Feature::ProgressiveCallInvocations);
    }
    call.options.ppt.as_ref().map(|_| Feature::PayloadPassthruMode)
}

/// Whether the others hear of a session's end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Announce {
    /// By `wamp.session.on_leave`, and by its testaments.
    Leave,
    /// Not at all: `wamp.session.kill_all` (R91).
    Nothing,
}
