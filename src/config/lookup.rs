//! Which file is read, and which drop-ins beside it. The order is that of `--config`, `$WHARF_CONFIG`, `./wharf.toml`,
//! `./config/wharf.toml`, `/etc/wharf/wharf.toml`; without any of them the built-in dev mode.

use super::LoadOptions;
use std::io;
use std::path::{Path, PathBuf};

/// Larger than any configuration.
const FILE_OCTETS_MAX: u64 = 8 << 20;

/// The extensions of a main file, in the order they are tried.
const EXTENSIONS: [&str; 4] = ["toml", "json", "yaml", "yml"];

/// What the lookup came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// This one.
    File(PathBuf),
    /// None.
    Nothing,
    /// Two side by side.
    Both(PathBuf, PathBuf),
}

/// Looks for the main file.
pub(super) fn main_file(options: &LoadOptions) -> Found {
    if let Some(path) = &options.file {
        return Found::File(path.clone());
    }
    if let Some(path) = options.environment.get("WHARF_CONFIG").filter(|path| !path.is_empty()) {
        return Found::File(path.into());
    }
    for place in [Path::new(""), Path::new("config"), &options.system_directory] {
        let candidates = EXTENSIONS.map(|extension| place.join("wharf").with_extension(extension));
        let mut there = candidates.into_iter().filter(|path| options.directory.join(path).is_file());
        match (there.next(), there.next()) {
            (Some(path), None) => return Found::File(path),
            (Some(path), Some(other)) => return Found::Both(path, other),
            (None, _) => {}
        }
    }
    Found::Nothing
}

/// The drop-ins beside `main`, in the order of their names.
pub(super) fn drop_ins(options: &LoadOptions, main: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = main.parent().unwrap_or(Path::new("")).join("conf.d");
    let entries = match std::fs::read_dir(options.directory.join(&folder)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = PathBuf::from(entry?.file_name());
        if name.extension().is_some_and(|extension| extension == "toml") {
            names.push(folder.join(name));
        }
    }
    names.sort();
    Ok(names)
}

/// Reads a file whole.
pub(super) fn read(options: &LoadOptions, path: &Path) -> io::Result<String> {
    let path = options.directory.join(path);
    if std::fs::metadata(&path)?.len() > FILE_OCTETS_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 8 MiB"));
    }
    std::fs::read_to_string(path)
}
