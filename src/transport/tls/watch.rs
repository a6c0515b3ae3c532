//! Sees that the files of TLS have changed, and has them read again: one thread for all listeners.
//!
//! Files are looked at and not watched by the kernel: secrets that are mounted are swapped by links that watchers miss.
//! Source: Z3 of the limits.

use super::Tls;
use crate::observe::Tally;
use crate::transport::settings::TlsSettings;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How often files are looked at. A changed pair is in use after one look, one that cannot be used is told after two: together
/// under the two seconds that are promised.
pub const LOOK: Duration = Duration::from_millis(500);

/// TLS of a listener whose files are watched.
#[derive(Debug)]
pub struct Watched {
    /// The listener.
    pub listener: String,
    /// What is read again.
    pub tls: Arc<Tls>,
}

/// The thread that looks at files. It ends when this is dropped.
#[derive(Debug)]
pub struct Watch(Sender<Vec<Watched>>);

impl Watch {
    /// Starts it.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(tally: Tally) -> io::Result<Self> {
        let (sender, more) = channel();
        let body = move || look_after(&more, &tally);
        std::thread::Builder::new().name("certificates".to_owned()).spawn(body).map(|_| Self(sender))
    }

    /// Looks at the files of these too, until nobody uses them any more.
    pub fn add(&self, watched: Vec<Watched>) {
        // Without its thread they are not read again, and that was told when it ended.
        let _ended = self.0.send(watched);
    }
}

