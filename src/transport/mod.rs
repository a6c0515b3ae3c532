//! Stand-in: the settings of the transports' room.

pub mod settings;
