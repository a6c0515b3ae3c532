//! CHALLENGE, AUTHENTICATE and what follows, by the rules of section 11.

use super::*;
use crate::auth::{
    Admission, ChannelBinding, CryptosignSettings, CryptosignUser, Denied, Flavour, Kdf, Record, RouterKey, ScramUser,
    WampCraUser, Work,
};
use crate::auth::{PeerRange, Source, Sources};
use crate::wamp::message::Challenge;
use crate::wamp::{Entrance, Value};

/// Of `s3cret`, cheap, as the reference implementation of Argon2 makes it.
pub(super) const HASH_OF_S3CRET: &str =
    "$argon2id$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$hVkCeh+dOgNnq5+nhy1RcPn6CgQORZAP8ksG63wI5XE";

const NONCE: &str = "AAECAwQFBgcICQoLDA0ODw==";

/// A user of each method that signs something.
pub(super) fn methods() -> AuthSettings {
    let role = || "guest".to_owned();
    let cra = WampCraUser { key: Secret::new("s3cret".to_owned()), salted: None, role: role() };
    let kdf = Kdf::Pbkdf2 { iterations: 4096 };
    let record = Record::derive(Flavour::Wamp, &Secret::new("pencil".to_owned()), kdf, &[1; 16]).unwrap();
    let keys = CryptosignUser { keys: vec![RouterKey::new(&[4; 32]).public()], role: role() };
    let keys = [("dev1".to_owned(), keys)].into_iter().collect();
    AuthSettings {
        wampcra: Some([("cra".to_owned(), cra)].into_iter().collect()),
        scram: Some([("ann".to_owned(), ScramUser { record, role: role() })].into_iter().collect()),
        cryptosign: Some(CryptosignSettings::new(keys, ChannelBinding::Optional, None)),
        ..AuthSettings::default()
    }
}

fn authenticate(signature: &str, extra: &[(&str, Value)]) -> Message {
    let extra = extra.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    Authenticate { signature: signature.to_owned(), extra }.into()
}

/// A session that was challenged, and its challenge.
fn challenged(method: &str, authid: &str) -> (Session, Challenge) {
    let Message::Hello(mut hello) = hello(&["caller"], &[method], Some(authid)) else { panic!("no HELLO") };
    let pubkey = RouterKey::new(&[4; 32]).public().to_string();
    hello.details.authextra = vec![("nonce".to_owned(), NONCE.into()), ("pubkey".to_owned(), pubkey.into())];
    let mut session = Session::new();
    session.receive(hello.into());
    match session.realm_found(&realm(rules()), &door()) {
        Action::Send(Message::Challenge(challenge)) => (session, challenge),
        other => panic!("no CHALLENGE: {other:?}"),
    }
}

fn answered(session: &mut Session, message: Message) -> Action {
    let Action::Authenticate(proof) = session.receive(message) else { panic!("not checked") };
    session.authenticate(&realm(rules()), &proof)
}

/// R101.
#[test]
fn a_ticket_is_challenged_and_checked() {
    for (ticket, welcome) in [("s3cret", true), ("wrong", false)] {
        let (mut session, challenge) = challenged("ticket", "joe");
        assert_eq!((&*challenge.method, challenge.extra.len()), ("ticket", 0));
        let action = answered(&mut session, authenticate(ticket, &[]));
        if welcome {
            assert!(matches!(action, Action::Join(identity, _) if &*identity.authid == "joe"));
        } else {
            assert_eq!(abort_reason(&action), "wamp.error.authentication_denied");
        }
    }
}

/// A1, section 11.1: the same CHALLENGE but for what is random, and the same ABORT, for each method.
#[test]
fn an_unknown_name_and_a_wrong_secret_are_aborted_alike() {
    for (method, known) in [("ticket", "joe"), ("wampcra", "cra"), ("wamp-scram", "ann"), ("cryptosign", "dev1")] {
        let refused = |authid: &str| {
            let (mut session, challenge) = challenged(method, authid);
            let keys: Vec<String> = challenge.extra.into_iter().map(|(key, _)| key).collect();
            let action = match session.receive(authenticate("AAAA", &[])) {
                Action::Authenticate(proof) => session.authenticate(&realm(rules()), &proof),
                other => panic!("{other:?}"),
            };
            match action {
                Action::Prove(work) => (keys, format!("{:?}", session.proven(&realm(rules()), work.run()))),
                other => (keys, format!("{other:?}")),
            }
        };
        let known = refused(known);
        assert!(known.1.contains("wamp.error.authentication_denied"), "{method}: {known:?}");
        for unknown in ["nobody", "nobody else", ""] {
            assert_eq!(refused(unknown), known, "{method}: {unknown}");
        }
    }
}

/// A3: a challenge is used up by the first AUTHENTICATE, right or wrong.
#[test]
fn a_second_answer_finds_no_challenge() {
    let (mut session, _) = challenged("ticket", "joe");
    let Action::Authenticate(proof) = session.receive(authenticate("s3cret", &[])) else { panic!("not checked") };
    assert!(matches!(session.authenticate(&realm(rules()), &proof), Action::Join(..)));
    assert!(matches!(session.authenticate(&realm(rules()), &proof), Action::Nothing));
    let (mut session, _) = challenged("ticket", "joe");
    assert_eq!(abort_reason(&answered(&mut session, authenticate("guess", &[]))), "wamp.error.authentication_denied");
    assert!(matches!(session.receive(authenticate("s3cret", &[])), Action::Nothing));
}

