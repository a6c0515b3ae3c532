//! The files of a folder: what a path leads to, links followed, as long as that is within the folder and no dot file. Blocks, and
//! so never runs on a thread that serves.

use super::wanted::Wanted;
use crate::http::settings::pages::Pages;
use actix_files::NamedFile;
use actix_web::http::header::ContentEncoding;
use nix::fcntl::OFlag;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The most entries of a folder that are listed.
const LISTED_MAX: usize = 1_000;

/// What was found.
pub(super) enum Found {
    /// A file, which may have been compressed before.
    File {
        file: Box<NamedFile>,
        name: String,
        is_index: bool,
    },
    /// A folder, asked for without its slash.
    Folder,
    /// A folder without an index: its entries in order, folders with a slash.
    List(Vec<String>),
    Nothing,
}

/// Codings that the client takes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Codings {
    pub(super) br: bool,
    pub(super) gzip: bool,
}

/// Looks for what is wanted.
pub(super) fn find(pages: &Pages, wanted: &Wanted, codings: Codings) -> Found {
    // Each time: the folder may be a link that is turned to another one.
    let Ok(root) = fs::canonicalize(&pages.dir) else { return Found::Nothing };
    let path: PathBuf = wanted.names.iter().collect();
    let found = within(&root, &root.join(&path));
    match found {
        Some((place, is_folder)) if is_folder => {
            if !wanted.is_folder {
                return Found::Folder;
            }
            let found = index(&root, &place, pages, codings);
            if pages.listing && matches!(found, Found::Nothing) {
                return Found::List(list(&root, &place));
            }
            found
        }
        // A file is no folder.
        Some((place, _)) if !wanted.is_folder => {
            let is_index = wanted.names.last() == Some(&pages.index);
            open(&root, &place, &root.join(&path), codings, is_index)
        }
        Some(_) => Found::Nothing,
        None if pages.spa && is_page(wanted) => index(&root, &root, pages, codings),
        None => Found::Nothing,
    }
}

/// Whether a page's own script may know the path: the last name has no dot.
fn is_page(wanted: &Wanted) -> bool {
    wanted.names.last().is_none_or(|name| !name.contains('.'))
}

fn index(root: &Path, folder: &Path, pages: &Pages, codings: Codings) -> Found {
    let path = folder.join(&pages.index);
    match within(root, &path) {
        Some((place, false)) => open(root, &place, &path, codings, true),
        Some((_, true)) | None => Found::Nothing,
    }
}

/// Where a path leads to, and whether that is a folder; `None`: out of `root`, to a dot file, or to nothing that can be served.
fn within(root: &Path, path: &Path) -> Option<(PathBuf, bool)> {
    let place = fs::canonicalize(path).ok()?;
    let inner = place.strip_prefix(root).ok()?;
    if inner.components().any(|part| part.as_os_str().as_encoded_bytes().starts_with(b".")) {
        return None;
    }
    let data = fs::metadata(&place).ok()?;
    (data.is_dir() || data.is_file()).then_some((place, data.is_dir()))
}

/// The file at `place`, by the name that it was asked for, or one beside it that is compressed.
fn open(root: &Path, place: &Path, asked: &Path, codings: Codings, is_index: bool) -> Found {
    for (wanted, ending, coding) in
        [(codings.br, ".br", ContentEncoding::Brotli), (codings.gzip, ".gz", ContentEncoding::Gzip)]
    {
        let Some((beside, false)) = wanted.then(|| within(root, &with_ending(place, ending))).flatten() else {
            continue;
        };
        let opened = regular(&beside).and_then(|file| NamedFile::from_file(file, asked).ok());
        if let Some(file) = opened {
            return Found::File { file: Box::new(file.set_content_encoding(coding)), name: name_of(asked), is_index };
        }
    }
    match regular(place).and_then(|file| NamedFile::from_file(file, asked).ok()) {
        Some(file) => Found::File { file: Box::new(file), name: name_of(asked), is_index },
        None => Found::Nothing,
    }
}

/// Opens a regular file. It does not wait for the other end, should it have become a pipe meanwhile.
fn regular(place: &Path) -> Option<File> {
    let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(place).ok()?;
    file.metadata().ok()?.is_file().then_some(file)
}

fn with_ending(place: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(place.as_os_str());
    name.push(OsStr::new(ending));
    name.into()
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn list(root: &Path, folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(|entry| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        if name.starts_with('.') {
            return None;
        }
        let (_, is_folder) = within(root, &folder.join(&name))?;
        Some(if is_folder { name + "/" } else { name })
    });
    let mut names: Vec<String> = entries.take(LISTED_MAX).collect();
    names.sort();
    names
}
