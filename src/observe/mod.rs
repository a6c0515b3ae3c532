//! Stand-in: the settings of the observing room.

pub mod settings;
