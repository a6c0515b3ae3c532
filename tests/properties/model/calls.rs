//! What a caller asks for: sections 9.4 to 9.8 of the reference.

use super::registrations::Callee;
use super::{Model, Violation};
use crate::ask::CallWish;
use crate::out::Out;
use crate::setup::{OPEN_INVOCATIONS, PENDING_CALLS};
use wharf::wamp::role::Feature;
use wharf::wamp::{CancelMode, MatchPolicy, MessageKind};

/// For how long ended calls are remembered whose last CALL is owed.
const OWED_MS: u64 = 300_000;

/// A call that has ended before its caller has said all.
pub(crate) struct Owed {
    pub(crate) request: u64,
    pub(crate) procedure: String,
    seen: u64,
}

#[derive(Clone)]
pub(crate) struct UnderWay {
    pub(crate) caller: usize,
    pub(crate) request: u64,
    /// As it was first made: options are frozen then.
    pub(crate) wish: CallWish,
    pub(super) registration: u64,
    pub(super) by_pattern: bool,
    /// Nobody, while it waits for a callee that has a place for it.
    pub(crate) callee: Option<usize>,
    pub(crate) invocation: u64,
    /// Parts of the input so far, the first among them.
    pub(super) parts: Vec<(bool, u64)>,
    pub(super) killing: bool,
    /// The caller has a part of the result.
    pub(super) delivered: bool,
    /// Who has refused it.
    pub(super) tried: Vec<usize>,
    /// The terms of who serves it, as they were when it got the call.
    pub(super) terms: Option<Callee>,
    /// There was no other callee when it was made.
    pub(super) alone: bool,
    /// The time that the callee was told.
    pub(super) told_ms: Option<u64>,
    pub(super) since: u64,
    pub(super) period: Option<u64>,
    pub(super) until: Option<u64>,
    pub(super) number: u64,
}

impl UnderWay {
    /// The caller owes its final CALL.
    pub(crate) fn is_owed(&self) -> bool {
        self.parts.last().is_some_and(|(progress, _)| *progress)
    }
}

impl Model {
    pub(super) fn call(&mut self, who: usize, request: u64, wish: CallWish) -> Result<(), Violation> {
        if let Some(place) = self.calls.iter().position(|call| call.caller == who && call.request == request) {
            let call = &self.calls[place];
            if !call.is_owed() || call.wish.procedure != wish.procedure {
                return Err(Violation);
            }
            self.go_on(place, &wish);
            return Ok(());
        }
        self.check_request(who, request)?;
        let now = self.now;
        let owed = &mut self.sessions[who].owed;
        owed.retain(|owed| now - owed.seen < OWED_MS);
        if let Some(place) = owed.iter().position(|owed| owed.request == request && owed.procedure == wish.procedure) {
            owed[place].seen = now;
            if !wish.progress {
                owed.remove(place);
            }
            return Ok(());
        }
        if wish.progress && !self.may_give_input(who) {
            return Err(Violation);
        }
        self.start(who, request, wish);
        Ok(())
    }

    /// Whether the session may send the input of a call in several CALLs.
    pub(crate) fn may_give_input(&self, who: usize) -> bool {
        self.sessions[who].can.gives_input && self.has(Feature::ProgressiveCallInvocations)
    }

    fn start(&mut self, who: usize, request: u64, wish: CallWish) {
        self.called += 1;
        let mut call = UnderWay {
            caller: who,
            request,
            registration: 0,
            by_pattern: false,
            callee: None,
            invocation: 0,
            parts: vec![(wish.progress, wish.tag)],
            killing: false,
            delivered: false,
            tried: Vec::new(),
            terms: None,
            alone: false,
            told_ms: None,
            since: self.now,
            period: None,
            until: None,
            number: self.called,
            wish,
        };
        if self.calls.iter().filter(|call| call.caller == who).count() >= PENDING_CALLS {
            return self.decline(&call, "wharf.error.limit_exceeded");
        }
        let Some(place) = self.best_registration(&call.wish.procedure) else {
            return self.decline(&call, "wamp.error.no_such_procedure");
        };
        call.registration = self.registrations[place].id;
        call.by_pattern = self.registrations[place].policy != MatchPolicy::Exact;
        self.serve(call);
    }

