//! Stand-in: the settings of the actors' room.

pub mod settings;
