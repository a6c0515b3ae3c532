//! What differs between the settings that run and those that would, key by key, and whether each may change while the node
//! runs. Compares what the files come to, defaults filled in; secrets by what they are, without ever showing them.

use super::error::{problems, Code, ConfigErrors, Finding, Severity};
use super::managed::{Layer, Managed};
use super::read::Key;
use super::read::{quoted, Item, Written};
use super::settings::Settings;
use super::tree::{Node, Place};
use super::{load_and_keep, load_parts, LoadOptions, SettingsSource};
use crate::auth::Secret;
use std::collections::BTreeMap;
use std::fmt;

/// When a change of a key holds. Section 11 of the configuration's design.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum When {
    /// With the reload.
    AtOnce,
    /// For connections and sessions that begin after it.
    NewConnections,
    /// With the next start: a reload that changes it is refused (E050).
    Restart,
}

impl When {
    /// For the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AtOnce => "at once",
            Self::NewConnections => "for new connections",
            Self::Restart => "after a restart",
        }
    }

    /// For the full file: a sentence, where it is not at once.
    pub(super) const fn sentence(self) -> &'static str {
        match self {
            Self::AtOnce => "A change holds with the reload.",
            Self::NewConnections => "A change holds for new connections.",
            Self::Restart => "A change needs a restart.",
        }
    }
}

/// One key that differs. [`Display`](fmt::Display) gives the key and what becomes of it, never a secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// The key, as in `realms.shop.call_timeout`.
    pub path: String,
    /// What it was and is, or `added`, `removed` for a table.
    pub text: String,
    /// When the change holds.
    pub when: When,
}

impl Difference {
    /// Whether it is about what stands at this path: it is below it, or is of a table that has it.
    pub fn is_at(&self, path: &[String]) -> bool {
        super::overlay::steps(&self.path).is_some_and(|own| own.starts_with(path) || path.starts_with(&own))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.text)
    }
}

/// What a reload comes to.
#[derive(Debug)]
pub struct Reloaded {
    /// The settings that are to hold.
    pub settings: Settings,
    /// What differs from those that hold, in the order of the full file.
    pub differences: Vec<Difference>,
}

/// Values longer than this are cut.
const TEXT_MAX: usize = 120;

/// Reads and checks everything anew, with what was changed at run time as it is in `running`.
///
/// # Errors
/// As [`load`](super::load); and E050 for each key that differs from `running` and cannot change while the node runs.
pub fn reload(options: &LoadOptions, running: &Settings) -> Result<Reloaded, ConfigErrors> {
    reload_with(options, running, Layer::Known(running.managed.clone()))
}

/// The same with `managed` for what was changed at run time.
///
/// # Errors
/// As [`reload`]; and E008 for each key of a change that the file sets.
pub fn reload_with(options: &LoadOptions, running: &Settings, managed: Layer) -> Result<Reloaded, ConfigErrors> {
    let (settings, tree, sources) = load_and_keep(&again(options, running, managed))?;
    let differences = differences(running, &settings);
    let refused: Vec<Finding> = differences
        .iter()
        .filter(|difference| difference.when == When::Restart)
        .map(|difference| Finding {
            code: Code::NotWhileRunning,
            severity: Severity::Error,
            place: tree.as_ref().map_or(Place::NONE, |tree| place_of(tree, &difference.path)),
            path: difference.path.clone(),
            message: format!("`{}` cannot be changed while the node runs", difference.path),
            hint: format!("{}; put it back, or restart", difference.text),
        })
        .collect();
    if refused.is_empty() {
        Ok(Reloaded { settings, differences })
    } else {
        Err(ConfigErrors { problems: problems(refused, &sources, false) })
    }
}

/// The options to read what `running` was read from, with another layer under it.
fn again(options: &LoadOptions, running: &Settings, managed: Layer) -> LoadOptions {
    let mut options = LoadOptions { managed, ..options.clone() };
    if let (None, SettingsSource::File { path, .. }) = (&options.text, &running.source) {
        options.file = Some(path.clone());
    }
    options
}

