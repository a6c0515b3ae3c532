//! An open session: is this message lawful, and may this identity do that?
//!
//! Both are answered before the realm hears of it, and the permission before existence (R108).
//! Source: sections 4.3, 5, 8, 9 and 12 of the reference.

mod told;

pub(super) use told::resume;

use super::rate::{Rate, Used};
use super::request_ids::{CallId, RequestIds};
use super::unexpected;
use crate::authz::{Action, Authorizer, Policy, Ruling};
use crate::wamp::message::{Call, Error, Message, Publish, Register, Subscribe};
use crate::wamp::options::{Ppt, PublishOptions};
use crate::wamp::role::{Announced, Feature, Features};
use crate::wamp::uri::{self, UriFault, UriRules};
use crate::wamp::{ErrorUri, MatchPolicy, MessageKind, Payload, RequestId, Uri, Value};
use std::sync::Arc;
use std::time::Duration;

/// Whether the identity of callers and publishers is handed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Disclose {
    /// Not even on request: `disclose_me` is refused.
    Never,
    /// When the peer asks for it.
    #[default]
    Request,
    /// Always.
    Always,
}

/// What a realm says about the sessions of one role.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Which URIs are lawful.
    pub uri_rules: UriRules,
    /// Whether each request id must be the one before plus 1.
    pub strict_request_ids: bool,
    /// Whether callers and publishers are named.
    pub disclose: Disclose,
    /// What the role may do.
    pub policy: Arc<Policy>,
    /// Who is asked what the role may do, in place of rules.
    pub authorizer: Option<Arc<Authorizer>>,
    /// What the realm announces, and so what may be used.
    pub features: Features,
    /// How many calls and publications a session may make each second, if that is bounded.
    pub rate: Option<Rate>,
}

/// Why a lawful request was declined, for those who count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// A bad or reserved URI.
    Uri,
    /// Not permitted.
    NotAuthorized,
    /// One too many (X6).
    RateLimited,
}

/// What an open session does with a message.
#[derive(Debug)]
pub(super) enum Decision {
    /// It goes on to the realm, as it is by then.
    Forward,
    Refuse(Refused, Option<Box<Message>>),
    /// The authorizer is asked first: [`resume`] goes on with it.
    Ask,
    /// It is for nobody: the call that it goes on with was refused.
    Discard,
    Goodbye,
    Abort,
}

/// What asking an authorizer came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    /// It has answered.
    Ruling(Ruling),
    /// It was of no use, and what holds then is no.
    Failed,
}

/// Whether something may be done.
enum Permission {
    Yes {
        /// Whether the peer is named whatever it asks for.
        disclose: bool,
    },
    No(ErrorUri, String),
    Ask,
}

type Violation = String;

/// Decides about one message, in place: it is moved once only, when it is handed on.
///
/// # Errors
/// The text of a protocol violation.
pub(super) fn judge(
    rules: &Rules,
    announced: Announced,
    ids: &mut RequestIds,
    used: &mut Used,
    message: &mut Message,
) -> Result<Decision, Violation> {
    let as_callee = announced.callee_features.payload_passthru_mode;
    match message {
        Message::Publish(publish) => {
            take_id(rules, ids, publish.request, MessageKind::Publish)?;
            let may_pass = announced.publisher_features.payload_passthru_mode;
            rules.check_passthru(MessageKind::Publish, &publish.options.ppt, may_pass)?;
            Ok(rules.publish(Some(used), publish, None))
        }
        Message::Call(call) => {
            let may_pass = announced.caller_features.payload_passthru_mode;
            rules.check_passthru(MessageKind::Call, &call.options.ppt, may_pass)?;
            rules.judge_call(announced, ids, used, call)
        }
        Message::Yield(answer) => {
            rules.check_passthru(MessageKind::Yield, &answer.options.ppt, as_callee)?;
            Ok(Decision::Forward)
        }
        // It has no answer, not even a no.
        Message::Cancel(_) if rules.policy.flags().no_cancel => Ok(Decision::Refuse(Refused::NotAuthorized, None)),
        Message::Cancel(_) => Ok(Decision::Forward),
        Message::Error(error) if error.request_kind == MessageKind::Invocation => {
            rules.check_passthru(MessageKind::Error, &error.details.ppt, as_callee)?;
            Ok(Decision::Forward)
        }
        // R21.
        Message::Error(error) => Err(format!("ERROR: REQUEST.Type must be 68, got {}", error.request_kind.code())),
        Message::Subscribe(subscribe) => {
            take_id(rules, ids, subscribe.request, MessageKind::Subscribe)?;
            Ok(rules.subscribe(subscribe, None))
        }
        Message::Register(register) => {
            take_id(rules, ids, register.request, MessageKind::Register)?;
            Ok(rules.register(register, None))
        }
        Message::Unsubscribe(unsubscribe) => {
            take_id(rules, ids, unsubscribe.request, MessageKind::Unsubscribe)?;
            Ok(Decision::Forward)
        }
        Message::Unregister(unregister) => {
            take_id(rules, ids, unregister.request, MessageKind::Unregister)?;
            Ok(Decision::Forward)
        }
        Message::Goodbye(_) => Ok(Decision::Goodbye),
        Message::Abort(_) => Ok(Decision::Abort),
        // R7, R16, R17.
        Message::Hello(_)
        | Message::Authenticate(_)
        | Message::Welcome(_)
        | Message::Challenge(_)
        | Message::Published(_)
        | Message::Subscribed(_)
        | Message::Unsubscribed(_)
        | Message::Event(_)
        | Message::Result(_)
        | Message::Registered(_)
        | Message::Unregistered(_)
        | Message::Invocation(_)
        | Message::Interrupt(_) => Err(unexpected(message.kind(), "in an open session")),
    }
}

