//! What to do about foreign keys that have no counterpart, one line each.

/// For a key of Crossbar's.
pub(super) fn crossbar(key: &str) -> &'static str {
    match key {
        "manhole" | "expose_controller" | "expose_shared" => "there is no shell into the router; take the line out",
        "connections" => "connections to databases and other routers belong to the programs that use them",
        "keyring" | "inventory" | "catalogs" => "there is no catalogue of interfaces; `wamp.reflection.*` tells what is registered",
        "queue_limit_bytes" | "queue_limit_messages" => "`queue` of the realm bounds what waits, whatever the transport",
        "title" | "cpu_affinity" | "shutdown" | "enable_parallel_worker_start" | "restart" | "reactor" => {
            "processes are set up outside: see taskset(1), systemd.exec(5)"
        }
        "pythonpath" | "python" | "env" | "disabled" => "programs run outside the router, with an environment of their own",
        "rlinks" => "routers are not linked here; let the clients of both realms connect to one router",
        "stats" | "trace" => "what is counted is at /metrics: add \"metrics\" to `serve` of a listener",
        "call-queue" => "calls wait for callees that registered with `concurrency`; `limits.max_queued_calls_per_registration` bounds them",
        "bridge_meta_api" => "the meta procedures of a realm are in that realm",
        "event_dispatching_chunk_size" | "buffer-flush" | "maxsize" => "nothing need be set for it",
        "validate" => "payloads are not looked into; let the callee check them",
        "allow-by-default" => "everything is denied that no rule allows",
        "dhparam" | "ciphers" => "rustls chooses; `tls.min_version = \"1.3\"` is the one thing to choose",
        "chain_certificates" => "append these certificates to the file of the certificate itself: cat chain.pem >>fullchain.pem",
        "backlog" | "shared" => "nothing need be set for it: one process serves a port on all cores",
        "allow_null_origin" => "pages without an origin (\"null\") are refused unless `allowed_origins` is [\"*\"]",
        "external_port" => "a proxy in front is named in `trusted_proxies`",
        "enable_webstatus" => "the path answers upgrades only; `health` in `serve` gives /livez and /readyz",
        "open_handshake_timeout" => "`limits.handshake_timeout` (5s) is for all connections, from accept to WELCOME",
        "close_handshake_timeout" => "nothing need be set for it: a closing handshake has a second",
        "max_frame_size" => "`max_message` bounds a message whatever its frames are",
        "auto_fragment_size" => "messages are sent in one frame",
        "auto_ping_size" | "auto_ping_restart_on_any_traffic" | "echo_close_codereason" => "nothing need be set for it",
        "require_websocket_subprotocol" => "a WAMP subprotocol is always required",
        "show_server_version" => "the version is not told",
        "access_log" | "debug" | "debug_transport_id" | "display_tracebacks" => "`observability.log.level` says how much is logged",
        "hsts" | "hsts_max_age" => "the server of the pages sends Strict-Transport-Security, not the router",
        "client_timeout" => "`limits.handshake_timeout` and `rest.body_timeout` bound slow clients",
        "request_max_window_bits" | "request_no_context_takeover" | "no_context_takeover" | "max_window_bits"
        | "memory_level" => "what permessage-deflate agrees on is chosen by the client",
        "bzip2" | "snappy" | "brotli" => "permessage-deflate is the one compression",
        "cookie" => "logins by cookie are for WebSocket: see `auth.cookie` of the realm",
        "cookie_store" | "store" => "browsers are remembered in memory: they log in again after a restart",
        "length" | "secure" | "http_strict" => "a cookie has 256 random bits, is hidden from scripts, and asks for TLS where there is TLS",
        "path" | "read-only" => "history that outlives the router needs `storage.kind = \"redb\"` and durability \"fsync\"",
        "authenticator-role" => "the router itself calls the procedure, whatever may be called",
        "default-role" => "let the procedure answer with the role",
        "trustroots" => "put the public keys of the users into `auth.cryptosign.users`",
        "fabric" | "fabric-center" | "blockchain" | "ipfs" | "enable_docker" => "this belongs to services of Crossbar's own",
        "max_message_size" | "serializer" => "it stands in the wrong place: see `options` and `serializers`",
        "version" => "nothing need be set for it",
        "mime_types" => "the type of a file is that of its ending",
        _ => "all keys there are: wharf config init full",
    }
}

/// For a service of a path that is not served here.
pub(super) fn service(kind: &str) -> &'static str {
    match kind {
        "archive" | "resource" | "cgi" | "wsgi" | "catalog" => {
            "let a web server (nginx, caddy) in front serve it and pass the WebSocket paths on"
        }
        "json" => "put the value into a file of the web server in front",
        "redirect" => "let the web server in front answer with the redirect",
        "nodeinfo" => "\"health\" in `serve` gives /livez and /readyz, \"metrics\" gives /metrics",
        "wap" => "a template engine is no part of a router: write a program that calls /api/v1/call/PROCEDURE",
        "reverseproxy" | "websocket-reverseproxy" => "turn it round: let a proxy in front choose by path",
        "upload" => "uploads belong to a web server; let it call /api/v1/publish/TOPIC when one is there",
        _ => "there is no such service here",
    }
}

/// For a key of nexusd's.
pub(super) fn nexus(key: &str) -> &'static str {
    match key {
        "require_local_auth" | "require_local_authz" => "every session logs in and is asked, wherever it is",
        "meta_strict" | "meta_include_session_details" => {
            "`wamp.session.get` tells the details that the specification names"
        }
        "enable_meta_modify" => "details of a session do not change; let the user log in again",
        "enable_request_capture" | "enable_tracking_cookie" => "cookies and headers of the upgrade are not kept",
        "debug" | "log_path" => "the log is on standard error: see `observability.log`",
        "mem_stats_log_sec" => "memory is at /metrics: add \"metrics\" to `serve` of a listener",
        _ => "all keys there are: wharf config init full",
    }
}

/// For a key of nxt's.
pub(super) fn xconn(key: &str) -> &'static str {
    match key {
        "ratelimit" | "rate_limit" => {
            "requests are not limited by connection; what waits is: see `queue` and `limits` of a realm"
        }
        "management" => "what is counted is at /metrics; there are no procedures for managing the router yet",
        "authid" => "anonymous sessions get a random authid",
        _ => "all keys there are: wharf config init full",
    }
}