    /// A call that nobody serves, or nobody else.
    pub(super) fn decline(&mut self, call: &UnderWay, error: &str) {
        self.refuse(call.caller, MessageKind::Call, call.request, error);
        if call.is_owed() {
            self.owe(call.caller, call.request, &call.wish.procedure);
        }
    }

    /// The call has ended before its caller has said all.
    fn owe(&mut self, who: usize, request: u64, procedure: &str) {
        let seen = self.now;
        self.sessions[who].owed.push(Owed { request, procedure: procedure.to_owned(), seen });
    }

    /// Takes a call out of the list.
    pub(super) fn end(&mut self, place: usize) -> UnderWay {
        let call = self.calls.remove(place);
        if call.is_owed() {
            self.owe(call.caller, call.request, &call.wish.procedure);
        }
        self.free(&call);
        call
    }

    /// Its callee has room for another one.
    pub(super) fn free(&mut self, call: &UnderWay) {
        let Some(callee) = call.callee else { return };
        if self.open_at(callee) + 1 >= OPEN_INVOCATIONS {
            // It could take no call at all, whatever the registration.
            let mut waiting: Vec<u64> =
                self.calls.iter().filter(|call| call.callee.is_none()).map(|call| call.registration).collect();
            waiting.sort_unstable();
            self.freed.extend(waiting);
        } else {
            self.freed.push(call.registration);
        }
    }

    /// Section 9.8.
    pub(super) fn cancel(&mut self, who: usize, request: u64, mode: CancelMode) {
        if self.cancel_asking(who, request) {
            return;
        }
        let Some(place) = self.calls.iter().position(|call| call.caller == who && call.request == request) else {
            return;
        };
        let call = &self.calls[place];
        let supported = call.callee.is_some_and(|callee| self.sessions[callee].can.canceling);
        let killing = call.killing;
        if mode == CancelMode::Kill && killing {
            return;
        }
        if mode == CancelMode::Kill && supported {
            self.calls[place].killing = true;
            self.outs.extend(self.interrupt(&self.calls[place], mode));
            return;
        }
        let call = self.end(place);
        self.refuse(call.caller, MessageKind::Call, call.request, "wamp.error.canceled");
        if mode == CancelMode::KillNoWait && !killing {
            self.outs.extend(self.interrupt(&call, mode));
        }
        self.pump();
    }

    /// Those that are served first.
    pub(super) fn end_late_calls(&mut self) {
        for waits in [false, true] {
            while let Some(place) = self.due(waits) {
                let call = self.end(place);
                self.refuse(call.caller, MessageKind::Call, call.request, "wamp.error.timeout");
                if !call.killing {
                    self.outs.extend(self.interrupt(&call, CancelMode::KillNoWait));
                }
            }
        }
        self.pump();
    }

    fn due(&self, waits: bool) -> Option<usize> {
        let all = self.calls.iter().enumerate().filter(|(_, call)| call.callee.is_none() == waits);
        let due = all.filter(|(_, call)| call.until.is_some_and(|until| until <= self.now));
        due.min_by_key(|(_, call)| (call.until, call.number)).map(|(place, _)| place)
    }

    /// The calls that a session served, and those that others serve for it.
    pub(super) fn forget_calls(&mut self, who: usize) {
        let numbers = |of: &dyn Fn(&UnderWay) -> Option<u64>| {
            let mut found: Vec<(u64, u64)> =
                self.calls.iter().filter_map(|call| of(call).map(|order| (order, call.number))).collect();
            found.sort_unstable();
            found
        };
        let served = numbers(&|call| (call.callee == Some(who)).then_some(call.invocation));
        let issued = numbers(&|call| (call.caller == who && call.callee != Some(who)).then_some(call.request));
        for (_, number) in served {
            let call = self.end(self.numbered(number));
            if call.caller != who {
                self.refuse(call.caller, MessageKind::Call, call.request, "wamp.error.canceled");
            }
        }
        for (_, number) in issued {
            let call = self.end(self.numbered(number));
            self.outs.extend(self.interrupt(&call, CancelMode::KillNoWait));
        }
        self.pump();
    }

    fn numbered(&self, number: u64) -> usize {
        self.calls.iter().position(|call| call.number == number).expect("a call under way")
    }

    pub(super) fn interrupt(&self, call: &UnderWay, mode: CancelMode) -> Option<Out> {
        let to = call.callee?;
        let callee = &self.sessions[to];
        (callee.there && callee.can.canceling).then_some(Out::Interrupt { to, invocation: call.invocation, mode })
    }
}
