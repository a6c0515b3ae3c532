//! The settings of the REST bridge. `config` fills them.

pub mod crossbar;
pub mod json_schema;
pub mod pages;
pub mod routes;

use crossbar::CrossbarSection;
use routes::MappedRoute;
use std::collections::BTreeMap;
use std::time::Duration;

/// `[rest]`, and what administration over HTTP needs.
#[derive(Clone, PartialEq, Debug)]
pub struct RestSettings {
    /// Octets of a request's body. 1 MiB.
    pub body_max: usize,
    /// For head and body. 10 s.
    pub body_timeout: Duration,
    /// For calls without a deadline of their own. 30 s.
    pub call_timeout: Duration,
    /// The longest deadline an HTTP caller may ask for. 60 s.
    pub wait_max: Duration,
    /// An HTTP caller's session ends after this long without requests. 60 s.
    pub session_idle: Duration,
    /// Sessions of HTTP callers. 10,000.
    pub sessions_max: usize,
    /// `admin.realm`: the URI of the realm that is asked below `/admin/v1`.
    pub admin_realm: String,
    /// HTTP status by error URI; a key that ends with a dot is a prefix, the longest wins.
    pub status: BTreeMap<String, u16>,
    /// `rest.crossbar`, by name.
    pub crossbar: Vec<CrossbarSection>,
    /// `rest.routes`, by name.
    pub routes: Vec<MappedRoute>,
    /// Items of a batch. 100.
    pub batch_max: usize,
    /// How long a ticket that was found right is remembered; zero for not at all. 60 s.
    pub auth_cache: Duration,
    /// Whether the trace of a request is handed on, and said in its answer (`observability.trace_context`).
    pub hands_on_trace: bool,
    /// Pages of other origins.
    pub cors: CorsSettings,
    /// Requests with an `Idempotency-Key`.
    pub idempotency: IdempotencySettings,
    /// `rest.stream`.
    pub stream: StreamSettings,
}

/// `[rest.cors]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CorsSettings {
    /// Origins whose pages may ask: exact, with `:*` for any port, or `*` for all. None.
    pub origins: Vec<String>,
    /// Whether a browser may send what it knows itself, such as a client certificate. No.
    pub credentials: bool,
    /// How long a browser may remember the answer to a preflight. 10 min.
    pub max_age: Duration,
}

impl Default for CorsSettings {
    fn default() -> Self {
        Self { origins: Vec::new(), credentials: false, max_age: Duration::from_secs(600) }
    }
}

/// `[rest.idempotency]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdempotencySettings {
    /// An answer is kept for so long. 10 min.
    pub ttl: Duration,
    /// Requests, answered and running. 100,000.
    pub entries_max: usize,
    /// Octets of kept answers. 64 MiB.
    pub octets_max: usize,
}

impl Default for IdempotencySettings {
    fn default() -> Self {
        Self { ttl: Duration::from_secs(600), entries_max: 100_000, octets_max: 64 << 20 }
    }
}

/// `[rest.stream]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamSettings {
    /// A stream that has nothing to tell shows this often that it lives. 15 s.
    pub heartbeat: Duration,
    /// After how long a browser opens a stream again that was cut. 2 s.
    pub retry: Duration,
    /// Event streams, cursors of polls and calls whose results come as a stream, at a time. 10,000.
    pub streams_max: usize,
    /// The longest that a poll waits for events. 25 s.
    pub poll_wait: Duration,
    /// A cursor that nobody uses is kept for so long. 60 s.
    pub poll_idle: Duration,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(15),
            retry: Duration::from_secs(2),
            streams_max: 10_000,
            poll_wait: Duration::from_secs(25),
            poll_idle: Duration::from_secs(60),
        }
    }
}

impl Default for RestSettings {
    fn default() -> Self {
        Self {
            body_max: 1 << 20,
            body_timeout: Duration::from_secs(10),
            call_timeout: Duration::from_secs(30),
            wait_max: Duration::from_secs(60),
            session_idle: Duration::from_secs(60),
            sessions_max: 10_000,
            admin_realm: "wharf.admin".to_owned(),
            status: BTreeMap::new(),
            crossbar: Vec::new(),
            routes: Vec::new(),
            batch_max: 100,
            auth_cache: Duration::from_secs(60),
            hands_on_trace: false,
            cors: CorsSettings::default(),
            idempotency: IdempotencySettings::default(),
            stream: StreamSettings::default(),
        }
    }
}