fn take_id(rules: &Rules, ids: &mut RequestIds, id: RequestId, kind: MessageKind) -> Result<(), Violation> {
    if rules.strict_request_ids {
        ids.take_strict(id).map_err(|due| not_due(kind, due, id))
    } else {
        Ok(())
    }
}

fn not_due(kind: MessageKind, due: RequestId, got: RequestId) -> Violation {
    format!("{kind}: field Request must be {due}, the last one plus 1, got {got}")
}

impl Rules {
    /// R81, D72: opaque payloads are for those who have announced them, as all that they are opaque to must know of it.
    fn check_passthru(&self, kind: MessageKind, ppt: &Option<Box<Ppt>>, announced: bool) -> Result<(), Violation> {
        if ppt.is_none() || (announced && self.features.has(Feature::PayloadPassthruMode)) {
            return Ok(());
        }
        let lacking = if announced { "this realm has not" } else { "this session did not announce" };
        Err(format!("{kind}: ppt_scheme needs payload_passthru_mode, which {lacking}"))
    }

    /// Section 9.6 of the reference, as far as the session's own: what the CALL is, by its id, and whether it may be.
    fn judge_call(
        &self,
        announced: Announced,
        ids: &mut RequestIds,
        used: &mut Used,
        call: &mut Call,
    ) -> Result<Decision, Violation> {
        let (request, progress) = (call.request, call.options.progress);
        if progress {
            let lacking = match (
                self.features.has(Feature::ProgressiveCallInvocations),
                announced.caller_features.progressive_call_invocations,
            ) {
                (true, true) => None,
                (true, false) => Some("this session did not announce"),
                (false, _) => Some("this realm has not"),
            };
            if let Some(lacking) = lacking {
                return Err(format!("CALL: option progress needs progressive_call_invocations, which {lacking}"));
            }
        }
        let id = ids.take_call(self.strict_request_ids, request, progress);
        match id.map_err(|due| not_due(MessageKind::Call, due, request))? {
            CallId::New => {
                let mut decision = self.call(call, None);
                if let (Some(rate), Decision::Forward | Decision::Ask) = (&self.rate, &decision) {
                    if let Err(wait) = used.call(rate) {
                        decision = too_many(MessageKind::Call, request, wait);
                    }
                }
                if progress && matches!(decision, Decision::Refuse(..)) {
                    ids.refused(request);
                }
                Ok(decision)
            }
            CallId::Continuation => {
                // The options of the first CALL hold; but a procedure that may not be called is another one than the first.
                call.options.disclose_me = false;
                let decision = match ids.is_allowed(request, &call.procedure, progress) {
                    Some(true) => Decision::Forward,
                    Some(false) => return Err(other_procedure(request)),
                    None => self.call(call, None),
                };
                if matches!(decision, Decision::Refuse(..)) {
                    return Err(other_procedure(request));
                }
                Ok(decision)
            }
            CallId::Refused => Ok(Decision::Discard),
        }
    }

