//! Files with the keys that tokens are checked with: read at the start, and again when they change.

use crate::auth::{JwtKeySource, JwtKeys, JwtKeysError};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Octets of a file with keys.
const OCTETS_MAX: u64 = 1 << 20;

/// A file with keys that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {wrong}", path = path.display())]
pub struct KeysFileFault {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub wrong: KeysFault,
}

/// What is wrong with a file of keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysFault {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// It is too long to be one.
    #[error("longer than 1 MiB")]
    TooLong,
    /// What is in it is no key.
    #[error("{0}")]
    Keys(#[source] JwtKeysError),
}

/// Reads keys from a file. From an address there are none to be read: they are fetched.
///
/// # Errors
/// [`KeysFileFault`]; its text quotes nothing of the file.
pub fn read(source: &JwtKeySource) -> Result<JwtKeys, KeysFileFault> {
    let (path, parse): (_, fn(&[u8]) -> _) = match source {
        JwtKeySource::Address(_) => return Ok(JwtKeys::none()),
        JwtKeySource::Given => (Path::new(""), JwtKeys::of_jwks),
        JwtKeySource::Pem(path) => (path.as_path(), JwtKeys::of_pem),
        JwtKeySource::Jwks(path) => (path.as_path(), JwtKeys::of_jwks),
    };
    let keys = octets(path).and_then(|octets| parse(&octets).map_err(KeysFault::Keys));
    keys.map_err(|wrong| KeysFileFault { path: path.to_owned(), wrong })
}

fn octets(path: &Path) -> Result<Vec<u8>, KeysFault> {
    let mut octets = Vec::new();
    let file = File::open(path).map_err(KeysFault::Unreadable)?;
    file.take(OCTETS_MAX + 1).read_to_end(&mut octets).map_err(KeysFault::Unreadable)?;
    if octets.len() as u64 > OCTETS_MAX {
        return Err(KeysFault::TooLong);
    }
    Ok(octets)
}
