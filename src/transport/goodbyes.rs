//! What sessions are told when the router stops or their listener is gone, one after the other over some time.

use crate::actors::session::{SessionActor, ShutDown};
use crate::session::CloseCode;
use crate::wamp::ErrorUri;
use actix::Addr;
use std::time::Duration;

/// GOODBYEs are never spread wider than this (limits, section 14).
const SPREAD_STEP_MAX: Duration = Duration::from_millis(2);

#[expect(clippy::disallowed_methods, reason = "one message per session")]
pub(super) async fn say_goodbye(sessions: Vec<Addr<SessionActor>>, spread: Duration, stop: ShutDown) {
    let step = (spread / u32::try_from(sessions.len().max(1)).unwrap_or(u32::MAX)).min(SPREAD_STEP_MAX);
    for session in sessions {
        session.do_send(stop);
        if !step.is_zero() {
            tokio::time::sleep(step).await;
        }
    }
}

pub(super) fn goodbye(callees: bool) -> ShutDown {
    ShutDown {
        reason: ErrorUri::SYSTEM_SHUTDOWN,
        message: "the router is stopping",
        code: CloseCode::GOING_AWAY,
        callees,
    }
}

pub(super) fn closing(callees: bool) -> ShutDown {
    ShutDown { message: "this listener is closing", ..goodbye(callees) }
}