fn look_after(more: &Receiver<Vec<Watched>>, tally: &Tally) {
    let mut all: Vec<Watching> = Vec::new();
    let mut shown = 0;
    loop {
        match more.recv_timeout(LOOK) {
            Ok(watched) => all.extend(watched.into_iter().map(Watching::of)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        all.retain_mut(|watching| watching.look(tally));
        let tls = all.iter().filter_map(|watching| watching.tls.upgrade());
        let first = tls.map(|tls| seconds(tls.valid_until())).min().unwrap_or(0);
        tally.add_tls_valid_until(first - shown);
        shown = first;
    }
}

fn seconds(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

struct Watching {
    listener: String,
    /// `None`: its files are not watched.
    known: Option<Known>,
    tls: Weak<Tls>,
}

impl Watching {
    fn of(Watched { listener, tls }: Watched) -> Self {
        let known = tls.settings.watch.then(|| Known::new(tls.opened.clone()));
        Self { listener, known, tls: Arc::downgrade(&tls) }
    }

    /// Whether somebody still uses it.
    fn look(&mut self, tally: &Tally) -> bool {
        let Some(tls) = self.tls.upgrade() else { return false };
        let Some(known) = &mut self.known else { return true };
        match known.look(Stamps::of(&tls.settings), || tls.reload(SystemTime::now())) {
            Outcome::Same | Outcome::Waiting => {}
            Outcome::Changed => tracing::info!(listener = %self.listener, "certificates were read again"),
            Outcome::Failed(fault) => {
                tally.add_tls_reload_failed(1);
                tracing::error!(listener = %self.listener, %fault, "certificates changed and cannot be used: the old ones stay");
            }
        }
        true
    }
}

/// What came of a look.
#[derive(Debug)]
pub enum Outcome<F> {
    /// Nothing has changed.
    Same,
    /// What is there is in use.
    Changed,
    /// What is there cannot be used, and may be half of what is to come.
    Waiting,
    /// What is there cannot be used.
    Failed(F),
}

/// The files as they were used.
#[derive(Debug)]
pub struct Known {
    used: Stamps,
    /// As they were at the last look, if they could not be used.
    failing: Option<Stamps>,
}

impl Known {
    /// Files that are in use as they were then.
    pub fn new(used: Stamps) -> Self {
        Self { used, failing: None }
    }

    /// Reads files again that have changed. A pair is written one file after the other: what cannot be used has failed when it
    /// is the same at the next look.
    pub fn look<F>(&mut self, stamps: Stamps, reload: impl FnOnce() -> Result<(), F>) -> Outcome<F> {
        if stamps == self.used {
            self.failing = None;
            return Outcome::Same;
        }
        match reload() {
            Ok(()) => {
                *self = Self { used: stamps, failing: None };
                Outcome::Changed
            }
            Err(fault) if self.failing.as_ref() == Some(&stamps) => {
                *self = Self { used: stamps, failing: None };
                Outcome::Failed(fault)
            }
            Err(_) => {
                self.failing = Some(stamps);
                Outcome::Waiting
            }
        }
    }
}

/// Which files these are, and of when: device, number, length and the time of the last change, or nothing for one that is not
/// there.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stamps(Vec<Option<[i64; 6]>>);

impl Stamps {
    /// Of the files as they are.
    pub(super) fn of(settings: &TlsSettings) -> Self {
        let pairs = settings.certificates.iter().flat_map(|files| [&files.cert, &files.key]);
        Self::of_files(pairs.chain(&settings.client_ca).map(PathBuf::as_path))
    }

    /// Of these files.
    pub fn of_files<'a>(files: impl Iterator<Item = &'a Path>) -> Self {
        Self(files.map(stamp).collect())
    }
}

#[expect(clippy::cast_possible_wrap, reason = "compared for equality only")]
fn stamp(path: &Path) -> Option<[i64; 6]> {
    let data = std::fs::metadata(path).ok()?;
    let changed = [data.mtime(), data.mtime_nsec(), data.ctime_nsec()];
    Some([data.dev() as i64, data.ino() as i64, data.len() as i64, changed[0], changed[1], changed[2]])
}

#[cfg(test)]
mod tests {
    use super::super::test_files::write_pair;
    use super::super::{Part, TlsFault, Wrong};
    use super::*;
    use crate::transport::settings::{ClientAuth, TlsVersion};

    fn stamps(number: i64) -> Stamps {
        Stamps(vec![Some([number; 6])])
    }

    fn fault() -> TlsFault {
        TlsFault { part: Part::Key, path: "key.pem".into(), wrong: Wrong::Mismatch }
    }

    fn never() -> Result<(), TlsFault> {
        panic!("files that have not changed are not read")
    }

    /// Z3.
    #[test]
    fn what_cannot_be_used_at_two_looks_has_failed_once_and_is_not_tried_again() {
        let mut known = Known { used: stamps(0), failing: None };
        assert!(matches!(known.look(stamps(0), never), Outcome::Same));
        assert!(matches!(known.look(stamps(1), || Err(fault())), Outcome::Waiting));
        assert!(matches!(known.look(stamps(2), || Err(fault())), Outcome::Waiting), "it goes on changing");
        assert!(matches!(known.look(stamps(2), || Err(fault())), Outcome::Failed(_)));
        assert!(matches!(known.look(stamps(2), never), Outcome::Same));
        assert!(matches!(known.look(stamps(3), || Ok::<(), TlsFault>(())), Outcome::Changed));
        assert!(matches!(known.look(stamps(3), never), Outcome::Same));
    }

    /// Z3.
    #[test]
    fn a_pair_that_is_written_one_file_after_the_other_is_no_failure() {
        let mut known = Known { used: stamps(0), failing: None };
        assert!(matches!(known.look(stamps(1), || Err(fault())), Outcome::Waiting));
        assert!(matches!(known.look(stamps(2), || Ok::<(), TlsFault>(())), Outcome::Changed));
    }

    #[test]
    fn every_change_of_a_file_changes_its_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let files = write_pair(folder.path(), &["a.example"]);
        let settings = TlsSettings {
            certificates: vec![files.clone()],
            watch: true,
            min_version: TlsVersion::V12,
            client_auth: ClientAuth::Off,
            client_ca: None,
        };
        let first = Stamps::of(&settings);
        assert_eq!(first, Stamps::of(&settings));
        // The same octets in a file of the same length and name, moved into its place.
        let other = folder.path().join("other");
        std::fs::copy(&files.cert, &other).unwrap();
        std::fs::rename(&other, &files.cert).unwrap();
        let second = Stamps::of(&settings);
        assert_ne!(first, second);
        std::fs::remove_file(&files.key).unwrap();
        assert_ne!(second, Stamps::of(&settings));
    }
}
