//! A session actor towards realms: finding one, joining it, forwarding requests, and hearing what it says.

use super::super::clock;
use super::super::delivery::{Deliveries, Outgoing};
use super::super::realm::{Alive, Avoid, Commands, Join, Leave, Undeliverable};
use super::super::realm_shared::RealmShared;
use super::super::realms::{Find, Found};
use super::super::swap::Renewed;
use super::{drawn, Joining, SessionActor, Tie};
use crate::auth::{Admission, Denied, Guess, Identity, Work};
use crate::observe::Refusal;
use crate::routing::{CloseReason, Command, Member};
use crate::session::{Action, CloseCode, Door, Ending, Farewell, Refused};
use crate::wamp::message::{Invocation, Message as Wamp};
use crate::wamp::role::Announced;
use crate::wamp::{ErrorUri, MessageKind, Uri};
use actix::{Addr, AsyncContext, Context, Handler, Message};
use std::sync::Arc;
use std::time::Duration;

/// How long a transport is kept after a GOODBYE for the next HELLO.
const GOODBYE_GRACE: Duration = Duration::from_secs(2);

/// How long a challenge may be answered (A3).
const CHALLENGE_VALID: Duration = Duration::from_secs(10);

/// How often a realm that is being replaced is asked for again.
const RETRIES_MAX: u8 = 3;

impl Handler<Found> for SessionActor {
    type Result = ();

    fn handle(&mut self, Found(handle): Found, ctx: &mut Context<Self>) {
        let allowed =
            |name: &str| self.listener_realms.is_empty() || self.listener_realms.iter().any(|realm| realm == name);
        let Some(handle) = handle.filter(|handle| allowed(&handle.shared.settings.name)) else {
            let action = self.session.realm_missing();
            return self.obey(action, ctx);
        };
        let shared = Arc::clone(&handle.shared);
        self.handle = Some(handle);
        if shared.pressure.is_high() {
            return self.refuse_for_memory(ctx);
        }
        if self.joining.is_some() {
            // The realm was replaced while this session was on its way in.
            return self.join(ctx.address());
        }
        if self.session.agent().is_some_and(|agent| self.connection.knows_agent(agent)) {
            self.keepalive.activate();
        }
        let drawn = drawn();
        self.session_id = drawn.session;
        let binding = self.connection.channel_binding();
        self.note_knocking();
        let remembered = self.remembered(&shared);
        let vouched = self.connection.take_vouched();
        let door = Door { listener: &self.listener, binding, remembered, vouched, drawn };
        let action = self.session.realm_found(&*shared, &door);
        self.asking.begin();
        self.limit_challenge();
        self.obey(action, ctx);
    }
}

/// A proof was checked elsewhere.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Proven(Result<Admission, Denied>);

impl Handler<Proven> for SessionActor {
    type Result = ();

    fn handle(&mut self, Proven(verdict): Proven, ctx: &mut Context<Self>) {
        if let Some(shared) = self.handle.as_ref().map(|handle| Arc::clone(&handle.shared)) {
            let action = self.session.proven(&*shared, verdict);
            self.note_second();
            self.obey(action, ctx);
        }
    }
}

impl Handler<Deliveries> for SessionActor {
    type Result = ();

