//! The transports and bad peers, over real sockets against the real program: each rule of the limits that a transport
//! keeps, one test. Peers are written by hand over `std::net`, so that they can break every rule. No test sleeps; what must
//! happen is waited for, and every wait has an end.

#![expect(clippy::unwrap_used, reason = "tests, and what they share")]

mod admin;
mod batches;
mod compression;
mod cookies;
mod counts;
mod deadlines;
mod dynamic;
mod frames;
mod groups;
mod http;
mod http_authenticator;
mod jwks;
mod keepalive;
mod log;
mod logins;
mod longpoll;
mod longpoll_bounds;
mod longpoll_peer;
mod matrix;
mod proxies;
mod rates;
mod rawsocket;
mod rawsocket_peer;
mod reload;
mod router;
mod second;
mod shared_port;
#[path = "../support/site.rs"]
mod site;
mod sizes;
mod slow;
mod start;
mod stopping;
mod tls;
mod tls_peer;
mod tls_reload;
mod unix;
mod upgrades;
mod websocket_peer;
