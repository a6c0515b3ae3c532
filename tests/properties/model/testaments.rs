//! What a session leaves behind (section 10.2 of the reference).

use super::Model;
use crate::ask::PublishWish;
use crate::setup::TESTAMENTS;

impl Model {
    pub(super) fn add_testament(&mut self, who: usize, detached: bool, wish: PublishWish) -> Result<(), &'static str> {
        let session = &mut self.sessions[who];
        if !self.denied[session.authrole].may_publish(&wish.topic) {
            return Err("wamp.error.not_authorized");
        }
        if self.is_short_of_memory {
            return Err("wharf.error.overloaded");
        }
        if session.detached.len() + session.destroyed.len() >= TESTAMENTS {
            return Err("wharf.error.limit_exceeded");
        }
        if detached { &mut session.detached } else { &mut session.destroyed }.push(wish);
        Ok(())
    }

    pub(super) fn flush_testaments(&mut self, who: usize, detached: bool) {
        let session = &mut self.sessions[who];
        if detached { &mut session.detached } else { &mut session.destroyed }.clear();
    }

    /// As if the session had published them, if it still may; `acknowledge` is ignored.
    pub(super) fn publish_testaments(&mut self, who: usize) {
        let session = &mut self.sessions[who];
        let mut wishes = std::mem::take(&mut session.detached);
        wishes.append(&mut session.destroyed);
        let denied = self.denied[session.authrole];
        for mut wish in wishes {
            if !denied.may_publish(&wish.topic) {
                self.noted.push("a testament denied when published");
                continue;
            }
            wish.disclose |= denied.named;
            let publication = self.publication(who, wish);
            self.route(&publication, None);
        }
    }
}
