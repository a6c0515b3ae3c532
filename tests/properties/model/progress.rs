//! What comes and goes while a call is under way: more input, answers, refusals (sections 9.1, 9.3, 9.5, 9.6 and 13).

use super::calls::UnderWay;
use super::{Model, Violation};
use crate::ask::{CallWish, How};
use crate::out::{Out, Said};
use crate::read::FEATURE_NOT_SUPPORTED;
use wharf::wamp::role::Feature;
use wharf::wamp::{CancelMode, MessageKind};

impl Model {
    /// The next part of a call's input. Its options are those of the first CALL.
    pub(super) fn go_on(&mut self, place: usize, wish: &CallWish) {
        self.calls[place].parts.push((wish.progress, wish.tag));
        if self.calls[place].callee.is_none() || self.calls[place].killing {
            return;
        }
        let mut call = self.calls.remove(place);
        call.until = call.period.map(|ms| self.now + ms);
        self.invoke(&call, (wish.progress, wish.tag));
        self.calls.insert(place, call);
    }

    /// YIELD or ERROR by `who`.
    pub(super) fn answer(
        &mut self,
        who: usize,
        invocation: u64,
        how: How,
        ppt: bool,
        tag: u64,
    ) -> Result<(), Violation> {
        let found = self.calls.iter().position(|call| call.callee == Some(who) && call.invocation == invocation);
        let Some(place) = found else {
            return if invocation <= self.sessions[who].invoked { Ok(()) } else { Err(Violation) };
        };
        let (to, request) = (self.calls[place].caller, self.calls[place].request);
        let readable = !ppt || self.sessions[to].can.ppt;
        match how {
            How::Partial if !self.calls[place].wish.receive_progress || !self.has(Feature::ProgressiveCallResults) => {}
            How::Partial | How::Final if !readable => {
                let call = self.end(place);
                self.refuse(to, MessageKind::Call, request, FEATURE_NOT_SUPPORTED);
                if how == How::Partial {
                    self.outs.extend(self.interrupt(&call, CancelMode::KillNoWait));
                }
            }
            How::Partial => {
                let now = self.now;
                let call = &mut self.calls[place];
                call.until = call.period.map(|ms| now + ms);
                call.delivered = true;
                self.say(Out::Result { to, request, progress: true, ppt, payload: Said::Tag(tag) });
            }
            How::Final => {
                self.end(place);
                self.say(Out::Result { to, request, progress: false, ppt, payload: Said::Tag(tag) });
            }
            How::Unavailable if self.may_reroute(place) => {
                if self.calls[place].alone {
                    let call = self.end(place);
                    self.refuse(call.caller, MessageKind::Call, request, "wamp.error.no_available_callee");
                } else {
                    self.pass_on(place, "wamp.error.no_available_callee");
                }
            }
            How::Error | How::Unavailable => {
                let error = if how == How::Error { "com.app.failed" } else { "wamp.error.unavailable" };
                self.end(place);
                let payload = if readable { Said::Tag(tag) } else { Said::Empty };
                let (kind, error, ppt) = (MessageKind::Call, error.to_owned(), ppt && readable);
                self.say(Out::Error { to, kind, request, error, ppt, payload });
            }
        }
        self.pump();
        Ok(())
    }

    /// The callee says that it is not available, and may say so: nothing of the call has been consumed or delivered.
    fn may_reroute(&self, place: usize) -> bool {
        let call = &self.calls[place];
        let callee = call.callee.expect("who has answered");
        let announced = self.sessions[callee].can.reroute && self.has(Feature::CallReroute);
        announced && may_move(call)
    }

    /// Another callee is asked, as if those that had it were not there.
    fn pass_on(&mut self, place: usize, otherwise: &str) {
        let mut call = self.calls.remove(place);
        call.tried.extend(call.callee.take());
        let freed = UnderWay { callee: call.tried.last().copied(), ..call.clone() };
        self.free(&freed);
        match self.next_callee(&call) {
            Some(callee) => self.hand(call, callee),
            None => self.decline(&call, otherwise),
        }
    }

    /// An INVOCATION that could not be handed over.
    pub(crate) fn undeliverable(&mut self, nth: usize, given_back: bool) {
        if given_back && may_move(&self.calls[nth]) {
            self.pass_on(nth, "wamp.error.network_failure");
        } else {
            let call = self.end(nth);
            self.refuse(call.caller, MessageKind::Call, call.request, "wamp.error.network_failure");
            if call.parts.len() > 1 {
                // It has the input so far.
                self.outs.extend(self.interrupt(&call, CancelMode::KillNoWait));
            }
        }
        self.pump();
    }
}

/// Nothing of it has been consumed or delivered, and its callee was not told to stop.
fn may_move(call: &UnderWay) -> bool {
    !call.delivered && !call.killing && call.parts.len() == 1
}
