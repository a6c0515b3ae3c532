//! The node's secret, from which names that nobody has are answered: in a file, so that the answers outlive the process.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The file, within `node.data_dir`.
const NAME: &str = "node-secret";

/// The secret of the node whose folder this is: read, or drawn and written. Without a folder, or where its file cannot be
/// used, one for this life of the process.
pub(super) fn of_node(data_dir: Option<&Path>) -> [u8; 32] {
    let drawn = rand::random();
    let Some(folder) = data_dir else { return drawn };
    kept(folder, &drawn).unwrap_or_else(|error| {
        let path = folder.join(NAME);
        tracing::warn!(path = %path.display(), %error, "the node's secret is not kept: what unknown names are told changes with each start");
        drawn
    })
}

/// What the file holds; `drawn`, if it was not there. Made beside its place and moved there, so that it is never half written.
fn kept(folder: &Path, drawn: &[u8; 32]) -> io::Result<[u8; 32]> {
    let path = folder.join(NAME);
    match fs::read(&path) {
        Ok(octets) => {
            let wrong = |octets: Vec<u8>| io::Error::other(format!("expected 32 octets, got {}", octets.len()));
            octets.try_into().map_err(wrong)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(folder)?;
            let making = folder.join(format!("{NAME}.{}", std::process::id()));
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&making)?;
            file.write_all(drawn)?;
            file.sync_all()?;
            fs::rename(&making, &path)?;
            Ok(*drawn)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A1: asking before and after a restart tells nothing.
    #[test]
    fn the_secret_of_a_node_is_the_same_after_each_start_and_its_owners_only() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("data");
        let secret = of_node(Some(&data_dir));
        assert_eq!(of_node(Some(&data_dir)), secret);
        let path = data_dir.join(NAME);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&data_dir).unwrap().count(), 1);
        assert_ne!(of_node(None), of_node(None));
    }

    #[test]
    fn a_file_that_holds_no_secret_is_left_alone_and_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        fs::write(&path, "short").unwrap();
        assert_ne!(of_node(Some(folder.path())), of_node(Some(folder.path())));
        assert_eq!(fs::read(&path).unwrap(), b"short");
    }
}
