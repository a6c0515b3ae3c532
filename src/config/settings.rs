//! What a configuration comes to: the settings that the rooms define, and those of the node itself.

use super::error::Problem;
use super::managed::Managed;
use super::read::Written;
use crate::actors::settings::{RealmSettings, RealmTemplate};
use crate::auth::Secret;
use crate::http::settings::RestSettings;
use crate::http::webhook::settings::WebhookSettings;
use crate::observe::settings::LogSettings;
use crate::storage::StorageSettings;
use crate::transport::settings::{ListenerSettings, ProcessLimits};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// All settings of a node, complete and checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The node.
    pub node: NodeSettings,
    /// Where connections come in, by name.
    pub listeners: Vec<ListenerSettings>,
    /// The realms that are open from the start, by name.
    pub realms: Vec<RealmSettings>,
    /// The realms that a HELLO opens.
    pub templates: Vec<RealmTemplate>,
    /// The REST bridge.
    pub rest: RestSettings,
    /// Webhooks.
    pub webhooks: WebhookSettings,
    /// Where what must outlive the process is kept.
    pub storage: StorageSettings,
    /// The bounds of the process.
    pub limits: ProcessLimits,
    /// The log.
    pub log: LogSettings,
    /// The way out.
    pub shutdown: ShutdownSettings,
    /// Where all this was read.
    pub source: SettingsSource,
    /// What was changed at run time, and lies under the file.
    pub managed: Managed,
    /// What is doubtful, but does not stop the start.
    pub warnings: Vec<Problem>,
    /// What the files come to, to compare it with what they come to later.
    pub(super) written: Written,
    /// The secrets that they name, by the path of their keys, for the same.
    pub(super) secrets: BTreeMap<String, Secret>,
}

/// `[node]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeSettings {
    /// The name in logs, metrics and the banner.
    pub name: String,
    /// The folder of what the node keeps.
    pub data_dir: Option<PathBuf>,
    /// Worker threads; `None`: one per core.
    pub workers: Option<usize>,
    /// Dev mode.
    pub dev: bool,
}

/// `[shutdown]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShutdownSettings {
    /// Not ready for this long before anything else happens. 0 s.
    pub delay: Duration,
    /// GOODBYE goes to all sessions over this time. 2 s.
    pub spread: Duration,
    /// What is left after this is closed. 10 s.
    pub drain: Duration,
}

impl Default for ShutdownSettings {
    fn default() -> Self {
        Self { delay: Duration::ZERO, spread: Duration::from_secs(2), drain: Duration::from_secs(10) }
    }
}

/// Where settings were read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SettingsSource {
    /// The copy of `config/wharf.toml` in the program: no file was found or wanted.
    BuiltIn,
    /// A file, with the drop-ins beside it.
    File {
        /// The main file.
        path: PathBuf,
        /// The drop-ins, in the order of their names.
        drop_ins: Vec<PathBuf>,
    },
}

impl fmt::Display for SettingsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built-in dev mode"),
            Self::File { path, drop_ins } if drop_ins.is_empty() => write!(f, "{}", path.display()),
            Self::File { path, drop_ins } => write!(f, "{} and {} drop-ins", path.display(), drop_ins.len()),
        }
    }
}
