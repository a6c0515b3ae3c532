//! Where settings come from: files with their text, variables, flags. Turns a place into line, column and excerpt.
//!
//! What is marked as secret is never shown: its line is cut where the value begins.

use super::tree::{Content, Node, Place};
use std::fmt::Write;

/// All that was read, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Sources(Vec<Source>);

#[derive(Clone, Debug)]
struct Source {
    origin: String,
    /// The text of a file; variables and flags have none to show.
    text: Option<String>,
    /// Where its lines end: thousands of rules are asked for theirs.
    line_ends: Vec<usize>,
    /// The octets that are never shown.
    hidden: Vec<(u32, u32)>,
    /// Whether the text could not be parsed, so that nobody knows which octets are secret.
    broken: bool,
}

/// A place, for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Location {
    /// The file as it was named, `$NAME` of a variable, or the flag.
    pub origin: String,
    /// The place in the file.
    pub span: Option<FileSpan>,
}

/// A place in a file. Lines and columns count from 1, columns in characters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileSpan {
    /// The line.
    pub line: usize,
    /// The first column.
    pub column: usize,
    /// The column after the last.
    pub end_column: usize,
    /// The line's text, cut where a secret begins.
    pub excerpt: String,
}

impl FileSpan {
    /// What stands below the excerpt: tabs and spaces as in the line, then carets.
    pub(super) fn carets(&self) -> String {
        let mut below: String =
            self.excerpt.chars().take(self.column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let shown = self.excerpt.chars().count();
        let end = self.end_column.min(shown.max(self.column) + 1);
        let pad = (self.column - 1).saturating_sub(shown);
        below.extend(std::iter::repeat_n(' ', pad));
        below.extend(std::iter::repeat_n('^', end.saturating_sub(self.column).max(1)));
        below
    }
}

impl Sources {
    /// Takes in a file; gives its number.
    pub(super) fn add_file(&mut self, name: String, text: String) -> u32 {
        let line_ends = text.match_indices('\n').map(|(at, _)| at).collect();
        self.add(Source { origin: name, text: Some(text), line_ends, hidden: Vec::new(), broken: false })
    }

    /// Takes in a variable or a flag.
    pub(super) fn add_named(&mut self, origin: String) -> Place {
        Place::new(
            self.add(Source { origin, text: None, line_ends: Vec::new(), hidden: Vec::new(), broken: false }),
            0,
            0,
        )
    }

    fn add(&mut self, source: Source) -> u32 {
        self.0.push(source);
        u32::try_from(self.0.len() - 1).unwrap_or(u32::MAX)
    }

    /// The text of file `number`.
    pub(super) fn text(&self, number: u32) -> &str {
        self.0.get(number as usize).and_then(|source| source.text.as_deref()).unwrap_or_default()
    }

    /// Marks a file that does not parse: lines that look as if they held a secret are not shown.
    pub(super) fn mark_broken(&mut self, number: u32) {
        if let Some(source) = self.0.get_mut(number as usize) {
            source.broken = true;
        }
    }

    /// Whether the place is an environment variable.
    pub(super) fn is_variable(&self, place: Place) -> bool {
        self.source(place).is_some_and(|source| source.text.is_none() && source.origin.starts_with('$'))
    }

    /// Whether the place is something that was changed at run time.
    pub(super) fn is_managed(&self, place: Place) -> bool {
        let origin = super::managed::ORIGIN;
        self.source(place).is_some_and(|source| source.text.is_none() && source.origin.starts_with(origin))
    }

    /// The file that the place is in, if it is in one.
    pub(super) fn file(&self, place: Place) -> Option<&std::path::Path> {
        let source = self.source(place)?;
        source.text.is_some().then(|| source.origin.as_ref())
    }

    /// `file:line`, or the name of the variable or flag: how a rule's place is told.
    pub(super) fn short(&self, place: Place) -> String {
        match self.source(place) {
            None => "default".to_owned(),
            Some(Source { origin, text: None, .. }) => origin.clone(),
            Some(source) => format!("{}:{}", source.origin, source.line(place.start as usize)),
        }
    }

    /// Marks what may never be shown: every text in `tree` at a place where a secret is expected or may have been meant.
    pub(super) fn hide_secrets(&mut self, tree: &Node) {
        let mut places = Vec::new();
        secrets(tree, "", false, &mut places);
        for place in places {
            if let Some(source) = self.0.get_mut(place.source as usize) {
                source.hidden.push((place.start, place.end));
            }
        }
    }

