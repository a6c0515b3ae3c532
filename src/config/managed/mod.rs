//! What was changed at run time: a part of the configuration that lies under the file.
//!
//! It is a tree like every other source, so whatever a file may say about a realm may be said here, with the same checks. The
//! file stays the truth: what it sets, holds. Nothing here starts anything. See `docs/decisions/0017`.

mod file;
mod switches;

pub use file::{read, write, ManagedFault, FILE_NAME};

use super::error::{Code, Finding, Severity};
use super::read::quoted;
use super::source::Sources;
use super::tree::{Content, Entry, Node, Place, Table};
use serde_json::{Map, Value};
use std::fmt;

/// How the place of something that was changed at run time begins; its path follows.
pub(super) const ORIGIN: &str = "store:";

/// The tables that may be changed at run time. Names stand below them.
const TABLES: &[&[&str]] = &[&["realms"], &["realm_templates"], &["rest", "keys"]];

/// More than any configuration has; what is read must fit too.
const DEPTH_MAX: usize = 32;

/// Octets of all that was changed at run time, as it is kept.
const OCTETS_MAX: usize = 4 << 20;

/// What was changed at run time. Holds verifiers of secrets, so it is never printed whole.
#[derive(Clone, PartialEq, Default)]
pub struct Managed(Map<String, Value>);

impl fmt::Debug for Managed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Managed").field("is_empty", &self.0.is_empty()).finish_non_exhaustive()
    }
}

/// Why something cannot be changed at run time.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ManagedError {
    /// It is no key of a realm, of a template or of an API key.
    #[error("`{0}` cannot be changed at run time: only what is below realms.NAME, realm_templates.NAME and rest.keys.NAME can")]
    NotManaged(String),
    /// It is not there, or the file has it.
    #[error("`{0}` was not made at run time")]
    NotThere(String),
    /// A key stands below something that is no table.
    #[error("`{0}` is no table")]
    NoTable(String),
    /// Nested deeper than any configuration.
    #[error("the value of `{path}` is nested deeper than {max} levels", max = DEPTH_MAX)]
    TooDeep {
        /// Of which key.
        path: String,
    },
    /// More than is kept.
    #[error("what is changed at run time comes to {octets} octets; at most {max} are kept", max = OCTETS_MAX)]
    TooLarge {
        /// So much.
        octets: usize,
    },
}

/// A path as it is written in a file.
pub fn written_path(path: &[&str]) -> String {
    path.iter().map(|step| quoted(step)).collect::<Vec<_>>().join(".")
}

impl Managed {
    /// Whether nothing was changed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What stands at `path`.
    pub fn at(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.0.get(*first)?, |value, step| value.as_object()?.get(*step))
    }

    /// Puts `value` in place of what stands at `path`. Whether it means anything is found when it is loaded.
    ///
    /// # Errors
    /// [`ManagedError`]; then nothing has changed.
    pub fn set(&mut self, path: &[&str], value: Value) -> Result<(), ManagedError> {
        check_path(path)?;
        if depth(&value) + path.len() > DEPTH_MAX {
            return Err(ManagedError::TooDeep { path: written_path(path) });
        }
        let mut changed = self.clone();
        let Some((last, above)) = path.split_last() else { return Err(not_managed(path)) };
        let mut table = &mut changed.0;
        for (at, step) in above.iter().enumerate() {
            let below = table.entry((*step).to_owned()).or_insert_with(|| Value::Object(Map::new()));
            let no_table = || ManagedError::NoTable(written_path(path.get(..=at).unwrap_or_default()));
            table = below.as_object_mut().ok_or_else(no_table)?;
        }
        table.insert((*last).to_owned(), value);
        let octets = changed.text().len();
        if octets > OCTETS_MAX {
            return Err(ManagedError::TooLarge { octets });
        }
        *self = changed;
        Ok(())
    }

    /// Takes out what stands at `path`; tables that are empty thereby go too, but for realms and templates themselves.
    ///
    /// # Errors
    /// [`ManagedError`]; then nothing has changed.
    pub fn unset(&mut self, path: &[&str]) -> Result<(), ManagedError> {
        check_path(path)?;
        let names_at = TABLES.iter().find(|table| path.starts_with(table)).map_or(1, |table| table.len());
        if take(&mut self.0, path, 0, names_at) {
            Ok(())
        } else {
            Err(ManagedError::NotThere(written_path(path)))
        }
    }

    fn text(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    /// As a tree in which every value has its path for its place.
    pub(super) fn tree(&self, sources: &mut Sources) -> Node {
        let place = sources.add_named(ORIGIN.to_owned());
        Node { value: Content::Table(table(&self.0, "", sources)), place }
    }
}

