//! The settings of listeners and the bounds of the whole process's connections. `config` fills them.

use crate::auth::CookieSettings;
use crate::auth::PeerRange;
use crate::wamp::Serialization;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Where a listener listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Bind {
    /// TCP, one address. `localhost:8080` in a file becomes one for each loopback address of the host.
    Tcp(SocketAddr),
    /// A Unix socket, with the mode of its file (0o660 by default).
    Unix {
        /// The socket's file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// What a listener serves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Service {
    /// WAMP over WebSocket.
    WebSocket,
    /// WAMP over RawSocket, by its first octet.
    RawSocket,
    /// The REST bridge.
    Rest,
    /// `/admin/v1`.
    Admin,
    /// `/metrics`.
    Metrics,
    /// `/livez`, `/readyz`, `/healthz`.
    Health,
    /// Files of a folder.
    Static,
    /// WAMP over HTTP long-poll and server-sent events.
    LongPoll,
    /// `/hooks`.
    Hooks,
}

/// One listener, complete.
#[derive(Clone, PartialEq, Debug)]
pub struct ListenerSettings {
    /// The name in the configuration.
    pub name: String,
    /// Its addresses.
    pub binds: Vec<Bind>,
    /// What it serves.
    pub serve: Vec<Service>,
    /// Names of the realms reachable here; empty means all.
    pub realms: Vec<String>,
    /// The realm of REST requests that name none.
    pub realm: Option<String>,
    /// WebSocket PING this often. 20 s.
    pub ping_interval: Duration,
    /// Cut when a PING is not answered for this long. 10 s.
    pub ping_timeout: Duration,
    /// Suspect after this long without an answer to a PING. 2 s.
    pub ping_suspect: Duration,
    /// Octets not acknowledged for this long: the kernel cuts the connection. 30 s.
    pub tcp_user_timeout: Duration,
    /// Largest WAMP message, in octets. 1 MiB; at most 16 MiB.
    pub message_max: usize,
    /// Largest message before WELCOME. 16 KiB.
    pub message_before_welcome_max: usize,
    /// Connections of this listener, if it has a bound of its own.
    pub connections_max: Option<usize>,
    /// Octets of an HTTP head. 16 KiB.
    pub header_bytes_max: usize,
    /// Lines of an HTTP head. 64.
    pub header_lines_max: usize,
    /// WebSocket.
    pub websocket: WebSocketSettings,
    /// RawSocket.
    pub rawsocket: RawSocketSettings,
    /// The folder that is served, where one is.
    pub folder: Option<FolderSettings>,
    /// Requests are refused unless their Host is a loopback name (dev mode).
    pub loopback_host_only: bool,
    /// What is said here can be read on the way, so HTTP callers' credentials are refused.
    pub in_the_clear: bool,
    /// TLS; without it everything is plain.
    pub tls: Option<TlsSettings>,
    /// Proxies that are believed when they say whose a connection or a request is.
    pub trusted_proxies: Vec<PeerRange>,
    /// Whether connections begin with a header that says whose they are.
    pub proxy_protocol: ProxyProtocol,
    /// Long-poll.
    pub longpoll: LongPollSettings,
}

impl ListenerSettings {
    /// Whether anything is served here that begins with an HTTP request.
    pub fn serves_http(&self) -> bool {
        self.serve.iter().any(|service| *service != Service::RawSocket)
    }
}

/// Whether connections begin with a header of the PROXY protocol. It is believed from trusted proxies only.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ProxyProtocol {
    /// They do not.
    #[default]
    Off,
    /// Those of trusted proxies may.
    Optional,
    /// All do, and all are of trusted proxies.
    Required,
}

/// TLS on one listener.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsSettings {
    /// The certificates. The first is for clients that name no host, or one that is in none of them.
    pub certificates: Vec<CertificateFiles>,
    /// Whether changed files are read again.
    pub watch: bool,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
    /// Whether clients have certificates.
    pub client_auth: ClientAuth,
    /// The authorities that clients' certificates are of; unused where clients have none.
    pub client_ca: Option<PathBuf>,
}

/// A certificate with its key, in PEM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateFiles {
    /// The certificate, and those between it and its root.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// A version of TLS.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum TlsVersion {
    /// 1.2.
    #[default]
    V12,
    /// 1.3.
    V13,
}

/// Whether clients have certificates.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ClientAuth {
    /// They are not asked.
    #[default]
    Off,
    /// They are asked; who has none is let in all the same.
    Optional,
    /// Who has none is not let in.
    Required,
}

/// WebSocket on one listener.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WebSocketSettings {
    /// Where an upgrade is accepted. `/ws` and `/`.
    pub paths: Vec<String>,
    /// What may be negotiated.
    pub serializers: Vec<Serialization>,
    /// Whether the batched subprotocols are offered too.
    pub batched: bool,
    /// Whether permessage-deflate may be negotiated.
    pub compression: bool,
    /// Fragments of one message. 1,024.
    pub fragments_max: u32,
    /// Origins besides the same host: exact, with `*` for a port, or `*` for all.
    pub allowed_origins: Vec<String>,
    /// What browsers are given, for the realms that can be reached here.
    pub cookies: Vec<CookieSettings>,
}

