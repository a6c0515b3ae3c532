//! A registration whose holder may be gone passes to another session of the same authid (U4).
//!
//! ```text
//! REGISTER conflicts with holders of the same authid --> they are probed, the session's messages wait
//!     a holder shows a sign of life --> procedure_already_exists, most likely
//!     the holders leave             --> REGISTERED, most likely
//!     2 s pass                      --> the holders are ended with "replaced"; REGISTERED
//! ```
//!
//! In each case the REGISTER is answered once, by what holds then.

use super::Dealer;
use crate::routing::effect::{CloseReason, Effects};
use crate::routing::key::SessionKey;
use crate::routing::limits::SUSPECT_AFTER;
use crate::routing::rules::Takeover;
use crate::routing::{Announce, Member, Realm, Turn};
use crate::wamp::message::Register;
use crate::wamp::{ErrorUri, RegistrationId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

/// A REGISTER that waits. One per session: its later messages wait behind it.
#[derive(Debug)]
struct Waiting {
    register: Register,
    holders: BTreeSet<SessionKey>,
    deadline: Instant,
}

/// All REGISTERs of a realm that wait.
#[derive(Debug, Default)]
pub(super) struct Takeovers {
    by_session: BTreeMap<SessionKey, Waiting>,
    by_holder: BTreeMap<SessionKey, BTreeSet<SessionKey>>,
    deadlines: BTreeSet<(Instant, SessionKey)>,
    /// Those whose holders have left.
    ready: VecDeque<(SessionKey, Register)>,
}

impl Takeovers {
    fn begin(&mut self, session: SessionKey, waiting: Waiting) {
        for holder in &waiting.holders {
            self.by_holder.entry(*holder).or_default().insert(session);
        }
        self.deadlines.insert((waiting.deadline, session));
        self.by_session.insert(session, waiting);
    }

    fn take(&mut self, session: SessionKey) -> Option<Waiting> {
        let waiting = self.by_session.remove(&session)?;
        self.deadlines.remove(&(waiting.deadline, session));
        for holder in &waiting.holders {
            if let Some(sessions) = self.by_holder.get_mut(holder) {
                sessions.remove(&session);
                if sessions.is_empty() {
                    self.by_holder.remove(holder);
                }
            }
        }
        Some(waiting)
    }

    /// Those who wait for this holder.
    fn waiting_for(&self, holder: SessionKey) -> Vec<SessionKey> {
        self.by_holder.get(&holder).into_iter().flatten().copied().collect()
    }

    /// A session is gone: it waits no more, and nobody waits for it.
    pub(super) fn forget(&mut self, session: SessionKey) {
        if self.by_session.is_empty() && self.ready.is_empty() {
            return;
        }
        self.take(session);
        self.ready.retain(|(waiting, _)| *waiting != session);
        for waiting in self.waiting_for(session) {
            let Some(entry) = self.by_session.get_mut(&waiting) else { continue };
            entry.holders.remove(&session);
            if entry.holders.is_empty() {
                let ready = self.take(waiting).map(|entry| (waiting, entry.register));
                self.ready.extend(ready);
            }
        }
        self.by_holder.remove(&session);
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    fn due(&mut self, now: Instant) -> Option<(SessionKey, Waiting)> {
        let (_, session) = self.deadlines.first().copied().filter(|(at, _)| *at <= now)?;
        self.take(session).map(|waiting| (session, waiting))
    }

    /// The first rule that does not hold, if any.
    pub(super) fn broken_invariant(&self, alive: impl Fn(SessionKey) -> bool) -> Option<&'static str> {
        if !self.ready.is_empty() {
            return Some("every REGISTER that waits no more has its answer");
        }
        if self.deadlines.len() != self.by_session.len() {
            return Some("each REGISTER that waits has a time");
        }
        if !self.by_session.keys().chain(self.by_holder.keys()).all(|session| alive(*session)) {
            return Some("a session that is gone waits for no registration, and nobody waits for it");
        }
        let of_holders: usize = self.by_holder.values().map(BTreeSet::len).sum();
        let of_sessions: usize = self.by_session.values().map(|waiting| waiting.holders.len()).sum();
        (of_holders != of_sessions).then_some("a REGISTER that waits is known by its holders")
    }
}

/// Who a session is, if it is somebody: nobody else has the same authid.
fn known(member: &Member) -> Option<&str> {
    (&*member.authmethod != "anonymous").then_some(&*member.authid)
}

impl Dealer {
    /// Whether the REGISTER waits from now on: it conflicts only with holders of the same authid, which are asked for a sign of
    /// life.
    pub(super) fn suspect(&mut self, turn: &mut Turn<'_>, from: SessionKey, register: &Register) -> bool {
        let is_wanted = match turn.rules.takeover {
            Takeover::Suspect => true,
            Takeover::Off => false,
        };
        let Some(holders) = self.holders(register).filter(|_| is_wanted) else { return false };
        let authid = turn.directory.member(from).and_then(known);
        let is_same = |holder: &SessionKey| {
            *holder != from && authid.is_some() && turn.directory.member(*holder).and_then(known) == authid
        };
        if !holders.iter().all(is_same) || self.has_room(turn, from).is_err() {
            return false;
        }
        let Some(deadline) = turn.now.checked_add(SUSPECT_AFTER) else { return false };
        holders.iter().for_each(|holder| turn.effects.probe(*holder));
        turn.holds.hold(from);
        // It may wait for long compared with a frame.
        let register = Register { procedure: register.procedure.detached(), ..register.clone() };
        self.takeovers.begin(from, Waiting { register, holders, deadline });
        true
    }

    /// Who holds what the REGISTER is for.
    fn holders(&self, register: &Register) -> Option<BTreeSet<SessionKey>> {
        let id: RegistrationId = self.registrations.id_of(register.options.match_policy, &register.procedure)?;
        Some(self.callees(id)?.collect())
    }

    pub(crate) fn next_takeover(&self) -> Option<Instant> {
        self.takeovers.next_deadline()
    }
}

impl Realm {
    /// The session has answered a question for a sign of life ([`Effect::Probe`](super::super::Effect::Probe)).
    pub fn sign_of_life(&mut self, now: Instant, session: SessionKey, effects: &mut Effects) {
        for waiting in self.dealer.takeovers.waiting_for(session) {
            let register = self.dealer.takeovers.take(waiting).map(|entry| entry.register);
            self.dealer.takeovers.ready.extend(register.map(|register| (waiting, register)));
        }
        self.settle(now, effects);
    }

    /// The session will leave as soon as it is held no longer: it waits for no registration, and nobody is ended for it.
    pub fn will_leave(&mut self, now: Instant, session: SessionKey, effects: &mut Effects) {
        let register = self.dealer.takeovers.take(session).map(|entry| entry.register);
        self.dealer.takeovers.ready.extend(register.map(|register| (session, register)));
        self.settle(now, effects);
    }

    /// Ends the holders that gave no sign of life in time, and lets those go on that waited for them.
    pub(in crate::routing) fn take_over(&mut self, now: Instant, effects: &mut Effects) {
        while let Some((session, waiting)) = self.dealer.takeovers.due(now) {
            let holders = self.dealer.holders(&waiting.register).unwrap_or_default();
            // One that has come since was never asked.
            if holders.is_subset(&waiting.holders) {
                for holder in holders {
                    self.dispose(now, holder, Announce::Leave, effects);
                    let (reason, message) = (ErrorUri::KILLED.to_uri(), Some("replaced".to_owned()));
                    effects.close(holder, CloseReason::Killed { reason, message });
                }
            }
            self.dealer.takeovers.ready.push_back((session, waiting.register));
        }
        self.settle(now, effects);
    }

    /// Answers each REGISTER that waits no more, and lets its session go on.
    #[inline]
    pub(in crate::routing) fn settle(&mut self, now: Instant, effects: &mut Effects) {
        if !self.dealer.takeovers.ready.is_empty() {
            self.settle_each(now, effects);
        }
    }

    // Kept apart, or the question before it is no longer asked in place.
    #[inline(never)]
    fn settle_each(&mut self, now: Instant, effects: &mut Effects) {
        while let Some((session, register)) = self.dealer.takeovers.ready.pop_front() {
            let (_, dealer, mut turn) = self.turn(now, effects);
            dealer.register_after_wait(&mut turn, session, &register);
            self.publish_changes(now, effects);
            self.resume(now, session, effects);
        }
    }
}
