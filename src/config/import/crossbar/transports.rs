//! Transports: each becomes a listener, or a part of the one that has its address.

use super::auth::Door;
use super::endpoint::Endpoint;
use super::workers::Worker;
use super::Import;
use crate::config::import::advice;
use crate::config::import::notes::quote;
use crate::config::import::source::{At, Keys, Origin};

/// A transport with its own address, while it is read.
pub(super) struct Port {
    pub(super) listener: String,
    pub(super) reach: Vec<usize>,
    pub(super) origin: Origin,
}

impl<'a> Import<'a, '_> {
    /// Reads the transports of all workers.
    pub(super) fn transports(&mut self, workers: Vec<Worker<'a>>) {
        for Worker { number, mut keys, routes } in workers {
            keys.pass(&["realms"]);
            let reach = self.reach(number, routes.as_deref());
            for at in keys.take("transports").map(|at| at.list(self.notes)).unwrap_or_default() {
                if let Some(keys) = at.keys(self.notes) {
                    self.transport(&at, keys, &reach);
                }
            }
            keys.finish(self.notes, advice::crossbar);
        }
        for listener in self.draft.names(&["listeners"]) {
            if self.draft.find(&["listeners", &listener, "serve"]).is_none() {
                self.draft.remove(&["listeners", &listener]);
            }
        }
    }

    /// The realms that a worker's transports lead to.
    fn reach(&self, worker: usize, routes: Option<&[String]>) -> Vec<usize> {
        let leads = |(_, realm): &(usize, &super::Realm<'a>)| match routes {
            Some(routes) => routes.contains(&realm.uri),
            None => realm.workers.contains(&worker),
        };
        self.realms.iter().enumerate().filter(leads).map(|(place, _)| place).collect()
    }

    fn transport(&mut self, at: &At<'a>, mut keys: Keys<'a>, reach: &[usize]) {
        let kind = keys.take("type").and_then(|at| at.text(self.notes)).unwrap_or_default();
        let id = keys.take("id").and_then(|at| at.text(self.notes));
        if !matches!(kind, "websocket" | "rawsocket" | "web" | "universal") {
            let message = format!("a transport of type {}", quote(kind));
            self.notes.add(&at.origin, message, transport_advice(kind));
            return;
        }
        if is_for_proxies(&keys) {
            let message = "this transport is for the proxies of Crossbar";
            self.notes.add(&at.origin, message, "it was left out: one router takes all connections");
            return;
        }
        if reach.is_empty() && !self.realms.is_empty() {
            let message = "this transport leads to no realm";
            return self.notes.add(&at.origin, message, "it was left out: a web server serves pages");
        }
        let Some(endpoint) = self.endpoint(&mut keys) else { return };
        let wish = id.unwrap_or(if kind == "universal" { "main" } else { kind });
        let port = self.port(wish, endpoint, reach, &at.origin);
        if let Some(most) = keys.take("max_connections") {
            if let Some(number) = most.integer(self.notes) {
                self.of_listener(&port.listener, &["max_connections"], number, &most.origin);
            }
        }
        keys.pass_if(&[("debug", false)]);
        match kind {
            "websocket" => self.websocket(&port, keys, None),
            "rawsocket" => self.rawsocket(&port, keys),
            "web" => self.web(&port, keys),
            _ => self.universal(&port, keys),
        }
        if self.draft.find(&["listeners", &port.listener, "serve"]).is_none() {
            self.notes.add(&at.origin, "nothing of this transport is served here", "it was left out");
        } else if self.draft.find(&["listeners", &port.listener, "max_message"]).is_none() {
            // What holds in Crossbar where nothing is said.
            self.draft.set(&["listeners", &port.listener, "max_message"], "16MiB", &at.origin);
        }
    }

    /// The listener with the address of `endpoint`.
    fn port(&mut self, wish: &str, endpoint: Endpoint<'a>, reach: &[usize], origin: &Origin) -> Port {
        let there = endpoint.bind.iter().find_map(|bind| self.listeners.get(bind).cloned());
        let listener = match there {
            Some(listener) => {
                let message = format!("this address is that of the listener {}", quote(&listener));
                self.notes.add(
                    &endpoint.origin,
                    message,
                    "both were put together: one listener serves all on its address",
                );
                listener
            }
            None => self.listener_names.make(wish, "listener"),
        };
        for bind in &endpoint.bind {
            if self.listeners.insert(bind.clone(), listener.clone()).is_none() {
                self.draft.push(&["listeners", &listener, "bind"], bind.as_str(), &endpoint.origin);
            }
        }
        if reach.len() < self.realms.len() {
            for realm in reach.iter().filter_map(|place| self.realms.get(*place)) {
                self.draft.push(&["listeners", &listener, "realms"], realm.name.as_str(), realm.origin());
            }
        }
        if let Some((variable, host)) = endpoint.port_variable {
            let name = listener.to_uppercase().replace('-', "_");
            let message = format!("the port is in the environment variable {}", quote(&variable));
            let advice = format!(
                "8080 was written; start wharf with WHARF__LISTENERS__{name}__BIND={}:${variable}",
                quote(&host).replace('"', "")
            );
            self.notes.add(&endpoint.origin, message, advice);
        }
        if let Some(timeout) = endpoint.user_timeout {
            if let Some(milliseconds) = timeout.integer(self.notes) {
                self.of_listener(&listener, &["tcp_user_timeout"], format!("{milliseconds}ms"), &timeout.origin);
            }
        }
        if let Some(tls) = endpoint.tls {
            self.tls(&listener, tls);
        }
        Port { listener, reach: reach.to_vec(), origin: origin.clone() }
    }

    fn universal(&mut self, port: &Port, mut keys: Keys<'a>) {
        keys.pass(&["id"]);
        if let Some(rawsocket) = keys.take("rawsocket").and_then(|at| at.keys(self.notes)) {
            self.rawsocket(port, rawsocket);
        }
        let paths = keys.take("websocket").and_then(|at| at.keys(self.notes));
        for (path, at) in paths.map(|mut keys| keys.rest()).into_iter().flatten() {
            if let Some(keys) = at.keys(self.notes) {
                self.websocket(port, keys, Some(super::web::joined("", path)));
            }
        }
        if let Some(web) = keys.take("web").and_then(|at| at.keys(self.notes)) {
            self.web(port, web);
        }
        if let Some(mqtt) = keys.take("mqtt") {
            self.notes.add(&mqtt.origin, "MQTT", transport_advice("mqtt"));
        }
        keys.finish(self.notes, advice::crossbar);
    }

    /// Notes what is served on a listener, and who may enter by it.
    pub(super) fn served(&mut self, port: &Port, service: &str, keys: &mut Keys<'a>) {
        self.draft.push(&["listeners", &port.listener, "serve"], service, &port.origin);
        let door = Door {
            listener: port.listener.clone(),
            reach: port.reach.clone(),
            auth: keys.take("auth"),
            cookie: keys.take("cookie"),
            origin: keys.at.origin.clone(),
        };
        self.door(&door);
    }
}

/// Whether nobody but Crossbar's own proxies may connect.
fn is_for_proxies(keys: &Keys<'_>) -> bool {
    let auth = keys.peek("auth").and_then(|at| at.as_keys());
    let methods: Vec<&str> = auth.map(|mut keys| keys.rest()).into_iter().flatten().map(|(method, _)| method).collect();
    !methods.is_empty() && methods.iter().all(|method| method.ends_with("-proxy"))
}

fn transport_advice(kind: &str) -> &'static str {
    match kind {
        "mqtt" => "MQTT is not spoken here: let a bridge between an MQTT broker and the router log in as a client",
        "flashpolicy" => "nothing plays Flash any more; it was left out",
        "websocket.testee" | "stream.testee" => "it tests clients and belongs to no router; it was left out",
        _ => "expected websocket, rawsocket, web or universal; it was left out",
    }
}
