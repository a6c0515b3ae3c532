//! The log: lines go through a bounded queue to a writer thread, so that a sink that blocks stops nobody (limits,
//! section 13).

use super::settings::{LogFormat, LogSettings};
use std::io::IsTerminal;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{reload, EnvFilter, Registry};

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
pub struct LogGuard {
    #[expect(dead_code, reason = "held for its drop")]
    writer: WorkerGuard,
    level: LevelHandle,
}

impl LogGuard {
    /// What changes the level while the log runs.
    pub fn level(&self) -> LevelHandle {
        self.level.clone()
    }
}

/// Changes the level while the log runs.
#[derive(Clone, Debug)]
pub struct LevelHandle(Option<reload::Handle<EnvFilter, Registry>>);

impl LevelHandle {
    /// From now on `settings.level` holds. `false`: it does not, for the variable decides, or the log is another program's.
    pub fn set(&self, settings: &LogSettings) -> bool {
        self.0.as_ref().is_some_and(|handle| handle.reload(by_settings(settings)).is_ok())
    }
}

fn by_settings(settings: &LogSettings) -> EnvFilter {
    EnvFilter::new(format!("warn,audit=info,wharf={}", settings.level.name()))
}

/// Starts the log on standard error. A log that is running already goes on as it is.
///
/// # Errors
/// [`LogError`] for a filter that cannot be read.
pub fn init(settings: &LogSettings, dev: bool) -> Result<LogGuard, LogError> {
    let (writer, guard) =
        NonBlockingBuilder::default().buffered_lines_limit(QUEUE_LINES).lossy(true).finish(std::io::stderr());
    let (filter, is_fixed) = match std::env::var(FILTER) {
        Ok(filter) if !filter.is_empty() => (EnvFilter::try_new(filter)?, true),
        Ok(_) | Err(_) => (by_settings(settings), false),
    };
    let pretty = match settings.format {
        LogFormat::Auto => dev || std::io::stderr().is_terminal(),
        LogFormat::Json => false,
        LogFormat::Pretty => true,
    };
    let (filter, handle) = reload::Layer::new(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    let registry = tracing_subscriber::registry().with(filter);
    // A second log in one process (an embedding program, a test) leaves the first alone.
    let started =
        if pretty { registry.with(lines.compact()).try_init() } else { registry.with(lines.json()).try_init() };
    let level = LevelHandle((started.is_ok() && !is_fixed).then_some(handle));
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let payload = panic.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text");
        tracing::error!(place, text = %super::shown(text), "panic");
    }));
    Ok(LogGuard { writer: guard, level })
}
