//! Where and how things are kept. `config` fills it.

use std::path::PathBuf;
use std::time::Duration;

/// Settings of a node's store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StorageSettings {
    /// The file; `None`: nothing outlives the process.
    pub path: Option<PathBuf>,
    /// What is to be written is gathered for so long and written together. 5 ms.
    pub commit_interval: Duration,
    /// At most so many records are written together. 4,096.
    pub commit_records: usize,
}

impl Default for StorageSettings {
    fn default() -> Self {
        Self { path: None, commit_interval: Duration::from_millis(5), commit_records: 4096 }
    }
}
