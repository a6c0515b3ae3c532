//! Ownership and delivery: which actor owns what, and who is told what.
//!
//! A session actor owns one connection's state, a realm actor one realm's; the core decides, these rooms feed it and carry
//! its effects out. Messages between them are batches. See `docs/ARCHITECTURE.md`, and for what actix does and the rules
//! that follow from it, `docs/decisions/`.

pub mod admin;
pub(crate) mod asking;
mod brake;
pub mod catalogue;
pub mod clock;
pub mod connection;
mod credit;
mod delivery;
mod denials;
mod forgotten;
mod keepalive;
pub mod lengths;
pub(crate) mod listing;
pub mod logins;
mod outbox;
pub mod pressure;
pub mod realm;
mod realm_requests;
mod realm_shared;
pub mod realms;
mod rights;
pub mod router;
pub mod session;
pub mod settings;
mod standing;
mod store;
mod swap;
pub mod told;

pub use realm::{RealmHandle, RealmShared};

#[cfg(test)]
mod tests;
