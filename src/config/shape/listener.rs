//! `[listeners.NAME]`: where connections come in and what is served there.

use crate::auth::PeerRange;
use crate::config::read::table;
use crate::config::values::{choice, Binds, Count, HttpPath, Items, Mode, Origin, Size, Time};
use crate::transport::settings::{
    ClientAuth, ListenerSettings, LongPollSettings, ProxyProtocol, RawSocketPing, RawSocketSettings, Service,
    TlsVersion, WebSocketSettings,
};
use crate::wamp::Serialization;

/// The ceiling of one WAMP message.
const MESSAGE_MAX: u64 = 16 << 20;

table! {
    /// One listener.
    Listener {
        /// An address and port, a list of them, or "unix:/path". localhost means every loopback address of the host.
        bind: Binds = required, at_once;
        /// The mode of a Unix socket's file; 0660 if absent.
        mode: Option<Mode> = optional("\"0660\""), at_once;
        /// What is served here: websocket, rawsocket, rest, admin, metrics, health, static, longpoll, hooks. They share the port.
        serve: Items<Service> = required;
        /// Names of the realms reachable here; "*" for all.
        realms: Items<String> = default(Items::from_iter(["*".to_owned()]));
        /// The name of the realm of REST requests that name none.
        realm: Option<String> = optional("\"main\"");
        /// Starts although anybody can reach this listener, nothing is encrypted, and anonymous has rights or the node is administered.
        allow_insecure: bool = default(false), at_once;
        /// Proxies that are believed when they say whose a connection or request is (proxy_protocol, Forwarded,
        /// X-Forwarded-For): addresses, networks such as "10.0.0.0/8", or "unix" for those that come by a Unix socket. A proxy
        /// must set or extend one of the two headers, and remove the other.
        trusted_proxies: Items<PeerRange> = default(Items::default());
        /// Whether connections begin with a PROXY protocol header, version 1 or 2: off, optional (those of trusted_proxies may) or
        /// required (all do, and nobody else may connect).
        proxy_protocol: ProxyProtocol = default(ProxyProtocol::default());
        /// A WebSocket PING is sent this often.
        ping_interval: Time<100> = default(Time(ListenerSettings::default().ping_interval));
        /// A connection is cut when a PING is not answered for this long.
        ping_timeout: Time<100> = default(Time(ListenerSettings::default().ping_timeout));
        /// A peer that has not answered a PING for this long is suspect: calls go to another callee where there is one.
        ping_suspect: Time<100> = default(Time(ListenerSettings::default().ping_suspect));
        /// The kernel cuts a connection whose octets are not acknowledged for this long.
        tcp_user_timeout: Time<100> = default(Time(ListenerSettings::default().tcp_user_timeout));
        /// The largest WAMP message.
        max_message: Size<512, MESSAGE_MAX> = default(Size::of(ListenerSettings::default().message_max));
        /// The largest WAMP message before WELCOME.
        max_message_before_welcome: Size<512, MESSAGE_MAX> = default(Size::of(ListenerSettings::default().message_before_welcome_max));
        /// Connections of this listener; if absent, only limits.max_connections holds.
        max_connections: Option<Count> = optional("50000");
        /// The largest head of an HTTP request.
        max_header: Size<1024, { 1 << 20 }> = default(Size::of(ListenerSettings::default().header_bytes_max));
        /// The most lines of an HTTP head.
        max_header_lines: Count = default(Count::of(ListenerSettings::default().header_lines_max));
        /// TLS; on where there is a certificate.
        tls: Tls = default(Tls::default());
        /// WAMP over WebSocket.
        websocket: WebSocket = default(WebSocket::default());
        /// WAMP over RawSocket.
        rawsocket: RawSocket = default(RawSocket::default());
        /// The files of a folder, where serve has static.
        folder as "static": Folder = default(Folder::default());
        /// WAMP over HTTP long-poll and server-sent events.
        longpoll: LongPoll = default(LongPoll::default());
    }
}

table! {
    /// TLS on one listener. Files are PEM; a relative path begins at the folder of the configuration.
    Tls {
        /// The certificate, followed by those between it and its root. It is shown to clients that name no host, or one that no
        /// certificate here is for.
        cert: Option<String> = optional("\"/etc/wharf/tls/fullchain.pem\"");
        /// Its key, without a passphrase.
        key: Option<String> = optional("\"/etc/wharf/tls/privkey.pem\"");
        /// More certificates. The host that a client asks for (SNI) chooses, by the names in them.
        certificates: Option<Items<CertificatePair>> = optional("[{ cert = \"/etc/wharf/tls/other.pem\", key = \"/etc/wharf/tls/other.key\" }]");
        /// Whether files that change are read again, for the connections to come.
        watch: bool = default(true);
        /// The oldest version that is spoken: 1.2 or 1.3.
        min_version: TlsVersion = default(TlsVersion::default());
        /// Whether clients show certificates: off, optional or required.
        client_auth: ClientAuth = default(ClientAuth::default());
        /// The authorities that clients' certificates must be of; needed unless client_auth is off.
        client_ca: Option<String> = optional("\"/etc/wharf/tls/clients.pem\"");
    }
}

