//! A web transport: services by path, of which WebSocket, long-poll, the HTTP bridge and static files are taken over.

use super::transports::Port;
use super::Import;
use crate::config::import::advice;
use crate::config::import::notes::quote;
use crate::config::import::source::{At, Keys};

/// Deeper than anybody nests paths.
const DEPTH_MAX: usize = 16;

impl<'a> Import<'a, '_> {
    pub(super) fn web(&mut self, port: &Port, mut keys: Keys<'a>) {
        keys.pass(&["type", "id"]);
        keys.pass_if(&[("debug", false)]);
        let paths = keys.take("paths").and_then(|at| at.keys(self.notes));
        if let Some(paths) = paths {
            self.paths(port, paths, "", 0);
        }
        if let Some(mut options) = keys.take("options").and_then(|at| at.keys(self.notes)) {
            options.pass_if(&[("access_log", false), ("display_tracebacks", false), ("hsts", false)]);
            options.finish(self.notes, advice::crossbar);
        }
        keys.finish(self.notes, advice::crossbar);
    }

    fn paths(&mut self, port: &Port, mut paths: Keys<'a>, above: &str, depth: usize) {
        let all = paths.rest();
        for (name, at) in &all {
            let path = joined(above, name);
            let Some(mut keys) = at.keys(self.notes) else { continue };
            let kind = keys.take("type").and_then(|at| at.text(self.notes)).unwrap_or_default();
            match kind {
                "websocket" => self.websocket(port, keys, Some(path)),
                "longpoll" => self.longpoll(port, keys, &path),
                "path" if depth < DEPTH_MAX => {
                    if let Some(inner) = keys.take("paths").and_then(|at| at.keys(self.notes)) {
                        self.paths(port, inner, &path, depth + 1);
                    }
                    keys.finish(self.notes, advice::crossbar);
                }
                "publisher" | "caller" | "webhook" => self.bridge(port, kind, path, keys),
                "static" => self.folder(port, &path, keys),
                // It answers that nothing is there, as an unknown path does here.
                "none" => keys.finish(self.notes, advice::crossbar),
                kind => self.other(at, kind, &path, all.len()),
            }
        }
    }

    /// A service that is not served here, with all of its keys.
    fn other(&mut self, at: &At<'a>, kind: &str, path: &str, count: usize) {
        let message = format!("the service {} on {}", quote(kind), quote(path));
        self.notes.add(&at.origin, message, advice::service(kind));
        if path == "/" && count > 1 && matches!(kind, "nodeinfo" | "json" | "redirect") {
            let message = format!("in Crossbar {} on \"/\" hides the other paths of this transport", quote(kind));
            self.notes.add(&at.origin, message, "they are reachable here: take those out that shall not be");
        }
    }
}

/// A path below another one. The names of services have no slash in front.
pub(super) fn joined(above: &str, name: &str) -> String {
    let name = name.trim_matches('/');
    match (above.trim_end_matches('/'), name) {
        ("", "") => "/".to_owned(),
        (above, "") => above.to_owned(),
        (above, name) => format!("{above}/{name}"),
    }
}
