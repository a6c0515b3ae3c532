//! The REST bridge, health and metrics, over real sockets against the real program: each rule of the HTTP design that is
//! built, one test. Callees and subscribers are RawSocket sessions in JSON. No test sleeps; what must happen is waited for.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod admin;
mod api_keys;
mod calls;
mod client;
mod credentials;
mod heads;
mod media;
mod pages;
mod publishes;
mod router;
mod sessions;
mod stopping;
mod tokens;
mod wamp;
mod webhook_store;
mod webhooks;