/// What differs by what was changed at run time from what the files alone say now, in the order of the full file.
///
/// # Errors
/// The files cannot be read. Whether they would do alone does not matter.
pub fn made_at_run_time(options: &LoadOptions, running: &Settings) -> Result<Vec<Difference>, ConfigErrors> {
    let written = |managed: Managed| {
        let (loaded, _) = load_parts(&again(options, running, Layer::Known(managed)));
        let file = loaded.file.map(|file| file.written());
        file.ok_or_else(|| ConfigErrors { problems: problems(loaded.findings, &loaded.sources, false) })
    };
    let (alone, both) = (written(Managed::default())?, written(running.managed.clone())?);
    let mut found = Vec::new();
    walk(&mut Vec::new(), &alone, &both, When::AtOnce, &mut found);
    Ok(found)
}

/// What holds at `path`, defaults filled in, as JSON: secrets and what verifies them as `***`. `None`: there is nothing.
pub fn effective(settings: &Settings, path: &[&str]) -> Option<serde_json::Value> {
    let mut written = &settings.written;
    for step in path {
        let Written::Table(items) = written else { return None };
        written = items.iter().find(|item| item.key == *step).map(|item| &item.written)?;
    }
    json(written)
}

fn json(written: &Written) -> Option<serde_json::Value> {
    match written {
        Written::Inline(value) => Some(value.clone()),
        Written::Absent(_) => None,
        Written::Table(items) => {
            let entry = |item: &Item| Some((item.key.clone(), json(&item.written)?));
            Some(serde_json::Value::Object(items.iter().filter_map(entry).collect()))
        }
    }
}

/// Key by key.
pub(super) fn differences(from: &Settings, to: &Settings) -> Vec<Difference> {
    let mut found = Vec::new();
    walk(&mut Vec::new(), &from.written, &to.written, When::AtOnce, &mut found);
    for (path, secret) in &to.secrets {
        let changed = |before: &Secret| !before.matches(secret.expose());
        let is_told = found.iter().any(|difference: &Difference| difference.path == *path);
        if !is_told && from.secrets.get(path).is_some_and(changed) {
            found.push(Difference { path: path.clone(), text: "*** -> ***".to_owned(), when: When::AtOnce });
        }
    }
    found
}

fn walk(path: &mut Vec<String>, from: &Written, to: &Written, when: When, found: &mut Vec<Difference>) {
    let (Written::Table(before), Written::Table(after)) = (from, to) else {
        if let Some(text) = change(from, to) {
            found.push(Difference { path: path.join("."), text, when });
        }
        return;
    };
    let mut gone: BTreeMap<&str, &Item> = before.iter().map(|item| (item.key.as_str(), item)).collect();
    for item in after {
        path.push(quoted(&item.key).into_owned());
        let own = item.when.unwrap_or(when);
        match gone.remove(item.key.as_str()) {
            Some(before) => walk(path, &before.written, &item.written, own, found),
            None => found.extend(named(path, &Written::Absent(""), &item.written, own)),
        }
        path.pop();
    }
    for item in before.iter().filter(|item| gone.contains_key(item.key.as_str())) {
        path.push(quoted(&item.key).into_owned());
        found.extend(named(path, &item.written, &Written::Absent(""), item.when.unwrap_or(when)));
        path.pop();
    }
}

/// A name that comes or goes: what has it begins or ends with the reload.
fn named(path: &[String], from: &Written, to: &Written, when: When) -> Option<Difference> {
    let when = match when {
        When::AtOnce | When::NewConnections => When::AtOnce,
        When::Restart => When::Restart,
    };
    change(from, to).map(|text| Difference { path: path.join("."), text, when })
}

fn change(from: &Written, to: &Written) -> Option<String> {
    match (from, to) {
        (Written::Absent(_), Written::Absent(_)) => None,
        (Written::Table(_), _) => Some("removed".to_owned()),
        (_, Written::Table(_)) => Some("added".to_owned()),
        (Written::Inline(before), Written::Inline(after)) if before == after => None,
        (before, after) => Some(format!("{} -> {}", shown(before), shown(after))),
    }
}

fn shown(written: &Written) -> String {
    let Written::Inline(value) = written else { return "nothing".to_owned() };
    let text = value.to_string();
    match text.char_indices().nth(TEXT_MAX) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text,
    }
}

/// Where the key stands, or the table that it is missing in.
fn place_of(tree: &Node, path: &str) -> Place {
    let Some(steps) = super::overlay::steps(path) else { return Place::NONE };
    let (mut node, mut place) = (tree, Place::NONE);
    for step in &steps {
        let Some(entry) = node.table().and_then(|table| table.get(step)) else { break };
        place = if entry.node.table().is_some() { entry.key } else { entry.node.place };
        node = &entry.node;
    }
    place
}
