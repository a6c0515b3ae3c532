//! Secrets, fetched from where the file says they are. No message here holds one.

use super::Resolver;
use crate::auth::Secret;
use crate::config::error::Code;
use crate::config::read::Placed;
use crate::config::values::SecretPlace;
use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The permission bits of those who are neither owner nor group.
const OTHERS: u32 = 0o007;

impl Resolver<'_> {
    /// Fetches a secret from `place`, which is written at `at`. `None` after a mistake, which is noted.
    pub(super) fn secret<T>(&mut self, at: &Placed<T>, place: &SecretPlace) -> Option<Secret> {
        if matches!(place, SecretPlace::Literal(_)) {
            let hint = "write { env = \"NAME\" } or { file = \"PATH\" }";
            if self.file.node.dev.value {
                self.warn(Code::LiteralSecret, at, "a secret is written in the configuration", hint);
            } else {
                self.error(Code::LiteralSecret, at, "a secret may not be written in the configuration", hint);
            }
        }
        self.secret_text(at, place)
    }

    /// The same for what a secret is verified with: it may be written out where it was made at run time, and nowhere else.
    pub(super) fn verifier<T>(&mut self, at: &Placed<T>, place: &SecretPlace) -> Option<Secret> {
        if self.sources.is_managed(at.place) {
            return self.secret_text(at, place);
        }
        self.secret(at, place)
    }

    /// The same for what may be written out: it does not open anything by itself.
    pub(super) fn secret_text<T>(&mut self, at: &Placed<T>, place: &SecretPlace) -> Option<Secret> {
        let secret = self.find_secret(at, place)?;
        self.secrets.insert(at.path.to_string(), secret.clone());
        Some(secret)
    }

    fn find_secret<T>(&mut self, at: &Placed<T>, place: &SecretPlace) -> Option<Secret> {
        match place {
            // What was missing or wrong is noted already.
            SecretPlace::Variable(name) if !at.is_given() && name.is_empty() => None,
            SecretPlace::Variable(name) => {
                let value = self.options.environment.get(name).cloned();
                if value.is_none() {
                    let message = format!("the environment variable {name} is not set");
                    self.error(Code::SecretNotFound, at, message, "a secret is expected there");
                }
                self.not_empty(at, value?)
            }
            SecretPlace::File(path) => {
                let text = self.secret_file(at, path)?;
                self.not_empty(at, text)
            }
            SecretPlace::Literal(secret) => Some(secret.clone()),
        }
    }

    fn secret_file<T>(&mut self, at: &Placed<T>, path: &Path) -> Option<String> {
        let full = self.beside(at, path);
        let read = std::fs::metadata(&full).and_then(|data| Ok((data, std::fs::read_to_string(&full)?)));
        let (data, mut text) = match read {
            Ok(read) => read,
            Err(error) => {
                let message = format!("the file {} cannot be read", path.display());
                self.error(Code::SecretNotFound, at, message, error.to_string());
                return None;
            }
        };
        self.check_readers(at, &data, path);
        if text.ends_with('\n') {
            text.pop();
        }
        if text.ends_with('\r') {
            text.pop();
        }
        Some(text)
    }

    /// A path as it stands in a file, from where that file is.
    pub(super) fn beside<T>(&self, at: &Placed<T>, path: &Path) -> PathBuf {
        let folder = self.sources.file(at.place).and_then(Path::parent).unwrap_or(Path::new(""));
        self.options.directory.join(folder).join(path)
    }

    /// Notes a secret that everybody can read.
    pub(super) fn check_readers<T>(&mut self, at: &Placed<T>, data: &Metadata, path: &Path) {
        if data.permissions().mode() & OTHERS != 0 {
            let message = format!("anybody on this host can read the secret in {}", path.display());
            self.warn(Code::ReadableSecret, at, message, "chmod 600");
        }
    }

    fn not_empty<T>(&mut self, at: &Placed<T>, text: String) -> Option<Secret> {
        if text.is_empty() {
            self.error(Code::SecretNotFound, at, "the secret is empty", "nobody could tell it from a missing one");
            return None;
        }
        Some(Secret::new(text))
    }
}
