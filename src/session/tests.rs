//! The state machine of a session: what each message does in each state.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test takes one kind of message and fails on any other")]

use super::*;
use crate::auth::{AnonymousSettings, AuthSettings, Drawn, NodeSecret, Secret, Ticket, TicketHash, TicketUser};
use crate::authz::{Action as Act, Pattern, Policy, PolicyRules, Rule};
use crate::wamp::message::{
    Abort, Authenticate, Call, Cancel, Error, Goodbye, Hello, Publish, Register, Subscribe, Unsubscribe, Welcome, Yield,
};
use crate::wamp::options::*;
use crate::wamp::role::{Feature, Features, Role, Roles};
use crate::wamp::{InvocationId, MatchPolicy, Payload, RequestId, SessionId, SubscriptionId, Uri};

mod authorizing;
mod login;
mod options;
mod second;
mod ticket;

struct Realm {
    auth: AuthSettings,
    node_secret: NodeSecret,
    rules: Arc<Rules>,
}

impl Doorman for Realm {
    fn auth(&self) -> &AuthSettings {
        &self.auth
    }

    fn node_secret(&self) -> &NodeSecret {
        &self.node_secret
    }

    fn has_role(&self, role: &str) -> bool {
        role == "guest"
    }

    fn rules(&self, identity: &Identity) -> Option<Arc<Rules>> {
        self.has_role(&identity.authrole).then(|| Arc::clone(&self.rules))
    }
}

fn realm(rules: Rules) -> Realm {
    let plain = || Ticket::Plain(Secret::new("s3cret".to_owned()));
    let user = |ticket: Ticket, role: &str| TicketUser { ticket, role: role.to_owned() };
    let hash = TicketHash::parse(login::HASH_OF_S3CRET).unwrap();
    let users = [
        ("joe".to_owned(), user(plain(), "guest")),
        ("ghost".to_owned(), user(plain(), "no such role")),
        ("slow".to_owned(), user(Ticket::Hashed(hash), "guest")),
    ];
    let anonymous = AnonymousSettings { role: "guest".to_owned(), listeners: Vec::new(), http: false };
    let ticket = Some(users.into_iter().collect());
    let auth = AuthSettings { anonymous: Some(anonymous), ticket, ..login::methods() };
    Realm { auth, node_secret: NodeSecret::new([9; 32]), rules: Arc::new(rules) }
}

fn door() -> Door<'static> {
    let time = crate::wamp::WallTime::default();
    let drawn = Drawn { authid: "ABCD".to_owned(), session: session_id(), challenge: [5; 32], second: [6; 32], time };
    Door { listener: "main", binding: None, remembered: None, vouched: None, drawn }
}

/// Everything under `com.`, call and subscribe also under `wamp.`.
fn rules() -> Rules {
    let rule = |text: &str, actions: Vec<Act>| Rule {
        pattern: Pattern::parse(text).unwrap(),
        actions: actions.into_iter().collect(),
        disclose: Vec::new().into_iter().collect(),
        source: "".into(),
    };
    let all = vec![Act::Call, Act::Register, Act::Publish, Act::Subscribe];
    let allow = vec![rule("com.*", all), rule("wamp.*", vec![Act::Call, Act::Subscribe])];
    let policy = Policy::new(PolicyRules { allow, ..PolicyRules::default() });
    Rules { policy: Arc::new(policy), ..Rules::default() }
}

fn hello(roles: &[&str], methods: &[&str], authid: Option<&str>) -> Message {
    let roles = roles.iter().map(|name| Role { name: (*name).to_owned(), features: Vec::new() }).collect();
    let details = HelloDetails {
        roles: Roles(roles),
        authmethods: methods.iter().map(ToString::to_string).collect(),
        authid: authid.map(ToOwned::to_owned),
        ..HelloDetails::default()
    };
    Hello { realm: Some(Uri::from("realm1")), details: Box::new(details) }.into()
}

fn id(number: u64) -> RequestId {
    RequestId::new(number).unwrap()
}

fn session_id() -> SessionId {
    SessionId::new(77).unwrap()
}

fn established_by(realm: &Realm) -> Session {
    let mut session = Session::new();
    assert!(
        matches!(session.receive(hello(&["caller"], &[], None)), Action::FindRealm(uri) if uri.as_str() == "realm1")
    );
    assert!(matches!(session.realm_found(realm, &door()), Action::Join(..)));
    assert!(matches!(session.joined(session_id()), Action::Send(Message::Welcome(_))));
    assert!(session.is_established());
    session
}

