//! `wharf version`.

use super::output::result;
use super::Exit;
use std::env::consts::{ARCH, OS};

#[derive(clap::Args, Debug)]
pub(super) struct VersionArguments {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Prints version, commit, features and target.
pub(super) fn version(arguments: &VersionArguments) -> Exit {
    let version = env!("CARGO_PKG_VERSION");
    // Given by the release script; a build from a checkout has none.
    let commit = option_env!("WHARF_COMMIT");
    let features: Vec<&str> =
        [("yaml", cfg!(feature = "yaml"))].into_iter().filter(|(_, on)| *on).map(|(name, _)| name).collect();
    if arguments.json {
        let object = serde_json::json!({ "version": version, "commit": commit, "features": features, "target": format!("{ARCH}-{OS}") });
        return result(&format!("{object}\n"));
    }
    let commit = commit.map_or(String::new(), |commit| format!(" ({commit})"));
    result(&format!("wharf {version}{commit}\nfeatures: {}\ntarget: {ARCH}-{OS}\n", features.join(", ")))
}
