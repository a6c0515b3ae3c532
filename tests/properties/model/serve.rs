//! Who serves a call: the choice, the callees that are full, and those that refuse (section 9.3 of the reference).

use super::calls::UnderWay;
use super::registrations::Callee;
use super::Model;
use crate::out::{InvocationOut, Out, Said};
use crate::read::FEATURE_NOT_SUPPORTED;
use crate::setup::{OPEN_INVOCATIONS, QUEUED_CALLS, TIMEOUT_MAX_MS};
use wharf::routing::ForwardTimeout;
use wharf::wamp::role::Feature;
use wharf::wamp::InvocationPolicy;

impl Model {
    /// Finds a callee for a new call, or a place in the queue.
    pub(super) fn serve(&mut self, mut call: UnderWay) {
        let place = self.place_of(call.registration).expect("the registration of a new call");
        let waits = self.calls.iter().any(|other| other.callee.is_none() && other.registration == call.registration);
        let chosen = if waits { None } else { self.choose(place, &call) };
        let Some(callee) = chosen else {
            let limited = self.registrations[place].callees.iter().any(|callee| callee.concurrency.is_some());
            if (waits || limited) && self.queued(call.registration) < QUEUED_CALLS {
                self.set_timer(&mut call, None);
                return self.calls.push(call);
            }
            return self.decline(&call, "wamp.error.no_available_callee");
        };
        self.hand(call, callee);
    }

    fn queued(&self, registration: u64) -> usize {
        self.calls.iter().filter(|call| call.callee.is_none() && call.registration == registration).count()
    }

    fn place_of(&self, registration: u64) -> Option<usize> {
        self.registrations.iter().position(|known| known.id == registration)
    }

    /// The chosen callee gets it, if it can do what the call needs.
    pub(super) fn hand(&mut self, mut call: UnderWay, callee: Callee) {
        if self.lacks(callee.who, &call) {
            return self.decline(&call, FEATURE_NOT_SUPPORTED);
        }
        let session = &mut self.sessions[callee.who];
        session.invoked += 1;
        call.invocation = session.invoked;
        call.callee = Some(callee.who);
        call.terms = Some(callee);
        self.called += 1;
        call.number = self.called;
        let known = self.registrations.iter().find(|known| known.id == call.registration).expect("a registration");
        call.alone = known.callees.len() == 1;
        self.set_timer(&mut call, Some(callee));
        call.told_ms = self.timeout(&call).filter(|_| self.forwards(callee)).map(|ms| {
            // Its time runs since the CALL.
            ms.saturating_sub(self.now - call.since).max(1)
        });
        let parts = call.parts.clone();
        for (nth, part) in parts.iter().enumerate() {
            self.invoke(&call, *part);
            if nth > 0 {
                call.until = call.period.map(|ms| self.now + ms);
            }
        }
        self.calls.push(call);
    }

    fn lacks(&self, callee: usize, call: &UnderWay) -> bool {
        let can = self.sessions[callee].can;
        (call.wish.progress && !(can.takes_input && can.canceling)) || (call.wish.ppt && !can.ppt)
    }

    /// The time a call may take, and who keeps it (section 9.7).
    fn set_timer(&self, call: &mut UnderWay, callee: Option<Callee>) {
        let timeout = self.timeout(call);
        let forwarded = callee.is_some_and(|callee| self.forwards(callee));
        call.period = if forwarded { timeout.map(|ms| ms + 10_000) } else { timeout };
        call.until = call.period.map(|ms| call.since + ms);
    }

    fn timeout(&self, call: &UnderWay) -> Option<u64> {
        let wish = call.wish.timeout_ms.filter(|ms| *ms > 0);
        let timeout = wish.or(self.setup.procedure(&call.wish.procedure).timeout_ms);
        timeout.map(|ms| ms.min(TIMEOUT_MAX_MS))
    }

    fn forwards(&self, callee: Callee) -> bool {
        let can = self.sessions[callee.who].can.keeps_time;
        match self.setup.forward {
            ForwardTimeout::Request => can && callee.forward,
            ForwardTimeout::Always => can,
            ForwardTimeout::Never => false,
        }
    }

