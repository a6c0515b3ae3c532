//! The settings of the log. `config` fills them.

/// `observability.log`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LogSettings {
    /// How lines look.
    pub format: LogFormat,
    /// The least that is written.
    pub level: LogLevel,
}

/// How a line of the log looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LogFormat {
    /// Pretty on a terminal and in dev mode, else JSON.
    #[default]
    Auto,
    /// One JSON object per line.
    Json,
    /// For eyes.
    Pretty,
}

/// The levels of the log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum LogLevel {
    /// A human should look today.
    Error,
    /// A human should look this week.
    Warn,
    /// Sessions, realms and listeners come and go.
    #[default]
    Info,
    /// Per unusual message.
    Debug,
    /// Per message.
    Trace,
}

impl LogLevel {
    /// All of them, the one that tells least first.
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// The level of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }

    /// The name in settings and log filters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}
