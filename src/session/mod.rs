//! One connection's protocol state, from HELLO to GOODBYE, as a pure state machine.
//!
//! ```text
//!                    +------------------------- HELLO (no proof wanted) ------------------------+
//!                    |                                                                          v
//! AwaitingHello --> FindingRealm --> Challenging --AUTHENTICATE--> Joining --(realm: yes)--> Established
//!    |                  |    \--> Asking --^  \--> Proving (a costly proof) --^    |                |
//!    |                  |                |     \--> Asking (an authenticator) -^   |                |
//!    |                  |                \--> Challenging (a second proof, if it takes two)          |
//!    ^                  |                |                            |                          |
//!    |                refused          denied                      refused        GOODBYE, kill, shutdown
//!    |                  v                v                            v                          v
//!    |                Ended <----------------------------------------------- violation ------ Leaving
//!    |                  ^                                                                        |
//!    |                  +-------- the peer's GOODBYE, or time ---------- ShuttingDown <----------+ (the router's wish)
//!    +----------------------------------------------------------------------------------------------+ (the peer's wish)
//! ```
//!
//! What arrives is a method; what follows from it is the [`Action`] given back. Whether a message is lawful and permitted is
//! decided here; what it does to the realm is decided in `routing`. Nothing here sends, waits or looks at a clock.
//! Source: section 4 of the reference.

mod asking;
mod authorizing;
mod close;
mod established;
mod explain;
mod handshake;
mod history;
mod rate;
mod request_ids;

pub use asking::Heard;
pub use authorizing::petition_of;
pub use close::{CloseCode, Ending, Farewell};
pub use established::{Disclose, Refused, Rules, Told};
pub use explain::{Answer, Question};
pub use handshake::{Arrival, Door, Doorman, Proof};
pub use history::GET_EVENTS;
pub use rate::{Allowance, Allowances, Rate};

use crate::auth::{Certificate, Challenge, Identity, Inquiry, Method, Work};
use crate::wamp::message::{Goodbye, Message};
use crate::wamp::options::CloseDetails;
use crate::wamp::role::Announced;
use crate::wamp::{Dict, Entrance, ErrorUri, MessageKind, Uri};
use request_ids::RequestIds;
use std::sync::Arc;
use std::time::Instant;

/// What the connection's owner has to do.
#[derive(Debug)]
pub enum Action {
    /// Nothing.
    Nothing,
    /// Look the realm up, then call [`Session::realm_found`] or [`Session::realm_missing`].
    FindRealm(Uri),
    /// Send this to the peer.
    Send(Message),
    /// Send this ERROR to the peer, if there is one, and count the refusal.
    Refuse(Refused, Option<Box<Message>>),
    /// Check this proof against the realm's users: [`Session::authenticate`].
    Authenticate(Proof),
    /// Compute this where it holds nobody up, then call [`Session::proven`] or [`Session::too_busy`].
    Prove(Work),
    /// Ask an authenticator what [`Session::inquiry`] says, then call [`Session::told`].
    Ask,
    /// Ask the authorizer about the message given to [`Session::hold`], then call [`Session::authorized`]. A message that
    /// [`Session::judge`] was given is still its owner's: it is to be held first.
    Authorize,
    /// Let this identity into the realm, then call [`Session::joined`] or [`Session::join_refused`].
    Join(Identity, Announced),
    /// Hand this request on to the realm.
    Forward(Message),
    /// Leave the realm, then call [`Session::left`].
    Leave,
    /// It is over: leave the realm if joined, send the last message, close the transport.
    End(Farewell),
}

#[derive(Debug)]
enum State {
    AwaitingHello,
    FindingRealm {
        arrival: Box<Arrival>,
    },
    Challenging {
        arrival: Box<Arrival>,
        challenge: Box<Challenge>,
    },
    /// The proof is being checked elsewhere.
    Proving {
        arrival: Box<Arrival>,
    },
    /// Somebody else is asked: before a challenge, or about a ticket.
    Asking {
        arrival: Box<Arrival>,
        inquiry: Box<Inquiry>,
    },
    Joining {
        realm: Uri,
        identity: Identity,
        /// For WELCOME.
        authextra: Dict,
        rules: Arc<Rules>,
        announced: Announced,
    },
    Established {
        rules: Arc<Rules>,
        announced: Announced,
        /// Only for roles that ask an authorizer.
        held: Option<Box<authorizing::Held>>,
    },
    /// The realm has been told; what is said when it has answered.
    Leaving {
        goodbye: Box<Goodbye>,
        then: AfterGoodbye,
    },
    /// The router's GOODBYE is out; the peer's is awaited.
    ShuttingDown {
        code: CloseCode,
    },
    Ended,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum AfterGoodbye {
    /// The peer asked: its transport may open another session (R15).
    AwaitHello,
    /// The router asked: it waits for the peer's GOODBYE.
    AwaitGoodbye(CloseCode),
}

/// The state of one connection.
#[derive(Debug)]
pub struct Session {
    state: State,
    request_ids: RequestIds,
    /// What it has made use of, where its role has a rate.
    used: rate::Used,
    /// Why it was not let in, for the operator only.
    denied: Option<&'static str>,
    /// By what it was proven besides, where two proofs are needed.
    second: Option<Method>,
    /// What the peer has shown to the transport.
    certificate: Option<Arc<Certificate>>,
    /// Where it came in.
    entrance: Entrance,
    /// Whether its questions about history need no right to call.
    asks_history: bool,
    /// Whether a one-time ticket has let it in.
    by_ticket: bool,
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

impl Session {
    /// A connection on which nothing was said yet.
    pub fn new() -> Self {
        Self {
            state: State::AwaitingHello,
            request_ids: RequestIds::default(),
            used: rate::Used::default(),
            denied: None,
            second: None,
            certificate: None,
            entrance: Entrance::default(),
            asks_history: false,
            by_ticket: false,
        }
    }

