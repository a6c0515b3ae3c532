//! The configuration that is made of a foreign one: a tree of keys, of which each knows what in the source it is from.
//!
//! It is checked as every configuration is. What the check refuses is taken out again and noted, so that what is written is
//! always lawful; it is written in the order and the notation of the full file.

use super::notes::{quote, Notes};
use super::source::Origin;
use super::Unlawful;
use crate::config::error::{Code, Finding, Severity};
use crate::config::print::{self, Style};
use crate::config::read::{Key, Reader, Written};
use crate::config::settings::SettingsSource;
use crate::config::shape::File;
use crate::config::source::Sources;
use crate::config::tree::{Content, Entry, Node, Place, Table};
use crate::config::{overlay, read_file, resolve, LoadOptions};
use crate::observe::shown;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// More rounds than any draft needs: each takes something out.
const ROUNDS_MAX: usize = 10_000;

/// A configuration under way.
#[derive(Debug)]
pub(super) struct Draft {
    root: Node,
    /// What each place of the tree is from.
    origins: Vec<Origin>,
}

impl Draft {
    pub(super) fn new() -> Self {
        Self { root: Node::empty_table(Place::NONE), origins: Vec::new() }
    }

    /// Sets a key, and makes the tables on the way. What was there is replaced.
    pub(super) fn set(&mut self, path: &[&str], value: impl Into<Value>, from: &Origin) {
        let node = self.node(value.into(), from);
        self.change(path, from, |there| *there = node);
    }

    /// Sets a key that nobody has set to another value. `false`: somebody has.
    pub(super) fn set_once(&mut self, path: &[&str], value: impl Into<Value>, from: &Origin) -> bool {
        let node = self.node(value.into(), from);
        match self.find(path) {
            Some(there) => there.same(&node),
            None => {
                self.change(path, from, |there| *there = node);
                true
            }
        }
    }

    /// Puts a value at the end of a list, unless it is in it.
    pub(super) fn push(&mut self, path: &[&str], value: impl Into<Value>, from: &Origin) {
        let node = self.node(value.into(), from);
        self.change(path, from, |list| match &mut list.value {
            Content::List(items) if items.iter().any(|item| item.same(&node)) => {}
            Content::List(items) => items.push(node),
            Content::Null
            | Content::Boolean(_)
            | Content::Integer(_)
            | Content::Float(_)
            | Content::Text(_)
            | Content::Table(_) => list.value = Content::List(vec![node]),
        });
    }

    /// Sets a list, each item once.
    pub(super) fn list(&mut self, path: &[&str], items: Vec<(Value, Origin)>) {
        let Some((_, first)) = items.first().cloned() else { return };
        let mut seen = BTreeSet::new();
        let once = items.into_iter().filter(|(item, _)| seen.insert(item.to_string()));
        let nodes: Vec<Node> = once.map(|(item, from)| self.node(item, &from)).collect();
        let place = self.place(&first);
        self.change(path, &first, |list| *list = Node { value: Content::List(nodes), place });
    }

    /// Makes a table, if it is not there.
    pub(super) fn table(&mut self, path: &[&str], from: &Origin) {
        self.change(path, from, |table| {
            if table.table().is_none() {
                table.value = Content::Table(Table::new());
            }
        });
    }

    /// Takes out what stands at `path`.
    pub(super) fn remove(&mut self, path: &[&str]) {
        let Some((last, above)) = path.split_last() else { return };
        let Some(place) =
            self.find(above).and_then(Node::table).and_then(|table| table.get(*last)).map(|entry| entry.key)
        else {
            return;
        };
        take_out(&mut self.root, &|other| other == place, &mut BTreeSet::new());
    }

    /// What stands at `path`.
    pub(super) fn find(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(&self.root, |node, step| node.get(step))
    }

    /// The texts of the list at `path`, if there is one.
    pub(super) fn texts(&self, path: &[&str]) -> Option<Vec<String>> {
        let Content::List(items) = &self.find(path)?.value else { return None };
        let text = |item: &Node| if let Content::Text(text) = &item.value { Some(text.clone()) } else { None };
        Some(items.iter().filter_map(text).collect())
    }

    /// The names in the table at `path`.
    pub(super) fn names(&self, path: &[&str]) -> Vec<String> {
        self.find(path).and_then(Node::table).into_iter().flat_map(Table::keys).cloned().collect()
    }

