//! HTTP in, WAMP inside: the REST bridge, health and metrics.

pub mod settings;
