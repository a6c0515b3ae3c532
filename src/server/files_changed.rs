//! Dev mode: sees that the configuration's files have changed. Elsewhere somebody asks for a reload.
//!
//! Files are looked at, and a change counts when it is the same at the next look: an editor may write a file in pieces.

use crate::config::SettingsSource;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often files are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// The files of a configuration as they were when they were last looked at for a reload.
pub(super) struct Files {
    main: PathBuf,
    /// Of drop-ins.
    folder: PathBuf,
    read: Vec<(PathBuf, Stamp)>,
}

/// Number, length and time of the last change; nothing for a file that is not there.
type Stamp = Option<[i64; 4]>;

impl Files {
    /// Those of `source`. `None`: there is no file.
    pub(super) fn of(source: &SettingsSource) -> Option<Self> {
        let SettingsSource::File { path, .. } = source else { return None };
        let folder = path.parent().unwrap_or(Path::new("")).join("conf.d");
        let mut files = Self { main: path.clone(), folder, read: Vec::new() };
        files.note();
        Some(files)
    }

    /// They are about to be read.
    pub(super) fn note(&mut self) {
        self.read = self.look();
    }

    /// Waits until they are others.
    pub(super) async fn changed(&mut self) {
        let mut changing = None;
        loop {
            tokio::time::sleep(LOOK).await;
            let found = self.look();
            if found == self.read {
                changing = None;
            } else if changing.as_ref() == Some(&found) {
                self.read = found;
                return;
            } else {
                changing = Some(found);
            }
        }
    }

    fn look(&self) -> Vec<(PathBuf, Stamp)> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().filter_map(Result::ok);
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.push(self.main.clone());
        paths.sort();
        paths.into_iter().map(|path| (path.clone(), stamp(&path))).collect()
    }
}

#[expect(clippy::cast_possible_wrap, reason = "compared for equality only")]
fn stamp(path: &Path) -> Stamp {
    let data = std::fs::metadata(path).ok()?;
    Some([data.ino() as i64, data.len() as i64, data.mtime(), data.mtime_nsec()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_and_a_drop_in_that_comes_changes_or_goes_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let (main, drop_ins) = (folder.path().join("wharf.toml"), folder.path().join("conf.d"));
        std::fs::write(&main, "").unwrap();
        let mut files = Files::of(&SettingsSource::File { path: main.clone(), drop_ins: Vec::new() }).unwrap();
        assert_eq!(files.look(), files.read);
        let mut seen = |change: &dyn Fn()| {
            change();
            assert_ne!(files.look(), files.read);
            files.note();
            assert_eq!(files.look(), files.read);
        };
        let added = drop_ins.join("10.toml");
        seen(&|| std::fs::write(&main, "[node]").unwrap());
        seen(&|| {
            std::fs::create_dir(&drop_ins).unwrap();
            std::fs::write(&added, "").unwrap();
        });
        seen(&|| std::fs::write(&added, "[node]").unwrap());
        seen(&|| std::fs::remove_file(&added).unwrap());
        assert!(Files::of(&SettingsSource::BuiltIn).is_none());
    }
}