fn established() -> Session {
    established_by(&realm(rules()))
}

fn call(request: u64, procedure: &str) -> Message {
    let options = CallOptions::default();
    Call { request: id(request), options, procedure: Uri::from(procedure), payload: Payload::Empty }.into()
}

fn publish(topic: &str, acknowledge: bool) -> Message {
    let options = PublishOptions { acknowledge, ..PublishOptions::default() };
    Publish { request: id(1), options, topic: Uri::from(topic), payload: Payload::Empty }.into()
}

fn register(procedure: &str, match_policy: MatchPolicy) -> Message {
    let options = RegisterOptions { match_policy, ..RegisterOptions::default() };
    Register { request: id(1), options, procedure: Uri::from(procedure) }.into()
}

fn goodbye() -> Message {
    Goodbye { details: CloseDetails::default(), reason: Uri::from("wamp.close.normal") }.into()
}

fn abort_reason(action: &Action) -> &str {
    match action {
        Action::End(Farewell { message: Some(message), .. }) => match &**message {
            Message::Abort(abort) => abort.reason.as_str(),
            other => panic!("{other:?}"),
        },
        other => panic!("no ABORT: {other:?}"),
    }
}

fn error_uri(action: &Action) -> Option<&str> {
    match action {
        Action::Refuse(_, None) => None,
        Action::Refuse(_, Some(message)) => match &**message {
            Message::Error(error) => Some(error.error.as_str()),
            other => panic!("{other:?}"),
        },
        other => panic!("no refusal: {other:?}"),
    }
}

const VIOLATION: &str = "wamp.error.protocol_violation";

/// R1, R16, R17: nothing but HELLO and ABORT has a place before a session.
#[test]
fn every_other_message_before_hello_is_a_violation() {
    let session_messages = [
        goodbye(),
        call(1, "com.x"),
        publish("com.x", true),
        register("com.x", MatchPolicy::Exact),
        Authenticate { signature: String::new(), extra: Vec::new() }.into(),
        Welcome { session: session_id(), details: Box::default() }.into(),
        Yield { request: InvocationId::FIRST, options: ResultOptions::default(), payload: Payload::Empty }.into(),
    ];
    for message in session_messages {
        let kind = message.kind();
        let mut session = Session::new();
        let action = session.receive(message);
        assert_eq!(abort_reason(&action), VIOLATION, "{kind}");
        assert!(matches!(session.receive(hello(&["caller"], &[], None)), Action::Nothing), "nothing more is processed");
    }
}

/// R5.
#[test]
fn hello_without_a_client_role_is_a_violation() {
    for roles in [&[][..], &["juggler"], &["broker", "dealer"]] {
        assert_eq!(abort_reason(&Session::new().receive(hello(roles, &[], None))), VIOLATION);
    }
}

/// R8, R9, D28.
#[test]
fn a_realm_that_is_missing_invalid_or_null_is_refused() {
    let mut session = Session::new();
    session.receive(hello(&["caller"], &[], None));
    assert_eq!(abort_reason(&session.realm_missing()), "wamp.error.no_such_realm");
    for (realm, reason) in [
        (Some("a..b"), "wamp.error.invalid_uri"),
        (Some(""), "wamp.error.invalid_uri"),
        (None, "wamp.error.no_such_realm"),
    ] {
        let Message::Hello(mut hello) = hello(&["caller"], &[], None) else { unreachable!() };
        hello.realm = realm.map(Uri::from);
        assert_eq!(abort_reason(&Session::new().receive(hello.into())), reason, "{realm:?}");
    }
}

/// R4.
#[test]
fn a_feature_that_is_off_is_not_announced() {
    let without = Rules { features: Features::default().without(Feature::EventRetention), ..rules() };
    let mut session = Session::new();
    session.receive(hello(&["caller"], &[], None));
    session.realm_found(&realm(without), &door());
    let Action::Send(Message::Welcome(welcome)) = session.joined(session_id()) else { panic!("no WELCOME") };
    assert!(welcome.details.roles.supports("broker", "pattern_based_subscription"));
    assert!(!welcome.details.roles.supports("broker", "event_retention"));
}