    /// Line, column and excerpt of a place.
    pub(super) fn locate(&self, place: Place) -> Option<Location> {
        let source = self.source(place)?;
        let span = source.text.as_ref().map(|text| span(text, place, source));
        Some(Location { origin: source.origin.clone(), span })
    }

    fn source(&self, place: Place) -> Option<&Source> {
        self.0.get(place.source as usize)
    }
}

impl Source {
    /// The number of the line that the octet at `at` is in.
    fn line(&self, at: usize) -> usize {
        self.line_ends.partition_point(|end| *end < at) + 1
    }
}

fn span(text: &str, place: Place, source: &Source) -> FileSpan {
    let start = floor(text, place.start as usize);
    let end = floor(text, place.end as usize).max(start);
    let (before, after) = text.split_at(start);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line_end = start + after.find('\n').unwrap_or(after.len());
    let line = text.get(line_start..line_end).unwrap_or_default().trim_end_matches('\r');
    let columns = |from: usize, to: usize| text.get(from..to).unwrap_or_default().chars().count();
    let column = columns(line_start, start) + 1;
    let mut excerpt = line.to_owned();
    let cut = source
        .hidden
        .iter()
        .filter(|(from, to)| (*from as usize) < line_end && (*to as usize) > line_start)
        .map(|(from, _)| (*from as usize).max(line_start) - line_start)
        .chain(secret_looking(line).filter(|_| source.broken))
        .min();
    if let Some(cut) = cut {
        excerpt.truncate(floor(line, cut));
        let _infallible = write!(excerpt, "***");
    }
    FileSpan {
        line: source.line(start),
        column,
        end_column: column + columns(start, end.min(line_start + line.len())).max(1),
        excerpt,
    }
}

/// The nearest boundary of a character, not after `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Words that begin the name of a key whose value is not shown, should the file not even parse.
pub(super) const SECRET_WORDS: &[&str] = &["ticket", "secret", "password", "passwd", "token", "private"];

/// Where a line stops being shown because a key in it looks like one of a secret.
fn secret_looking(line: &str) -> Option<usize> {
    let lower = line.to_ascii_lowercase();
    let after_key = |word: &&str| {
        let key = lower.find(*word)?;
        let (_, rest) = lower.split_at(key);
        let sign = rest.find(['=', ':'])?;
        // `ticket = { env = ..}` names where the secret is; that may be seen.
        let value = rest.get(sign + 1..)?.trim_start();
        let names_a_place = value.starts_with('{') && (value.contains("env") || value.contains("file"));
        (!names_a_place && !value.is_empty()).then_some(key + sign + 1)
    };
    SECRET_WORDS
        .iter()
        .chain(["verifier", "hash", "key", "sha256"].iter())
        .filter_map(after_key)
        .min()
        .map(|at| at + usize::from(line.get(at..at + 1) == Some(" ")))
}

/// Collects the places of all texts that are or may be secrets: what stands below `auth` in a place of its own choosing, and
/// what is named like a secret. What names a place (`env`, `file`), a role or a listener is none.
fn secrets(node: &Node, parent: &str, inside: bool, places: &mut Vec<Place>) {
    match &node.value {
        Content::Text(_) | Content::Integer(_) | Content::Float(_) if inside => places.push(node.place),
        Content::List(items) => items.iter().for_each(|item| secrets(item, "", inside, places)),
        Content::Table(table) => {
            for (key, entry) in table {
                // A table that is named like a secret (a realm `tickets`) is not thereby one, nor is a realm named `auth`.
                let leaf = entry.node.table().is_none();
                let lower = key.to_ascii_lowercase();
                // Where the hash of a key is expected, the key may stand.
                let is_word = |word: &&str| lower.contains(*word) || key == "sha256";
                let named = leaf && !key.contains('.') && SECRET_WORDS.iter().any(is_word);
                let auth = key == "auth" && !matches!(parent, "realms" | "roles" | "listeners" | "realm_templates");
                let harmless = leaf
                    && matches!(
                        key.as_str(),
                        "role"
                            | "listeners"
                            | "http"
                            | "env"
                            | "file"
                            | "salt"
                            | "iterations"
                            | "keylen"
                            | "keys"
                            | "channel_binding"
                            | "autobahn_dialect"
                    );
                secrets(&entry.node, key, (inside || auth || named) && !harmless, places);
            }
        }
        Content::Null | Content::Boolean(_) | Content::Integer(_) | Content::Float(_) | Content::Text(_) => {}
    }
}
