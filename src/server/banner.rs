//! What a person sees at the start: what runs where, and what to try next.

use crate::config::Settings;
use crate::transport::listener::{Listening, Serves, SocketId};
use crate::transport::settings::Service;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};

/// The text, for the sockets that were really opened; `None` where a log line says it.
pub(super) fn text(settings: &Settings, sockets: &[(SocketId, Serves, Listening)]) -> Option<String> {
    let version = env!("CARGO_PKG_VERSION");
    let places = places(sockets);
    tracing::info!(version, source = %settings.source, listening = %places.join(" "), "wharf is running");
    if !settings.node.dev && !std::io::stderr().is_terminal() {
        return None;
    }
    let mut text = String::new();
    if settings.node.dev {
        let realm = settings.realms.first().map_or("realm1", |realm| realm.uri.as_str());
        let _ =
            writeln!(text, "wharf {version} - dev mode: realm \"{realm}\", anonymous may do everything, loopback only");
        dev(&mut text, sockets);
    } else {
        let _ = writeln!(text, "wharf {version} - {}", settings.source);
        for place in places {
            let _ = writeln!(text, "  {place}");
        }
        for realm in &settings.realms {
            let _ = writeln!(text, "  realm {} ({} roles)", realm.uri, realm.roles.len());
        }
    }
    Some(text)
}

fn dev(text: &mut String, sockets: &[(SocketId, Serves, Listening)]) {
    let main = sockets.iter().find(|(_, of, _)| of.settings.serve.contains(&Service::WebSocket));
    let raw = sockets.iter().rev().find(|(_, of, socket)| {
        of.settings.serve.contains(&Service::RawSocket) && matches!(socket, Listening::Tcp(_)) && is_v4(socket)
    });
    let path = main.and_then(|(_, of, _)| of.settings.websocket.paths.first().cloned()).unwrap_or_default();
    let http = main.map(|(_, _, socket)| address(socket)).unwrap_or_default();
    let raw = raw.map(|(_, _, socket)| address(socket)).unwrap_or_default();
    let (websocket, rest) = (format!("ws://{http}{path}"), format!("http://{http}/api/v1"));
    let width = websocket.len().max(rest.len());
    let _ = writeln!(text, "  WebSocket  {websocket:<width$}   RawSocket  {raw}");
    let _ = writeln!(text, "  REST       {rest:<width$}   Metrics    http://{http}/metrics");
    let _ = writeln!(text, "  Look:      http://{http}/docs");
    let _ = writeln!(
        text,
        "  Try it:    curl -d '{{\"args\":[\"hi\"]}}' -H 'Content-Type: application/json' http://{http}/api/v1/publish/com.example.hello"
    );
    let _ = writeln!(text, "  Next:      wharf config init > wharf.toml");
}

fn is_v4(socket: &Listening) -> bool {
    match socket {
        Listening::Tcp(socket) => socket.local_addr().is_ok_and(|address| address.is_ipv4()),
        Listening::Unix(..) => false,
    }
}

fn address(socket: &Listening) -> String {
    match socket {
        Listening::Tcp(socket) => socket.local_addr().map_or_else(|_| "?".to_owned(), |address| address.to_string()),
        Listening::Unix(_, path) => format!("unix:{}", path.display()),
    }
}

/// Each with what is served there.
pub(super) fn places(sockets: &[(SocketId, Serves, Listening)]) -> Vec<String> {
    sockets
        .iter()
        .map(|(_, Serves { settings: listener, .. }, socket)| {
            let tls = listener.tls.as_ref().map(|_| "tls");
            let services: Vec<_> = tls.into_iter().chain(listener.serve.iter().map(|service| name(*service))).collect();
            format!("{} {} ({})", listener.name, address(socket), services.join(", "))
        })
        .collect()
}

fn name(service: Service) -> &'static str {
    match service {
        Service::WebSocket => "websocket",
        Service::RawSocket => "rawsocket",
        Service::Rest => "rest",
        Service::Admin => "admin",
        Service::Metrics => "metrics",
        Service::Health => "health",
        Service::Static => "static",
        Service::LongPoll => "longpoll",
        Service::Hooks => "hooks",
    }
}

/// Shows it on standard error; a closed one is nobody's fault.
pub(super) fn show(banner: &Option<String>) {
    if let Some(text) = banner {
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}