/// R2, R4, R106.
#[test]
fn welcome_names_the_identity_the_realm_and_exactly_the_features_that_are_built() {
    let mut session = Session::new();
    session.receive(hello(&["caller"], &[], None));
    session.realm_found(&realm(rules()), &door());
    let Action::Send(Message::Welcome(welcome)) = session.joined(session_id()) else { panic!("no WELCOME") };
    let details = welcome.details;
    assert_eq!(welcome.session, session_id());
    assert_eq!(details.authid.as_deref(), Some("ABCD"));
    assert_eq!(details.authrole.as_deref(), Some("guest"));
    assert_eq!(details.authmethod.as_deref(), Some("anonymous"));
    assert_eq!(details.authprovider.as_deref(), Some("static"));
    assert_eq!(details.realm.as_deref(), Some("realm1"));
    assert_eq!(details.roles, Features::default().roles());
}

/// R7, R16, R17, R21.
#[test]
fn messages_that_have_no_place_in_an_open_session_are_violations() {
    let error = |kind| Error {
        request_kind: kind,
        request: id(1),
        details: ErrorDetails::default(),
        error: Uri::from("a.b"),
        payload: Payload::Empty,
    };
    let messages: [Message; 4] = [
        hello(&["caller"], &[], None),
        Authenticate { signature: String::new(), extra: Vec::new() }.into(),
        Welcome { session: session_id(), details: Box::default() }.into(),
        error(MessageKind::Call).into(),
    ];
    for message in messages {
        let kind = message.kind();
        assert_eq!(abort_reason(&established().receive(message)), VIOLATION, "{kind}");
    }
    assert!(matches!(established().receive(error(MessageKind::Invocation).into()), Action::Forward(_)));
}

/// R10, R11, R15.
#[test]
fn goodbye_leaves_the_realm_and_is_answered_once_and_the_transport_opens_another_session() {
    let mut session = established();
    assert!(matches!(session.receive(goodbye()), Action::Leave));
    assert!(!session.takes_messages());
    assert!(!session.is_opening(), "the time for the handshake is long over and ends nothing here");
    let Action::Send(Message::Goodbye(answer)) = session.left() else { panic!("no GOODBYE") };
    assert_eq!(answer.reason.as_str(), "wamp.close.goodbye_and_out");
    assert!(matches!(session.left(), Action::Nothing));
    assert!(session.is_awaiting_hello());
    assert!(matches!(session.receive(hello(&["caller"], &[], None)), Action::FindRealm(_)));
}

/// R12.
#[test]
fn an_abort_is_never_answered() {
    let abort = || Abort { details: CloseDetails::default(), reason: Uri::from("a.b"), payload: Payload::Empty };
    for mut session in [Session::new(), established()] {
        assert!(matches!(session.receive(abort().into()), Action::End(Farewell { message: None, .. })));
    }
}

/// R13.
#[test]
fn after_the_routers_goodbye_everything_but_the_answer_is_ignored() {
    let mut session = established();
    assert!(matches!(session.killed(Uri::from("wamp.close.killed"), None), Action::Send(Message::Goodbye(_))));
    assert!(matches!(session.receive(call(1, "com.x")), Action::Nothing));
    assert!(matches!(session.receive(hello(&["caller"], &[], None)), Action::Nothing));
    assert!(matches!(session.violation("octets that are no message"), Action::Nothing));
    assert!(matches!(session.receive(goodbye()), Action::End(Farewell { message: None, .. })));
}

/// Limits, section 14.
#[test]
fn a_shutdown_says_goodbye_to_open_sessions_and_abort_to_those_on_their_way_in() {
    let mut open = established();
    assert!(matches!(open.shut_down(ErrorUri::SYSTEM_SHUTDOWN, "stopping", CloseCode::GOING_AWAY), Action::Leave));
    let Action::Send(Message::Goodbye(said)) = open.left() else { panic!("no GOODBYE") };
    assert_eq!(said.reason.as_str(), "wamp.close.system_shutdown");
    let Action::End(farewell) = open.receive(goodbye()) else { panic!("not ended") };
    assert_eq!(farewell.code, CloseCode::GOING_AWAY);
    let mut opening = Session::new();
    opening.receive(hello(&["caller"], &[], None));
    let action = opening.shut_down(ErrorUri::SYSTEM_SHUTDOWN, "stopping", CloseCode::GOING_AWAY);
    assert_eq!(abort_reason(&action), "wamp.close.system_shutdown");
}

