//! Stand-in: the settings of the HTTP room.

pub mod settings;