    /// The transport has verified this certificate of the peer.
    #[must_use]
    pub fn with_certificate(self, certificate: Option<Arc<Certificate>>) -> Self {
        Self { certificate, ..self }
    }

    /// It came in there.
    #[must_use]
    pub fn with_entrance(self, entrance: Entrance) -> Self {
        Self { entrance, ..self }
    }

    /// It may ask for the history of what it may subscribe to, whatever its role may call: the realm looks at that.
    pub fn ask_history(&mut self) {
        self.asks_history = true;
    }

    /// Where it came in.
    pub fn entrance(&self) -> &Entrance {
        &self.entrance
    }

    /// A session whose handshake happened elsewhere (HTTP): it has only to join, and can do nothing beyond the basics.
    pub fn authenticated(realm: Uri, identity: Identity, rules: Arc<Rules>) -> Self {
        let announced = Announced::default();
        Self { state: State::Joining { realm, identity, authextra: Dict::new(), rules, announced }, ..Self::new() }
    }

    /// Whether messages are taken in this state. Where not, the peer's octets wait in its socket.
    pub fn takes_messages(&self) -> bool {
        match self.state {
            State::Established { ref held, .. } => held.as_ref().is_none_or(|held| !held.is_waiting()),
            State::AwaitingHello | State::Challenging { .. } | State::ShuttingDown { .. } => true,
            State::FindingRealm { .. }
            | State::Proving { .. }
            | State::Asking { .. }
            | State::Joining { .. }
            | State::Leaving { .. }
            | State::Ended => false,
        }
    }

    /// Whether WELCOME was said and nothing has ended it yet.
    pub fn is_established(&self) -> bool {
        matches!(self.state, State::Established { .. })
    }

    /// Whether a session is still to be opened: the time for that runs. Not so while one is being left.
    pub fn is_opening(&self) -> bool {
        match self.state {
            State::AwaitingHello
            | State::FindingRealm { .. }
            | State::Challenging { .. }
            | State::Proving { .. }
            | State::Asking { .. }
            | State::Joining { .. } => true,
            State::Established { .. } | State::Leaving { .. } | State::ShuttingDown { .. } | State::Ended => false,
        }
    }

    /// Whether a CHALLENGE is out and its answer is awaited.
    pub fn is_challenging(&self) -> bool {
        matches!(self.state, State::Challenging { .. })
    }

    /// Whether no session is open and none is being opened: between two sessions, or before the first.
    pub fn is_awaiting_hello(&self) -> bool {
        matches!(self.state, State::AwaitingHello)
    }

    /// Whether the router's GOODBYE is out and only the peer's is awaited.
    pub fn is_shutting_down(&self) -> bool {
        matches!(self.state, State::ShuttingDown { .. })
    }

    /// One message from the peer.
    pub fn receive(&mut self, message: Message) -> Action {
        match &mut self.state {
            State::Established { .. } => {
                let mut message = message;
                match self.judge(&mut message) {
                    None => Action::Forward(message),
                    Some(Action::Authorize) => {
                        self.hold(message);
                        Action::Authorize
                    }
                    Some(action) => action,
                }
            }
            State::AwaitingHello => self.receive_hello(message),
            State::Challenging { .. } => self.receive_authenticate(message),
            State::ShuttingDown { code } => {
                let code = *code;
                if matches!(message, Message::Goodbye(_) | Message::Abort(_)) {
                    self.end(Farewell { ending: Ending::Orderly, message: None, code })
                } else {
                    // R13.
                    Action::Nothing
                }
            }
            State::FindingRealm { .. }
            | State::Proving { .. }
            | State::Asking { .. }
            | State::Joining { .. }
            | State::Leaving { .. }
            | State::Ended => Action::Nothing,
        }
    }

