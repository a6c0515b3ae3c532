//! What is wrong with a configuration, for eyes and for programs.
//!
//! Every mistake is one [`Problem`] with its place; all of them are shown at once, sorted. No text here ever holds the value
//! of a secret: excerpts are cut by [`super::source`], and messages name keys and types only.

use super::source::{Location, Sources};
use super::tree::Place;
use std::fmt;

/// The kinds of mistakes. The numbers are stable; the reference of errors lists them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Code {
    /// Not TOML, JSON or YAML.
    Syntax,
    /// A file cannot be read, or it is not clear which to read.
    Unreadable,
    /// A key that does not exist.
    UnknownKey,
    /// A key that must be there is not.
    MissingKey,
    /// Keys that exclude each other, or one that means nothing here.
    Exclusive,
    /// Two drop-ins set one key to different values.
    DropInsDisagree,
    /// Two names that are equal in the form of the environment.
    AmbiguousName,
    /// Changed at run time, and set by the file, which holds.
    SetByFile,
    /// A value of the wrong type.
    WrongType,
    /// A value out of its range.
    OutOfRange,
    /// A value that is none of the known ones.
    UnknownValue,
    /// A text that is no duration, size, rate, address, pattern or URI.
    Malformed,
    /// Sources that leave out all who are not named.
    NoSourceForAll,
    /// A secret written in the file.
    LiteralSecret,
    /// A file of a secret that others may read.
    ReadableSecret,
    /// An environment variable or file of a secret that is not there.
    SecretNotFound,
    /// A name of a realm, role or listener that does not exist.
    DanglingReference,
    /// A role that inherits from itself, or a group that lies in itself.
    InheritanceCycle,
    /// Two services or listeners want one place.
    Collision,
    /// Anonymous rights on a listener that anybody can reach and listen in on, or an address that is asked so.
    InsecureListener,
    /// Durable history without a store on disk.
    NoStore,
    /// Dev mode on a public address.
    PublicDevMode,
    /// Files of TLS that cannot be used, or not together.
    TlsFiles,
    /// A key that cannot be changed while the node runs.
    NotWhileRunning,
}

impl Code {
    /// The digits, as in `E003`.
    pub const fn number(self) -> u16 {
        match self {
            Self::Syntax => 1,
            Self::Unreadable => 2,
            Self::UnknownKey => 3,
            Self::MissingKey => 4,
            Self::Exclusive => 5,
            Self::DropInsDisagree => 6,
            Self::AmbiguousName => 7,
            Self::SetByFile => 8,
            Self::WrongType => 10,
            Self::OutOfRange => 11,
            Self::UnknownValue => 12,
            Self::Malformed => 13,
            Self::NoSourceForAll => 18,
            Self::LiteralSecret => 20,
            Self::ReadableSecret => 21,
            Self::SecretNotFound => 22,
            Self::DanglingReference => 30,
            Self::InheritanceCycle => 31,
            Self::Collision => 32,
            Self::InsecureListener => 40,
            Self::NoStore => 41,
            Self::PublicDevMode => 42,
            Self::TlsFiles => 43,
            Self::NotWhileRunning => 50,
        }
    }
}

/// Whether a problem stops the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// It does.
    Error,
    /// It does only with `--strict`.
    Warning,
}

/// One mistake, before its place is looked up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Finding {
    pub(super) code: Code,
    pub(super) severity: Severity,
    pub(super) place: Place,
    pub(super) path: String,
    pub(super) message: String,
    pub(super) hint: String,
}

/// One mistake with its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Its kind.
    pub code: Code,
    /// Whether it stops the start.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// Where; `None` where no file, variable or flag is at fault.
    pub location: Option<Location>,
    /// The path of the key, as in `realms.shop.call_timeout`; may be empty.
    pub path: String,
    /// What would be right; may be empty.
    pub hint: String,
}

impl Problem {
    /// The code with its letter: `E003`, `W020`.
    pub fn code(&self) -> String {
        let letter = match self.severity {
            Severity::Error => 'E',
            Severity::Warning => 'W',
        };
        format!("{letter}{:03}", self.code.number())
    }

    /// One object with the keys `code, message, file, line, column, end_column, path, hint`.
    pub fn json(&self) -> serde_json::Value {
        let location = self.location.as_ref();
        let span = location.and_then(|location| location.span.as_ref());
        serde_json::json!({
            "code": self.code(),
            "message": self.message,
            "file": location.map(|location| &location.origin),
            "line": span.map(|span| span.line),
            "column": span.map(|span| span.column),
            "end_column": span.map(|span| span.end_column),
            "path": self.path,
            "hint": self.hint,
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(f, "{word}[{}]: {}", self.code(), self.message)?;
        let mut hint_shown = self.hint.is_empty();
        let line = self.location.as_ref().and_then(|location| location.span.as_ref()).map_or(10, |span| span.line);
        let margin = line.to_string().len();
        if let Some(location) = &self.location {
            match &location.span {
                None => writeln!(f, "  --> {}", location.origin)?,
                Some(span) => {
                    writeln!(f, "{:margin$}--> {}:{}:{}", "", location.origin, span.line, span.column)?;
                    writeln!(f, "{:margin$} |", "")?;
                    writeln!(f, "{} | {}", span.line, span.excerpt)?;
                    writeln!(f, "{}", format!("{:margin$} | {} {}", "", span.carets(), self.hint).trim_end())?;
                    hint_shown = true;
                }
            }
        }
        if !hint_shown {
            writeln!(f, "{:margin$} = {}", "", self.hint)?;
        }
        if !self.path.is_empty() {
            writeln!(f, "{:margin$} = at {}", "", self.path)?;
        }
        Ok(())
    }
}

/// All that is wrong with a configuration: errors, and the warnings found beside them.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct ConfigErrors {
    /// Sorted by place; at least one is an error.
    pub problems: Vec<Problem>,
}

impl ConfigErrors {
    /// How many of the problems are errors.
    pub fn count(&self) -> usize {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error).count()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        match self.count() {
            1 => f.write_str("1 error"),
            count => write!(f, "{count} errors"),
        }
    }
}

/// Looks up the places, drops what was found twice, and sorts. With `strict` every warning is an error.
pub(super) fn problems(findings: Vec<Finding>, sources: &Sources, strict: bool) -> Vec<Problem> {
    let mut sorted = findings;
    sorted.sort_by_key(|finding| (finding.place, finding.code));
    sorted.dedup_by(|a, b| a.place == b.place && a.code == b.code && a.message == b.message && a.place.is_known());
    sorted
        .into_iter()
        .map(|finding| Problem {
            code: finding.code,
            severity: if strict { Severity::Error } else { finding.severity },
            location: sources.locate(finding.place),
            message: finding.message,
            path: finding.path,
            hint: finding.hint,
        })
        .collect()
}

/// The known name nearest to `wrong`, if one is near enough to be meant.
pub(super) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    let close = |name: &&str| strsim::damerau_levenshtein(&wrong, &name.to_lowercase());
    // Of two that are equally near the shorter: a letter too many is likelier than a wrong one.
    let best = known.into_iter().min_by_key(|name| (close(name), name.len()))?;
    let allowed = (best.chars().count() / 3).clamp(1, 3);
    (close(&best) <= allowed).then_some(best)
}

/// A list for a sentence: `a, b or c`.
pub(super) fn either(names: &[&str]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
