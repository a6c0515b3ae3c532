//! Every key lands in its own setting: all values here differ from their defaults and from each other.

use super::*;
use std::time::Duration;
use wharf::actors::settings::{Disclose, OnOverflow, OutboxSettings};
use wharf::auth::PeerRange;
use wharf::transport::settings::*;
use wharf::wamp::Serialization::{Cbor, Json, MessagePack};

const MILLISECOND: Duration = Duration::from_millis(1);

/// `[listeners]`.
#[test]
fn every_key_of_a_listener_lands_in_its_setting() {
    let settings = loaded(&of_text(
        r#"[realms.r]
[listeners.l]
bind = ["127.0.0.1:1", "localhost:2", "unix:/s"]
mode = "0600"
trusted_proxies = ["unix", "10.0.0.0/8"]
proxy_protocol = "optional"
serve = ["rest", "websocket", "rawsocket", "metrics", "health"]
realms = ["r"]
realm = "r"
ping_interval = "101ms"
ping_timeout = "102ms"
ping_suspect = "105ms"
tcp_user_timeout = "103ms"
max_message = "1004B"
max_message_before_welcome = "1003B"
max_connections = 106
max_header = "1107B"
max_header_lines = 108
[listeners.l.websocket]
paths = ["/a"]
serializers = ["cbor"]
batched = false
compression = "deflate"
max_fragments = 109
allowed_origins = ["https://a.example"]
[listeners.l.rawsocket]
serializers = ["msgpack", "json"]
ping = "on"
ping_agents = ["agent"]
"#,
    ));
    let expected = ListenerSettings {
        name: "l".to_owned(),
        binds: vec![
            Bind::Tcp(([127, 0, 0, 1], 1).into()),
            Bind::Tcp(([127, 0, 0, 1], 2).into()),
            Bind::Unix { path: "/s".into(), mode: 0o600 },
        ],
        serve: vec![Service::Rest, Service::WebSocket, Service::RawSocket, Service::Metrics, Service::Health],
        realms: vec!["r".to_owned()],
        realm: Some("r".to_owned()),
        ping_interval: 101 * MILLISECOND,
        ping_timeout: 102 * MILLISECOND,
        ping_suspect: 105 * MILLISECOND,
        tcp_user_timeout: 103 * MILLISECOND,
        message_max: 1004,
        message_before_welcome_max: 1003,
        connections_max: Some(106),
        header_bytes_max: 1107,
        header_lines_max: 108,
        websocket: WebSocketSettings {
            paths: vec!["/a".to_owned()],
            serializers: vec![Cbor],
            batched: false,
            compression: true,
            fragments_max: 109,
            allowed_origins: vec!["https://a.example".to_owned()],
            cookies: Vec::new(),
        },
        rawsocket: RawSocketSettings {
            serializers: vec![MessagePack, Json],
            ping: RawSocketPing::On,
            ping_agents: vec!["agent".to_owned()],
        },
        trusted_proxies: vec![PeerRange::Unix, PeerRange::Network { address: [10, 0, 0, 0].into(), bits: 8 }],
        proxy_protocol: ProxyProtocol::Optional,
        ..ListenerSettings::default()
    };
    assert_eq!(settings.listeners, [expected]);
}

/// `[listeners.NAME.longpoll]`.
#[test]
fn every_key_of_long_poll_lands_in_its_setting() {
    let settings = loaded(&of_text(
        r#"[listeners.l]
bind = "127.0.0.1:1"
serve = ["longpoll"]
[listeners.l.longpoll]
paths = ["/p", "/q"]
no_content = ["/q"]
receive_timeout = "110ms"
session_timeout = "1111ms"
[rest]
stream = { heartbeat = "112ms" }
"#,
    ));
    let expected = LongPollSettings {
        paths: vec!["/p".to_owned(), "/q".to_owned()],
        no_content: vec!["/q".to_owned()],
        receive_timeout: 110 * MILLISECOND,
        session_timeout: 1111 * MILLISECOND,
        heartbeat: 112 * MILLISECOND,
    };
    assert_eq!(settings.listeners[0].longpoll, expected);
    assert_eq!(settings.listeners[0].serve, [Service::LongPoll]);
}

