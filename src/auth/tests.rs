//! The choice of the method, tickets, and what names that nobody has are told.

use super::*;

mod properties;

/// Someone who knocks: what is fixed about logins in these tests.
pub(super) struct Knock {
    pub(super) settings: AuthSettings,
    pub(super) binding: Option<[u8; 32]>,
    pub(super) challenge: [u8; 32],
    pub(super) certificate: Option<Certificate>,
    pub(super) remembered: Option<Remembered>,
}

impl Knock {
    pub(super) fn at(settings: AuthSettings) -> Self {
        Self { settings, binding: None, challenge: [5; 32], certificate: None, remembered: None }
    }

    pub(super) fn hello(
        &self,
        methods: &[&str],
        authid: Option<&str>,
        authextra: &[(&str, Value)],
    ) -> Result<Opening, Denied> {
        self.with_claim(methods, authid, authextra, |claim| open(&self.settings, claim))
    }

    pub(super) fn with_claim<T>(
        &self,
        methods: &[&str],
        authid: Option<&str>,
        authextra: &[(&str, Value)],
        then: impl FnOnce(&Claim<'_>) -> T,
    ) -> T {
        let authmethods: Vec<String> = methods.iter().map(ToString::to_string).collect();
        let authextra: Dict = authextra.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        let session = SessionId::new(77).unwrap();
        let time = WallTime(1_795_416_033_000_001);
        let drawn = Drawn { authid: "ABCD".to_owned(), session, challenge: self.challenge, second: [6; 32], time };
        let claim = Claim {
            realm: "realm1",
            authmethods: &authmethods,
            authid,
            authextra: &authextra,
            listener: "public",
            binding: self.binding,
            node_secret: &NodeSecret::new([9; 32]),
            drawn: &drawn,
            certificate: self.certificate.as_ref(),
            remembered: self.remembered.as_ref(),
        };
        then(&claim)
    }

    pub(super) fn challenge(&self, method: &str, authid: Option<&str>, authextra: &[(&str, Value)]) -> Challenge {
        match self.hello(&[method], authid, authextra) {
            Ok(Opening::Challenge(challenge)) => challenge,
            other => panic!("no challenge: {other:?}"),
        }
    }
}

/// What a proof comes to, computed here if it has to be.
pub(super) fn decided(verdict: Verdict) -> Result<Admission, Denied> {
    match verdict {
        Verdict::Now(verdict) => verdict,
        Verdict::Later(work) => work.run(),
        Verdict::Ask(inquiry) => panic!("nobody is to be asked: {inquiry:?}"),
    }
}

/// The test's vectors of one method.
pub(super) fn vectors(method: &str) -> serde_json::Value {
    let all: serde_json::Value =
        serde_json::from_str(include_str!("../../tests/vectors/data/auth_vectors.json")).unwrap();
    all[method].clone()
}

pub(super) fn entry<'a>(extra: &'a Dict, key: &str) -> &'a Value {
    extra.iter().find(|(name, _)| name == key).map_or(&Value::Null, |(_, value)| value)
}

fn ticket(ticket: Ticket, role: &str) -> TicketUser {
    TicketUser { ticket, role: role.to_owned() }
}

fn plain(text: &str) -> Ticket {
    Ticket::Plain(Secret::new(text.to_owned()))
}

fn cra_user() -> WampCraUser {
    WampCraUser { key: Secret::new("secret".to_owned()), salted: None, role: "frontend".to_owned() }
}

fn settings() -> AuthSettings {
    AuthSettings {
        anonymous: Some(AnonymousSettings {
            role: "guest".to_owned(),
            listeners: vec!["public".to_owned()],
            http: false,
        }),
        ticket: Some([("joe".to_owned(), ticket(plain("s3cret"), "backend"))].into_iter().collect()),
        ..AuthSettings::default()
    }
}

