//! The REST bridge, health and metrics, over real sockets against the real program: each rule of the HTTP design that is
//! built, one test. Callees and subscribers are RawSocket sessions in JSON. No test sleeps; what must happen is waited for.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod admin;
mod api_keys;
mod batches;
mod calls;
mod client;
mod cors;
mod counters;
mod credentials;
mod crossbar;
mod documented;
mod equality;
mod events;
mod files;
mod frozen;
mod heads;
mod history;
mod hooks;
mod idempotency;
mod listing;
mod mapped;
mod media;
mod openapi;
mod pages;
mod poll;
mod progressive;
mod publishes;
mod request_names;
mod requests;
mod resume;
mod router;
mod serializers;
mod sessions;
mod statuses;
mod stopping;
mod stream;
mod tickets;
mod tokens;
mod trace;
mod wamp;
mod webhook_store;
mod webhook_tries;
mod webhooks;
mod websocket;
