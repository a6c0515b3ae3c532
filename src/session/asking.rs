//! A login that somebody else knows of: the session waits for an answer and reads nothing meanwhile.
//! Source: section 11.6 of the reference.

use super::{Action, Doorman, Ending, Session, State};
use crate::auth::{Bench, Fault, Inquiry, Judged, Judgement};
use crate::wamp::{ErrorUri, Outcome};

impl Session {
    /// What is to be asked, while [`Action::Ask`] is not answered.
    pub fn inquiry(&self) -> Option<&Inquiry> {
        match &self.state {
            State::Asking { inquiry, .. } => Some(inquiry),
            State::AwaitingHello
            | State::FindingRealm { .. }
            | State::Challenging { .. }
            | State::Proving { .. }
            | State::Joining { .. }
            | State::Established { .. }
            | State::Leaving { .. }
            | State::ShuttingDown { .. }
            | State::Ended => None,
        }
    }

    /// What [`Action::Ask`] came to; and what was wrong with whoever was asked.
    pub fn told(&mut self, doorman: &impl Doorman, outcome: Outcome) -> (Action, Option<Fault>) {
        if self.inquiry().is_none() {
            return (Action::Nothing, None);
        }
        let State::Asking { arrival, inquiry } = std::mem::replace(&mut self.state, State::Ended) else {
            return (Action::Nothing, None);
        };
        let bench = Bench {
            settings: doorman.auth(),
            node_secret: doorman.node_secret(),
            has_role: &|role| doorman.rules(role).is_some(),
        };
        let Judged { judgement, fault } = inquiry.judge(outcome, bench);
        let action = match judgement {
            Judgement::Ask(inquiry) => {
                self.state = State::Asking { arrival, inquiry };
                Action::Ask
            }
            Judgement::Challenge(challenge) => self.challenge(arrival, challenge),
            Judgement::Decided(verdict) => self.judged(doorman, arrival, verdict),
        };
        (action, fault)
    }
}

/// What a session that is denied ends as: guesses are counted, an authenticator's trouble is not the client's.
pub(super) fn ending_of(error: ErrorUri) -> Ending {
    if error == ErrorUri::AUTHENTICATION_FAILED {
        Ending::AuthenticatorFailed
    } else {
        Ending::NotAuthenticated
    }
}
