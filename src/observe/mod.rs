//! Counters, log set-up, and how peer-made text is shown. A leaf: it imports the vocabulary only.

pub mod errors;
pub mod log;
mod metrics;
mod restraint;
pub mod settings;
mod text;

pub use metrics::{Metrics, Panicked, Refusal, ReloadOutcome, Tally};
pub use restraint::Restraint;
pub use text::{address, shown};
