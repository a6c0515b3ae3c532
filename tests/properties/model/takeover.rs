//! A registration whose holder may be gone: U4 of the users' complaints.

use super::registrations::Register;
use super::Model;
use crate::out::Out;
use std::collections::VecDeque;

/// How long a holder has for a sign of life.
const SUSPECT_AFTER_MS: u64 = 2000;

/// A REGISTER that waits for a sign of life of the holders.
pub(super) struct Takeover {
    who: usize,
    register: Register,
    holders: Vec<usize>,
    pub(super) until: u64,
}

impl Model {
    /// All holders are others of the same authid, which is somebody's.
    pub(super) fn may_take_over(&self, who: usize, register: &Register) -> bool {
        let own = &self.sessions[who];
        let same = |holder: &usize| {
            let holding = &self.sessions[*holder];
            *holder != who && holding.authid == own.authid && !holding.anonymous && !own.anonymous
        };
        self.setup.takeover && self.holders(register).iter().all(same) && !self.is_full(who)
    }

    pub(super) fn suspect(&mut self, who: usize, register: Register) {
        let holders = self.holders(&register);
        holders.iter().for_each(|holder| self.outs.push(Out::Probed { who: *holder }));
        self.sessions[who].held = Some(VecDeque::new());
        self.takeovers.push(Takeover { who, register, holders, until: self.now + SUSPECT_AFTER_MS });
    }

    pub(crate) fn sign_of_life(&mut self, holder: usize) {
        self.takeovers.sort_by_key(|takeover| self.sessions[takeover.who].key);
        while let Some(place) = self.takeovers.iter().position(|takeover| takeover.holders.contains(&holder)) {
            let ready = self.takeovers.remove(place);
            self.ready.push_back(ready);
        }
        self.settle();
    }

    pub(super) fn end_silent_holders(&mut self) {
        while let Some(place) = self.silent() {
            let takeover = self.takeovers.remove(place);
            let holders = self.holders(&takeover.register);
            // One that has come since was never asked.
            if holders.iter().all(|holder| takeover.holders.contains(holder)) {
                for holder in holders {
                    self.dispose(holder, true);
                    self.say(Out::Killed { who: holder, message: Some("replaced".to_owned()) });
                }
            }
            self.ready.push_back(takeover);
        }
        self.settle();
    }

    /// The first one whose time is up.
    fn silent(&self) -> Option<usize> {
        let due = self.takeovers.iter().enumerate().filter(|(_, takeover)| takeover.until <= self.now);
        due.min_by_key(|(_, takeover)| (takeover.until, self.sessions[takeover.who].key)).map(|(place, _)| place)
    }

    /// A session has gone, as a holder or while it waited.
    pub(super) fn forget_takeovers(&mut self, gone: usize) {
        self.takeovers.retain(|takeover| takeover.who != gone);
        self.ready.retain(|takeover| takeover.who != gone);
        self.takeovers.sort_by_key(|takeover| self.sessions[takeover.who].key);
        for takeover in &mut self.takeovers {
            takeover.holders.retain(|holder| *holder != gone);
        }
        while let Some(place) = self.takeovers.iter().position(|takeover| takeover.holders.is_empty()) {
            let ready = self.takeovers.remove(place);
            self.ready.push_back(ready);
        }
    }

    /// Answers each REGISTER that waits no longer, and lets its session go on.
    pub(super) fn settle(&mut self) {
        while let Some(Takeover { who, register, .. }) = self.ready.pop_front() {
            self.register_now(who, &register);
            self.tell_changes();
            self.resume(who);
        }
    }
}
