//! Where the file lies, how it is made and how it is opened.

use super::sums::Summed;
use redb::backends::FileBackend;
use redb::{Builder, Database, DatabaseError, StorageBackend};
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::Arc;

/// Pages of the file that are kept in memory.
const CACHE_OCTETS: usize = 64 << 20;

/// Where octets come from that outlive the process. A file is made under another name and gets its own when it is whole: what a
/// crash or a full disk leaves half made would be no store for ever.
pub trait Files: Send + Sync + 'static {
    /// The octets.
    type Backend: StorageBackend;

    /// Whether the file is there, under its own name.
    ///
    /// # Errors
    /// The system does not say.
    fn is_there(&self) -> io::Result<bool>;

    /// Makes it under another name, empty. What has that name goes.
    ///
    /// # Errors
    /// It cannot be made.
    fn make(&self) -> io::Result<Self::Backend>;

    /// Gives it its own name, which outlives a loss of power then.
    ///
    /// # Errors
    /// It has its name, or not.
    fn rename(&self) -> io::Result<()>;

    /// Opens it under its own name.
    ///
    /// # Errors
    /// It cannot be opened.
    fn open(&self) -> io::Result<Self::Backend>;
}

/// Where the file's octets lie: a path, or whatever a test puts in its place.
#[derive(Clone)]
pub struct Place {
    pub(super) name: String,
    open: Arc<dyn Fn() -> Result<Opened, DatabaseError> + Send + Sync>,
}

/// An open file.
pub(super) struct Opened {
    pub(super) database: Database,
    /// Set when a damaged page was met: nothing can be read any more then, until it is opened again.
    pub(super) is_damaged: Arc<AtomicBool>,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Place").field(&self.name).finish()
    }
}

impl Place {
    /// A file, made if it is not there.
    pub fn path(path: &Path) -> Self {
        Self::files(path.display().to_string(), Folder(PathBuf::from(path)))
    }

    /// Octets that a test has.
    pub fn files(name: String, files: impl Files) -> Self {
        Self { name, open: Arc::new(move || open_or_make(&files)) }
    }

    /// Octets behind a backend, opened anew each time, made in place. For tests with faults.
    pub fn backend<B: StorageBackend>(open: impl Fn() -> B + Send + Sync + 'static) -> Self {
        Self { name: "behind a backend".to_owned(), open: Arc::new(move || open_in(open())) }
    }

    pub(super) fn open(&self) -> Result<Opened, DatabaseError> {
        (self.open)()
    }
}

fn open_or_make(files: &impl Files) -> Result<Opened, DatabaseError> {
    if !files.is_there()? {
        open_in(files.make()?)?.database.close()?;
        files.rename()?;
    }
    open_in(files.open()?)
}

fn open_in(octets: impl StorageBackend) -> Result<Opened, DatabaseError> {
    let is_damaged = Arc::new(AtomicBool::new(false));
    let summed = Summed::new(octets, Arc::clone(&is_damaged));
    let database = Builder::new().set_cache_size(CACHE_OCTETS).create_with_backend(summed)?;
    Ok(Opened { database, is_damaged })
}

/// A file of the system's.
struct Folder(PathBuf);

impl Folder {
    fn folder(&self) -> Option<&Path> {
        self.0.parent().filter(|folder| !folder.as_os_str().is_empty())
    }

    fn other_name(&self) -> PathBuf {
        let mut other = self.0.as_os_str().to_owned();
        other.push(".new");
        other.into()
    }
}

impl Files for Folder {
    type Backend = FileBackend;

    fn is_there(&self) -> io::Result<bool> {
        self.0.try_exists()
    }

    fn make(&self) -> io::Result<FileBackend> {
        if let Some(folder) = self.folder() {
            fs::create_dir_all(folder)?;
        }
        let new = self.other_name();
        if new.try_exists()? {
            fs::remove_file(&new)?;
        }
        backend(File::options().read(true).write(true).create_new(true).open(new)?)
    }

    fn rename(&self) -> io::Result<()> {
        fs::rename(self.other_name(), &self.0)?;
        match self.folder() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }

    fn open(&self) -> io::Result<FileBackend> {
        backend(File::options().read(true).write(true).open(&self.0)?)
    }
}

fn backend(file: File) -> io::Result<FileBackend> {
    FileBackend::new(file).map_err(io::Error::other)
}
