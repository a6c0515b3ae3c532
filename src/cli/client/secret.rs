//! Where a secret comes from: `env:NAME`, `file:PATH`, `-` for standard input, or the text itself, which others can see.

use super::failure::Failure;
use crate::auth::Secret;
use crate::cli::output::note;
use crate::cli::secrets::read_secret;
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Longer than any token.
const FILE_MAX: u64 = 16 << 10;

/// A secret's place. The text itself is kept as a [`Secret`], so that nothing prints it.
#[derive(Clone, Debug)]
pub(in crate::cli) enum SecretSource {
    /// A variable of the environment.
    Env(String),
    /// The first line of a file.
    File(PathBuf),
    /// Standard input.
    Input,
    /// Typed.
    Text(Secret),
}

/// As contexts have it: never the text itself.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(in crate::cli) enum KeptSource {
    /// `{ env = "NAME" }`.
    Env(String),
    /// `{ file = "PATH" }`.
    File(PathBuf),
}

impl From<KeptSource> for SecretSource {
    fn from(kept: KeptSource) -> Self {
        match kept {
            KeptSource::Env(name) => Self::Env(name),
            KeptSource::File(path) => Self::File(path),
        }
    }
}

impl std::str::FromStr for SecretSource {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match (text, text.split_once(':')) {
            ("-", _) => Self::Input,
            (_, Some(("env", name))) => Self::Env(name.to_owned()),
            (_, Some(("file", path))) => Self::File(path.into()),
            _ => Self::Text(Secret::new(text.to_owned())),
        })
    }
}

impl SecretSource {
    /// For a context, which keeps no secret itself.
    ///
    /// # Errors
    /// [`Failure::Usage`].
    pub(in crate::cli) fn kept(&self, flag: &str) -> Result<KeptSource, Failure> {
        match self {
            Self::Env(name) => Ok(KeptSource::Env(name.clone())),
            Self::File(path) => Ok(KeptSource::File(std::path::absolute(path).unwrap_or_else(|_| path.clone()))),
            Self::Input | Self::Text(_) => Err(Failure::Usage(format!(
                "--{flag}: a context keeps no secret itself: expected env:NAME or file:PATH"
            ))),
        }
    }

    /// Warns where others can see it: typed on the command line.
    pub(in crate::cli) fn warn(&self, flag: &str) {
        if matches!(self, Self::Text(_)) {
            note(&format!("warning: others can see what is typed here: better --{flag} env:NAME, file:PATH or -"));
        }
    }

    /// Fetches it.
    ///
    /// # Errors
    /// [`Failure::Usage`]: it is not there. What is there is not told.
    pub(in crate::cli) fn read(&self, flag: &str) -> Result<Secret, Failure> {
        let wrong = |text: String| Failure::Usage(format!("--{flag}: {text}"));
        match self {
            Self::Text(secret) => Ok(secret.clone()),
            Self::Input => read_secret().map_err(|error| wrong(error.to_string())),
            Self::Env(name) => match std::env::var(name) {
                Ok(text) if !text.is_empty() => Ok(Secret::new(text)),
                Ok(_) => Err(wrong(format!("the variable {name} is empty"))),
                Err(_) => Err(wrong(format!("there is no variable {name}"))),
            },
            Self::File(path) => {
                let mut text = Zeroizing::new(String::new());
                let read = std::fs::File::open(path).and_then(|file| file.take(FILE_MAX + 1).read_to_string(&mut text));
                let read = read.map_err(|error| wrong(format!("{}: {error}", path.display())))?;
                if read as u64 > FILE_MAX {
                    return Err(wrong(format!("{}: expected at most 16 KiB", path.display())));
                }
                let line = text.strip_suffix('\n').unwrap_or(&text);
                let line = line.strip_suffix('\r').unwrap_or(line);
                if line.is_empty() {
                    return Err(wrong(format!("{} is empty", path.display())));
                }
                Ok(Secret::new(line.to_owned()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_one_of_four_places_and_is_never_printed() {
        let read = |text: &str| format!("{:?}", text.parse::<SecretSource>().unwrap());
        assert_eq!(read("env:A"), r#"Env("A")"#);
        assert_eq!(read("file:/a:b"), r#"File("/a:b")"#);
        assert_eq!(read("-"), "Input");
        assert_eq!(read("s3cret"), "Text(***)");
        assert_eq!(read("a:b"), "Text(***)");
    }

    #[test]
    fn what_is_not_there_is_told_by_its_name() {
        let told = |text: &str| text.parse::<SecretSource>().unwrap().read("ticket").unwrap_err().text(false).unwrap();
        assert_eq!(told("env:WHARF_TEST_NOT_SET"), "error: --ticket: there is no variable WHARF_TEST_NOT_SET");
        assert!(told("file:/nowhere/at/all").starts_with("error: --ticket: /nowhere/at/all: "));
    }
}