    fn handle(&mut self, deliveries: Deliveries, ctx: &mut Context<Self>) {
        self.road.arrived(&deliveries);
        for outgoing in deliveries.batch {
            match outgoing {
                Outgoing::Message(message) => self.send_from_realm(message, ctx),
                Outgoing::Event(event) => self.send_event(&event, ctx),
                Outgoing::Joined(key) => self.on_joined(key, ctx),
                Outgoing::JoinRefused { retry: true, .. } if self.retry_realm < RETRIES_MAX => {
                    self.find_again(ctx.address())
                }
                Outgoing::JoinRefused { error, text, .. } => {
                    let is_login = error == ErrorUri::AUTHENTICATION_DENIED;
                    self.tally.refused(if is_login { Refusal::AuthFailed } else { Refusal::Limit });
                    let action = self.session.join_refused(error, text);
                    self.obey(action, ctx);
                }
                Outgoing::Left => {
                    self.untie();
                    let action = self.session.left();
                    self.between_sessions();
                    self.obey(action, ctx);
                }
                Outgoing::Closed(reason) => {
                    if let (CloseReason::Killed { .. }, Some(handle)) = (&reason, &self.handle) {
                        self.forget_answers(&handle.shared);
                    }
                    self.untie();
                    let action = match reason {
                        CloseReason::Violation { text } => {
                            self.tally.refused(Refusal::ForgedId);
                            self.session.end(Farewell::violation(text))
                        }
                        CloseReason::Killed { reason, message } => self.session.killed(reason, message),
                    };
                    self.obey(action, ctx);
                }
                Outgoing::Probe => self.probe(),
                Outgoing::Settings(renewed) => self.live_by(*renewed),
                Outgoing::Missed(dropped) => self.miss(dropped),
                Outgoing::Overflow => {
                    self.cut_slow_consumer("more was on its way to this session than may wait for it", ctx)
                }
                Outgoing::RealmGone => {
                    self.untie();
                    let text = "the realm failed and was started again";
                    let (error, code) = (ErrorUri::REALM_RESTARTED, CloseCode::RESTARTED);
                    let action = self.session.end(Farewell::abort(Ending::RealmRestarted, error, text, code));
                    self.obey(action, ctx);
                }
            }
        }
    }
}

impl SessionActor {
    /// Does what the session core has decided.
    pub(super) fn obey(&mut self, action: Action, ctx: &mut Context<Self>) {
        match action {
            Action::Nothing => {}
            Action::FindRealm(realm) => self.find(realm, ctx.address()),
            Action::Send(message) => self.send(message, ctx),
            Action::Refuse(refused, error) => {
                self.tally.refused(match refused {
                    Refused::Uri => Refusal::Uri,
                    Refused::NotAuthorized => Refusal::Authz,
                    Refused::RateLimited => Refusal::RateLimited,
                });
                if let Some(error) = error {
                    self.send(*error, ctx);
                }
            }
            Action::Authenticate(proof) => {
                if let Some(shared) = self.handle.as_ref().map(|handle| Arc::clone(&handle.shared)) {
                    // Both proofs are one try.
                    let action = if self.session.awaits_second() || self.may_try(&shared) {
                        self.session.authenticate(&*shared, &proof)
                    } else {
                        self.session.too_many_attempts()
                    };
                    self.note_second();
                    self.obey(action, ctx);
                }
            }
            Action::Prove(work) => self.prove(work, ctx),
            Action::Ask => self.ask(ctx),
            Action::Authorize => self.authorize(ctx),
            Action::Join(identity, announced) => {
                self.attempt = None;
                self.settle();
                match self.count_login(&identity) {
                    Ok(()) => self.start_joining(identity, announced, ctx.address()),
                    Err(wait) => self.refuse_login(wait, ctx),
                }
            }
            Action::Forward(message) => self.forward(message),
            Action::Leave => {
                self.forward_commands();
                self.ask_to_leave();
            }
            Action::End(farewell) => {
                self.forward_commands();
                if matches!(farewell.ending, Ending::NotAuthenticated | Ending::Throttled | Ending::TooBusy) {
                    self.fail_login(farewell, ctx);
                } else {
                    self.end(farewell, ctx);
                }
            }
        }
    }

    /// A3.
    pub(super) fn limit_challenge(&mut self) {
        if self.session.is_challenging() {
            self.times.handshake_until = self.times.handshake_until.min(clock::now() + CHALLENGE_VALID);
        }
    }

    /// Whether the proof that has come may be looked at (A2).
    pub(super) fn may_try(&mut self, shared: &RealmShared) -> bool {
        self.note_knocking();
        let Some((realm, authid)) = self.session.claim() else { return true };
        let guess = Guess { realm, authid, address: self.connection.peer_address() };
        self.attempt = shared.logins.attempt(shared.settings.auth.throttle, &guess);
        self.attempt.is_some()
    }

