//! Rights of a role to options that everybody has unless they are taken: section 12 of the reference.

use super::*;
use crate::authz::{Actions, PolicyFlags};

fn session_with(flags: PolicyFlags) -> Session {
    let rule = Rule {
        pattern: Pattern::parse("*").unwrap(),
        actions: Actions::ALL,
        disclose: Actions::default(),
        source: "".into(),
    };
    let policy = Policy::new(PolicyRules { allow: vec![rule], deny: Vec::new(), flags });
    let rules = Rules { policy: Arc::new(policy), ..Rules::default() };
    let name = |text: &str| text.into();
    let identity = Identity {
        authid: name("joe"),
        authrole: name("guest"),
        authmethod: name("ticket"),
        authprovider: name("static"),
    };
    let mut session = Session::authenticated(Uri::from("realm1"), identity, Arc::new(rules));
    session.joined(SessionId::FIRST);
    session
}

fn publish(retain: bool, acknowledge: bool) -> Message {
    let options = PublishOptions { retain, acknowledge, ..PublishOptions::default() };
    Publish { request: RequestId::FIRST, options, topic: Uri::from("com.x"), payload: Payload::Empty }.into()
}

#[test]
fn a_role_that_may_not_retain_is_refused_that_and_publishes_else() {
    let mut session = session_with(PolicyFlags { no_retain: true, ..PolicyFlags::default() });
    assert!(session.judge(&mut publish(false, true)).is_none());
    let refused = session.judge(&mut publish(true, true));
    let Some(Action::Refuse(Refused::NotAuthorized, Some(error))) = refused else { panic!("{refused:?}") };
    let Message::Error(error) = *error else { panic!("{error:?}") };
    assert_eq!(error.error.as_str(), "wamp.error.option_not_allowed");
    // R36.
    let unheard = session.judge(&mut publish(true, false));
    assert!(matches!(unheard, Some(Action::Refuse(Refused::NotAuthorized, None))), "{unheard:?}");
    assert!(session_with(PolicyFlags::default()).judge(&mut publish(true, true)).is_none());
}

#[test]
fn a_role_that_may_not_cancel_is_not_heard_and_stays() {
    let cancel = || Cancel { request: RequestId::FIRST, options: CancelOptions::default() }.into();
    let mut session = session_with(PolicyFlags { no_cancel: true, ..PolicyFlags::default() });
    let refused = session.judge(&mut cancel());
    assert!(matches!(refused, Some(Action::Refuse(Refused::NotAuthorized, None))), "{refused:?}");
    assert!(session.judge(&mut publish(false, true)).is_none());
    assert!(session_with(PolicyFlags::default()).judge(&mut cancel()).is_none());
}