    /// Checks, takes out what is unlawful, and gives the rest as TOML.
    ///
    /// # Errors
    /// [`Unlawful`] if something is refused that nothing in the draft is to blame for, which is a fault of the importer.
    pub(super) fn finish(mut self, head: &str, notes: &mut Notes) -> Result<String, Unlawful> {
        for _ in 0..ROUNDS_MAX {
            let (file, findings) = self.check();
            if findings.is_empty() {
                let file = file.unwrap_or_default();
                let written = only(file.written(), &self.root);
                return Ok(format!("{head}\n{}", print::toml(&written, &[], Style::Full)));
            }
            if !self.mend(&findings, notes)? {
                break;
            }
        }
        Err(Unlawful("it does not come to an end".to_owned()))
    }

    /// What is wrong with it, but for secrets, which are nowhere yet.
    fn check(&self) -> (Option<File>, Vec<Finding>) {
        let mut reader = Reader::default();
        let file = read_file(self.root.clone(), &mut reader);
        let mut findings = reader.findings;
        overlay::ambiguous_names(&self.root, &mut findings);
        // No file is opened here: listeners with TLS are checked without their certificates.
        let bare = without_tls(self.root.clone());
        if let Some(file) = read_file(bare, &mut Reader::default()).filter(|_| findings.is_empty()) {
            let (sources, options) = (Sources::default(), LoadOptions::bare());
            findings = resolve::resolve(&file, &sources, &options, SettingsSource::BuiltIn).findings;
        }
        findings.retain(|finding| finding.severity == Severity::Error && finding.code != Code::SecretNotFound);
        (file, findings)
    }

    /// Lets an open listener be one, as it was in the source; takes all else out. `false`: nothing was done.
    fn mend(&mut self, findings: &[Finding], notes: &mut Notes) -> Result<bool, Unlawful> {
        let mut refused = BTreeMap::new();
        let mut is_opened = false;
        for finding in findings {
            // A fault has a place only if a value in the draft is to blame.
            let unlawful = || Unlawful(format!("{}: {}", finding.path, finding.message));
            let origin = self.origin(finding.place).ok_or_else(unlawful)?;
            if finding.code == Code::InsecureListener {
                self.open(finding.place, &origin, notes).ok_or_else(unlawful)?;
                is_opened = true;
            } else {
                refused.insert(finding.place, (origin, notes_of(finding)));
            }
        }
        let mut taken = BTreeSet::new();
        take_out(&mut self.root, &|place| refused.contains_key(&place), &mut taken);
        // What went with something else in this round needs no note of its own.
        for (origin, (message, advice)) in
            refused.into_iter().filter(|(place, _)| taken.contains(place)).map(|(_, it)| it)
        {
            notes.add(&origin, message, advice);
        }
        Ok(is_opened || !taken.is_empty())
    }

    /// Allows the listener whose `bind` is at `place` to be open.
    fn open(&mut self, place: Place, origin: &Origin, notes: &mut Notes) -> Option<()> {
        let bind = |name: &String| self.find(&["listeners", name, "bind"]).is_some_and(|bind| within(bind, place));
        let name = self.names(&["listeners"]).into_iter().find(bind)?;
        self.set(&["listeners", &name, "allow_insecure"], true, origin);
        let message = format!("anybody can reach {}, nothing is encrypted, and anonymous may act", quote(&name));
        let advice = "allow_insecure = true was written to keep it so; better give the listener `tls`, or bind a loopback address";
        notes.add(origin, message, advice);
        Some(())
    }

    fn origin(&self, place: Place) -> Option<Origin> {
        self.origins.get(place.start as usize).filter(|_| place.is_known()).cloned()
    }

    /// A place of its own for what comes from `from`.
    fn place(&mut self, from: &Origin) -> Place {
        self.origins.push(from.clone());
        let number = self.origins.len() - 1;
        Place::new(0, number, number + 1)
    }

    fn node(&mut self, value: Value, from: &Origin) -> Node {
        let place = self.place(from);
        let value = match value {
            Value::Null => Content::Null,
            Value::Bool(flag) => Content::Boolean(flag),
            Value::Number(number) => match number.as_i64() {
                Some(integer) => Content::Integer(integer),
                None => Content::Float(number.as_f64().unwrap_or_default()),
            },
            Value::String(text) => Content::Text(text),
            Value::Array(items) => Content::List(items.into_iter().map(|item| self.node(item, from)).collect()),
            Value::Object(keys) => {
                let mut table = Table::new();
                for (key, value) in keys {
                    let entry = Entry { key: self.place(from), node: self.node(value, from) };
                    table.insert(key, entry);
                }
                Content::Table(table)
            }
        };
        Node { value, place }
    }