    /// `used`: what was used of the role's rate, if that is to be counted.
    fn publish(&self, used: Option<&mut Used>, publish: &mut Publish, told: Option<Told>) -> Decision {
        let (request, acknowledge) = (publish.request, publish.options.acknowledge);
        match self.check_publish(&publish.topic, &mut publish.options, told) {
            Ok(is_decided) => match self.rate.as_ref().zip(used).map_or(Ok(()), |(rate, used)| used.publish(rate)) {
                Ok(()) if is_decided => Decision::Forward,
                Ok(()) => Decision::Ask,
                Err(wait) if acknowledge => too_many(MessageKind::Publish, request, wait),
                Err(_) => Decision::Refuse(Refused::RateLimited, None),
            },
            Err((refused, error, text)) => {
                // R36: without acknowledge there is no answer, not even a no.
                let reply = acknowledge.then(|| Error::reply(MessageKind::Publish, request, error, text));
                Decision::Refuse(refused, reply.map(|error| Box::new(error.into())))
            }
        }
    }

    /// Whether this role may publish so, now. `options.disclose_me` is set to whether the publisher is named. A role that asks
    /// an authorizer may not: nobody waits for an answer here.
    ///
    /// # Errors
    /// What the PUBLISH is refused with: kind, error and a text for people.
    pub fn judge_publish(&self, topic: &Uri, options: &mut PublishOptions) -> Result<(), (Refused, ErrorUri, String)> {
        if self.check_publish(topic, options, None)? {
            return Ok(());
        }
        Err((Refused::NotAuthorized, ErrorUri::NOT_AUTHORIZED, denied(Action::Publish)))
    }

    /// `false`: the authorizer is to be asked.
    fn check_publish(
        &self,
        topic: &Uri,
        options: &mut PublishOptions,
        told: Option<Told>,
    ) -> Result<bool, (Refused, ErrorUri, String)> {
        if let Err(fault) = self.lawful(topic, MatchPolicy::Exact, true) {
            return Err((Refused::Uri, ErrorUri::INVALID_URI, fault.to_string()));
        }
        let disclose = match self.permission(Action::Publish, topic, MatchPolicy::Exact, told) {
            Permission::Yes { disclose } => disclose,
            Permission::No(error, text) => return Err((Refused::NotAuthorized, error, text)),
            Permission::Ask => return Ok(false),
        };
        let Some(disclose) = self.disclosed(options.disclose_me, disclose) else {
            return Err((Refused::NotAuthorized, ErrorUri::DISCLOSE_ME_DISALLOWED, NO_DISCLOSURE.to_owned()));
        };
        if options.retain && self.policy.flags().no_retain {
            return Err((Refused::NotAuthorized, ErrorUri::OPTION_NOT_ALLOWED, NO_RETAIN.to_owned()));
        }
        options.disclose_me = disclose;
        Ok(true)
    }

    /// Whether this role may do that to a URI or pattern, as far as permissions go that nobody is asked for.
    pub fn allows(&self, action: Action, text: &Uri, policy: MatchPolicy) -> bool {
        matches!(self.permission(action, text, policy, None), Permission::Yes { .. })
    }

    /// Whether this role may not, whatever an authorizer would say.
    pub fn forbids(&self, action: Action, text: &Uri, policy: MatchPolicy) -> bool {
        matches!(self.permission(action, text, policy, None), Permission::No(..))
    }

    fn call(&self, call: &mut Call, told: Option<Told>) -> Decision {
        let request = call.request;
        let refuse = |refused, error, text| refusal(MessageKind::Call, request, refused, error, text);
        if let Err(fault) = self.lawful(&call.procedure, MatchPolicy::Exact, false) {
            return refuse(Refused::Uri, ErrorUri::INVALID_URI, fault.to_string());
        }
        let disclose = match self.permission(Action::Call, &call.procedure, MatchPolicy::Exact, told) {
            Permission::Yes { disclose } => disclose,
            Permission::No(error, text) => return refuse(Refused::NotAuthorized, error, text),
            Permission::Ask => return Decision::Ask,
        };
        let Some(disclose) = self.disclosed(call.options.disclose_me, disclose) else {
            return refuse(Refused::NotAuthorized, ErrorUri::DISCLOSE_ME_DISALLOWED, NO_DISCLOSURE.to_owned());
        };
        call.options.disclose_me = disclose;
        Decision::Forward
    }

