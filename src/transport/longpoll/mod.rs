//! WAMP over HTTP long-poll and server-sent events, for libraries that speak it: a full session with all roles. Source: sections
//! 7.4 and 7.5 of the reference, section 11 of the HTTP design.
//!
//! A session is the same actor as on every other transport; `connection` is its transport, `requests` are what a peer asks,
//! `exchange` is what lies between the two, and `board` finds it by the id of the transport.

mod board;
mod connection;
mod events;
mod exchange;
mod protocol;
mod requests;

use super::settings::{ListenerSettings, Service};
use actix_web::{web, HttpRequest};
pub use board::Board;
use requests::Asked;
pub(super) use requests::Desk;

/// Adds the paths of one listener.
pub(super) fn configure(services: &mut web::ServiceConfig, listener: &ListenerSettings) {
    if !listener.serve.contains(&Service::LongPoll) {
        return;
    }
    for base in &listener.longpoll.paths {
        let says_no_content = listener.longpoll.no_content.contains(base);
        let base = base.trim_end_matches('/');
        let mut add = |path: String, asked: Asked| {
            let answer = move |request: HttpRequest, mut payload: web::Payload, desk: web::Data<Desk>| async move {
                desk.answer(asked, says_no_content, &request, &mut payload).await
            };
            services.service(web::resource(path).default_service(web::to(answer)));
        };
        add(format!("{base}/open"), Asked::Open);
        for (name, asked) in Asked::OF_TRANSPORT {
            add(format!("{base}/{{id}}/{name}"), asked);
        }
    }
}

/// Whether a path is one of a transport that was opened: a listener that is gone still hears its sessions' last words.
pub(super) fn is_of_transport(path: &str, listener: &ListenerSettings) -> bool {
    listener.serve.contains(&Service::LongPoll)
        && listener.longpoll.paths.iter().any(|base| {
            let rest = path.strip_prefix(base.trim_end_matches('/')).and_then(|rest| rest.strip_prefix('/'));
            let asked = rest.and_then(|rest| rest.split_once('/'));
            asked.is_some_and(|(_, name)| Asked::OF_TRANSPORT.iter().any(|(known, _)| *known == name))
        })
}