/// `false`: there is nothing. Names stand at the level `names_at`.
fn take(table: &mut Map<String, Value>, path: &[&str], level: usize, names_at: usize) -> bool {
    match path {
        [] => false,
        [last] => table.remove(*last).is_some(),
        [step, rest @ ..] => {
            let Some(below) = table.get_mut(*step).and_then(Value::as_object_mut) else { return false };
            let taken = take(below, rest, level + 1, names_at);
            // A realm is there even if nothing is said about it.
            if taken && below.is_empty() && level != names_at {
                table.remove(*step);
            }
            taken
        }
    }
}

fn not_managed(path: &[&str]) -> ManagedError {
    ManagedError::NotManaged(written_path(path))
}

fn check_path(path: &[&str]) -> Result<(), ManagedError> {
    let known = TABLES.iter().any(|table| path.starts_with(table) && path.len() > table.len());
    if known && path.iter().all(|step| !step.is_empty()) {
        Ok(())
    } else {
        Err(not_managed(path))
    }
}

/// Levels of lists and tables. Values come from decoders and files, whose own bounds keep this from going deep.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(table) => 1 + table.values().map(depth).max().unwrap_or_default(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn table(table: &Map<String, Value>, above: &str, sources: &mut Sources) -> Table {
    let mut made = Table::new();
    for (key, value) in table {
        let step = quoted(key);
        let path = if above.is_empty() { step.into_owned() } else { format!("{above}.{step}") };
        let node = node(value, &path, sources);
        made.insert(key.clone(), Entry { key: node.place, node });
    }
    made
}

fn node(value: &Value, path: &str, sources: &mut Sources) -> Node {
    let place = sources.add_named(format!("{ORIGIN}{path}"));
    let value = match value {
        Value::Null => Content::Null,
        Value::Bool(flag) => Content::Boolean(*flag),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Content::Integer(whole),
            None => Content::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => Content::Text(text.clone()),
        Value::Array(items) => {
            let item = |(at, item)| node(item, &format!("{path}[{at}]"), sources);
            Content::List(items.iter().enumerate().map(item).collect())
        }
        Value::Object(below) => Content::Table(table(below, path, sources)),
    };
    Node { value, place }
}

/// The layer of a configuration that is made at run time, and what is new in it.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Layer {
    /// As it is kept in `node.data_dir`, if there is one.
    #[default]
    Stored,
    /// As it is in memory.
    Known(Managed),
    /// As it would be, with changes at these paths: a key there that the file sets too is a mistake.
    Candidate(Managed, Vec<Vec<String>>),
}

impl Layer {
    /// Whether the key at `path` is one that is being changed.
    fn is_new(&self, path: &[String]) -> bool {
        match self {
            Self::Stored | Self::Known(_) => false,
            Self::Candidate(_, changed) => {
                changed.iter().any(|changed| path.starts_with(changed) || changed.starts_with(path))
            }
        }
    }
}

/// Puts `managed` under `tree`, and notes what in it is without effect because `tree` says something else.
pub(super) fn underlay(tree: &mut Node, managed: Node, layer: &Layer, sources: &Sources, findings: &mut Vec<Finding>) {
    under(tree, managed, &mut Vec::new(), layer, sources, findings);
}

fn under(
    tree: &mut Node,
    managed: Node,
    path: &mut Vec<String>,
    layer: &Layer,
    sources: &Sources,
    findings: &mut Vec<Finding>,
) {
    match (&mut tree.value, managed.value) {
        (Content::Table(keys), Content::Table(below)) => {
            for (key, mut entry) in below {
                path.push(key.clone());
                match keys.get_mut(&key) {
                    Some(there) => under(&mut there.node, entry.node, path, layer, sources, findings),
                    None if switches::take_lone(&mut entry.node, path) => {}
                    None => {
                        keys.insert(key, entry);
                    }
                }
                path.pop();
            }
        }
        (_, value) => {
            let same = tree.same(&Node { value, place: Place::NONE });
            if layer.is_new(path) || !same {
                findings.push(shadowed(tree.place, path, layer, sources));
            }
        }
    }
}

fn shadowed(place: Place, path: &[String], layer: &Layer, sources: &Sources) -> Finding {
    let steps: Vec<&str> = path.iter().map(String::as_str).collect();
    let (path, is_new) = (written_path(&steps), layer.is_new(path));
    let severity = if is_new { Severity::Error } else { Severity::Warning };
    let message = if is_new {
        format!("`{path}` is set by {}, which holds", sources.short(place))
    } else {
        format!("`{path}` was changed at run time; what is written here holds")
    };
    let hint = if is_new { "change it there, and reload" } else { "take out one of them" };
    Finding { code: Code::SetByFile, severity, place, path, message, hint: hint.to_owned() }
}

#[cfg(test)]
mod tests;