    /// The INVOCATION of a part of the input.
    pub(super) fn invoke(&mut self, call: &UnderWay, (progress, tag): (bool, u64)) {
        let callee = call.terms.expect("a call that is served");
        let (caller, can) = (&self.sessions[call.caller], self.sessions[callee.who].can);
        let gives_results = can.progressive && can.canceling && self.has(Feature::ProgressiveCallResults);
        let trusted = self.has(Feature::CallTrustlevels);
        let invocation = InvocationOut {
            to: callee.who,
            invocation: call.invocation,
            registration: call.registration,
            procedure: call.by_pattern.then(|| call.wish.procedure.clone()),
            caller: (call.wish.disclose || callee.disclose).then_some(caller.id),
            receive_progress: call.wish.receive_progress && gives_results,
            progress,
            timeout_ms: call.told_ms,
            trust: self.setup.procedure(&call.wish.procedure).trust(caller.authrole).filter(|_| trusted),
            ppt: call.wish.ppt,
            payload: Said::Tag(tag),
        };
        self.drawn.callees.pop_front();
        self.say(Out::Invocation(invocation));
    }

    pub(super) fn open_at(&self, callee: usize) -> usize {
        self.calls.iter().filter(|call| call.callee == Some(callee)).count()
    }

    fn is_free(&self, callee: &Callee) -> bool {
        let open =
            self.calls.iter().filter(|call| call.terms.is_some_and(|terms| terms.number == callee.number)).count();
        let full = callee.concurrency.is_some_and(|max| open as u64 >= max);
        !full && self.open_at(callee.who) < OPEN_INVOCATIONS
    }

    /// By the policy, among those that have room and have not refused it; those that are in trouble only if there is nobody
    /// else.
    pub(super) fn choose(&mut self, place: usize, call: &UnderWay) -> Option<Callee> {
        let known = &self.registrations[place];
        let able: Vec<usize> = (0..known.callees.len())
            .filter(|nth| self.is_free(&known.callees[*nth]) && !call.tried.contains(&known.callees[*nth].who))
            .collect();
        let well: Vec<usize> =
            able.iter().copied().filter(|nth| !self.sessions[known.callees[*nth].who].avoided).collect();
        let able = if well.is_empty() { able } else { well };
        let chosen = match known.invoke {
            InvocationPolicy::Single | InvocationPolicy::First => able.first(),
            InvocationPolicy::Last => able.last(),
            InvocationPolicy::LeastLoaded => able.iter().min_by_key(|nth| self.open_at(known.callees[**nth].who)),
            InvocationPolicy::Random => {
                able.first()?;
                let drawn = *self.drawn.callees.front().expect("INVOCATION or ERROR");
                let is_drawn = |who: usize| drawn.map_or_else(|| self.lacks(who, call), |drawn| drawn == who);
                Some(able.iter().find(|nth| is_drawn(known.callees[**nth].who)).expect("one that can take the call"))
            }
            InvocationPolicy::RoundRobin => able.iter().find(|nth| **nth >= known.next).or(able.first()),
        };
        let nth = *chosen?;
        let callee = known.callees[nth];
        if known.invoke == InvocationPolicy::RoundRobin {
            self.registrations[place].next = nth + 1;
        }
        Some(callee)
    }

    /// Who is asked after those that have refused.
    pub(super) fn next_callee(&mut self, call: &UnderWay) -> Option<Callee> {
        let place = self.place_of(call.registration)?;
        self.choose(place, call)
    }

    /// Places have become free: those that wait get them, in order. Nobody serves those whose registration is gone.
    pub(super) fn pump(&mut self) {
        while let Some(registration) = self.freed.pop() {
            while let Some(nth) = self.first_waiting(registration) {
                let Some(place) = self.place_of(registration) else {
                    let call = self.calls.remove(nth);
                    self.decline(&call, "wamp.error.canceled");
                    continue;
                };
                let call = self.calls.remove(nth);
                match self.choose(place, &call) {
                    Some(callee) => self.hand(call, callee),
                    None => {
                        self.calls.insert(nth, call);
                        break;
                    }
                }
            }
        }
    }

    fn first_waiting(&self, registration: u64) -> Option<usize> {
        let all = self.calls.iter().enumerate();
        let waiting = all.filter(|(_, call)| call.callee.is_none() && call.registration == registration);
        waiting.min_by_key(|(_, call)| call.number).map(|(nth, _)| nth)
    }
}