/// `[realms]`.
#[test]
fn every_key_of_a_realm_lands_in_its_setting() {
    let settings = loaded(&of_text(
        r#"
[realms.r]
uri = "com.r"
description = "text"
strict_uri = true
strict_request_ids = true
call_timeout = "101ms"
call_timeout_max = "102ms"
disclose = "always"
revoke_on_reload = false
limits = { max_sessions = 1, max_subscriptions = 2, max_registrations = 3, max_subscriptions_per_session = 4, max_registrations_per_session = 5, max_pending_calls_per_session = 6, max_open_invocations_per_session = 7, meta_calls = "8/s", meta_burst = 9, meta_list_max = 10, max_queued_calls_per_registration = 11, max_testaments_per_session = 12, max_testament_bytes = "13KiB", max_retained_bytes = "14KiB", retained_full = "evict", max_history_bytes = "15KiB" }
queue = { max_bytes = "17KiB", max_messages = 12, stall = "113ms", on_overflow = "drop_newest", notify = false }
[realms.r.auth.anonymous]
role = "a"
listeners = ["l"]
http = true
[realms.r.roles.a]
[realm_templates.t]
match = "com.t.*"
from = "r"
idle_close = "5s"
max_realms = 14
[listeners.l]
bind = "127.0.0.1:1"
serve = ["health"]
"#,
    ));
    let realm = &settings.realms[0];
    let limits = wharf::routing::RealmLimits {
        sessions_max: 1,
        subscriptions_max: 2,
        registrations_max: 3,
        subscriptions_per_session_max: 4,
        registrations_per_session_max: 5,
        pending_calls_per_session_max: 6,
        open_invocations_per_session_max: 7,
        call_timeout: Some(101 * MILLISECOND),
        call_timeout_max: Some(102 * MILLISECOND),
        meta_list_max: 10,
        meta_calls: wharf::routing::MetaCalls { per_second: 8, burst: 9 },
        queued_calls_per_registration_max: 11,
        testaments_per_session_max: 12,
        testament_octets_max: 13 << 10,
        retained_octets_max: 14 << 10,
        retained_full: wharf::routing::RetainedFull::Evict,
        history_octets_max: 15 << 10,
    };
    assert_eq!(format!("{:?}", realm.rules.limits), format!("{limits:?}"));
    let outbox = OutboxSettings {
        bytes_max: 17 << 10,
        messages_max: 12,
        stall: 113 * MILLISECOND,
        on_overflow: OnOverflow::DropNewest,
        notify: false,
    };
    assert_eq!(realm.outbox, outbox);
    assert_eq!((realm.name.as_str(), realm.uri.as_str(), realm.description.as_str()), ("r", "com.r", "text"));
    assert!(
        realm.strict_request_ids
            && !realm.revoke_on_reload
            && realm.disclose == Disclose::Always
            && realm.uri_rules == wharf::wamp::uri::UriRules::Strict
    );
    let anonymous = realm.auth.anonymous.as_ref().unwrap();
    assert_eq!((anonymous.role.as_str(), anonymous.listeners.len(), anonymous.http), ("a", 1, true));
    let template = &settings.templates[0];
    assert_eq!((template.name.as_str(), template.pattern.to_string().as_str()), ("t", "com.t.*"));
    assert_eq!((template.idle_close, template.realms_max, template.settings.outbox), (5000 * MILLISECOND, 14, outbox));
}