/// R25, R26.
#[test]
fn a_strict_realm_wants_each_request_id_to_be_the_last_plus_1_over_all_kinds() {
    let strict = Rules { strict_request_ids: true, ..rules() };
    let mut session = established_by(&realm(strict.clone()));
    assert!(matches!(session.receive(call(1, "com.x")), Action::Forward(_)));
    let unsubscribe = Unsubscribe { request: id(2), subscription: SubscriptionId::FIRST };
    assert!(matches!(session.receive(unsubscribe.into()), Action::Forward(_)));
    let cancel = Cancel { request: id(1), options: CancelOptions::default() };
    assert!(matches!(session.receive(cancel.into()), Action::Forward(_)), "CANCEL takes no id");
    assert!(matches!(session.receive(call(3, "com.x")), Action::Forward(_)));
    assert_eq!(abort_reason(&session.receive(call(5, "com.x"))), VIOLATION);
    assert_eq!(abort_reason(&established_by(&realm(strict)).receive(call(7, "com.x"))), VIOLATION);
    assert!(matches!(established().receive(call(7, "com.x")), Action::Forward(_)), "lenient by default");
}

/// R27, R28, R32, R36.
#[test]
fn a_bad_uri_is_refused_and_an_unacknowledged_publish_in_silence() {
    assert_eq!(error_uri(&established().receive(call(1, "com..x"))), Some("wamp.error.invalid_uri"));
    assert_eq!(error_uri(&established().receive(publish("com..x", true))), Some("wamp.error.invalid_uri"));
    assert_eq!(error_uri(&established().receive(publish("com..x", false))), None);
    assert_eq!(
        error_uri(&established().receive(register("com..x", MatchPolicy::Exact))),
        Some("wamp.error.invalid_uri")
    );
    let options = SubscribeOptions { match_policy: MatchPolicy::Wildcard, ..SubscribeOptions::default() };
    let subscribe = Subscribe { request: id(1), options, topic: Uri::from("com..x") };
    assert!(
        matches!(established().receive(subscribe.into()), Action::Forward(_)),
        "empty components in wildcards only"
    );
}

/// R29, R30, D31.
#[test]
fn reserved_uris_can_be_called_but_neither_registered_nor_published() {
    assert!(matches!(established().receive(call(1, "wamp.session.count")), Action::Forward(_)));
    assert_eq!(error_uri(&established().receive(publish("wamp.x", true))), Some("wamp.error.invalid_uri"));
    assert_eq!(
        error_uri(&established().receive(register("wamp.x", MatchPolicy::Exact))),
        Some("wamp.error.invalid_uri")
    );
    assert_eq!(
        error_uri(&established().receive(register("wharf", MatchPolicy::Exact))),
        Some("wamp.error.invalid_uri")
    );
}

/// R108, P10.
#[test]
fn what_is_not_permitted_is_refused_before_anybody_looks_whether_it_exists() {
    assert_eq!(error_uri(&established().receive(call(1, "org.x"))), Some("wamp.error.not_authorized"));
    assert_eq!(error_uri(&established().receive(publish("org.x", true))), Some("wamp.error.not_authorized"));
    assert_eq!(error_uri(&established().receive(publish("org.x", false))), None);
    assert_eq!(
        error_uri(&established().receive(register("org.x", MatchPolicy::Exact))),
        Some("wamp.error.not_authorized")
    );
}

/// R49, R78, P7, D12.
#[test]
fn disclosure_is_refused_where_the_realm_forbids_it_and_forced_where_it_says_so() {
    let ask = |disclose, disclose_me| {
        let Message::Call(mut call) = call(1, "com.x") else { unreachable!() };
        call.options.disclose_me = disclose_me;
        established_by(&realm(Rules { disclose, ..rules() })).receive(call.into())
    };
    assert_eq!(error_uri(&ask(Disclose::Never, true)), Some("wamp.error.option_disallowed.disclose_me"));
    let disclosed = |action| match action {
        Action::Forward(Message::Call(call)) => call.options.disclose_me,
        other => panic!("{other:?}"),
    };
    assert!(!disclosed(ask(Disclose::Never, false)));
    assert!(!disclosed(ask(Disclose::Request, false)));
    assert!(disclosed(ask(Disclose::Request, true)));
    assert!(disclosed(ask(Disclose::Always, false)));
}

/// A session whose peer announced both features as caller, publisher and callee, in a realm with these rules.
fn featured(rules: Rules) -> Session {
    let features = ["payload_passthru_mode", "progressive_call_invocations", "call_canceling"];
    let features: Vec<_> = features.iter().map(|name| ((*name).to_owned(), true)).collect();
    let role = |name: &str| Role { name: name.to_owned(), features: features.clone() };
    let roles = Roles(["caller", "callee", "publisher"].map(role).to_vec());
    let details = HelloDetails { roles, ..HelloDetails::default() };
    let mut session = Session::new();
    session.receive(Hello { realm: Some(Uri::from("realm1")), details: Box::new(details) }.into());
    session.realm_found(&realm(rules), &door());
    session.joined(session_id());
    session
}

