//! Services of a path that are served here too: the HTTP bridge (publisher, caller, webhook) as sections of `rest.crossbar`, and
//! static files.

use super::realms::by_uri;
use super::transports::Port;
use super::Import;
use crate::config::import::advice;
use crate::config::import::notes::quote;
use crate::config::import::parts;
use crate::config::import::source::{At, Keys, Origin};

/// What is written where Crossbar's file says nothing of a body's size; there it may be any.
const BODY_MAX: &str = "16MiB";

/// How far a timestamp may be off where Crossbar's file says nothing.
const WINDOW: &str = "300s";

impl<'a> Import<'a, '_> {
    /// A publisher, caller or webhook at `path`.
    pub(super) fn bridge(&mut self, port: &Port, kind: &str, path: String, mut keys: Keys<'a>) {
        let origin = keys.at.origin.clone();
        let id = keys.take("id").and_then(|at| at.text(self.notes));
        let realm = keys.take("realm").and_then(|at| at.text(self.notes)).unwrap_or_default();
        let role = keys.take("role").and_then(|at| at.text(self.notes)).unwrap_or_default();
        let options = keys.take("options").and_then(|at| at.keys(self.notes));
        keys.finish(self.notes, advice::crossbar);
        let known = by_uri(&self.realms, realm).map(str::to_owned);
        let reached = port.reach.iter().filter_map(|place| self.realms.get(*place));
        let has_role = reached.filter(|there| there.uri == realm).any(|there| there.has_role(role));
        let Some(realm) = known.filter(|_| has_role) else {
            let message = format!("{} acts in the realm {} with the role {}", quote(&path), quote(realm), quote(role));
            return self.notes.add(&origin, message, "there is no such realm or role here: the service was left out");
        };
        if !self.bridges.insert(path.clone()) {
            let message = format!("another service of the bridge has the path {}", quote(&path));
            let advice = "a path is the same on all listeners here: give this one another path; it was left out";
            return self.notes.add(&origin, message, advice);
        }
        let wish = id.unwrap_or_else(|| path.rsplit('/').next().unwrap_or_default());
        let name = self.section_names.make(wish, kind);
        let section = ["rest", "crossbar", name.as_str()];
        for (key, value) in [("path", path.as_str()), ("kind", kind), ("realm", &realm), ("role", role)] {
            self.draft.set(&[&section[..], &[key]].concat(), value, &origin);
        }
        self.bridge_options(&name, kind == "webhook", options, &origin);
        self.draft.push(&["listeners", &port.listener, "serve"], "rest", &port.origin);
    }

    fn bridge_options(&mut self, name: &str, is_hook: bool, options: Option<Keys<'a>>, origin: &Origin) {
        let mut taken: Vec<(&str, serde_json::Value, Origin)> = Vec::new();
        let mut body = (BODY_MAX.to_owned(), origin.clone());
        let mut window = None;
        if let Some(mut options) = options {
            options.pass_if(&[("debug", false)]);
            let texts: &[&str] = if is_hook { &["topic", "success_response", "error_response"] } else { &["key"] };
            for key in texts {
                let Some(at) = options.take(key) else { continue };
                taken.extend(at.text(self.notes).map(|text| (*key, text.into(), at.origin.clone())));
            }
            let secret = if is_hook { "github_secret" } else { "secret" };
            if let Some(at) = options.take(secret) {
                let kind = if is_hook { "GITHUB_SECRET" } else { "SECRET" };
                let place = parts::secret(&mut self.variables, name, kind, &at, self.notes);
                taken.extend(place.map(|place| (secret, place, at.origin.clone())));
            }
            if let Some(at) = options.take("require_tls") {
                taken.extend(at.boolean(self.notes).map(|wanted| ("require_tls", wanted.into(), at.origin.clone())));
            }
            if let Some(at) = options.take("require_ip") {
                let ranges: Vec<&str> = at.list(self.notes).iter().filter_map(At::as_text).collect();
                taken.push(("require_ip", ranges.into(), at.origin.clone()));
            }
            if let Some(at) = options.take("post_body_limit") {
                match at.integer(self.notes) {
                    Some(0) | None => {}
                    Some(octets) => body = (format!("{octets}B"), at.origin.clone()),
                }
            }
            if let Some(at) = options.take("timestamp_delta_limit") {
                window = match at.integer(self.notes) {
                    Some(0) => Some(("none".to_owned(), at.origin.clone())),
                    Some(seconds) => Some((format!("{seconds}s"), at.origin.clone())),
                    None => None,
                };
            }
            options.finish(self.notes, advice::crossbar);
        }
        if taken.iter().any(|(key, ..)| *key == "secret") {
            window = window.or_else(|| Some((WINDOW.to_owned(), origin.clone())));
        }
        taken.push(("max_body", body.0.into(), body.1));
        taken.extend(window.map(|(text, origin)| ("timestamp_window", text.into(), origin)));
        for (key, value, origin) in taken {
            self.draft.set(&["rest", "crossbar", name, key], value, &origin);
        }
    }

    /// A folder whose files are served at `path`.
    pub(super) fn folder(&mut self, port: &Port, path: &str, mut keys: Keys<'a>) {
        let origin = keys.at.origin.clone();
        keys.pass(&["id"]);
        let Some(at) = keys.take("directory") else {
            for key in ["package", "resource"] {
                keys.take(key);
            }
            keys.rest();
            let advice = "serve a folder with copies of its files: `static.dir` of a listener";
            return self.notes.add(&origin, "static files of a Python package", advice);
        };
        let Some(dir) = at.text(self.notes) else { return };
        let listener = port.listener.as_str();
        if !self.draft.set_once(&["listeners", listener, "static", "dir"], dir, &at.origin) {
            keys.rest();
            let message = format!("the listener {} serves another folder already", quote(listener));
            return self.notes.add(
                &origin,
                message,
                "put both below one folder, or give one of them a listener of its own",
            );
        }
        self.draft.set(&["listeners", listener, "static", "path"], path, &origin);
        self.draft.push(&["listeners", listener, "serve"], "static", &port.origin);
        if !dir.starts_with('/') {
            let message =
                format!("the folder {} was looked for from the folder of Crossbar's configuration", quote(dir));
            self.notes.add(
                &at.origin,
                message,
                "it is looked for from the folder of the new file: write its whole path",
            );
        }
        if let Some(mut options) = keys.take("options").and_then(|at| at.keys(self.notes)) {
            if let Some(at) = options.take("enable_directory_listing") {
                if let Some(listing) = at.boolean(self.notes) {
                    self.draft.set(&["listeners", listener, "static", "listing"], listing, &at.origin);
                }
            }
            if let Some(at) = options.take("cache_timeout") {
                if let Some(seconds) = at.integer(self.notes) {
                    self.draft.set(&["listeners", listener, "static", "max_age"], format!("{seconds}s"), &at.origin);
                }
            }
            if let Some(at) = options.take("default_file") {
                if let Some(index) = at.text(self.notes) {
                    self.draft.set(&["listeners", listener, "static", "index"], index, &at.origin);
                }
            }
            options.finish(self.notes, advice::crossbar);
        }
        keys.finish(self.notes, advice::crossbar);
    }
}