/// `[realms.NAME.topics]`, `[realms.NAME.procedures]`, and the keys beside them.
#[test]
fn every_setting_by_uri_lands_in_the_rules_of_the_realm() {
    use wharf::routing::{ForwardTimeout, HistoryRule, ProcedureRule, RetainRule, Takeover, TopicRule, TrustLevels};
    use wharf::wamp::role::Feature;
    let settings = loaded(&of_text(
        r#"
[node]
data_dir = "/d"
[storage]
kind = "redb"
path = "f"
commit_interval = "7ms"
commit_records = 8
[listeners.l]
bind = "127.0.0.1:1"
serve = ["health"]
[realms.r]
takeover = "off"
forward_timeout = "never"
features_off = ["event_retention"]
[realms.r.roles.a]
[realms.r.topics."com.a.*"]
history = { limit = 1, max_age = "2s" }
retain = { allow = false, max_age = "3s" }
trustlevel = 4
trustlevel_by_role = { a = 5 }
[realms.r.topics."com.*.x"]
history = { durability = "memory" }
[realms.r.procedures."com.p"]
call_timeout = "6s"
trustlevel = 0
"#,
    ));
    let storage = wharf::storage::StorageSettings {
        path: Some("/d/f".into()),
        commit_interval: 7 * MILLISECOND,
        commit_records: 8,
    };
    assert_eq!(settings.storage, storage);
    let rules = &settings.realms[0].rules;
    assert_eq!((rules.takeover, rules.forward_timeout), (Takeover::Off, ForwardTimeout::Never));
    assert!(rules.retained_durable && !rules.features.has(Feature::EventRetention));
    let second = std::time::Duration::from_secs(1);
    let topic = TopicRule {
        history: Some(HistoryRule { limit: 1, max_age: Some(2 * second), durable: true }),
        retain: RetainRule { allow: false, max_age: Some(3 * second) },
        trust: TrustLevels { level: Some(4), by_role: [("a".to_owned(), 5)].into() },
    };
    assert_eq!(rules.topics.find("com.a.b"), Some(&topic));
    let memory = HistoryRule { limit: 1000, max_age: None, durable: false };
    assert_eq!(rules.topics.find("com.z.x").unwrap().history, Some(memory));
    let trust = TrustLevels { level: Some(0), ..TrustLevels::default() };
    assert_eq!(rules.procedures.find("com.p"), Some(&ProcedureRule { call_timeout: Some(6 * second), trust }));
}

/// The rest.
#[test]
fn every_key_of_the_node_lands_in_its_setting() {
    let settings = loaded(&of_text(
        r#"
[node]
name = "n"
workers = 3
[limits]
handshake_timeout = "106ms"
remote_auth_timeout = "107ms"
max_connections = 7
max_unwelcomed = 8
max_per_address = 9
accept_rate = "600/m"
memory = "1GiB"
memory_high_water = "11%"
memory_critical = "12%"
[observability.log]
format = "json"
level = "trace"
[shutdown]
delay = "1ms"
spread = "2ms"
drain = "3ms"
"#,
    ));
    assert_eq!((settings.node.name.as_str(), settings.node.workers, settings.node.dev), ("n", Some(3), false));
    let limits = ProcessLimits {
        handshake_timeout: 106 * MILLISECOND,
        remote_auth_timeout: 107 * MILLISECOND,
        connections_max: 7,
        unwelcomed_max: 8,
        per_address_max: 9,
        accept_rate: 10,
        memory: Some(1 << 30),
        memory_high_water: 11,
        memory_critical: 12,
    };
    assert_eq!(settings.limits, limits);
    use wharf::observe::settings::{LogFormat, LogLevel};
    assert_eq!((settings.log.format, settings.log.level), (LogFormat::Json, LogLevel::Trace));
    let shutdown = settings.shutdown;
    assert_eq!([shutdown.delay, shutdown.spread, shutdown.drain], [MILLISECOND, 2 * MILLISECOND, 3 * MILLISECOND]);
}