/// R102.
#[test]
fn a_wampcra_challenge_names_the_session_that_welcome_carries() {
    let (_, challenge) = challenged("wampcra", "cra");
    let text = challenge.extra[0].1.as_text().unwrap();
    assert!(text.contains(&format!("\"session\":{}", session_id().get())), "{text}");
}

/// Limits, A2: nothing is read meanwhile, and nothing is computed here.
#[test]
fn a_costly_proof_is_computed_elsewhere_and_the_session_waits() {
    let prove = |ticket: &str| -> (Session, Work) {
        let (mut session, _) = challenged("ticket", "slow");
        match answered(&mut session, authenticate(ticket, &[])) {
            Action::Prove(work) => (session, work),
            other => panic!("checked at once: {other:?}"),
        }
    };
    let (mut session, work) = prove("s3cret");
    assert!(!session.takes_messages() && session.is_opening() && !session.is_challenging());
    assert!(matches!(session.receive(goodbye()), Action::Nothing));
    let action = session.proven(&realm(rules()), work.run());
    assert!(matches!(action, Action::Join(identity, _) if &*identity.authid == "slow"));
    let (mut session, work) = prove("guess");
    assert_eq!(abort_reason(&session.proven(&realm(rules()), work.run())), "wamp.error.authentication_denied");
    let (mut session, _) = prove("s3cret");
    assert_eq!(abort_reason(&session.too_busy()), "wharf.error.busy");
}

/// A verdict that comes when nobody waits for it lets nobody in.
#[test]
fn a_verdict_lets_nobody_in_that_does_not_wait_for_one() {
    let (mut session, _) = challenged("ticket", "slow");
    let Action::Prove(work) = answered(&mut session, authenticate("s3cret", &[])) else { panic!("checked at once") };
    let verdict: Result<Admission, Denied> = work.run();
    session.shut_down(ErrorUri::SYSTEM_SHUTDOWN, "stopping", CloseCode::GOING_AWAY);
    assert!(matches!(session.proven(&realm(rules()), verdict.clone()), Action::Nothing));
    let (mut session, _) = challenged("ticket", "joe");
    assert!(matches!(session.proven(&realm(rules()), verdict), Action::Nothing));
}

/// A4, section 11.1.
#[test]
fn a_role_that_the_realm_lacks_is_refused_after_the_proof() {
    let (mut session, _) = challenged("ticket", "ghost");
    assert_eq!(abort_reason(&answered(&mut session, authenticate("s3cret", &[]))), "wamp.error.no_such_role");
}

/// A1, decision 18: the challenge is the same, and whom no source lets in is told what a wrong secret is told; but the operator.
#[test]
fn sources_are_looked_at_after_the_proof_and_refuse_like_a_wrong_secret() {
    let office = Source { allow_from: vec![PeerRange::parse("10.0.0.0/8").unwrap()], ..Source::default() };
    let with_sources = || {
        let mut realm = realm(rules());
        realm.auth.sources = Sources::new(Arc::default(), vec![office.clone()]);
        realm
    };
    let login = |address: &str, method: &str, secret: &str| {
        let entrance = Entrance { listener: "main".into(), address: Some(address.parse().unwrap()) };
        let mut session = Session::new().with_entrance(entrance);
        session.receive(hello(&["caller"], &[method], Some("joe")));
        let action = match session.realm_found(&with_sources(), &door()) {
            Action::Send(Message::Challenge(challenge)) => {
                assert!(challenge.extra.is_empty());
                let Action::Authenticate(proof) = session.receive(authenticate(secret, &[])) else {
                    panic!("no proof")
                };
                session.authenticate(&with_sources(), &proof)
            }
            other => other,
        };
        (action, session.denied_because())
    };
    assert!(matches!(login("10.1.1.1", "ticket", "s3cret").0, Action::Join(identity, _) if &*identity.authid == "joe"));
    assert!(matches!(login("::ffff:10.1.1.1", "anonymous", "").0, Action::Join(..)));
    let (wrong, nothing) = login("10.1.1.1", "ticket", "guess");
    let (refused, reason) = login("192.0.2.1", "ticket", "s3cret");
    assert_eq!(format!("{wrong:?}"), format!("{refused:?}"));
    assert!(nothing.is_none() && reason.is_some_and(|reason| reason.contains("covers this address")), "{reason:?}");
    assert_eq!(format!("{:?}", login("192.0.2.1", "anonymous", "").0), format!("{refused:?}"));
}

/// Section 4.2: CHALLENGING takes AUTHENTICATE and ABORT only.
#[test]
fn anything_but_authenticate_and_abort_after_challenge_is_a_violation() {
    for message in [goodbye(), hello(&["caller"], &[], None), call(1, "com.x")] {
        assert_eq!(abort_reason(&challenged("ticket", "joe").0.receive(message)), VIOLATION);
    }
    let abort = Abort { details: CloseDetails::default(), reason: Uri::from("a.b"), payload: Payload::Empty };
    let action = challenged("ticket", "joe").0.receive(abort.into());
    assert!(matches!(action, Action::End(Farewell { message: None, .. })));
}

/// Nothing that is printed shows what a client has sent as its proof.
#[test]
fn a_proof_is_never_printed() {
    let (mut session, _) = challenged("ticket", "joe");
    let action = session.receive(authenticate("s3cret", &[]));
    assert!(!format!("{action:?} {session:?}").contains("s3cret"));
}