    /// One message from the peer of an open session, judged in place. `None`: it goes on to the realm, as it is by then.
    /// For the many; [`Session::receive`] takes any message in any state.
    #[inline]
    pub fn judge(&mut self, message: &mut Message) -> Option<Action> {
        let State::Established { rules, announced, .. } = &self.state else { return Some(Action::Nothing) };
        if self.asks_history && history::is_question(rules, &mut self.request_ids, message) {
            return None;
        }
        match established::judge(rules, *announced, &mut self.request_ids, &mut self.used, message) {
            Ok(established::Decision::Forward) => None,
            Ok(established::Decision::Refuse(refused, error)) => Some(Action::Refuse(refused, error)),
            Ok(established::Decision::Ask) => Some(Action::Authorize),
            Ok(established::Decision::Discard) => Some(Action::Nothing),
            Ok(established::Decision::Goodbye) => {
                let goodbye = Goodbye { details: CloseDetails::default(), reason: ErrorUri::GOODBYE_AND_OUT.to_uri() };
                self.state = State::Leaving { goodbye: Box::new(goodbye), then: AfterGoodbye::AwaitHello };
                Some(Action::Leave)
            }
            // R12: never answered.
            Ok(established::Decision::Abort) => {
                Some(self.end(Farewell { ending: Ending::Orderly, message: None, code: CloseCode::NORMAL }))
            }
            Err(violation) => Some(self.violation(violation)),
        }
    }

    /// It is so late, for the messages that come next (X6).
    #[inline]
    pub fn set_time(&mut self, now: Instant) {
        self.used.set_time(now);
    }

    /// What is left of the role's rate, if it has one; only then is the clock looked at.
    pub fn allowances(&self, now: impl FnOnce() -> Instant) -> Option<Allowances> {
        let State::Established { rules, .. } = &self.state else { return None };
        rules.rate.as_ref().map(|rate| self.used.left(rate, now()))
    }

    /// Something that could not even be read as a message (R20), or that broke the realm's rules.
    pub fn violation(&mut self, text: impl Into<String>) -> Action {
        if self.is_shutting_down() {
            return Action::Nothing;
        }
        self.end(Farewell::violation(text))
    }

    /// The realm has disposed of the session, as asked for by [`Action::Leave`].
    pub fn left(&mut self) -> Action {
        if !matches!(self.state, State::Leaving { .. }) {
            return Action::Nothing;
        }
        let State::Leaving { goodbye, then } = std::mem::replace(&mut self.state, State::Ended) else {
            return Action::Nothing;
        };
        self.state = match then {
            AfterGoodbye::AwaitHello => State::AwaitingHello,
            AfterGoodbye::AwaitGoodbye(code) => State::ShuttingDown { code },
        };
        self.request_ids = RequestIds::default();
        self.used = rate::Used::default();
        Action::Send((*goodbye).into())
    }

    /// The realm's rules have changed. What WELCOME has said, and what the request ids so far depend on, stays for this session.
    pub fn change_rules(&mut self, new: Arc<Rules>) {
        let (State::Established { rules, .. } | State::Joining { rules, .. }) = &mut self.state else { return };
        let (strict_request_ids, features) = (rules.strict_request_ids, rules.features);
        *rules = if new.strict_request_ids == strict_request_ids && new.features == features {
            new
        } else {
            Arc::new(Rules { strict_request_ids, features, ..(*new).clone() })
        };
    }

    /// The realm has ended the session by itself and disposed of it: killed by the meta API.
    pub fn killed(&mut self, reason: Uri, message: Option<String>) -> Action {
        if !self.is_established() {
            return Action::Nothing;
        }
        self.state = State::ShuttingDown { code: CloseCode::NORMAL };
        Action::Send(Goodbye { details: CloseDetails { message }, reason }.into())
    }

    /// The router wants the session to end in order: shutdown, removal of the realm.
    pub fn shut_down(&mut self, reason: ErrorUri, message: &str, code: CloseCode) -> Action {
        let details = CloseDetails { message: Some(message.to_owned()) };
        match self.state {
            State::Established { .. } => {
                let goodbye = Goodbye { details, reason: reason.to_uri() };
                self.state = State::Leaving { goodbye: Box::new(goodbye), then: AfterGoodbye::AwaitGoodbye(code) };
                Action::Leave
            }
            State::AwaitingHello
            | State::FindingRealm { .. }
            | State::Challenging { .. }
            | State::Proving { .. }
            | State::Asking { .. }
            | State::Joining { .. } => self.end(Farewell::abort(Ending::Shutdown, reason, message, code)),
            State::Leaving { ref mut then, .. } => {
                *then = AfterGoodbye::AwaitGoodbye(code);
                Action::Nothing
            }
            State::ShuttingDown { .. } | State::Ended => Action::Nothing,
        }
    }

    /// Ends at once, in whatever state, with what there is to say.
    pub fn end(&mut self, farewell: Farewell) -> Action {
        if matches!(self.state, State::Ended) {
            return Action::Nothing;
        }
        self.state = State::Ended;
        Action::End(farewell)
    }
}

/// The text of a violation by a message that has no place in this state.
fn unexpected(kind: MessageKind, state: &str) -> String {
    format!("unexpected {kind} {state}")
}

#[cfg(test)]
mod tests;
