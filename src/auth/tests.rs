//! The choice of the method, and tickets right and wrong.

use super::*;

fn settings() -> AuthSettings {
    let user = TicketUser { ticket: Secret::new("s3cret".to_owned()), role: "backend".to_owned() };
    AuthSettings {
        anonymous: Some(AnonymousSettings {
            role: "guest".to_owned(),
            listeners: vec!["public".to_owned()],
            http: false,
        }),
        ticket: Some(BTreeMap::from([("joe".to_owned(), user)])),
        ..AuthSettings::default()
    }
}

fn hello(methods: &[&str], authid: Option<&str>, listener: &str) -> Result<Opening, Denied> {
    let authmethods: Vec<String> = methods.iter().map(ToString::to_string).collect();
    open(&settings(), &Claim { authmethods: &authmethods, authid, listener, random_authid: "ABCD", ..Claim::default() })
}

/// R100.
#[test]
fn the_first_possible_method_in_the_clients_order_is_chosen() {
    assert!(matches!(hello(&["cryptosign", "ticket", "anonymous"], Some("joe"), "public"), Ok(Opening::Challenge(_))));
    assert!(matches!(hello(&["anonymous", "ticket"], Some("joe"), "public"), Ok(Opening::Welcome(_))));
    assert!(matches!(hello(&["anonymous", "ticket"], Some("joe"), "other"), Ok(Opening::Challenge(_))));
}

/// R100.
#[test]
fn no_possible_method_is_refused_with_a_list_of_those_accepted() {
    let denied = hello(&["wampcra"], Some("joe"), "public").unwrap_err();
    assert_eq!(denied.error, ErrorUri::NO_MATCHING_AUTH_METHOD);
    assert!(denied.text.contains("ticket, anonymous"), "{}", denied.text);
}

/// D33, section 11.1.
#[test]
fn no_method_named_means_anonymous_and_is_refused_where_that_is_not_allowed() {
    assert!(matches!(hello(&[], None, "public"), Ok(Opening::Welcome(_))));
    assert_eq!(hello(&[], None, "other").unwrap_err().error, ErrorUri::AUTHENTICATION_REQUIRED);
}

/// A4.
#[test]
fn an_anonymous_authid_is_never_the_clients_own_choice() {
    let Ok(Opening::Welcome(identity)) = hello(&["anonymous"], Some("admin"), "public") else { panic!("not welcomed") };
    assert_eq!((&*identity.authid, &*identity.authrole), ("ABCD", "guest"));
}

/// R101, A1.
#[test]
fn a_right_ticket_is_let_in_and_wrong_and_unknown_are_told_the_same() {
    let challenge = |authid: &str| Challenge { method: Method::Ticket, authid: authid.to_owned() };
    let identity = verify(&settings(), &challenge("joe"), "s3cret").unwrap();
    assert_eq!((&*identity.authid, &*identity.authrole, &*identity.authmethod), ("joe", "backend", "ticket"));
    let wrong = verify(&settings(), &challenge("joe"), "guess").unwrap_err();
    assert_eq!(wrong.error, ErrorUri::AUTHENTICATION_DENIED);
    assert_eq!(verify(&settings(), &challenge("nobody"), "s3cret").unwrap_err(), wrong);
    assert_eq!(verify(&settings(), &challenge("nobody"), "").unwrap_err(), wrong);
}

#[test]
fn a_secret_is_never_printed() {
    assert_eq!(format!("{:?}", Secret::new("s3cret".to_owned())), "***");
}
