//! HELLO, CHALLENGE, AUTHENTICATE, WELCOME. Source: sections 4.1 and 11.1 of the reference.

use super::asking::ending_of;
use super::authorizing::Held;
use super::{unexpected, Action, CloseCode, Ending, Farewell, Rules, Session, State};
use crate::auth::once::{Purpose, Vouched};
use crate::auth::{
    self, Admission, AuthSettings, Claim, Denied, Drawn, Identity, Method, Next, NodeSecret, Opening, Remembered,
    Rounds, Verdict,
};
use crate::wamp::message::{Challenge, Hello, Message, Welcome};
use crate::wamp::options::{HelloDetails, WelcomeDetails};
use crate::wamp::role::{Announced, Roles};
use crate::wamp::uri::{self, UriRules};
use crate::wamp::{Dict, Entrance, ErrorUri, MatchPolicy, MessageKind, SessionId, Uri, WallTime};
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// What a HELLO said that is still needed until WELCOME.
#[derive(Debug)]
pub struct Arrival {
    realm: Uri,
    details: Box<HelloDetails>,
    announced: Announced,
    rounds: Rounds,
}

/// Where a peer came in, and what its login uses.
#[derive(Clone, Debug)]
pub struct Door<'a> {
    /// The listener's name.
    pub listener: &'a str,
    /// `tls-exporter` of the connection, where it has one.
    pub binding: Option<[u8; 32]>,
    /// Who has proven himself before in the peer's browser.
    pub remembered: Option<Remembered>,
    /// Whom a one-time ticket lets in, which came with the connection and was used up by that.
    pub vouched: Option<Vouched>,
    /// Fresh for this HELLO.
    pub drawn: Drawn,
}

/// What an AUTHENTICATE says. Never printed.
pub struct Proof {
    signature: Zeroizing<String>,
    extra: Dict,
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// What a realm says about who may enter it.
pub trait Doorman {
    /// Its authentication methods.
    fn auth(&self) -> &AuthSettings;
    /// What names that nobody has are answered from.
    fn node_secret(&self) -> &NodeSecret;
    /// Whether it has a role.
    fn has_role(&self, role: &str) -> bool;
    /// What somebody lives by, who is let in; `None` if the realm lacks the role.
    fn rules(&self, identity: &Identity) -> Option<Arc<Rules>>;
}

impl Session {
    /// The agent named in a HELLO that is under way.
    pub fn agent(&self) -> Option<&str> {
        match &self.state {
            State::FindingRealm { arrival }
            | State::Challenging { arrival, .. }
            | State::Proving { arrival }
            | State::Asking { arrival, .. } => arrival.details.agent.as_deref(),
            State::AwaitingHello
            | State::Joining { .. }
            | State::Established { .. }
            | State::Leaving { .. }
            | State::ShuttingDown { .. }
            | State::Ended => None,
        }
    }

    pub(super) fn receive_hello(&mut self, message: Message) -> Action {
        let kind = message.kind();
        if kind == MessageKind::Abort {
            return self.abandon();
        }
        let Message::Hello(hello) = message else { return self.violation(unexpected(kind, "before HELLO")) };
        match admit(hello) {
            Ok(arrival) => {
                let realm = arrival.realm.clone();
                self.state = State::FindingRealm { arrival: Box::new(arrival) };
                Action::FindRealm(realm)
            }
            Err(farewell) => self.end(farewell),
        }
    }

    /// There is no such realm, and none is made on demand (R8).
    pub fn realm_missing(&mut self) -> Action {
        let text = "no realm of this name; check the realm in the client and in the configuration";
        self.end(Farewell::abort(Ending::NoSuchRealm, ErrorUri::NO_SUCH_REALM, text, CloseCode::POLICY))
    }

