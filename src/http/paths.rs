//! Paths that the settings name, and not the program: they change with a reload, so they are looked up for each request and
//! not built into the application. A guard says whether a request is for one of them; services before and after it have theirs.

use super::{HttpState, Listener};
use crate::http::settings::RestSettings;
use actix_web::dev::RequestHead;
use actix_web::guard::{fn_guard, GuardContext};
use actix_web::http::header;
use actix_web::{web, Resource};

/// Whether the settings have a service for this path on a listener.
pub(super) type Has = fn(&RestSettings, &Listener, &str) -> bool;

/// A service for the paths of which `has` says so. A wish for a WebSocket is none of its affair.
pub(super) fn resource(state: &HttpState, listener: &Listener, has: Has) -> Resource {
    let (state, listener) = (state.clone(), listener.clone());
    web::resource("/{tail:.*}").guard(fn_guard(move |context: &GuardContext<'_>| {
        let head = context.head();
        !is_upgrade(head) && has(&state.rest.load(), &listener, head.uri.path())
    }))
}

/// Whether a WebSocket is wanted.
pub(super) fn is_upgrade(head: &RequestHead) -> bool {
    // Other upgrades, such as h2c, may be ignored; this one would swallow the body.
    head.upgrade()
        && head.headers().get(header::UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Whether a realm, by its name, is served on a listener.
pub(super) fn reaches(listener: &Listener, realm: &str) -> bool {
    listener.realms.is_empty() || listener.realms.iter().any(|name| name == realm)
}
