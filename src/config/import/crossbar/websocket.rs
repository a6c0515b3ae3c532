//! WebSocket and RawSocket: serializers, options, origins. Times are in milliseconds.

use super::transports::Port;
use super::Import;
use crate::config::import::advice;
use crate::config::import::notes::quote;
use crate::config::import::parts;
use crate::config::import::source::{At, Keys};

impl<'a> Import<'a, '_> {
    /// A WebSocket transport or path. Without a path every path of the transport was one; then that of its URL is added to
    /// those that are usual.
    pub(super) fn websocket(&mut self, port: &Port, mut keys: Keys<'a>, path: Option<String>) {
        keys.pass(&["type", "id"]);
        keys.pass_if(&[("debug", false)]);
        let listener = port.listener.as_str();
        self.served(port, "websocket", &mut keys);
        let url = keys.take("url").and_then(|at| at.text(self.notes));
        let paths: &[&str] = &["listeners", listener, "websocket", "paths"];
        match (path, url.and_then(path_of)) {
            (Some(path), _) => self.draft.push(paths, path, &keys.at.origin),
            (None, Some(path)) if path != "/" && path != "/ws" => {
                for path in [path, "/", "/ws"] {
                    self.draft.push(paths, path, &keys.at.origin);
                }
            }
            (None, _) => {}
        }
        if let Some(at) = keys.take("serializers") {
            parts::serializers(&mut self.draft, &["listeners", listener, "websocket", "serializers"], &at, self.notes);
        }
        let mut options = keys.take("options").and_then(|at| at.keys(self.notes));
        let origins = options.as_mut().and_then(|options| options.take("allowed_origins"));
        self.origins(port, origins.as_ref());
        if let Some(mut options) = options {
            // A page without an origin is let in where all are, and not elsewhere.
            let everywhere =
                origins.is_none_or(|at| at.list(self.notes).iter().any(|item| item.as_text() == Some("*")));
            options.pass_if(&[("allow_null_origin", everywhere)]);
            self.websocket_options(listener, options);
        }
        keys.finish(self.notes, advice::crossbar);
    }

    fn websocket_options(&mut self, listener: &str, mut options: Keys<'a>) {
        options.pass_if(&[
            ("enable_rfc6455", true),
            ("validate_utf8", true),
            ("require_masked_client_frames", true),
            ("mask_server_frames", false),
            ("apply_mask", true),
            ("tcp_nodelay", true),
            ("fail_by_drop", true),
            ("fail_by_drop", false),
            ("echo_close_codereason", false),
            ("enable_webstatus", false),
            ("require_websocket_subprotocol", true),
            ("show_server_version", false),
            ("debug", false),
        ]);
        // What older browsers spoke; nobody does any more.
        options.pass(&["enable_hybi10"]);
        self.max_message(listener, options.take("max_message_size"));
        for (theirs, ours) in [("auto_ping_interval", "ping_interval"), ("auto_ping_timeout", "ping_timeout")] {
            let Some(at) = options.take(theirs) else { continue };
            match at.integer(self.notes) {
                Some(0) => self.notes.add(
                    &at.origin,
                    "no pings",
                    "each WebSocket connection is pinged here, every 20s unless you say otherwise",
                ),
                Some(milliseconds) => {
                    // A time of over ten years is none; the check of the draft says so.
                    self.of_listener(listener, &[ours], format!("{milliseconds}ms"), &at.origin);
                }
                None => {}
            }
        }
        if let Some(mut compression) = options.take("compression").and_then(|at| at.keys(self.notes)) {
            if let Some(deflate) = compression.take("deflate") {
                self.of_listener(listener, &["websocket", "compression"], "deflate", &deflate.origin);
                if let Some(mut keys) = deflate.keys(self.notes) {
                    keys.pass_if(&[("request_no_context_takeover", false), ("no_context_takeover", false)]);
                    for key in ["request_max_window_bits", "max_window_bits"] {
                        // 0 means that nothing is asked for.
                        if keys.peek(key).is_some_and(|at| at.as_integer() == Some(0)) {
                            keys.take(key);
                        }
                    }
                    keys.finish(self.notes, advice::crossbar);
                }
            }
            compression.finish(self.notes, advice::crossbar);
        }
        options.finish(self.notes, advice::crossbar);
    }

    fn max_message(&mut self, listener: &str, at: Option<At<'a>>) {
        let Some(at) = at else { return };
        if let Some(octets) = at.integer(self.notes) {
            let size = parts::message_size(octets, &at.origin, self.notes);
            self.of_listener(listener, &["max_message"], size, &at.origin);
        }
    }

    /// Crossbar takes pages of every origin where nothing is said. Of two paths of one listener that differ the narrower holds.
    fn origins(&mut self, port: &Port, at: Option<&At<'a>>) {
        let mut origins = Vec::new();
        let from = at.map_or(&port.origin, |at| &at.origin);
        for item in at.map(|at| at.list(self.notes)).unwrap_or_default() {
            let Some(text) = item.text(self.notes) else { continue };
            match origin(text) {
                Some(origin) => origins.push(origin),
                None => {
                    let message = format!("the origin {} cannot be written here", quote(text));
                    self.notes.add(&item.origin, message, parts::ORIGIN);
                }
            }
        }
        if at.is_none() {
            origins.push("*".to_owned());
        }
        let path: &[&str] = &["listeners", &port.listener, "websocket", "allowed_origins"];
        let Some(there) = self.draft.texts(path) else { return self.draft.set(path, origins, from) };
        if there == origins {
            return;
        }
        let is_open = |list: &[String]| list.iter().any(|origin| origin == "*");
        let narrower: Vec<String> = match (is_open(&there), is_open(&origins)) {
            (true, _) => origins,
            (false, true) => there,
            (false, false) => there.into_iter().filter(|origin| origins.contains(origin)).collect(),
        };
        self.draft.set(path, narrower, from);
        let message = format!("`allowed_origins` of the listener {} has another value already", quote(&port.listener));
        self.notes.add(from, message, "only what both allow was written: a listener has one value for all its paths");
    }

    pub(super) fn rawsocket(&mut self, port: &Port, mut keys: Keys<'a>) {
        keys.pass(&["type", "id", "url"]);
        keys.pass_if(&[("debug", false)]);
        self.served(port, "rawsocket", &mut keys);
        if let Some(at) = keys.take("serializers") {
            let path = ["listeners", port.listener.as_str(), "rawsocket", "serializers"];
            parts::serializers(&mut self.draft, &path, &at, self.notes);
        }
        if let Some(mut options) = keys.take("options").and_then(|at| at.keys(self.notes)) {
            self.max_message(&port.listener, options.take("max_message_size"));
            options.finish(self.notes, advice::crossbar);
        }
        keys.finish(self.notes, advice::crossbar);
    }
}

/// The path of a URL of a WebSocket.
fn path_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let start = rest.find('/')?;
    rest.get(start..)?.split(['?', '#']).next()
}

/// A pattern of origins as it is written here. Stars are for ports only, or stand for everything.
fn origin(text: &str) -> Option<String> {
    if text == "*" {
        return Some(text.to_owned());
    }
    let text = text.strip_suffix('/').unwrap_or(text);
    let (scheme, host) = text.split_once("://")?;
    let stars = host.matches('*').count();
    let fine = !scheme.is_empty() && !scheme.contains('*') && !host.is_empty();
    (fine && (stars == 0 || stars == 1 && host.ends_with(":*"))).then(|| text.to_owned())
}
