//! What could not be taken over, or not as it was: one line of what it is, one of advice, each with its place in the source.
//! No note holds the value of anything that may be a secret.

use super::source::Origin;
use crate::observe::shown;
use std::collections::BTreeSet;
use std::fmt;

/// One thing that is different from what the source says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// The steps to it in the source; empty for the whole of it.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// What it is about.
    pub message: String,
    /// What to do.
    pub advice: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the file" } else { &self.path };
        write!(f, "line {}: {path}: {}\n    {}", self.line, self.message, self.advice)
    }
}

/// The notes, while they are gathered.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<(Origin, String, String)>);

impl Notes {
    /// Takes a note about what stands at `origin`.
    pub(super) fn add(&mut self, origin: &Origin, message: impl Into<String>, advice: impl Into<String>) {
        self.0.push((origin.clone(), message.into(), advice.into()));
    }

    /// All of them in the order of their places in `text`, each once.
    pub(super) fn sorted(mut self, text: &str) -> Vec<Note> {
        let mut seen = BTreeSet::new();
        self.0.retain(|(origin, message, advice)| seen.insert((origin.path.clone(), message.clone(), advice.clone())));
        self.0.sort_by_key(|(origin, ..)| origin.place);
        let mut lines = Lines { text, at: 0, line: 1 };
        let note = |(origin, message, advice): (Origin, String, String)| Note {
            path: origin.path.to_string(),
            line: lines.of(origin.place.start as usize),
            message,
            advice,
        };
        self.0.into_iter().map(note).collect()
    }
}

/// Counts lines, walking forward only.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl Lines<'_> {
    fn of(&mut self, octet: usize) -> usize {
        let walked = self.text.as_bytes().get(self.at..octet).unwrap_or_default();
        self.line += walked.iter().filter(|octet| **octet == b'\n').count();
        self.at = self.at.max(octet);
        self.line
    }
}

/// A text of the source within a message, in quotes.
pub(super) fn quote(text: &str) -> String {
    format!("\"{}\"", shown(text))
}
