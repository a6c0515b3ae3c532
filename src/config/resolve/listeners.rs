//! `[listeners]`: addresses, what is served, what is reachable.

use super::Resolver;
use crate::config::error::{Code, Severity};
use crate::config::read::Placed;
use crate::config::shape::{Compression, Listener, LongPoll, RawSocket, WebSocket};
use crate::config::tree::Place;
use crate::config::values::{Bind as BindText, HttpPath, Items, NamedEntry};
use crate::transport::settings::{
    Bind, ListenerSettings, LongPollSettings, ProxyProtocol, RawSocketSettings, Service, WebSocketSettings,
};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// The mode of a Unix socket's file, if none is given.
const SOCKET_MODE: u32 = 0o660;

impl Resolver<'_> {
    /// All listeners, by name.
    pub(super) fn listeners(&mut self) -> Vec<ListenerSettings> {
        let file = self.file;
        if file.listeners.0.is_empty() {
            let message = "there is no listener: nobody can connect";
            let hint = "add one: [listeners.main]";
            self.note(Severity::Warning, Code::MissingKey, Place::NONE, "listeners", message, hint);
        }
        let listeners = file.listeners.iter().map(|(name, entry)| self.listener(name, entry)).collect();
        self.check_addresses();
        listeners
    }

    fn listener(&mut self, name: &str, entry: &NamedEntry<Listener>) -> ListenerSettings {
        let shape = &entry.value;
        self.check_services(shape);
        self.check_realms(shape);
        let mode = self.mode(shape);
        if shape.proxy_protocol.value != ProxyProtocol::Off && shape.trusted_proxies.0.is_empty() {
            let message = "`proxy_protocol` is on, and no proxy is trusted";
            self.error(Code::MissingKey, &shape.proxy_protocol, message, "name the proxies in `trusted_proxies`");
        }
        let before_welcome = &shape.max_message_before_welcome;
        if before_welcome.is_given() && before_welcome.octets() > shape.max_message.octets() {
            let message = "`max_message_before_welcome` is larger than `max_message`";
            self.error(Code::OutOfRange, before_welcome, message, "no message may be larger than `max_message`");
        }
        let everywhere = shape.realms.0.iter().any(|realm| realm.value == "*");
        ListenerSettings {
            name: name.to_owned(),
            binds: shape.bind.0.iter().flat_map(|bind| self.addresses(bind, mode)).collect(),
            serve: shape.serve.values(),
            realms: if everywhere { Vec::new() } else { shape.realms.values() },
            realm: shape.realm.value.clone(),
            ping_interval: shape.ping_interval.0,
            ping_timeout: shape.ping_timeout.0,
            ping_suspect: shape.ping_suspect.0,
            tcp_user_timeout: shape.tcp_user_timeout.0,
            message_max: shape.max_message.octets(),
            message_before_welcome_max: before_welcome.octets().min(shape.max_message.octets()),
            connections_max: shape.max_connections.value.map(crate::config::values::Count::size),
            header_bytes_max: shape.max_header.octets(),
            header_lines_max: shape.max_header_lines.size(),
            websocket: self.websocket(&shape.websocket),
            rawsocket: self.rawsocket(&shape.rawsocket),
            folder: self.folder(shape),
            loopback_host_only: self.file.node.dev.value,
            in_the_clear: super::exposure::in_the_clear(shape),
            tls: self.tls(&shape.tls),
            trusted_proxies: shape.trusted_proxies.values(),
            proxy_protocol: shape.proxy_protocol.value,
            longpoll: self.longpoll(&shape.longpoll),
        }
    }

    fn longpoll(&mut self, shape: &LongPoll) -> LongPollSettings {
        self.check_not_empty("paths", &shape.paths);
        let paths: Vec<String> = shape.paths.values().into_iter().map(|path| path.0).collect();
        for path in shape.no_content.0.iter().filter(|path| path.is_given() && !paths.contains(&path.0)) {
            let message = format!("\"{}\" is no path of this long-poll", path.0);
            self.error(Code::DanglingReference, path, message, "expected one of `paths`");
        }
        LongPollSettings {
            paths,
            no_content: shape.no_content.values().into_iter().map(|path| path.0).collect(),
            receive_timeout: shape.receive_timeout.0,
            session_timeout: shape.session_timeout.0,
            heartbeat: self.file.rest.stream.heartbeat.0,
        }
    }

    fn websocket(&mut self, shape: &WebSocket) -> WebSocketSettings {
        self.check_not_empty("serializers", &shape.serializers);
        self.check_not_empty("paths", &shape.paths);
        WebSocketSettings {
            paths: shape.paths.values().into_iter().map(|path| path.0).collect(),
            serializers: shape.serializers.values(),
            batched: shape.batched.value,
            compression: shape.compression.value == Compression::Deflate,
            fragments_max: shape.max_fragments.0,
            allowed_origins: shape.allowed_origins.values().into_iter().map(|origin| origin.0).collect(),
            // Of the realms, which come later.
            cookies: Vec::new(),
        }
    }

    fn rawsocket(&mut self, shape: &RawSocket) -> RawSocketSettings {
        self.check_not_empty("serializers", &shape.serializers);
        RawSocketSettings {
            serializers: shape.serializers.values(),
            ping: shape.ping.value,
            ping_agents: shape.ping_agents.values(),
        }
    }

    fn check_not_empty<T>(&mut self, name: &str, items: &Placed<Items<T>>) {
        if items.0.is_empty() && items.is_given() {
            self.error(Code::OutOfRange, items, format!("`{name}` is empty"), "expected at least one");
        }
    }

    /// What is served, and on which paths.
    fn check_services(&mut self, shape: &Listener) {
        self.check_not_empty("serve", &shape.serve);
        let serves = |service| shape.serve.0.iter().any(|served| served.value == service);
        let longpoll = shape.longpoll.paths.0.iter().filter(|_| serves(Service::LongPoll));
        for path in shape.websocket.paths.0.iter().chain(longpoll) {
            self.check_path(path, shape);
        }
    }

    /// Notes a path that belongs to another service of the listener.
    pub(super) fn check_path(&mut self, path: &Placed<HttpPath>, shape: &Listener) {
        let serves = |service| shape.serve.0.iter().any(|served| served.value == service);
        let taken = match path.0.as_str() {
            "/metrics" if serves(Service::Metrics) => "metrics",
            "/livez" | "/readyz" | "/healthz" if serves(Service::Health) => "health",
            api if (api == "/api" || api.starts_with("/api/")) && serves(Service::Rest) => "rest",
            admin if (admin == "/admin" || admin.starts_with("/admin/")) && serves(Service::Admin) => "admin",
            hooks if (hooks == "/hooks" || hooks.starts_with("/hooks/")) && serves(Service::Hooks) => "hooks",
            _ => return,
        };
        let message = format!("two services want the path \"{}\"", path.0);
        self.error(Code::Collision, path, message, format!("it belongs to \"{taken}\""));
    }

    fn check_realms(&mut self, shape: &Listener) {
        let file = self.file;
        let known: Vec<&str> = file.realms.names().collect();
        for realm in shape.realms.0.iter().filter(|realm| realm.value != "*") {
            self.check_name("realm", realm, &known);
        }
        let Some(realm) = &shape.realm.value else { return };
        self.check_text("realm", realm, &shape.realm, &known);
        let reachable = shape.realms.0.iter().any(|name| name.value == "*" || name.value == *realm);
        if !reachable && known.contains(&realm.as_str()) {
            let message = format!("the realm \"{realm}\" is not reachable on this listener");
            self.error(Code::DanglingReference, &shape.realm, message, "add it to `realms`");
        }
    }

    fn mode(&mut self, shape: &Listener) -> u32 {
        let unix = shape.bind.0.iter().any(|bind| matches!(bind.value, BindText::Unix(_)));
        if shape.mode.value.is_some() && !unix && !shape.bind.0.is_empty() {
            let message = "`mode` is for Unix sockets, and this listener has none";
            self.error(Code::Exclusive, &shape.mode, message, "remove it, or bind \"unix:/path\"");
        }
        shape.mode.value.map_or(SOCKET_MODE, |mode| mode.0)
    }

    /// `localhost` is every loopback address that the host has.
    fn addresses(&self, bind: &Placed<BindText>, mode: u32) -> Vec<Bind> {
        match &bind.value {
            BindText::Tcp(address) => vec![Bind::Tcp(*address)],
            BindText::Unix(path) => vec![Bind::Unix { path: path.clone(), mode }],
            BindText::Localhost(port) => {
                let four = SocketAddr::from((Ipv4Addr::LOCALHOST, *port));
                let six = self.options.ipv6_loopback.then(|| SocketAddr::from((Ipv6Addr::LOCALHOST, *port)));
                [Some(four), six].into_iter().flatten().map(Bind::Tcp).collect()
            }
        }
    }

    /// Notes addresses that stand twice. Port 0 is a new one each time.
    fn check_addresses(&mut self) {
        let file = self.file;
        let mut seen: BTreeMap<String, (&str, Place)> = BTreeMap::new();
        for (name, entry) in file.listeners.iter() {
            for bind in &entry.value.bind.0 {
                for address in self.addresses(bind, 0) {
                    let text = match &address {
                        Bind::Tcp(address) if address.port() == 0 => continue,
                        Bind::Tcp(address) => address.to_string(),
                        Bind::Unix { path, .. } => path.display().to_string(),
                    };
                    if let Some((other, place)) = seen.insert(text.clone(), (name, bind.place)) {
                        let message = format!("two listeners want the address {text}");
                        let hint = format!("the other is `{other}`, {}", self.sources.short(place));
                        self.error(Code::Collision, bind, message, hint);
                        break;
                    }
                }
            }
        }
    }
}