table! {
    /// One more certificate with its key.
    CertificatePair {
        /// The certificate, followed by those between it and its root.
        cert: String = required;
        /// Its key, without a passphrase.
        key: String = required;
    }
}

table! {
    /// WAMP over WebSocket on one listener.
    WebSocket {
        /// Where an upgrade is accepted.
        paths: Items<HttpPath> = default(Items::from_iter(WebSocketSettings::default().paths.into_iter().map(HttpPath)));
        /// What may be negotiated.
        serializers: Items<Serialization> = default(Items::from_iter(WebSocketSettings::default().serializers));
        /// Whether the batched subprotocols are offered too.
        batched: bool = default(WebSocketSettings::default().batched);
        /// permessage-deflate: off or deflate.
        compression: Compression = default(Compression::Off);
        /// The most fragments of one message.
        max_fragments: Count = default(Count(WebSocketSettings::default().fragments_max));
        /// Origins of browser pages besides the listener's own host: exact, with ":*" for any port, or "*" for all. They hold for long-poll too.
        allowed_origins: Items<Origin> = default(Items::default());
    }
}

table! {
    /// WAMP over RawSocket on one listener.
    RawSocket {
        /// What a client may choose.
        serializers: Items<Serialization> = default(Items::from_iter(RawSocketSettings::default().serializers));
        /// Who is sent PING: auto means those that sent one or are known to answer; not every client library does.
        ping: RawSocketPing = default(RawSocketSettings::default().ping);
        /// More agents (HELLO.Details.agent), as prefixes, that are known to answer PING.
        ping_agents: Items<String> = default(Items::default());
    }
}

table! {
    /// The files of a folder, below every other service of one listener: dot files, and links that leave the folder, are not there.
    Folder {
        /// The path below which they are.
        path: HttpPath = default(HttpPath("/".to_owned()));
        /// The folder. A relative path begins at the folder of the configuration.
        dir: Option<String> = optional("\"/srv/www\"");
        /// The file that a folder's own path gives.
        index: String = default("index.html".to_owned());
        /// Whether a path without a dot that is no file gives the index: for pages whose script reads the path.
        spa: bool = default(false);
        /// How long browsers may keep a file. The index is asked for anew each time; names with a content hash (app.3f9c2b1d.js) are
        /// kept for a year.
        max_age: Time<0> = default(Time(std::time::Duration::from_secs(300)));
        /// Whether a folder without an index lists its files.
        listing: bool = default(false);
    }
}

table! {
    /// WAMP over HTTP long-poll on one listener, for libraries without WebSocket. Origins are those of websocket.allowed_origins.
    LongPoll {
        /// Where a transport is opened (POST, with /open behind it).
        paths: Items<HttpPath> = default(http_paths(LongPollSettings::default().paths));
        /// Those of them that answer 204 for success without a body, and not 202: Autobahn|JS takes only that.
        no_content: Items<HttpPath> = default(http_paths(LongPollSettings::default().no_content));
        /// An idle receive is answered empty after this.
        receive_timeout: Time<100> = default(Time(LongPollSettings::default().receive_timeout));
        /// No request for this long: the session is lost.
        session_timeout: Time<1000> = default(Time(LongPollSettings::default().session_timeout));
    }
}

fn http_paths(paths: Vec<String>) -> Items<HttpPath> {
    Items::from_iter(paths.into_iter().map(HttpPath))
}

/// `compression` of WebSocket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::config) enum Compression {
    Off,
    Deflate,
}

choice!(Compression {
    "off" => Compression::Off,
    "deflate" => Compression::Deflate,
});

choice!(ProxyProtocol {
    "off" => ProxyProtocol::Off,
    "optional" => ProxyProtocol::Optional,
    "required" => ProxyProtocol::Required,
});

choice!(TlsVersion {
    "1.2" => TlsVersion::V12,
    "1.3" => TlsVersion::V13,
});

choice!(ClientAuth {
    "off" => ClientAuth::Off,
    "optional" => ClientAuth::Optional,
    "required" => ClientAuth::Required,
});

choice!(Service {
    "websocket" => Service::WebSocket,
    "rawsocket" => Service::RawSocket,
    "rest" => Service::Rest,
    "admin" => Service::Admin,
    "metrics" => Service::Metrics,
    "health" => Service::Health,
    "static" => Service::Static,
    "longpoll" => Service::LongPoll,
    "hooks" => Service::Hooks,
});

choice!(Serialization {
    "json" => Serialization::Json,
    "msgpack" => Serialization::MessagePack,
    "cbor" => Serialization::Cbor,
});

choice!(RawSocketPing {
    "auto" => RawSocketPing::Auto,
    "on" => RawSocketPing::On,
    "off" => RawSocketPing::Off,
});
