//! The shape of the file: its tables and keys, with what holds where a key is absent.
//!
//! Each key's doc comment is its description in the full file and in the schema. What a single value may be is said by its
//! type; what two keys say about each other is checked in [`super::resolve`].

mod auth;
mod crossbar;
mod groups;
mod keys;
mod listener;
mod realm;
mod rest;
mod routes;
mod topics;
mod webhooks;

pub(super) use auth::{
    Auth, Cookie, Cryptosign, DynamicAuth, DynamicMethod, FirstMethod, Jwt, OrderedMethod, Scram, SecondMethod,
    SecondProof, TicketUser, WampCraUser,
};
pub(super) use crossbar::{CrossbarKind, CrossbarSection};
pub(super) use groups::{Grant, Group, Source};
pub(super) use keys::ApiKey;
pub(super) use listener::{Compression, Listener, LongPoll, RawSocket, Tls, WebSocket};
pub(super) use realm::{Party, Permission, Queue, Realm, RealmCommon, Role, RuleLists};
pub(super) use rest::{Cors, Idempotency};
pub(super) use routes::MappedRoute;
pub(super) use topics::{Durability, History, Procedure, Topic};
pub(super) use webhooks::{VerifyKind, WebhookCall, WebhookIn, WebhookOut, WebhookVerify, Webhooks};

use super::read::table;
use super::settings::ShutdownSettings;
use super::values::{choice, AutoOr, Count, Named, Percent, Rate, RealmUri, Size, Status, Time};
use crate::http::settings::RestSettings;
use crate::observe::settings::{LogFormat, LogLevel, LogSettings};
use crate::routing::RealmRules;
use crate::storage::StorageSettings;
use crate::transport::settings::ProcessLimits;

/// The largest size that means a whole machine's memory.
const MEMORY_MAX: u64 = 1 << 50;

table! {
    /// The configuration of a Wharf node.
    File {
        /// The node itself.
        node: Node = default(Node::default()), restart;
        /// Where connections come in, by name.
        listeners: Named<Listener> = default(Named::default()), new_connections;
        /// What every realm starts from: any key of a realm except uri, auth and roles.
        realm_defaults: RealmCommon = default(RealmCommon::default());
        /// The realms, by name.
        realms: Named<Realm> = default(Named::default());
        /// Realms that open when somebody asks for them, by name.
        realm_templates: Named<RealmTemplate> = default(Named::default());
        /// The administration of the node at run time.
        admin: Admin = default(Admin::default()), restart;
        /// The REST bridge.
        rest: Rest = default(Rest::default());
        /// Events that go out over HTTP, hooks that come in, and procedures that live on HTTP.
        webhooks: Webhooks = default(Webhooks::default());
        /// Where what must outlive the process is kept.
        storage: Storage = default(Storage::default()), restart;
        /// The bounds of the whole process.
        limits: Limits = default(Limits::default());
        /// What can be seen from outside.
        observability: Observability = default(Observability::default());
        /// The way out.
        shutdown: Shutdown = default(Shutdown::default());
    }
}

table! {
    /// The node itself.
    Node {
        /// The name in logs, metrics and the banner; if absent, that of the host.
        name: Option<String> = optional("\"wharf-1\"");
        /// Worker threads; auto means one per core.
        workers: AutoOr<Count> = default(AutoOr(None));
        /// The folder of what this node keeps: the store, if storage.kind is "redb", and the node's secret.
        data_dir: Option<String> = optional("\"/var/lib/wharf\"");
        /// Dev mode: listeners on loopback only, HTTP requests for loopback hosts only, pretty log, banner, and secrets in
        /// the file are a warning and not an error.
        dev: bool = default(false);
    }
}

table! {
    /// Realms that a HELLO opens.
    RealmTemplate {
        /// Which realm URIs it covers, as a prefix ("com.example.tenant.*") or wildcard pattern.
        covers as "match": super::values::ListPattern = required;
        /// The realm from which everything but the URI is taken.
        from: String = required;
        /// A realm is closed after this long without sessions.
        idle_close: Time<1000> = default(Time(std::time::Duration::from_secs(600)));
        /// At most so many of its realms are open at a time.
        max_realms: Count = default(Count(1000));
    }
}

table! {
    /// The administration of the node at run time.
    Admin {
        /// The URI of the realm whose sessions may call wharf.admin.*, as far as their role permits it. Without such a realm
        /// nothing is changed at run time.
        realm: RealmUri = default(RealmUri("wharf.admin".to_owned()));
    }
}

table! {
    /// The REST bridge, for all listeners that serve it.
    Rest {
        /// The largest body of a request.
        max_body: Size<1024, { 64 << 20 }> = default(Size::of(RestSettings::default().body_max));
        /// How long head and body of a request may take.
        body_timeout: Time<100> = default(Time(RestSettings::default().body_timeout));
        /// The deadline of calls without one of their own.
        call_timeout: Time<1> = default(Time(RestSettings::default().call_timeout));
        /// The longest deadline that an HTTP caller may ask for.
        max_wait: Time<1> = default(Time(RestSettings::default().wait_max));
        /// An HTTP caller's session ends after this long without requests.
        session_idle: Time<1000> = default(Time(RestSettings::default().session_idle));
        /// Sessions of HTTP callers at a time.
        max_sessions: Count = default(Count::of(RestSettings::default().sessions_max));
        /// HTTP status by error URI; a key that ends with a dot is a prefix, and the longest wins.
        status: Named<Status> = default(Named::default());
        /// API keys, by name: programs that ask over HTTP with Authorization: Bearer, or with X-API-Key. Not for WAMP sessions.
        keys: Named<ApiKey> = default(Named::default());
        /// Paths for clients of Crossbar's HTTP bridge that cannot be changed, by name.
        crossbar: Named<CrossbarSection> = default(Named::default());
        /// Methods and paths of your own that are mapped to procedures and topics, by name.
        routes: Named<MappedRoute> = default(Named::default());
        /// The most items of a batch.
        batch_max: Count = default(Count::of(RestSettings::default().batch_max));
        /// How long a ticket that was found right is remembered, so that it is not looked at with every request; 0s for not at
        /// all.
        auth_cache: Time<0> = default(Time(RestSettings::default().auth_cache));
        /// Pages of other origins.
        cors: Cors = default(Cors::default());
        /// Requests with an Idempotency-Key.
        idempotency: Idempotency = default(Idempotency::default());
        /// Event streams.
        stream: Stream = default(Stream::default());
    }
}

