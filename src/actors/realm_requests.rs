//! What sessions ask of their realm, one batch after the other: done at once, or when its turn comes.
//!
//! A batch waits behind others while the road to a session is half full (`docs/decisions/0006`), and its rest waits while a
//! callee does not keep up with its calls (`docs/decisions/0012`). A session's requests keep their order, and come before its
//! end.

use super::clock;
use super::delivery::Outgoing;
use super::realm::{Commands, Leave, RealmActor};
use crate::routing::{Command, SessionKey};
use actix::Handler;
use std::time::{Duration, Instant};

/// How long a realm leaves its sessions' actors to come round to what was sent to them.
const CROWDED_PAUSE: Duration = Duration::from_millis(1);

/// What waits while the roads are crowded.
pub(super) enum Asked {
    Commands(Commands),
    Leave(SessionKey),
}

impl RealmActor {
    /// Does it, or lets it wait behind what waits already.
    fn take(&mut self, asked: Asked) {
        if self.waiting.is_empty() && !self.delivery.is_crowded() {
            self.obey(asked);
        } else {
            self.waiting.push_back(asked);
        }
    }

    pub(super) fn obey(&mut self, asked: Asked) {
        let now = clock::now();
        match asked {
            Asked::Commands(batch) => self.obey_commands(now, batch, true),
            Asked::Leave(session) => self.obey_leave(now, session),
        }
    }

    /// `may_wait`: the rest of the batch is left for later when a callee does not keep up with the session's calls.
    fn obey_commands(&mut self, now: Instant, batch: Commands, may_wait: bool) {
        let Commands { from, commands, credit } = batch;
        let mut commands = commands.into_iter();
        for command in commands.by_ref() {
            let is_call = matches!(command, Command::Call(_));
            self.realm.handle(now, from, command, &mut self.effects);
            self.carry_out();
            let behind = self.delivery.take_behind().filter(|_| is_call && may_wait);
            // Others may wait for what a callee has to say.
            if let Some(callee) = behind.filter(|_| !self.realm.serves_calls(from)) {
                return self.brake.hold(callee, Commands { from, commands: commands.collect(), credit });
            }
        }
        if self.realm.is_held(from) {
            self.store.hold_credit(from, credit);
        } else {
            credit.give_back();
        }
    }

    fn obey_leave(&mut self, now: Instant, session: SessionKey) {
        if let Some(batch) = self.brake.release_session(session) {
            self.obey_commands(now, batch, false);
        }
        self.realm.will_leave(now, session, &mut self.effects);
        self.carry_out();
        if self.realm.is_held(session) {
            return self.store.hold_leave(session);
        }
        self.realm.leave(now, session, &mut self.effects);
        self.carry_out();
        self.delivery.dismiss(session, Outgoing::Left);
    }

    /// Goes on with what waits, as far as the roads are free and callees keep up.
    pub(super) fn go_on(&mut self) {
        while !self.delivery.is_crowded() {
            let Some(asked) = self.waiting.pop_front() else { break };
            self.obey(asked);
        }
        if self.waiting.is_empty() {
            for batch in self.brake.release(&mut self.delivery, clock::now()) {
                self.take(Asked::Commands(batch));
            }
        }
        self.look_at = self.next_look();
    }

    /// When it is to go on with what waits, if anything does.
    pub(super) fn next_look(&self) -> Option<Instant> {
        let waits = !self.waiting.is_empty() || !self.brake.is_empty();
        waits.then(|| clock::now() + CROWDED_PAUSE)
    }
}

impl Handler<Commands> for RealmActor {
    type Result = ();

    fn handle(&mut self, batch: Commands, _: &mut Self::Context) {
        self.take(Asked::Commands(batch));
    }
}

impl Handler<Leave> for RealmActor {
    type Result = ();

    fn handle(&mut self, Leave(session): Leave, _: &mut Self::Context) {
        self.take(Asked::Leave(session));
    }
}
