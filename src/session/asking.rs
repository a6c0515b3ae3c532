//! A login that somebody else knows of: the session waits for an answer and reads nothing meanwhile.
//! Source: section 11.6 of the reference.

use super::{Action, Doorman, Ending, Session, State};
use crate::auth::{Answer, Bench, Fault, Inquiry, Judged, Judgement, Memo};
use crate::wamp::{ErrorUri, Outcome};

/// What an answer comes to.
#[derive(Debug)]
pub struct Heard {
    /// What is to be done.
    pub action: Action,
    /// What was wrong with whoever was asked.
    pub fault: Option<Fault>,
    /// What may be remembered.
    pub memo: Option<Memo>,
}

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

    /// What [`Action::Ask`] came to.
    pub fn told(&mut self, doorman: &impl Doorman, outcome: Outcome) -> Heard {
        self.follow(doorman, |inquiry, bench| inquiry.judge(outcome, bench))
    }

    /// The same, where the answer was remembered.
    pub fn recalled(&mut self, doorman: &impl Doorman, answer: Answer) -> Heard {
        self.follow(doorman, |inquiry, bench| inquiry.recall(answer, bench))
    }

    fn follow(&mut self, doorman: &impl Doorman, judge: impl FnOnce(Box<Inquiry>, Bench<'_>) -> Judged) -> Heard {
        let nothing = Heard { action: Action::Nothing, fault: None, memo: None };
        if self.inquiry().is_none() {
            return nothing;
        }
        let State::Asking { arrival, inquiry } = std::mem::replace(&mut self.state, State::Ended) else {
            return nothing;
        };
        let bench = Bench {
            settings: doorman.auth(),
            node_secret: doorman.node_secret(),
            has_role: &|role| doorman.has_role(role),
        };
        let Judged { judgement, fault, memo } = judge(inquiry, bench);
        let action = match judgement {
            Judgement::Ask(inquiry) => {
                self.state = State::Asking { arrival, inquiry };
                Action::Ask
            }
            Judgement::Challenge(challenge) => self.challenge(arrival, challenge),
            Judgement::Decided(verdict) => self.judged(doorman, arrival, verdict),
        };
        Heard { action, fault, memo }
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
