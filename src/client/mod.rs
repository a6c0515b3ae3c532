//! A small WAMP client on tokio, without actors: for the command line, and against any router.
//!
//! One task drives one session: [`Session::receive`] is safe to be dropped at any time, so that it can stand in a `select!`.
//! What comes from a router is bounded and checked like what comes from a client. Nothing here prints or reads settings.

mod address;
mod fault;
mod link;
mod opening;
mod session;
mod stream;
mod tls;

pub use address::{Address, AddressFault};
pub use fault::{Broken, JoinFault, Refused, Unreachable};
pub use session::{Login, Session};
pub use tls::{TlsFiles, TlsFilesFault};

/// The longest message that is taken, in octets.
pub const MESSAGE_MAX: usize = 1 << 24;
