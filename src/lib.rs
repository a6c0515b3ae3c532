//! Wharf, a WAMP router.
//!
//! The rooms in reading order; `docs/ARCHITECTURE.md` is the map, `tests/layers.rs` checks who may import whom.

pub mod actors;
pub mod auth;
pub mod authz;
pub mod cli;
pub mod client;
pub mod codec;
pub mod config;
pub mod http;
pub mod observe;
pub mod outward;
pub mod routing;
pub mod server;
pub mod session;
pub mod storage;
pub mod transport;
pub mod wamp;
