//! Wharf, a WAMP router.
//!
//! The rooms in reading order; `docs/ARCHITECTURE.md` is the map, `tests/layers.rs` checks who may import whom.

pub mod codec;
pub mod wamp;