    /// The realm is there: who may enter is now known.
    pub fn realm_found(&mut self, doorman: &impl Doorman, door: &Door<'_>) -> Action {
        let State::FindingRealm { mut arrival } = std::mem::replace(&mut self.state, State::Ended) else {
            return Action::Nothing;
        };
        self.by_ticket = door.vouched.is_some();
        if let Some(vouched) = &door.vouched {
            return match arrival.vouched_for(vouched, doorman.auth(), &self.entrance, door.drawn.time) {
                Ok(admission) => self.enter(doorman, &arrival, admission),
                Err(denied) => self.deny(denied),
            };
        }
        let claim = Claim {
            realm: arrival.realm.as_str(),
            authmethods: &arrival.details.authmethods,
            authid: arrival.details.authid.as_deref(),
            authextra: &arrival.details.authextra,
            listener: door.listener,
            binding: door.binding,
            node_secret: doorman.node_secret(),
            drawn: &door.drawn,
            certificate: self.certificate.as_deref(),
            remembered: door.remembered.as_ref(),
        };
        let opening = auth::open(doorman.auth(), &claim);
        let rounds = Rounds::begin(doorman.auth(), &claim);
        arrival.rounds = rounds;
        match opening {
            Ok(Opening::Welcome(identity)) => {
                self.enter(doorman, &arrival, Admission { identity, authextra: Dict::new() })
            }
            Ok(Opening::Challenge(challenge)) => self.challenge(arrival, challenge),
            Ok(Opening::Ask(inquiry)) => {
                self.state = State::Asking { arrival, inquiry };
                Action::Ask
            }
            Err(denied) => self.deny(denied),
        }
    }

    pub(super) fn challenge(&mut self, mut arrival: Box<Arrival>, challenge: auth::Challenge) -> Action {
        arrival.rounds.challenged(&challenge);
        let message = Challenge { method: challenge.method().name().to_owned(), extra: challenge.extra() };
        self.state = State::Challenging { arrival, challenge: Box::new(challenge) };
        Action::Send(message.into())
    }

    /// The proof is checked by [`Session::authenticate`]: the realm's users are not this room's.
    pub(super) fn receive_authenticate(&mut self, message: Message) -> Action {
        let kind = message.kind();
        if kind == MessageKind::Abort {
            return self.abandon();
        }
        let Message::Authenticate(authenticate) = message else {
            return self.violation(unexpected(kind, "after CHALLENGE"));
        };
        Action::Authenticate(Proof { signature: authenticate.signature.into(), extra: authenticate.extra })
    }

    /// The peer has given up before it had a session (R12: not answered).
    fn abandon(&mut self) -> Action {
        self.end(Farewell { ending: Ending::Orderly, message: None, code: CloseCode::NORMAL })
    }

    /// The proof of an AUTHENTICATE, checked against what was asked for. The challenge is used up, whatever comes of it (A3).
    pub fn authenticate(&mut self, doorman: &impl Doorman, proof: &Proof) -> Action {
        let State::Challenging { arrival, challenge } = std::mem::replace(&mut self.state, State::Ended) else {
            return Action::Nothing;
        };
        match challenge.verify(&proof.signature, &proof.extra) {
            Verdict::Now(verdict) => self.judged(doorman, arrival, verdict),
            Verdict::Later(work) => {
                self.state = State::Proving { arrival };
                Action::Prove(work)
            }
            Verdict::Ask(inquiry) => {
                self.state = State::Asking { arrival, inquiry };
                Action::Ask
            }
        }
    }

    /// What [`Action::Prove`] came to.
    pub fn proven(&mut self, doorman: &impl Doorman, verdict: Result<Admission, Denied>) -> Action {
        if !matches!(self.state, State::Proving { .. }) {
            return Action::Nothing;
        }
        let State::Proving { arrival } = std::mem::replace(&mut self.state, State::Ended) else {
            return Action::Nothing;
        };
        self.judged(doorman, arrival, verdict)
    }

    /// A proof was judged: the session goes on, or is asked for a second one (D44).
    pub(super) fn judged(
        &mut self,
        doorman: &impl Doorman,
        mut arrival: Box<Arrival>,
        verdict: Result<Admission, Denied>,
    ) -> Action {
        match arrival.rounds.step(verdict, doorman.auth(), doorman.node_secret()) {
            Next::Decided(Ok(admission)) => self.enter(doorman, &arrival, admission),
            Next::Decided(Err(denied)) => self.deny(denied),
            Next::Challenge(challenge) => self.challenge(arrival, challenge),
            Next::Ask(inquiry) => {
                self.state = State::Asking { arrival, inquiry };
                Action::Ask
            }
        }
    }