    fn subscribe(&self, subscribe: &Subscribe, told: Option<Told>) -> Decision {
        let policy = subscribe.options.match_policy;
        let refuse = |refused, error, text| refusal(MessageKind::Subscribe, subscribe.request, refused, error, text);
        if let Err(fault) = self.lawful(&subscribe.topic, policy, false) {
            return refuse(Refused::Uri, ErrorUri::INVALID_URI, fault.to_string());
        }
        match self.permission(Action::Subscribe, &subscribe.topic, policy, told) {
            Permission::Yes { .. } => Decision::Forward,
            Permission::No(error, text) => refuse(Refused::NotAuthorized, error, text),
            Permission::Ask => Decision::Ask,
        }
    }

    fn register(&self, register: &mut Register, told: Option<Told>) -> Decision {
        let (policy, request) = (register.options.match_policy, register.request);
        let refuse = |refused, error, text| refusal(MessageKind::Register, request, refused, error, text);
        if let Err(fault) = self.lawful(&register.procedure, policy, true) {
            return refuse(Refused::Uri, ErrorUri::INVALID_URI, fault.to_string());
        }
        match self.permission(Action::Register, &register.procedure, policy, told) {
            Permission::Yes { .. } => {}
            Permission::No(error, text) => return refuse(Refused::NotAuthorized, error, text),
            Permission::Ask => return Decision::Ask,
        }
        if register.options.disclose_caller && !self.policy.flags().allow_disclose_caller {
            let text = "this role may not register with disclose_caller".to_owned();
            return refuse(Refused::NotAuthorized, ErrorUri::OPTION_NOT_ALLOWED, text);
        }
        // Without the right it is ignored, as old clients send it by default.
        register.options.force_reregister &= self.policy.flags().allow_force_reregister;
        Decision::Forward
    }

    /// R27 to R30: the grammar, and who may use the router's own URIs.
    fn lawful(&self, text: &Uri, policy: MatchPolicy, own: bool) -> Result<(), UriFault> {
        uri::check(text, self.uri_rules, policy)?;
        if own && uri::is_reserved(text) {
            return Err(UriFault::Reserved);
        }
        Ok(())
    }

    #[inline]
    fn permission(&self, action: Action, text: &Uri, policy: MatchPolicy, told: Option<Told>) -> Permission {
        if self.authorizer.is_some() {
            return self.permission_of_authorizer(action, text, policy, told);
        }
        let verdict = self.policy.check(action, text, policy);
        if verdict.allowed {
            Permission::Yes { disclose: verdict.disclose }
        } else {
            Permission::No(ErrorUri::NOT_AUTHORIZED, denied(action))
        }
    }

    /// Whether the peer is named; `None` where it asked for that and may not (P7).
    fn disclosed(&self, asked: bool, by_rule: bool) -> Option<bool> {
        match self.disclose {
            Disclose::Always => Some(true),
            Disclose::Request => Some(asked || by_rule),
            Disclose::Never => (!asked).then_some(false),
        }
    }
}

fn other_procedure(request: RequestId) -> Violation {
    format!("CALL: request id {request} belongs to another procedure")
}

/// X6: how long to wait is said in milliseconds.
fn too_many(kind: MessageKind, request: RequestId, wait: Duration) -> Decision {
    let text = "this role may not do that so often: come back later";
    let milliseconds = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
    let kwargs = vec![("retry_after_ms".to_owned(), Value::Unsigned(milliseconds))];
    let mut error = Error::reply(kind, request, ErrorUri::RATE_LIMITED, text);
    error.payload = Payload::values(vec![Value::from(text)], kwargs);
    Decision::Refuse(Refused::RateLimited, Some(Box::new(error.into())))
}

const NO_DISCLOSURE: &str = "this realm discloses nobody";
const NO_RETAIN: &str = "this role may not publish with retain";