/// RawSocket on one listener.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RawSocketSettings {
    /// What may be chosen.
    pub serializers: Vec<Serialization>,
    /// Who is sent PING.
    pub ping: RawSocketPing,
    /// HELLO agents, as prefixes, that are known to answer PING.
    pub ping_agents: Vec<String>,
}

/// Which RawSocket peers are sent PING (`ping` of a listener's RawSocket settings).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RawSocketPing {
    /// Those that sent one themselves, or whose agent is known to answer.
    #[default]
    Auto,
    /// All.
    On,
    /// None.
    Off,
}

/// A folder whose files are served as they are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FolderSettings {
    /// The path below which it is served: `/`, or one without a slash at its end.
    pub path: String,
    /// The folder.
    pub dir: PathBuf,
    /// The file that is served for a folder.
    pub index: String,
    /// Whether an unknown path without a dot gives the index.
    pub spa: bool,
    /// How long a file may be kept by whoever asked for it. 5 min.
    pub max_age: Duration,
    /// Whether a folder without an index lists its files.
    pub listing: bool,
}

/// WAMP over long-poll on one listener. Origins and cookies are those of [`WebSocketSettings`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LongPollSettings {
    /// Where transports are opened. `/lp`, `/wamp/longpoll` and `/wamp/sse`.
    pub paths: Vec<String>,
    /// Those of them on which success without a body is 204 and not 202. `/lp`.
    pub no_content: Vec<String>,
    /// An idle `receive` is answered empty after this. 10 s.
    pub receive_timeout: Duration,
    /// The session is lost when no request comes for so long. 30 s.
    pub session_timeout: Duration,
    /// An event stream shows this often that it lives. 15 s.
    pub heartbeat: Duration,
}

impl Default for LongPollSettings {
    fn default() -> Self {
        Self {
            paths: ["/lp", "/wamp/longpoll", "/wamp/sse"].map(str::to_owned).to_vec(),
            // Autobahn|JS, whose customary path it is, closes its transport on a 202.
            no_content: vec!["/lp".to_owned()],
            receive_timeout: Duration::from_secs(10),
            session_timeout: Duration::from_secs(30),
            heartbeat: Duration::from_secs(15),
        }
    }
}

impl Default for WebSocketSettings {
    fn default() -> Self {
        Self {
            paths: vec!["/ws".to_owned(), "/".to_owned()],
            serializers: Serialization::ALL.to_vec(),
            batched: true,
            compression: false,
            fragments_max: 1024,
            allowed_origins: Vec::new(),
            cookies: Vec::new(),
        }
    }
}

impl Default for RawSocketSettings {
    fn default() -> Self {
        Self { serializers: Serialization::ALL.to_vec(), ping: RawSocketPing::Auto, ping_agents: Vec::new() }
    }
}

impl Default for ListenerSettings {
    fn default() -> Self {
        Self {
            name: String::new(),
            binds: Vec::new(),
            serve: Vec::new(),
            realms: Vec::new(),
            realm: None,
            ping_interval: Duration::from_secs(20),
            ping_timeout: Duration::from_secs(10),
            ping_suspect: Duration::from_secs(2),
            tcp_user_timeout: Duration::from_secs(30),
            message_max: 1 << 20,
            message_before_welcome_max: 16 << 10,
            connections_max: None,
            header_bytes_max: 16 << 10,
            header_lines_max: 64,
            websocket: WebSocketSettings::default(),
            rawsocket: RawSocketSettings::default(),
            folder: None,
            loopback_host_only: false,
            in_the_clear: false,
            tls: None,
            trusted_proxies: Vec::new(),
            proxy_protocol: ProxyProtocol::Off,
            longpoll: LongPollSettings::default(),
        }
    }
}

/// The bounds of the whole process.
#[derive(Clone, PartialEq, Debug)]
pub struct ProcessLimits {
    /// From accept to WELCOME. 5 s.
    pub handshake_timeout: Duration,
    /// From accept to WELCOME where an authenticator is asked. 10 s.
    pub remote_auth_timeout: Duration,
    /// Connections of the node. 50,000, and never more than the file limit less [`Self::RESERVED_FILES`].
    pub connections_max: usize,
    /// Connections without a WELCOME. 1,024.
    pub unwelcomed_max: usize,
    /// Connections of one client address; not for loopback and Unix sockets. 200.
    pub per_address_max: usize,
    /// Accepted per second, and at once; beyond it the kernel's backlog waits. 1,000.
    pub accept_rate: u32,
    /// Where memory is counted to; `None`: the control group's limit, else half of RAM.
    pub memory: Option<u64>,
    /// Share of memory, in percent, from which nothing new is let in. 70.
    pub memory_high_water: u8,
    /// Share of memory, in percent, from which the largest outboxes are cut. 85.
    pub memory_critical: u8,
}

impl ProcessLimits {
    /// File descriptors kept back from clients (T2b).
    pub const RESERVED_FILES: usize = 64;
}

impl Default for ProcessLimits {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(5),
            remote_auth_timeout: Duration::from_secs(10),
            connections_max: 50_000,
            unwelcomed_max: 1024,
            per_address_max: 200,
            accept_rate: 1000,
            memory: None,
            memory_high_water: 70,
            memory_critical: 85,
        }
    }
}