    /// Whether the first of two proofs has come and what it comes to is not told yet.
    pub fn awaits_second(&self) -> bool {
        match &self.state {
            State::Challenging { arrival, .. } | State::Proving { arrival } | State::Asking { arrival, .. } => {
                arrival.rounds.is_second()
            }
            State::AwaitingHello
            | State::FindingRealm { .. }
            | State::Joining { .. }
            | State::Established { .. }
            | State::Leaving { .. }
            | State::ShuttingDown { .. }
            | State::Ended => false,
        }
    }

    /// By which other method the peer has proven who it is, where it took two.
    pub fn second(&self) -> Option<Method> {
        self.second
    }

    /// Whether a one-time ticket has let the peer in, and no proof of its own.
    pub fn came_by_ticket(&self) -> bool {
        self.by_ticket
    }

    /// There is no room for [`Action::Prove`] (A2).
    pub fn too_busy(&mut self) -> Action {
        let text = "too many logins are being checked: come back later";
        self.end(Farewell::abort(Ending::TooBusy, ErrorUri::BUSY, text, CloseCode::POLICY))
    }

    /// Too many proofs were wrong: this one is not looked at (A2).
    pub fn too_many_attempts(&mut self) -> Action {
        let text = auth::TOO_MANY_ATTEMPTS;
        self.end(Farewell::abort(Ending::Throttled, ErrorUri::TOO_MANY_ATTEMPTS, text, CloseCode::POLICY))
    }

    /// More of the peer's role log in than may (X6): it was let in, and is not.
    pub fn too_many_logins(&mut self, wait: Duration) -> Action {
        let text = format!("too many logins of this role: come back in {} ms", wait.as_millis() + 1);
        self.end(Farewell::abort(Ending::RateLimited, ErrorUri::RATE_LIMITED, text, CloseCode::TRY_LATER))
    }

    /// Where the peer wants to go and as whom, while its proof or an answer about it is awaited.
    pub fn claim(&self) -> Option<(&Uri, &str)> {
        match &self.state {
            State::Challenging { arrival, challenge } => Some((&arrival.realm, challenge.authid())),
            State::Asking { arrival, inquiry } => Some((&arrival.realm, inquiry.authid())),
            State::AwaitingHello
            | State::FindingRealm { .. }
            | State::Proving { .. }
            | State::Joining { .. }
            | State::Established { .. }
            | State::Leaving { .. }
            | State::ShuttingDown { .. }
            | State::Ended => None,
        }
    }

    /// Who tries to come in, and by which method, or those that it names.
    pub fn knocking(&self) -> Option<(&str, String)> {
        let (arrival, method) = match &self.state {
            State::FindingRealm { arrival } => (arrival, arrival.details.authmethods.join(" ")),
            State::Challenging { arrival, challenge } => (arrival, challenge.method().name().to_owned()),
            State::Asking { arrival, inquiry } => (arrival, inquiry.method().name().to_owned()),
            State::AwaitingHello
            | State::Proving { .. }
            | State::Joining { .. }
            | State::Established { .. }
            | State::Leaving { .. }
            | State::ShuttingDown { .. }
            | State::Ended => return None,
        };
        Some((arrival.details.authid.as_deref().unwrap_or_default(), method))
    }

    /// Why the peer was not let in, where it was told less.
    pub fn denied_because(&self) -> Option<&'static str> {
        self.denied
    }