    /// Changes the node at `path`, made if it is not there.
    fn change(&mut self, path: &[&str], from: &Origin, change_it: impl FnOnce(&mut Node)) {
        let steps: Vec<_> = path.iter().map(|step| (*step, self.place(from), self.place(from))).collect();
        change(&mut self.root, &steps, change_it);
    }
}

/// Changes the node at `path` below `node`, made if it is not there. What is no table on the way becomes one.
fn change(node: &mut Node, path: &[(&str, Place, Place)], change_it: impl FnOnce(&mut Node)) {
    let [(step, key, place), below @ ..] = path else { return change_it(node) };
    let mut table = match std::mem::replace(&mut node.value, Content::Null) {
        Content::Table(table) => table,
        Content::Null
        | Content::Boolean(_)
        | Content::Integer(_)
        | Content::Float(_)
        | Content::Text(_)
        | Content::List(_) => Table::new(),
    };
    let new = || Entry { key: *key, node: Node { value: Content::Null, place: *place } };
    change(&mut table.entry((*step).to_owned()).or_insert_with(new).node, below, change_it);
    node.value = Content::Table(table);
}

/// What is said of something that the check refuses.
fn notes_of(finding: &Finding) -> (String, String) {
    let why = if finding.hint.is_empty() { String::new() } else { format!(": {}", shown(&finding.hint)) };
    let message = format!("refused here: {}", shown(&finding.message));
    (message, format!("{} was left out{why}", shown(&finding.path)))
}

/// Whether something in `node` stands at `place`.
fn within(node: &Node, place: Place) -> bool {
    node.place == place
        || match &node.value {
            Content::List(items) => items.iter().any(|item| within(item, place)),
            Content::Table(table) => table.values().any(|entry| entry.key == place || within(&entry.node, place)),
            Content::Null | Content::Boolean(_) | Content::Integer(_) | Content::Float(_) | Content::Text(_) => false,
        }
}

/// Takes out what stands at places that are `refused`, keys and values, and gathers these places.
fn take_out(node: &mut Node, refused: &dyn Fn(Place) -> bool, taken: &mut BTreeSet<Place>) {
    match &mut node.value {
        Content::List(items) => {
            items.retain(|item| !(refused(item.place) && taken.insert(item.place)));
            items.iter_mut().for_each(|item| take_out(item, refused, taken));
        }
        Content::Table(table) => {
            let mut is_out = |place: Place| refused(place) && taken.insert(place);
            table.retain(|_, entry| !(is_out(entry.key) | is_out(entry.node.place)));
            table.values_mut().for_each(|entry| take_out(&mut entry.node, refused, taken));
        }
        Content::Null | Content::Boolean(_) | Content::Integer(_) | Content::Float(_) | Content::Text(_) => {}
    }
}

/// The tree with `allow_insecure` in place of certificates, which come to the same for what is checked.
fn without_tls(mut root: Node) -> Node {
    let Content::Table(table) = &mut root.value else { return root };
    let Some(Content::Table(listeners)) = table.get_mut("listeners").map(|entry| &mut entry.node.value) else {
        return root;
    };
    for listener in listeners.values_mut() {
        let Content::Table(listener) = &mut listener.node.value else { continue };
        if let Some(mut tls) = listener.remove("tls") {
            tls.node.value = Content::Boolean(true);
            listener.insert("allow_insecure".to_owned(), tls);
        }
    }
    root
}

/// Of `written` what is in `node`, and no comment but those that say what somebody must know.
fn only(written: Written, node: &Node) -> Written {
    let items = match written {
        Written::Table(items) => items,
        Written::Inline(value) => return Written::Inline(brief(value, node)),
        Written::Absent(_) => return written,
    };
    let kept = items.into_iter().filter_map(|mut item| {
        item.written = only(item.written, node.get(&item.key)?);
        if item.key != "allow_insecure" {
            item.doc = "";
        }
        Some(item)
    });
    Written::Table(kept.collect())
}

/// A list of tables without the keys that the draft does not have.
fn brief(value: Value, node: &Node) -> Value {
    let (Value::Array(items), Content::List(nodes)) = (&value, &node.value) else { return value };
    let item = |(item, node): (&Value, &Node)| match (item, node.table()) {
        (Value::Object(keys), Some(table)) => Value::Object(
            keys.iter().filter(|(key, _)| table.contains_key(*key)).map(|(k, v)| (k.clone(), v.clone())).collect(),
        ),
        (_, _) => item.clone(),
    };
    items.iter().zip(nodes).map(item).collect()
}
