//! Who comes in by a one-time ticket, which came with the connection. Section 4.6 of the HTTP design.

use super::*;
use crate::auth::once::{Purpose, Vouched};

fn vouched(authid: &str, realm: &str, purpose: Purpose) -> Vouched {
    let identity = Identity {
        authid: authid.into(),
        authrole: "guest".into(),
        authmethod: "ticket".into(),
        authprovider: "static".into(),
    };
    Vouched { realm: Uri::from(realm), identity, purpose }
}

/// A HELLO on a connection that came with such a ticket.
fn knock(vouched: Vouched, methods: &[&str], authid: Option<&str>) -> (Session, Action) {
    let mut session = Session::new();
    session.receive(hello(&["caller"], methods, authid));
    let door = Door { vouched: Some(vouched), ..door() };
    let action = session.realm_found(&realm(rules()), &door);
    (session, action)
}

fn joe(purpose: Purpose) -> Vouched {
    vouched("joe", "realm1", purpose)
}

#[test]
fn a_hello_by_a_one_time_ticket_needs_no_method_and_welcome_shows_who_asked_for_it() {
    for (methods, authid) in [(&[][..], None), (&["wampcra"][..], Some("joe"))] {
        let (mut session, action) = knock(joe(Purpose::WebSocket), methods, authid);
        let Action::Join(identity, _) = action else { panic!("not let in: {action:?}") };
        assert_eq!(identity, joe(Purpose::WebSocket).identity);
        assert!(session.came_by_ticket());
        let Action::Send(Message::Welcome(welcome)) = session.joined(session_id()) else { panic!("no WELCOME") };
        assert_eq!(welcome.details.authmethod.as_deref(), Some("ticket"));
        assert_eq!(welcome.details.authid.as_deref(), Some("joe"));
    }
}

#[test]
fn a_one_time_ticket_lets_in_nobody_else_nowhere_else_and_for_nothing_else() {
    for (vouched, authid) in [
        (joe(Purpose::WebSocket), Some("ann")),
        (vouched("joe", "realm2", Purpose::WebSocket), None),
        (joe(Purpose::Events(None)), None),
        // Not a user of the method any more, or never.
        (vouched("nobody", "realm1", Purpose::WebSocket), None),
        (vouched("ghost", "realm1", Purpose::WebSocket), None),
    ] {
        let (_, action) = knock(vouched.clone(), &[], authid);
        let Action::End(Farewell { message: Some(message), .. }) = action else { panic!("{vouched:?}: {action:?}") };
        let Message::Abort(abort) = *message else { panic!("no ABORT") };
        assert_eq!(abort.reason.as_str(), ErrorUri::AUTHENTICATION_DENIED.as_str(), "{vouched:?}");
        assert_eq!(abort.details.message.as_deref(), Some("authentication failed"));
    }
}