    /// The realm has let the session in.
    pub fn joined(&mut self, session: SessionId) -> Action {
        if !matches!(self.state, State::Joining { .. }) {
            return Action::Nothing;
        }
        let State::Joining { realm, identity, authextra, rules, announced } =
            std::mem::replace(&mut self.state, State::Ended)
        else {
            return Action::Nothing;
        };
        let mut welcome = welcome(session, realm, &identity, rules.features.roles());
        let held = rules.authorizer.is_some().then(|| Box::new(Held::new(authextra.clone())));
        welcome.details.authextra = authextra;
        self.state = State::Established { rules, announced, held };
        Action::Send(welcome.into())
    }

    /// The realm is full, or failed.
    pub fn join_refused(&mut self, error: ErrorUri, text: &str) -> Action {
        self.end(Farewell::abort(Ending::Limit, error, text, CloseCode::TRY_LATER))
    }

    pub(super) fn enter(&mut self, doorman: &impl Doorman, arrival: &Arrival, admission: Admission) -> Action {
        let Admission { identity, authextra } = admission;
        // Behind the proof, or it would tell who exists.
        if let Err(denied) = doorman.auth().lets_in(&identity, &self.entrance) {
            return self.deny(denied);
        }
        let Some(rules) = doorman.rules(&identity) else {
            let text = "the role of this principal does not exist in the realm";
            return self.deny(Denied::new(ErrorUri::NO_SUCH_ROLE, text));
        };
        self.second = arrival.rounds.second();
        let (realm, announced) = (arrival.realm.clone(), arrival.announced);
        self.state = State::Joining { realm, identity: identity.clone(), authextra, rules, announced };
        Action::Join(identity, announced)
    }

    pub(super) fn deny(&mut self, denied: Denied) -> Action {
        self.state = State::Ended;
        self.denied = denied.reason;
        Action::End(Farewell::abort(ending_of(denied.error), denied.error, denied.text, CloseCode::POLICY))
    }
}

impl Arrival {
    /// Lets in whom a one-time ticket is for, whatever methods HELLO names; no other name, and no other realm (A4).
    ///
    /// # Errors
    /// [`Denied`], as for a wrong proof.
    fn vouched_for(
        &self,
        vouched: &Vouched,
        auth: &AuthSettings,
        entrance: &Entrance,
        now: WallTime,
    ) -> Result<Admission, Denied> {
        let identity = &vouched.identity;
        let is_meant = self.details.authid.as_deref().is_none_or(|said| said == &*identity.authid);
        if vouched.purpose != Purpose::WebSocket || vouched.realm != self.realm || !is_meant {
            return Err(Denied::wrong());
        }
        auth.lets_in_again(identity, entrance, now)?;
        Ok(Admission { identity: identity.clone(), authextra: Dict::new() })
    }
}

fn admit(hello: Hello) -> Result<Arrival, Farewell> {
    let announced = Announced::read(&hello.details.roles);
    if !announced.any() {
        // R5.
        return Err(Farewell::violation("HELLO: Details.roles must announce publisher, subscriber, caller or callee"));
    }
    let Some(realm) = hello.realm else {
        // D28.
        let text = "HELLO names no realm";
        return Err(Farewell::abort(Ending::NoSuchRealm, ErrorUri::NO_SUCH_REALM, text, CloseCode::POLICY));
    };
    if let Err(fault) = uri::check(&realm, UriRules::Loose, MatchPolicy::Exact) {
        // R9.
        let text = format!("HELLO: Realm: {fault}");
        return Err(Farewell::abort(Ending::BadRealm, ErrorUri::INVALID_URI, text, CloseCode::POLICY));
    }
    Ok(Arrival { realm: realm.detached(), details: hello.details, announced, rounds: Rounds::default() })
}

fn welcome(session: SessionId, realm: Uri, identity: &Identity, roles: Roles) -> Welcome {
    Welcome {
        session,
        details: Box::new(WelcomeDetails {
            roles,
            agent: Some(concat!("wharf/", env!("CARGO_PKG_VERSION")).to_owned()),
            realm: Some(realm),
            authid: Some(identity.authid.to_string()),
            authrole: Some(identity.authrole.to_string()),
            authmethod: Some(identity.authmethod.to_string()),
            authprovider: Some(identity.authprovider.to_string()),
            authextra: Vec::new(),
        }),
    }
}
