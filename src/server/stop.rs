//! The way out: not ready, listeners closed, GOODBYE to all, drain, end. Source: section 14 of the limits.

use super::Running;
use crate::config::ShutdownSettings;
use crate::transport::listener::StopAccepting;
use crate::transport::worker::StopSessions;
use std::time::Duration;
use tokio::signal::unix::{signal, SignalKind};

/// How often the number of connections is looked at while they drain.
const LOOK: Duration = Duration::from_millis(5);

/// Waits for SIGTERM or SIGINT and stops in order; a second one stops at once.
pub(super) async fn on_signal(running: Running, shutdown: ShutdownSettings) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("cannot listen for signals: stop the process by its id");
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping: a second signal stops at once");
    let code = tokio::select! {
        () = stop(&running, shutdown) => 0,
        _ = terminate.recv() => 1,
        _ = interrupt.recv() => 1,
    };
    for arbiter in &running.arbiters {
        arbiter.stop();
    }
    tracing::info!(code, "stopped");
    actix::System::current().stop_with_code(code);
}

async fn stop(running: &Running, shutdown: ShutdownSettings) {
    running.readiness.set(false);
    tokio::time::sleep(shutdown.delay).await;
    // A dead actor has nothing left to stop.
    let _ = running.acceptor.send(StopAccepting).await;
    let drained = async {
        for callees in [false, true] {
            for worker in &running.workers {
                let _ = worker.send(StopSessions { spread: shutdown.spread / 2, callees }).await;
            }
            if !callees {
                wait_for_spread(running, shutdown.spread / 2).await;
            }
        }
        while running.metrics.connections() > 0 {
            tokio::time::sleep(LOOK).await;
        }
    };
    if tokio::time::timeout(shutdown.drain, drained).await.is_err() {
        tracing::warn!(connections = running.metrics.connections(), "closed without having drained");
    }
}

/// Callers first: callees wait until they are gone, or half of the time is over.
async fn wait_for_spread(running: &Running, spread: Duration) {
    let sessions = u32::try_from(running.metrics.connections().max(0)).unwrap_or(u32::MAX);
    let needed = Duration::from_millis(2).saturating_mul(sessions).min(spread);
    tokio::time::sleep(needed).await;
}
