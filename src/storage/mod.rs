//! Keeping what must outlive a realm's memory: event history and retained events.

mod settings;

pub use settings::StorageSettings;