    /// S3: nothing new is let in.
    pub(super) fn refuse_for_memory(&mut self, ctx: &mut Context<Self>) {
        let text = "the router is short of memory: come back later";
        let farewell = Farewell::abort(Ending::Overload, ErrorUri::OVERLOADED, text, CloseCode::TRY_LATER);
        let action = self.session.end(farewell);
        self.obey(action, ctx);
    }

    #[expect(clippy::disallowed_methods, reason = "one per HELLO: nothing more is read until it is answered")]
    fn find(&mut self, realm: Uri, me: Addr<Self>) {
        self.realms.do_send(Find { realm, session: me });
    }

    fn find_again(&mut self, me: Addr<Self>) {
        self.retry_realm += 1;
        if let Some(handle) = &self.handle {
            let realm = handle.shared.settings.uri.clone();
            self.find(realm, me);
        }
    }

    fn start_joining(&mut self, identity: Identity, announced: Announced, me: Addr<Self>) {
        self.joining = Some(Joining { identity, announced, session: self.session_id });
        self.join(me);
    }

    #[expect(clippy::disallowed_methods, reason = "one answer per AUTHENTICATE")]
    fn prove(&mut self, work: Work, ctx: &mut Context<Self>) {
        let Some(logins) = self.handle.as_ref().map(|handle| handle.shared.logins.clone()) else { return };
        let me = ctx.address();
        if logins.prove(work, Box::new(move |verdict| me.do_send(Proven(verdict)))).is_err() {
            let action = self.session.too_busy();
            self.obey(action, ctx);
        }
    }

    #[expect(clippy::disallowed_methods, reason = "one per HELLO: nothing more is read until it is answered")]
    pub(super) fn join(&mut self, me: Addr<Self>) {
        let (Some(handle), Some(joining)) = (&self.handle, &self.joining) else { return };
        if !handle.realm.connected() && self.retry_realm < RETRIES_MAX {
            return self.find_again(me);
        }
        let identity = &joining.identity;
        let outbox = handle.shared.outbox(&identity.authrole);
        self.outbox.set_settings(outbox);
        let member = Member {
            session: joining.session,
            authid: Arc::clone(&identity.authid),
            authrole: Arc::clone(&identity.authrole),
            authmethod: Arc::clone(&identity.authmethod),
            authprovider: Arc::clone(&identity.authprovider),
            announced: joining.announced,
            entrance: self.session.entrance().clone(),
            transport: self.connection.details(),
            permit: handle.shared.permit(identity),
        };
        let (road, shared) = (Arc::clone(&self.road), Arc::clone(&handle.shared));
        handle.realm.do_send(Join { member, session: me, road, outbox, shared });
    }

    /// The realm's settings have changed.
    fn live_by(&mut self, renewed: Renewed) {
        self.session.change_rules(renewed.rules);
        self.outbox.set_settings(renewed.outbox);
        if let Some(tie) = &mut self.tie {
            // What authorizers have said before is forgotten with what it was.
            tie.shared = Arc::clone(&renewed.shared);
        }
        if let Some(handle) = &mut self.handle {
            handle.shared = renewed.shared;
        }
    }

    fn on_joined(&mut self, key: crate::routing::SessionKey, ctx: &mut Context<Self>) {
        let (Some(handle), Some(joining)) = (&self.handle, self.joining.take()) else { return };
        // From here on a drop of the tie takes the session out of the realm, whatever happens.
        self.tie = Some(Tie {
            realm: handle.realm.clone(),
            key,
            session: joining.session,
            identity: joining.identity.clone(),
            shared: Arc::clone(&handle.shared),
            remembered: false,
        });
        self.retry_realm = 0;
        let action = self.session.joined(joining.session);
        if self.session.is_established() {
            self.remember(&handle.shared, &joining.identity);
            self.connection.welcomed();
            tracing::info!(
                realm = %crate::observe::shown(&handle.shared.settings.uri),
                session = %joining.session,
                authid = %crate::observe::shown(&joining.identity.authid),
                authrole = %joining.identity.authrole,
                "session open"
            );
        } else {
            self.tie = None;
        }
        self.obey(action, ctx);
    }

