//! Where a session came in. No word of the specification, but every room that lets somebody in needs it.

use core::net::IpAddr;
use std::sync::Arc;

/// Where a session came in.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Entrance {
    /// The listener's name.
    pub listener: Arc<str>,
    /// The client's address, as a trusted proxy tells it where there is one; `None`: a Unix socket.
    pub address: Option<IpAddr>,
}