fn elsewhere() -> AuthSettings {
    let mut settings = settings();
    settings.anonymous.as_mut().unwrap().listeners = vec!["other".to_owned()];
    settings
}

/// R100.
#[test]
fn the_first_possible_method_in_the_clients_order_is_chosen() {
    let here = Knock::at(settings());
    let hello = |methods: &[&str]| here.hello(methods, Some("joe"), &[]);
    assert!(matches!(hello(&["cryptosign", "ticket", "anonymous"]), Ok(Opening::Challenge(_))));
    assert!(matches!(hello(&["anonymous", "ticket"]), Ok(Opening::Welcome(_))));
    let there = Knock::at(elsewhere());
    assert!(matches!(there.hello(&["anonymous", "ticket"], Some("joe"), &[]), Ok(Opening::Challenge(_))));
}

/// R100, A1: a method that the name has goes before one that only the realm has; who has none is told what some user would be.
#[test]
fn a_method_that_the_name_has_is_chosen_and_an_unknown_name_stands_for_some_user() {
    let mut settings = settings();
    settings.wampcra = Some([("ann".to_owned(), cra_user())].into_iter().collect());
    let knock = Knock::at(settings);
    let method = |authid: &str| match knock.hello(&["wampcra", "ticket"], Some(authid), &[]) {
        Ok(Opening::Challenge(challenge)) => challenge.method(),
        other => panic!("{other:?}"),
    };
    assert_eq!((method("ann"), method("joe")), (Method::WampCra, Method::Ticket));
    let unknown: Vec<Method> = (0..100).map(|number| method(&format!("nobody{number}"))).collect();
    assert!(unknown.contains(&Method::WampCra) && unknown.contains(&Method::Ticket));
    assert_eq!(unknown, (0..100).map(|number| method(&format!("nobody{number}"))).collect::<Vec<_>>());
}

/// R100.
#[test]
fn no_possible_method_is_refused_with_a_list_of_those_accepted() {
    let denied = Knock::at(settings()).hello(&["wampcra"], Some("joe"), &[]).unwrap_err();
    assert_eq!(denied.error, ErrorUri::NO_MATCHING_AUTH_METHOD);
    assert!(denied.text.contains("ticket, anonymous"), "{}", denied.text);
}

/// D33, section 11.1.
#[test]
fn no_method_named_means_anonymous_and_is_refused_where_that_is_not_allowed() {
    assert!(matches!(Knock::at(settings()).hello(&[], None, &[]), Ok(Opening::Welcome(_))));
    let denied = Knock::at(elsewhere()).hello(&[], None, &[]).unwrap_err();
    assert_eq!(denied.error, ErrorUri::AUTHENTICATION_REQUIRED);
}

/// Section 6.5 of the configuration: for clients that name no method; what is not in it is not tried.
#[test]
fn the_order_decides_for_clients_that_name_no_method_and_for_no_others() {
    let certificate = Certificate { subject_cn: Some("joe".to_owned()), ..Certificate::default() };
    let tls = Some(CertificateSettings { authid: CertificateName::SubjectCn, role: "device".to_owned() });
    let method = |order: &[Method], said: &[&str]| {
        let settings = AuthSettings { tls: tls.clone(), order: AuthOrder(order.to_vec()), ..settings() };
        let knock = Knock { certificate: Some(certificate.clone()), ..Knock::at(settings) };
        match knock.hello(said, None, &[]) {
            Ok(Opening::Welcome(identity)) => Some(identity.authmethod.to_string()),
            Ok(Opening::Challenge(_) | Opening::Ask(_)) => panic!("nothing is asked"),
            Err(_) => None,
        }
    };
    let name = |method: Method| Some(method.name().to_owned());
    assert_eq!(method(Method::ALL, &[]), name(Method::Tls));
    assert_eq!(method(&[Method::Anonymous, Method::Tls], &[]), name(Method::Anonymous));
    assert_eq!(method(&[Method::Ticket, Method::Anonymous], &[]), name(Method::Anonymous));
    assert_eq!(method(&[Method::Ticket], &[]), None);
    assert_eq!(method(&[Method::Anonymous], &["tls", "anonymous"]), name(Method::Tls));
}

