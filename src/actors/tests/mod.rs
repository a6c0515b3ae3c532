//! The wiring of the actors: sessions on connections in memory, realms on the same thread.

mod authorizer;
mod brake;
mod dynamic;
mod listing;
mod panics;
pub(super) mod peer;
mod slow;
mod store;
mod swap;
mod wiring;
