//! Stand-in for the server: takes settings and refuses them.

use crate::config::Settings;

/// Why the router stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// There is no server in this build.
    #[error("this build has no server for {0}")]
    Missing(String),
}

impl ServerError {
    /// The exit code of the program.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Missing(_) => 1,
        }
    }
}

/// Runs the router until it is told to stop.
///
/// # Errors
/// [`ServerError`].
pub fn run(settings: Settings) -> Result<(), ServerError> {
    Err(ServerError::Missing(settings.node.name))
}
