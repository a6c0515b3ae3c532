//! `[listeners.NAME.static]`: a folder whose files are served as they are.

use std::path::PathBuf;
use std::time::Duration;

/// A folder, and how it is served.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pages {
    /// The path below which it is served: `/`, or one without a slash at its end.
    pub path: String,
    /// The folder.
    pub dir: PathBuf,
    /// The file that is served for a folder.
    pub index: String,
    /// Whether an unknown path without a dot gives the index.
    pub spa: bool,
    /// How long a file may be kept by whoever asked for it.
    pub max_age: Duration,
    /// Whether a folder without an index lists its files.
    pub listing: bool,
    /// Paths that are left to WebSocket, but for `path` itself.
    pub websocket: Vec<String>,
    /// Paths below which all is left to long-poll, but for `/`.
    pub longpoll: Vec<String>,
}
