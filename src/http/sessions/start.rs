//! How a session begins whose other end is the HTTP side: proven already, and on a connection in memory.

use crate::actors::clock;
use crate::actors::connection::Connection;
use crate::actors::realms::RealmsActor;
use crate::actors::session::{Gone, Opening, SessionActor, Times};
use crate::actors::RealmHandle;
use crate::auth::Identity;
use crate::observe::Tally;
use actix::{Addr, Recipient};
use std::sync::Arc;
use std::time::Duration;

/// From a session's beginning to its WELCOME.
const JOIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Nobody is asked for signs of life here; the timer of a session needs a time all the same.
const NO_PINGS: Duration = Duration::from_secs(24 * 3600);

/// The actor, to be started on the thread that this is called on. `number` is what `gone` is told.
pub(super) fn session_of(
    connection: Box<dyn Connection>,
    number: usize,
    listener: Arc<str>,
    proven: (RealmHandle, Identity),
    (realms, tally): (Addr<RealmsActor>, Tally),
    gone: Recipient<Gone>,
) -> SessionActor {
    SessionActor::new(Opening {
        connection,
        number,
        listener,
        realms,
        gone,
        tally,
        times: Times {
            handshake_until: clock::now() + JOIN_TIMEOUT,
            handshake_timeout: JOIN_TIMEOUT,
            remote_auth_timeout: JOIN_TIMEOUT,
            ping_interval: NO_PINGS,
            ping_timeout: NO_PINGS,
            ping_suspect: NO_PINGS,
        },
        authenticated: Some(proven),
        listener_realms: Arc::new([]),
    })
}
