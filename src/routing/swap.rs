//! New rules for a realm that is open: between two steps, and whole.
//!
//! What lasts and is no longer allowed goes: sessions without a right to be there, then subscriptions and registrations. What
//! goes by (calls, events) is not looked at again. Source: section 11 of the configuration, sections 8.8 and 9.9 of the
//! reference.

use super::effect::{CloseReason, Effects};
use super::key::SessionKey;
use super::refusal::Refusal;
use super::rights::Permit;
use super::rules::RealmRules;
use super::{Announce, Member, Realm, Turn};
use crate::wamp::{ErrorUri, MatchPolicy, Uri};
use std::time::Instant;

/// What new rules have ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ended {
    /// Sessions whose user or role is gone, or that are not let in from where they are any more.
    pub sessions: usize,
    /// Places in subscriptions.
    pub subscriptions: usize,
    /// Places in registrations.
    pub registrations: usize,
}

impl std::ops::AddAssign for Ended {
    fn add_assign(&mut self, more: Self) {
        self.sessions += more.sessions;
        self.subscriptions += more.subscriptions;
        self.registrations += more.registrations;
    }
}

/// The reason in UNSUBSCRIBED and UNREGISTERED: a URI, since clients may end over anything else.
const REVOKED: &str = ErrorUri::NOT_AUTHORIZED.as_str();

impl Realm {
    /// From now on these rules hold. `permit` says what each member may do under them; `None` ends it: GOODBYE
    /// `wamp.close.killed`. With `revoke`, members lose the subscriptions and registrations that they may not have any more, and
    /// hear of it if they announced that (R54, R80).
    ///
    /// What a member asked for under the old rules may still be under way: its SUBSCRIBE and REGISTER are judged here from now
    /// on.
    ///
    /// # Cost
    /// Each member, and with `revoke` each of its subscriptions and registrations.
    pub fn change_over(
        &mut self,
        now: Instant,
        rules: RealmRules,
        permit: impl Fn(&Member) -> Option<Permit>,
        revoke: bool,
        effects: &mut Effects,
    ) -> Ended {
        let had_history = self.broker.keeps_history();
        self.rules = rules;
        if had_history || self.rules.topics.iter().any(|(_, _, rule)| rule.history.is_some()) {
            self.broker.change_history(&self.rules, self.clock.at(now));
        }
        let mut ended = Ended::default();
        let members: Vec<(SessionKey, Option<Permit>)> =
            self.directory.all().map(|(key, member)| (key, permit(member))).collect();
        for (key, permit) in &members {
            match permit {
                Some(permit) => self.directory.set_permit(*key, permit.clone()),
                None => {
                    ended.sessions += 1;
                    self.end(
                        now,
                        *key,
                        Announce::Leave,
                        ErrorUri::KILLED,
                        "the user or role of this session is gone, or is not let in from there any more",
                        effects,
                    );
                }
            }
        }
        if revoke {
            for (key, _) in members.iter().filter(|(_, permit)| permit.is_some()) {
                let (broker, dealer, mut turn) = self.turn(now, effects);
                ended.subscriptions += broker.revoke_forbidden(&mut turn, *key, REVOKED);
                ended.registrations += dealer.revoke_forbidden(&mut turn, *key, REVOKED);
                self.publish_changes(now, effects);
            }
        }
        self.settle(now, effects);
        ended
    }

    /// Ends every session: GOODBYE `wamp.close.close_realm`. Nobody is told of the others' end (as R91), and no testament is
    /// published: there is nobody to hear it.
    pub fn close(&mut self, now: Instant, effects: &mut Effects) {
        let members: Vec<SessionKey> = self.directory.all().map(|(key, _)| key).collect();
        for key in members {
            self.end(now, key, Announce::Nothing, ErrorUri::CLOSE_REALM, "this realm is closing", effects);
        }
        self.settle(now, effects);
    }

    /// All members, by their WAMP ids.
    pub fn keys(&self) -> impl Iterator<Item = SessionKey> + '_ {
        self.directory.all().map(|(key, _)| key)
    }

    fn end(
        &mut self,
        now: Instant,
        session: SessionKey,
        announce: Announce,
        reason: ErrorUri,
        message: &str,
        effects: &mut Effects,
    ) {
        self.dispose(now, session, announce, effects);
        effects.close(session, CloseReason::Killed { reason: reason.to_uri(), message: Some(message.to_owned()) });
    }
}

/// What an action is called in a refusal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lasting {
    Subscribe,
    Register,
}

/// Judges what a session asks for, whose own room may have judged it by rules that hold no longer.
///
/// # Errors
/// [`Refusal::NotPermitted`], as that room would have said it.
pub(super) fn judge(
    turn: &Turn<'_>,
    session: SessionKey,
    lasting: Lasting,
    uri: &Uri,
    policy: MatchPolicy,
) -> Result<(), Refusal> {
    let Some(permit) = turn.directory.changed_permit(session) else { return Ok(()) };
    let (allowed, action) = match lasting {
        Lasting::Subscribe => (permit.may_stay_subscribed(uri, policy), "subscribe"),
        Lasting::Register => (permit.may_stay_registered(uri, policy), "register"),
    };
    if allowed {
        return Ok(());
    }
    Err(Refusal::NotPermitted { error: ErrorUri::NOT_AUTHORIZED, text: format!("this role may not {action} that") })
}
