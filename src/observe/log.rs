//! The log: lines go through a bounded queue to a writer thread, so that a sink that blocks stops nobody (limits,
//! section 13).

use super::settings::{LogFormat, LogSettings};
use std::io::IsTerminal;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// Lines that wait for the writer; more are dropped and counted.
const QUEUE_LINES: usize = 10_000;

/// The variable that holds a log filter.
const FILTER: &str = "WHARF_LOG";

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter in the environment.
    #[error("{FILTER}: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
}

/// Writes what is queued when it is dropped.
#[must_use]
pub struct LogGuard(#[expect(dead_code, reason = "held for its drop")] WorkerGuard);

/// Starts the log on standard error. A log that is running already goes on as it is.
///
/// # Errors
/// [`LogError`] for a filter that cannot be read.
pub fn init(settings: &LogSettings, dev: bool) -> Result<LogGuard, LogError> {
    let (writer, guard) =
        NonBlockingBuilder::default().buffered_lines_limit(QUEUE_LINES).lossy(true).finish(std::io::stderr());
    let filter = match std::env::var(FILTER) {
        Ok(filter) if !filter.is_empty() => EnvFilter::try_new(filter)?,
        Ok(_) | Err(_) => EnvFilter::new(format!("warn,wharf={}", settings.level.name())),
    };
    let pretty = match settings.format {
        LogFormat::Auto => dev || std::io::stderr().is_terminal(),
        LogFormat::Json => false,
        LogFormat::Pretty => true,
    };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(false);
    // A second log in one process (an embedding program, a test) leaves the first alone.
    let _running_already = if pretty { lines.compact().try_init() } else { lines.json().try_init() };
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let payload = panic.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text");
        tracing::error!(place, text = %super::shown(text), "panic");
    }));
    Ok(LogGuard(guard))
}