fn part(request: u64, procedure: &str, progress: bool) -> Message {
    let Message::Call(mut call) = call(request, procedure) else { unreachable!() };
    call.options.progress = progress;
    call.into()
}

/// R77, D16.
#[test]
fn progressive_invocations_are_a_violation_unless_the_peer_and_the_realm_have_announced_them() {
    assert_eq!(abort_reason(&established().receive(part(1, "com.x", true))), VIOLATION);
    let features = Features::default().without(Feature::ProgressiveCallInvocations);
    let mut session = featured(Rules { features, ..rules() });
    assert_eq!(abort_reason(&session.receive(part(1, "com.x", true))), VIOLATION);
    assert!(matches!(featured(rules()).receive(part(1, "com.x", true)), Action::Forward(_)));
}

/// R81, D72: in each of the four messages, for the role that the peer acts in.
#[test]
fn opaque_payloads_are_a_violation_unless_the_peer_and_the_realm_have_announced_them() {
    let ppt = || Some(Box::new(Ppt { scheme: "x_mine".to_owned(), ..Ppt::default() }));
    let messages = || -> [Message; 4] {
        let Message::Call(mut call) = call(1, "com.x") else { unreachable!() };
        call.options.ppt = ppt();
        let Message::Publish(mut publish) = publish("com.x", false) else { unreachable!() };
        publish.options.ppt = ppt();
        let options = ResultOptions { progress: false, ppt: ppt() };
        let answer = Yield { request: InvocationId::FIRST, options, payload: Payload::Empty };
        let (request_kind, details) = (MessageKind::Invocation, ErrorDetails { ppt: ppt() });
        let (error, payload) = (Uri::from("com.no"), Payload::Empty);
        [
            call.into(),
            publish.into(),
            answer.into(),
            Error { request_kind, request: id(1), details, error, payload }.into(),
        ]
    };
    let features = Features::default().without(Feature::PayloadPassthruMode);
    for message in messages() {
        assert_eq!(abort_reason(&established().receive(message.clone())), VIOLATION);
        assert_eq!(abort_reason(&featured(Rules { features, ..rules() }).receive(message.clone())), VIOLATION);
        assert!(matches!(featured(rules()).receive(message), Action::Forward(_)));
    }
}

/// D47: the parts of a call keep its id in a strict realm; other requests count on.
#[test]
fn a_strict_realm_lets_the_parts_of_a_call_pass() {
    let mut session = featured(Rules { strict_request_ids: true, ..rules() });
    for message in [part(1, "com.x", true), call(2, "com.x"), part(1, "com.x", true), part(1, "com.x", false)] {
        assert!(matches!(session.receive(message), Action::Forward(_)));
    }
    assert_eq!(abort_reason(&session.receive(part(1, "com.x", false))), VIOLATION);
}

/// R65: one answer, whatever follows of the call.
#[test]
fn the_parts_of_a_refused_call_are_refused_with_it() {
    let mut session = featured(rules());
    assert_eq!(error_uri(&session.receive(part(1, "org.x", true))), Some("wamp.error.not_authorized"));
    assert!(matches!(session.receive(part(1, "org.x", true)), Action::Nothing));
    assert!(matches!(session.receive(part(1, "org.x", false)), Action::Nothing));
    assert_eq!(error_uri(&session.receive(call(1, "org.x"))), Some("wamp.error.not_authorized"), "a new one");
}

/// R108: a part is no way to a procedure that may not be called; and the options of the first CALL hold.
#[test]
fn a_part_of_a_call_is_checked_as_the_first_and_asks_for_nothing() {
    let mut session = featured(rules());
    session.receive(part(1, "com.x", true));
    assert_eq!(abort_reason(&session.receive(part(1, "org.x", true))), VIOLATION);
    let mut session = featured(Rules { disclose: Disclose::Never, ..rules() });
    session.receive(part(1, "com.x", true));
    let Message::Call(mut named) = part(1, "com.x", false) else { unreachable!() };
    named.options.disclose_me = true;
    assert!(matches!(session.receive(named.into()), Action::Forward(_)));
}
