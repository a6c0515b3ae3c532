//! Logins that take two proofs, as messages. D44.

use super::*;
use crate::auth::{Method, SecondSettings, WampCraUser};

/// Joe's ticket is not enough: a signature is needed too.
fn two() -> Realm {
    let mut realm = realm(rules());
    let second = SecondSettings { after: vec![Method::Ticket], methods: vec![Method::WampCra], roles: Vec::new() };
    realm.auth.second = Some(Arc::new(second));
    let user = WampCraUser { key: Secret::new("s3cret".to_owned()), salted: None, role: "guest".to_owned() };
    realm.auth.wampcra = Some([("joe".to_owned(), user)].into_iter().collect());
    realm
}

fn authenticate(signature: &str) -> Message {
    Authenticate { signature: signature.to_owned(), extra: Vec::new() }.into()
}

/// A session in its second round, whose first proof was `ticket`, and what it is to sign.
fn in_second_round(ticket: &str) -> (Session, String) {
    let mut session = Session::new();
    session.receive(hello(&["caller"], &["ticket", "wampcra"], Some("joe")));
    let first = session.realm_found(&two(), &door());
    assert!(matches!(first, Action::Send(Message::Challenge(challenge)) if challenge.method == "ticket"));
    assert!(!session.awaits_second());
    match answered(&mut session, ticket) {
        Action::Send(Message::Challenge(challenge)) => {
            assert_eq!(challenge.method, "wampcra");
            assert!(session.awaits_second() && session.is_challenging() && session.is_opening());
            let text = challenge.extra[0].1.as_text().unwrap().to_owned();
            (session, text)
        }
        other => panic!("no second challenge: {other:?}"),
    }
}

fn answered(session: &mut Session, signature: &str) -> Action {
    let Action::Authenticate(proof) = session.receive(authenticate(signature)) else { panic!("not checked") };
    session.authenticate(&two(), &proof)
}

/// Base64(HMAC-SHA256).
fn signed(text: &str) -> String {
    use base64::Engine;
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"s3cret");
    base64::engine::general_purpose::STANDARD.encode(ring::hmac::sign(&key, text.as_bytes()))
}

/// WELCOME names the first method, and the session knows of the second.
#[test]
fn after_two_proofs_the_session_is_welcomed() {
    let (mut session, text) = in_second_round("s3cret");
    let action = answered(&mut session, &signed(&text));
    assert!(matches!(action, Action::Join(identity, _) if &*identity.authmethod == "ticket"));
    assert_eq!(session.second(), Some(Method::WampCra));
    let Action::Send(Message::Welcome(welcome)) = session.joined(session_id()) else { panic!("no WELCOME") };
    assert_eq!(welcome.details.authmethod.as_deref(), Some("ticket"));
}

/// A1: to the peer a wrong first proof is a wrong second one.
#[test]
fn a_wrong_first_proof_is_told_as_a_wrong_second_one() {
    let refused = |ticket: &str, right: bool| {
        let (mut session, text) = in_second_round(ticket);
        format!("{:?}", answered(&mut session, &if right { signed(&text) } else { signed("guess") }))
    };
    let second = refused("s3cret", false);
    assert!(second.contains("wamp.error.authentication_denied"), "{second}");
    assert_eq!((refused("guess", true), refused("guess", false)), (second.clone(), second));
}

/// P1, A3: in the second round as in the first; what was right in the first is nothing in the second.
#[test]
fn the_second_round_takes_its_own_answer_only() {
    let (mut session, _) = in_second_round("s3cret");
    assert_eq!(abort_reason(&answered(&mut session, "s3cret")), "wamp.error.authentication_denied");
    assert!(matches!(session.receive(authenticate("s3cret")), Action::Nothing));
    for message in [hello(&["caller"], &["ticket", "wampcra"], Some("joe")), call(1, "com.x")] {
        let (mut session, _) = in_second_round("s3cret");
        assert_eq!(abort_reason(&session.receive(message)), "wamp.error.protocol_violation");
        assert!(!session.awaits_second());
    }
    let (mut session, _) = in_second_round("s3cret");
    let abort = Abort::because(ErrorUri::AUTHENTICATION_FAILED, "no second factor at hand");
    assert!(matches!(
        session.receive(abort.into()),
        Action::End(Farewell { ending: Ending::Orderly, message: None, .. })
    ));
}