table! {
    /// Event streams.
    Stream {
        /// A stream that has nothing to tell shows this often that it lives.
        heartbeat: Time<100> = default(Time(RestSettings::default().stream.heartbeat));
        /// After how long a browser opens a stream again that was cut.
        retry: Time<1> = default(Time(RestSettings::default().stream.retry));
        /// Event streams, cursors of polls and calls whose results come as a stream, at a time.
        max_streams: Count = default(Count::of(RestSettings::default().stream.streams_max));
        /// The longest that a poll waits for events.
        poll_wait: Time<0> = default(Time(RestSettings::default().stream.poll_wait));
        /// A cursor that nobody uses is kept for so long.
        poll_idle: Time<100> = default(Time(RestSettings::default().stream.poll_idle));
    }
}

table! {
    /// Where what must outlive the process is kept: durable event history and retained events.
    Storage {
        /// memory (nothing outlives the process) or redb (one file).
        kind: StorageKind = default(StorageKind::Memory);
        /// The file, within node.data_dir.
        path: String = default("wharf.redb".to_owned());
        /// What is to be written is gathered for so long and written together.
        commit_interval: Time<1> = default(Time(StorageSettings::default().commit_interval));
        /// At most so many records are written together.
        commit_records: Count = default(Count::of(StorageSettings::default().commit_records));
    }
}

/// `kind` of storage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum StorageKind {
    Memory,
    Redb,
}

choice!(StorageKind {
    "memory" => StorageKind::Memory,
    "redb" => StorageKind::Redb,
});

table! {
    /// The bounds of the whole process.
    Limits {
        /// From accept to WELCOME: the upgrade or RawSocket handshake, HELLO and AUTHENTICATE.
        handshake_timeout: Time<100> = default(Time(ProcessLimits::default().handshake_timeout)), new_connections;
        /// The same where an authenticator is asked (auth.dynamic), if that is longer.
        remote_auth_timeout: Time<100> = default(Time(ProcessLimits::default().remote_auth_timeout));
        /// Connections of the node; never more than the limit of open files less 64.
        max_connections: Count = default(Count::of(ProcessLimits::default().connections_max));
        /// Connections without a WELCOME.
        max_unwelcomed: Count = default(Count::of(ProcessLimits::default().unwelcomed_max));
        /// Connections of one client address; not for loopback, Unix sockets and trusted_proxies.
        max_per_address: Count = default(Count::of(ProcessLimits::default().per_address_max));
        /// Connections accepted; beyond it the kernel's backlog waits.
        accept_rate: Rate = default(Rate(ProcessLimits::default().accept_rate));
        /// The memory that the shares below are of; auto means the control group's limit, else half of RAM.
        memory: AutoOr<Size<{ 16 << 20 }, MEMORY_MAX>> = default(AutoOr(ProcessLimits::default().memory.map(Size)));
        /// From this share of memory on nothing new is let in.
        memory_high_water: Percent = default(Percent(ProcessLimits::default().memory_high_water));
        /// From this share of memory on sessions are cut, those with the largest queue first.
        memory_critical: Percent = default(Percent(ProcessLimits::default().memory_critical));
    }
}

table! {
    /// What can be seen from outside.
    Observability {
        /// The log.
        log: Log = default(Log::default());
        /// Whether the W3C trace context of a caller or publisher is handed on: `_traceparent` and `_tracestate` in INVOCATION and
        /// EVENT, from the options of CALL and PUBLISH or the headers traceparent and tracestate of an HTTP request.
        trace_context: bool = default(RealmRules::default().hands_on_trace);
    }
}

table! {
    /// The log, on standard error.
    Log {
        /// How a line looks; auto means pretty on a terminal and in dev mode, else JSON.
        format: LogFormat = default(LogSettings::default().format), restart;
        /// The least that is written. The variable WHARF_LOG overrides it.
        level: LogLevel = default(LogSettings::default().level);
    }
}

table! {
    /// The way out, after SIGTERM or SIGINT.
    Shutdown {
        /// /readyz says 503 for this long before anything else happens; 5s behind a load balancer.
        delay: Time<0> = default(Time(ShutdownSettings::default().delay));
        /// GOODBYE goes to all sessions in random order over this time.
        spread: Time<0> = default(Time(ShutdownSettings::default().spread));
        /// What is left after this time is closed.
        drain: Time<0> = default(Time(ShutdownSettings::default().drain));
    }
}

choice!(LogFormat {
    "auto" => LogFormat::Auto,
    "json" => LogFormat::Json,
    "pretty" => LogFormat::Pretty,
});

choice!(LogLevel {
    "error" => LogLevel::Error,
    "warn" => LogLevel::Warn,
    "info" => LogLevel::Info,
    "debug" => LogLevel::Debug,
    "trace" => LogLevel::Trace,
});