/// `permissions`, the long form: it denies single actions, whatever else allows them.
#[test]
fn a_rule_of_the_long_form_denies_single_actions() {
    use wharf::authz::Action::{Call, Publish, Subscribe};
    use wharf::wamp::MatchPolicy::{Exact, Prefix};
    let role = |rule: &str| {
        format!("[realms.r.roles.x]\ncall = [\"com.*\"]\nsubscribe = [\"com.*\"]\npermissions = [{rule}]\n")
    };
    let text = role("{ uri = \"com.a.\", match = \"prefix\", allow = [\"publish\"], deny = [\"call\"] }");
    let settings = loaded(&of_text(&text));
    let policy = &settings.realms[0].roles["x"].policy;
    let allowed = |action, uri, policy_of| policy.check(action, uri, policy_of).allowed;
    assert!(allowed(Call, "com.b", Exact) && !allowed(Call, "com.a.b", Exact));
    assert!(allowed(Publish, "com.a.b", Exact) && allowed(Subscribe, "com.a.", Prefix));
    let both = role("{ uri = \"com.a\", allow = [\"publish\", \"call\"], deny = [\"call\"] }");
    let first = line(&refused(&of_text(&both)).problems[0]);
    assert_eq!(first, "E005 4:70 realms.r.roles.x.permissions[0].deny[0]");
}

/// `[rest]`.
#[test]
fn every_key_of_the_bridge_lands_in_its_setting() {
    let settings = loaded(&of_text(
        r#"
[rest]
max_body = "2KiB"
body_timeout = "101ms"
call_timeout = "102ms"
max_wait = "103ms"
session_idle = "4s"
max_sessions = 5
status = { "com.e." = 499 }
batch_max = 6
auth_cache = "7s"
cors = { origins = ["https://a.example", "http://localhost:*"], credentials = true, max_age = "8s" }
idempotency = { ttl = "9s", max_entries = 10, max_bytes = "1MiB" }
stream = { heartbeat = "111ms", retry = "112ms", max_streams = 6, poll_wait = "113ms", poll_idle = "114ms" }
"#,
    ));
    use wharf::http::settings::{CorsSettings, IdempotencySettings, RestSettings, StreamSettings};
    let rest = RestSettings {
        admin_realm: "wharf.admin".to_owned(),
        body_max: 2048,
        body_timeout: 101 * MILLISECOND,
        call_timeout: 102 * MILLISECOND,
        wait_max: 103 * MILLISECOND,
        session_idle: 4000 * MILLISECOND,
        sessions_max: 5,
        status: BTreeMap::from([("com.e.".to_owned(), 499)]),
        batch_max: 6,
        auth_cache: 7000 * MILLISECOND,
        hands_on_trace: false,
        cors: CorsSettings {
            origins: vec!["https://a.example".to_owned(), "http://localhost:*".to_owned()],
            credentials: true,
            max_age: 8000 * MILLISECOND,
        },
        crossbar: Vec::new(),
        routes: Vec::new(),
        stream: StreamSettings {
            heartbeat: 111 * MILLISECOND,
            retry: 112 * MILLISECOND,
            streams_max: 6,
            poll_wait: 113 * MILLISECOND,
            poll_idle: 114 * MILLISECOND,
        },
        idempotency: IdempotencySettings { ttl: 9000 * MILLISECOND, entries_max: 10, octets_max: 1 << 20 },
    };
    assert_eq!(settings.rest, rest);
}

/// `observability.trace_context` is a setting of every realm and of the bridge.
#[test]
fn the_key_of_trace_context_lands_in_every_realm_and_in_the_bridge() {
    for on in [true, false] {
        let text = format!("[realms.a]\n[realms.b]\n[observability]\ntrace_context = {on}\n");
        let settings = loaded(&of_text(&text));
        assert!(settings.realms.iter().all(|realm| realm.rules.hands_on_trace == on) && settings.realms.len() == 2);
        assert_eq!(settings.rest.hands_on_trace, on);
    }
    assert!(!loaded(&of_text("[realms.a]\n")).realms[0].rules.hands_on_trace, "off without the key");
}

/// `rest.cors`: credentials only for origins that are named.
#[test]
fn credentials_of_pages_from_everywhere_are_refused() {
    let text = |origins: &str| format!("[rest.cors]\norigins = {origins}\ncredentials = true\n");
    assert_eq!(line(&refused(&of_text(&text("[\"*\"]"))).problems[0]), "E011 3:15 rest.cors.credentials");
    assert!(loaded(&of_text(&text("[\"https://a.example\"]"))).rest.cors.credentials);
}
