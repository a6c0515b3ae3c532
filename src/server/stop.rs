//! The way out: not ready, listeners closed, GOODBYE to all, drain, end. Source: section 14 of the limits.

use super::Running;
use crate::config::ShutdownSettings;
use crate::http::sessions::StopHttp;
use crate::transport::listener::StopAccepting;
use crate::transport::worker::StopSessions;
use std::io;
use std::time::Duration;
use tokio::signal::unix::{signal, Signal, SignalKind};

/// How often the number of connections is looked at while they drain.
const LOOK: Duration = Duration::from_millis(5);

/// SIGTERM, SIGINT and SIGHUP. From here on they no longer just end the process.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// For whoever reloads; taken once.
    pub(super) hangup: Option<Signal>,
}

impl Signals {
    /// Listens for them; within a runtime.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: Some(signal(SignalKind::hangup())?),
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Waits for a signal and stops in order; a second one stops at once.
pub(super) async fn on_signal(mut signals: Signals, running: Running) {
    tokio::select! {
        () = signals.next() => {}
        () = running.current.terminal_gone.notified() => tracing::info!("the terminal is gone"),
        () = running.current.asked_to_stop.notified() => tracing::info!("an administrator wants it to end"),
    }
    running.current.stopping.set(true);
    let shutdown = running.current.shutdown.get();
    tracing::info!("stopping: a second signal stops at once");
    let code = tokio::select! {
        () = stop(&running, shutdown) => 0,
        () = signals.next() => 1,
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
        for sessions in running.callers.all() {
            let _ = sessions.send(StopHttp).await;
        }
        for callees in [false, true] {
            for worker in &running.workers {
                let _ = worker.send(StopSessions { spread: shutdown.spread / 2, callees }).await;
            }
            if !callees {
                wait_for_spread(running, shutdown.spread / 2).await;
                wait_for_callers(running, shutdown.spread / 2).await;
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

/// HTTP callers with a call under way: it is answered, if that takes no longer than this.
async fn wait_for_callers(running: &Running, spread: Duration) {
    let answered = async {
        while running.callers.open() > 0 {
            tokio::time::sleep(LOOK).await;
        }
    };
    let _answered_or_not = tokio::time::timeout(spread, answered).await;
}
