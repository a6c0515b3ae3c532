//! A one-time ticket in the query of an upgrade: `?ticket=wht_...`. It is used up by the upgrade, and the session's HELLO needs no
//! method then. It never reaches a log. Source: section 4.6 of the HTTP design.

use super::handshake::Refused;
use crate::actors::logins::Logins;
use crate::auth::once::{Purpose, Vouched};
use crate::observe::Refusal;
use actix_web::http::header::{self, HeaderMap};
use actix_web::http::StatusCode;

/// What every refusal is told, whatever is wrong with the ticket.
const DENIED: &str = "authentication failed\n";

/// Uses up the ticket of an upgrade, if it has one.
///
/// # Errors
/// 401 for one that is unknown, was used, has expired or is for something else; 400 for two, or another credential beside it.
pub(super) fn take(query: &str, headers: &HeaderMap, logins: &Logins) -> Result<Option<Vouched>, Refused> {
    let mut shown = query.split('&').filter_map(|part| part.strip_prefix("ticket="));
    let Some(ticket) = shown.next() else { return Ok(None) };
    if shown.next().is_some() || headers.contains_key(header::AUTHORIZATION) || headers.contains_key("x-api-key") {
        let text = "there is more than one credential\n".to_owned();
        return Err(Refused { status: StatusCode::BAD_REQUEST, refusal: Refusal::Http, text });
    }
    match logins.take_ticket(ticket) {
        Some(vouched) if vouched.purpose == Purpose::WebSocket => Ok(Some(vouched)),
        Some(_) | None => {
            let (status, refusal) = (StatusCode::UNAUTHORIZED, Refusal::AuthFailed);
            Err(Refused { status, refusal, text: DENIED.to_owned() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Identity;
    use crate::wamp::Uri;

    fn given(logins: &Logins, purpose: Purpose) -> String {
        let text = || "ann".into();
        let identity = Identity { authid: text(), authrole: text(), authmethod: text(), authprovider: text() };
        let vouched = Vouched { realm: Uri::from("r"), identity, purpose };
        format!("ticket={}", logins.give_ticket(vouched).unwrap().expose())
    }

    fn status(query: &str, headers: &HeaderMap, logins: &Logins) -> Result<bool, u16> {
        take(query, headers, logins).map(|vouched| vouched.is_some()).map_err(|refused| refused.status.as_u16())
    }

    /// Section 4.6.
    #[test]
    fn a_ticket_of_an_upgrade_is_used_up_by_it() {
        let (logins, none) = (Logins::new([1; 32]), HeaderMap::new());
        assert_eq!(status("", &none, &logins), Ok(false));
        assert_eq!(status("tickets=x&x=ticket", &none, &logins), Ok(false));
        let query = given(&logins, Purpose::WebSocket);
        assert_eq!(status(&format!("a=b&{query}"), &none, &logins), Ok(true));
        // Used, unknown, none at all, and for something else: all the same.
        for query in [&query, "ticket=wht_x", "ticket=", &given(&logins, Purpose::Events(None))] {
            let refused = take(query, &none, &logins).unwrap_err();
            assert_eq!((refused.status.as_u16(), &*refused.text), (401, DENIED), "{query}");
        }
    }

    /// Section 6: exactly one credential. Nothing is used up by two.
    #[test]
    fn a_ticket_beside_another_credential_is_400() {
        let (logins, none) = (Logins::new([1; 32]), HeaderMap::new());
        let query = given(&logins, Purpose::WebSocket);
        for name in ["authorization", "x-api-key"] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HeaderName::from_static(name), header::HeaderValue::from_static("x"));
            assert_eq!(status(&query, &headers, &logins), Err(400), "{name}");
        }
        assert_eq!(status(&format!("{query}&ticket=wht_x"), &none, &logins), Err(400));
        assert_eq!(status(&query, &none, &logins), Ok(true));
    }
}