fn denied(action: Action) -> String {
    // The same whether or not the URI is in use (P10).
    let verb = match action {
        Action::Call => "call",
        Action::Register => "register",
        Action::Publish => "publish to",
        Action::Subscribe => "subscribe to",
    };
    format!("this role may not {verb} that URI")
}

fn refusal(kind: MessageKind, request: RequestId, refused: Refused, error: ErrorUri, text: String) -> Decision {
    Decision::Refuse(refused, Some(Box::new(Error::reply(kind, request, error, text).into())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authz::{Pattern, PolicyFlags, PolicyRules, Rule};
    use crate::wamp::message::{Unregister, Unsubscribe};
    use crate::wamp::options::{CallOptions, RegisterOptions, SubscribeOptions};
    use crate::wamp::{RegistrationId, SubscriptionId};

    /// What becomes of a REGISTER with these options by a role with these rights: the options that go on, or the error.
    fn register(flags: PolicyFlags, options: RegisterOptions) -> Result<RegisterOptions, String> {
        let all = Rule {
            pattern: Pattern::parse("*").unwrap(),
            actions: [Action::Register].into_iter().collect(),
            disclose: [].into_iter().collect(),
            source: "".into(),
        };
        let policy = Policy::new(PolicyRules { allow: vec![all], deny: Vec::new(), flags });
        let rules = Rules { policy: Arc::new(policy), ..Rules::default() };
        let register = Register { request: RequestId::FIRST, options, procedure: Uri::from("com.x") };
        let mut message = register.into();
        let judged =
            judge(&rules, Announced::default(), &mut RequestIds::default(), &mut Used::default(), &mut message);
        if let Ok(Decision::Refuse(_, Some(error))) = &judged {
            let Message::Error(error) = &**error else { panic!("{error:?}") };
            return Err(error.error.to_string());
        }
        let (Ok(Decision::Forward), Message::Register(register)) = (&judged, &message) else {
            panic!("{judged:?} {message:?}")
        };
        Ok(register.options)
    }

    /// `force_reregister` is for roles that have the right; of others it is ignored, as old clients send it by default.
    #[test]
    fn a_registration_is_forced_by_right_only() {
        let options = RegisterOptions { force_reregister: true, ..RegisterOptions::default() };
        for allow_force_reregister in [true, false] {
            let flags = PolicyFlags { allow_force_reregister, ..PolicyFlags::default() };
            assert_eq!(register(flags, options).map(|options| options.force_reregister), Ok(allow_force_reregister));
            assert_eq!(register(flags, RegisterOptions::default()), Ok(RegisterOptions::default()));
        }
    }

    /// R25: over all six kinds, and CANCEL is none of them.
    #[test]
    fn a_strict_realm_checks_the_id_of_every_request() {
        let (request, uri) = (RequestId::FIRST.next(), || Uri::from("com.x"));
        let requests: [Message; 6] = [
            Publish { request, options: PublishOptions::default(), topic: uri(), payload: Payload::Empty }.into(),
            Subscribe { request, options: SubscribeOptions::default(), topic: uri() }.into(),
            Unsubscribe { request, subscription: SubscriptionId::FIRST }.into(),
            Call { request, options: CallOptions::default(), procedure: uri(), payload: Payload::Empty }.into(),
            Register { request, options: RegisterOptions::default(), procedure: uri() }.into(),
            Unregister { request, registration: RegistrationId::FIRST }.into(),
        ];
        for strict_request_ids in [true, false] {
            let rules = Rules { strict_request_ids, ..Rules::default() };
            for mut message in requests.clone() {
                let judged =
                    judge(&rules, Announced::default(), &mut RequestIds::default(), &mut Used::default(), &mut message);
                assert_eq!(judged.is_err(), strict_request_ids, "{message:?}");
            }
        }
    }

    /// R78: naming all its callers needs a right of its own.
    #[test]
    fn disclose_caller_is_refused_without_the_right_to_it() {
        let options = RegisterOptions { disclose_caller: true, ..RegisterOptions::default() };
        let flags = PolicyFlags { allow_disclose_caller: true, ..PolicyFlags::default() };
        assert_eq!(register(flags, options), Ok(options));
        let error = "wamp.error.option_not_allowed".to_owned();
        assert_eq!(register(PolicyFlags::default(), options), Err(error));
    }
}