/// A4.
#[test]
fn an_anonymous_authid_is_never_the_clients_own_choice() {
    let Ok(Opening::Welcome(identity)) = Knock::at(settings()).hello(&["anonymous"], Some("admin"), &[]) else {
        panic!("not welcomed")
    };
    assert_eq!((&*identity.authid, &*identity.authrole), ("ABCD", "guest"));
}

fn with_ticket(settings: AuthSettings, authid: &str, given: &str) -> Result<Admission, Denied> {
    decided(Knock::at(settings).challenge("ticket", Some(authid), &[]).verify(given, &[]))
}

/// R101, A1.
#[test]
fn a_right_ticket_is_let_in_and_wrong_and_unknown_are_told_the_same() {
    let Identity { authid, authrole, authmethod, authprovider } =
        with_ticket(settings(), "joe", "s3cret").unwrap().identity;
    assert_eq!((&*authid, &*authrole, &*authmethod, &*authprovider), ("joe", "backend", "ticket", "static"));
    let wrong = with_ticket(settings(), "joe", "guess").unwrap_err();
    assert_eq!(wrong.error, ErrorUri::AUTHENTICATION_DENIED);
    for (authid, given) in [("nobody", "s3cret"), ("nobody", ""), ("joe", "")] {
        assert_eq!(with_ticket(settings(), authid, given).unwrap_err(), wrong, "{authid}");
    }
}

/// R101, A2: a hash is compared elsewhere, for a name that nobody has too.
#[test]
fn a_hashed_ticket_is_checked_as_work_for_known_and_unknown_names_alike() {
    let hash = TicketHash::make(&Secret::new("s3cret".to_owned()), &[1; 16]).unwrap();
    let user = ticket(Ticket::Hashed(TicketHash::parse(&hash).unwrap()), "backend");
    let settings =
        AuthSettings { ticket: Some([("joe".to_owned(), user)].into_iter().collect()), ..AuthSettings::default() };
    for (authid, given, right) in [("joe", "s3cret", true), ("joe", "guess", false), ("nobody", "s3cret", false)] {
        let challenge = Knock::at(settings.clone()).challenge("ticket", Some(authid), &[]);
        let Verdict::Later(work) = challenge.verify(given, &[]) else { panic!("{authid} was checked at once") };
        assert_eq!(work.run().is_ok(), right, "{authid}");
    }
}

/// Limits, section 8: a hash that would take the machine is refused at load.
#[test]
fn a_text_that_is_no_hash_of_a_ticket_is_refused() {
    let good = TicketHash::make(&Secret::new("s3cret".to_owned()), &[1; 16]).unwrap();
    assert!(good.starts_with("$argon2id$v=19$m="), "{good}");
    for (text, error) in [
        ("s3cret".to_owned(), TicketHashError::Form),
        (String::new(), TicketHashError::Form),
        (good.replace("argon2id", "argon2i"), TicketHashError::Form),
        (good.replace("v=19", "v=16"), TicketHashError::Form),
        (good.rsplit_once('$').unwrap().0.to_owned(), TicketHashError::Form),
        (good.replace("t=2", "t=101"), TicketHashError::TooCostly),
        (good.replace("m=19456", "m=1048577"), TicketHashError::TooCostly),
    ] {
        assert_eq!(TicketHash::parse(&text).unwrap_err(), error, "{text}");
    }
}

#[test]
fn a_secret_is_never_printed() {
    assert_eq!(format!("{:?}", Secret::new("s3cret".to_owned())), "***");
    let printed = format!("{:?}", settings());
    assert!(!printed.contains("s3cret"), "{printed}");
}
