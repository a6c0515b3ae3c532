//! Where a transport listens, and its TLS.

use super::Import;
use crate::config::import::advice;
use crate::config::import::notes::quote;
use crate::config::import::parts;
use crate::config::import::source::{At, Keys, Origin};

/// An address, and what else the endpoint says.
pub(super) struct Endpoint<'a> {
    pub(super) bind: Vec<String>,
    pub(super) origin: Origin,
    pub(super) tls: Option<Keys<'a>>,
    pub(super) user_timeout: Option<At<'a>>,
    /// The variable that has the port, and the host to bind it on.
    pub(super) port_variable: Option<(String, String)>,
}

/// What is written where the port is only known from the environment.
const PORT: u16 = 8080;

impl<'a> Import<'a, '_> {
    /// Reads an endpoint. `None` after a note.
    pub(super) fn endpoint(&mut self, keys: &mut Keys<'a>) -> Option<Endpoint<'a>> {
        let Some(at) = keys.take("endpoint") else {
            self.notes.add(&keys.at.origin, "there is no `endpoint`", "the transport was left out");
            return None;
        };
        let mut keys = at.keys(self.notes)?;
        let kind = keys.take("type").and_then(|at| at.text(self.notes)).unwrap_or("tcp");
        let tls = keys.take("tls").and_then(|at| at.keys(self.notes));
        let user_timeout = keys.take("user_timeout");
        keys.pass(&["backlog", "shared"]);
        let mut endpoint =
            Endpoint { bind: Vec::new(), origin: at.origin.clone(), tls, user_timeout, port_variable: None };
        match kind {
            "tcp" => self.tcp(&mut keys, &mut endpoint),
            "unix" => {
                let path = keys.take("path").and_then(|at| at.text(self.notes));
                endpoint.bind.extend(path.map(|path| parts::unix(path, &at.origin, self.notes)));
            }
            "twisted" => {
                let text = keys.take("server_string").and_then(|at| at.text(self.notes)).unwrap_or_default();
                match server_string(text) {
                    Some(bind) => endpoint.bind.push(bind),
                    None => self.notes.add(
                        &at.origin,
                        format!("an endpoint {}", quote(text)),
                        "write `bind` yourself: an address and port, or unix:/path",
                    ),
                }
            }
            other => {
                let message = format!("an endpoint of type {}", quote(other));
                self.notes.add(
                    &at.origin,
                    message,
                    "listen on a loopback address and let the other program pass connections on",
                );
                keys.rest();
            }
        }
        keys.finish(self.notes, advice::crossbar);
        if endpoint.bind.is_empty() {
            self.notes.add(&at.origin, "there is no address to listen on", "the transport was left out");
            return None;
        }
        Some(endpoint)
    }

    fn tcp(&mut self, keys: &mut Keys<'a>, endpoint: &mut Endpoint<'a>) {
        let version = keys.take("version").and_then(|at| at.integer(self.notes));
        let interface = keys.take("interface").and_then(|at| Some((at.text(self.notes)?, at.origin)));
        let everywhere = if version == Some(6) { "::" } else { "0.0.0.0" };
        let (host, origin) = match &interface {
            Some((host, origin)) if !host.is_empty() => (*host, origin.clone()),
            Some(_) | None => (everywhere, endpoint.origin.clone()),
        };
        if let Some(at) = keys.take("portrange") {
            let ends: Vec<u16> =
                at.list(self.notes).iter().filter_map(|at| u16::try_from(at.as_integer()?).ok()).collect();
            if let [first, last] = ends[..] {
                let ports = (first..=last).take(PORTS_MAX);
                endpoint.bind.extend(ports.map(|port| parts::address(host, port, &origin, self.notes)));
            }
            if endpoint.bind.is_empty()
                || ends.last().zip(ends.first()).is_some_and(|(last, first)| usize::from(last - first) >= PORTS_MAX)
            {
                let advice = format!("expected two ports, at most {PORTS_MAX} apart; write the others into `bind`");
                self.notes.add(&at.origin, "a range of ports", advice);
            }
        }
        let Some(at) = keys.take("port") else { return };
        let number = at.as_integer().map(|number| u16::try_from(number).ok());
        let text = at.as_text();
        let port = match (number, text) {
            (Some(Some(port)), _) => port,
            (_, Some(text)) if parts::variable(text).is_some() => {
                let name = parts::variable(text).unwrap_or_default().to_owned();
                endpoint.port_variable = Some((name, host.to_owned()));
                PORT
            }
            (_, Some(text)) if text.parse::<u16>().is_ok() => text.parse().unwrap_or(PORT),
            (_, _) => {
                self.notes.add(&at.origin, "this is no port", "expected a number from 1 to 65535");
                return;
            }
        };
        endpoint.bind.push(parts::address(host, port, &origin, self.notes));
    }

    /// Certificates, and what else there is of TLS.
    pub(super) fn tls(&mut self, listener: &str, mut keys: Keys<'a>) {
        let mut file =
            |key: &str, notes: &mut _| keys.take(key).and_then(|at: At<'a>| Some((at.text(notes)?, at.origin)));
        let certificate = file("certificate", self.notes);
        let key = file("key", self.notes);
        if let (Some((certificate, origin)), Some((key, key_origin))) = (&certificate, &key) {
            let files = [(*certificate, origin), (*key, key_origin)];
            let there = "the folder of Crossbar's configuration";
            parts::certificate(&mut self.draft, listener, files, there, self.notes);
            if let Some(authorities) = keys.take("ca_certificates") {
                self.authorities(listener, &authorities);
            }
        } else {
            let message = "TLS without `certificate` and `key`";
            self.notes.add(&keys.at.origin, message, "the listener has no TLS: give `tls.cert` and `tls.key`");
        }
        keys.finish(self.notes, advice::crossbar);
    }

    fn authorities(&mut self, listener: &str, at: &At<'a>) {
        let files = at.list(self.notes);
        let mut files = files.iter().filter_map(|file| Some((file.as_text()?, &file.origin)));
        let Some((first, origin)) = files.next() else { return };
        self.of_listener(listener, &["tls", "client_ca"], first, origin);
        self.of_listener(listener, &["tls", "client_auth"], "required", origin);
        for (_, origin) in files {
            self.notes.add(
                origin,
                "another file of authorities",
                "append it to the first one: tls.client_ca is one file",
            );
        }
    }
}

/// The most ports of a range that are written out.
const PORTS_MAX: usize = 16;

/// The address of Twisted's `tcp:8080:interface=127.0.0.1` or `unix:/path`.
fn server_string(text: &str) -> Option<String> {
    if let Some(path) = text.strip_prefix("unix:") {
        return (!path.contains(':') && !path.is_empty()).then(|| format!("unix:{path}"));
    }
    let mut parts = text.strip_prefix("tcp:")?.split(':');
    let port: u16 = parts.next()?.strip_prefix("port=").map_or_else(|| text.split(':').nth(1), Some)?.parse().ok()?;
    let host = parts.find_map(|part| part.strip_prefix("interface=")).unwrap_or("0.0.0.0");
    Some(format!("{}:{port}", host.parse::<std::net::Ipv4Addr>().ok()?))
}
