//! The settings of the REST bridge. `config` fills them.

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
    /// `rest.stream`.
    pub stream: StreamSettings,
}

/// `[rest.stream]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamSettings {
    /// Event streams, poll cursors and progressive calls that are open. 10,000.
    pub streams_max: usize,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self { streams_max: 10_000 }
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
            stream: StreamSettings::default(),
        }
    }
}
