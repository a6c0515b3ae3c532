//! Keeps what was changed at run time: one JSON document in `node.data_dir`, replaced whole.
//!
//! A document and not the store: it is read before anything is started, by `wharf config check` too, is small, changes seldom,
//! and its owner can look at it. [`write()`] returns when it is on disk; a crash leaves the old one or the new one.

use super::{check_path, depth, not_managed, Managed, DEPTH_MAX, OCTETS_MAX};
use serde_json::{Map, Value};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The document's name in `node.data_dir`.
pub const FILE_NAME: &str = "managed.json";

/// What is being written, before it is in its place.
const NEW_NAME: &str = "managed.json.new";

/// What this program writes and reads.
const VERSION: u64 = 1;

/// Why what was changed at run time cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ManagedFault {
    /// The file cannot be read.
    #[error("{0}")]
    Unreadable(#[source] io::Error),
    /// It holds something else.
    #[error("it is damaged: {0}")]
    Damaged(String),
}

/// What is kept in `folder`; empty if nothing is.
///
/// # Errors
/// [`ManagedFault`]: the file is there and cannot be used.
pub fn read(folder: &Path) -> Result<Managed, ManagedFault> {
    let text = match fs::read_to_string(folder.join(FILE_NAME)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Managed::default()),
        Err(error) => return Err(ManagedFault::Unreadable(error)),
    };
    parse(&text).map_err(ManagedFault::Damaged)
}

fn parse(text: &str) -> Result<Managed, String> {
    // The parser's own messages quote nothing but the place.
    let document: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let version = document.get("version").and_then(Value::as_u64);
    if version != Some(VERSION) {
        let came = version.map_or_else(|| "none".to_owned(), |version| version.to_string());
        return Err(format!("expected `version` {VERSION}, found {came}"));
    }
    let tree = document.get("managed").and_then(Value::as_object).ok_or("expected a table `managed`")?;
    for (name, below) in tree {
        let below = below.as_object().ok_or("expected tables of realms and templates")?;
        for key in below.keys() {
            // What stands below is checked when it is read as a configuration.
            check_path(&[name, key, "NAME"]).map_err(|_| not_managed(&[name, key]).to_string())?;
        }
    }
    if text.len() > 2 * OCTETS_MAX || tree.values().any(|value| depth(value) > DEPTH_MAX) {
        return Err("it is larger or deeper than what is written here".to_owned());
    }
    Ok(Managed(tree.clone()))
}

/// Keeps `managed` in `folder`, which is made if it is not there. It is on disk when this returns.
///
/// # Errors
/// What the system says; then the old one is still there.
pub fn write(folder: &Path, managed: &Managed) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let (new, place) = (folder.join(NEW_NAME), folder.join(FILE_NAME));
    let mut document = Map::new();
    document.insert("version".to_owned(), VERSION.into());
    document.insert("managed".to_owned(), Value::Object(managed.0.clone()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&serde_json::to_vec_pretty(&document)?)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(&new, &place)?;
    // The new name must be on disk too.
    File::open(folder)?.sync_all()
}
