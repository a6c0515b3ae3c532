//! `wharf config import`: the configuration on standard output; notes, and units for programs, on standard error.

use super::output::{note, result};
use super::Exit;
use crate::config::{self, Foreign};
use clap::ValueEnum;
use std::path::Path;

/// Whose configuration is translated.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Router {
    /// Crossbar.io: `.crossbar/config.json` or `config.yaml`.
    Crossbar,
    /// nexusd: `nexus.json`.
    Nexus,
    /// nxt: `.nxt/config.yaml`.
    Xconn,
}

/// Translates `file`.
pub(super) fn import(router: Router, file: &Path) -> Exit {
    let foreign = match router {
        Router::Crossbar => Foreign::Crossbar,
        Router::Nexus => Foreign::Nexus,
        Router::Xconn => Foreign::Xconn,
    };
    let imported = match config::import_file(foreign, file) {
        Ok(imported) => imported,
        Err(errors) => {
            note(&errors.to_string());
            return Exit::Usage;
        }
    };
    for each in &imported.notes {
        note(&format!("{}: {each}", file.display()));
    }
    for unit in &imported.programs {
        note(&format!("\n{unit}"));
    }
    let written = result(&imported.toml);
    match imported.notes.len() {
        _ if written == Exit::Fault => written,
        0 => Exit::Done,
        count => {
            note(&format!("{count} note{}", if count == 1 { "" } else { "s" }));
            Exit::Noted
        }
    }
}