    /// Collects a request for the realm; it goes with the batch.
    #[inline]
    pub(super) fn forward(&mut self, message: Wamp) {
        let answers_an_invocation = if let Wamp::Yield(answer) = &message {
            !answer.options.progress
        } else {
            message.kind() == MessageKind::Error
        };
        if answers_an_invocation {
            self.open_invocations = self.open_invocations.saturating_sub(1);
        }
        // The session core forwards nothing that is no command.
        if let Ok(command) = Command::from_message(message) {
            self.commands.push(command);
        }
    }

    /// Sends the batch collected so far.
    #[expect(clippy::disallowed_methods, reason = "bounded by the credit: one batch per session under way")]
    pub(super) fn forward_commands(&mut self) {
        if self.commands.is_empty() {
            return;
        }
        let commands = std::mem::take(&mut self.commands);
        if let Some(tie) = &self.tie {
            self.credit.take();
            tie.realm.do_send(Commands { from: tie.key, commands, credit: Arc::clone(&self.credit) });
        }
    }

    /// A callee that does not read, or whose sign of life is overdue, gets no calls that another one can take (limits,
    /// section 3 and T7a).
    #[expect(clippy::disallowed_methods, reason = "one for each change of the callee's state")]
    pub(super) fn say_whether_to_avoid(&mut self) {
        let crowded =
            if self.avoided { !self.outbox.is_below_resume_mark() } else { self.outbox.is_above_pause_mark() };
        let avoid = crowded || self.keepalive.is_suspect();
        if avoid != self.avoided {
            self.avoided = avoid;
            if let Some(tie) = &self.tie {
                tie.realm.do_send(Avoid { callee: tie.key, avoid });
            }
        }
    }

    /// The realm asks for a sign of life: any octet is one. A peer that may not answer a ping is taken for alive.
    fn probe(&mut self) {
        self.probed = true;
        if self.keepalive.is_active() {
            self.stage_ping();
        } else {
            self.show_life();
        }
    }

    /// Octets came, or must be believed to come.
    #[expect(clippy::disallowed_methods, reason = "one for each question of the realm")]
    pub(super) fn show_life(&mut self) {
        if std::mem::take(&mut self.probed) {
            if let Some(tie) = &self.tie {
                tie.realm.do_send(Alive(tie.key));
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "one per session's life")]
    fn ask_to_leave(&mut self) {
        if let Some(tie) = &self.tie {
            tie.realm.do_send(Leave(tie.key));
        }
    }

    #[expect(clippy::disallowed_methods, reason = "at most one per INVOCATION that could not be handed over")]
    pub(super) fn undeliverable(&mut self, invocation: Invocation, error: ErrorUri) {
        self.tally.add_undeliverable(1);
        if let Some(tie) = &self.tie {
            tie.realm.do_send(Undeliverable { callee: tie.key, invocation: Box::new(invocation), error });
        }
    }

    /// The realm no longer knows this session.
    fn untie(&mut self) {
        if let Some(tie) = self.tie.take() {
            // Its drop asks to leave once more, which the realm ignores.
            drop(tie);
        }
    }

    /// The transport may open another session.
    fn between_sessions(&mut self) {
        self.handle = None;
        self.avoided = false;
        self.open_invocations = 0;
        self.last_invocation = None;
        self.overflow_log = super::output::OverflowLog::default();
        self.outbox.told_missed();
        self.had_session = true;
        self.times.handshake_until = clock::now() + GOODBYE_GRACE;
        self.credit = super::Credit::new();
    }
}
