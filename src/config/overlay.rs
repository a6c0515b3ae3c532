//! What is put upon the main file: drop-ins, the environment, `--set`.

use super::error::{Code, Finding, Severity};
use super::parse;
use super::source::Sources;
use super::tree::{Content, Entry, Node, Place, Table};
use std::collections::BTreeMap;

/// How a variable that sets a key begins.
const PREFIX: &str = "WHARF__";

/// Joins drop-ins into one tree. Where two set one key to different values, both places are told.
pub(super) fn join_drop_ins(drop_ins: Vec<Node>, sources: &Sources, findings: &mut Vec<Finding>) -> Option<Node> {
    let mut drop_ins = drop_ins.into_iter();
    let mut joined = drop_ins.next()?;
    for drop_in in drop_ins {
        disagreements(&joined, &drop_in, "", sources, findings);
        joined.overlay(drop_in);
    }
    Some(joined)
}

fn disagreements(earlier: &Node, later: &Node, path: &str, sources: &Sources, findings: &mut Vec<Finding>) {
    if let (Some(earlier), Some(later)) = (earlier.table(), later.table()) {
        for (key, entry) in later {
            if let Some(before) = earlier.get(key) {
                let step = super::read::quoted(key);
                let path = if path.is_empty() { step.into_owned() } else { format!("{path}.{step}") };
                disagreements(&before.node, &entry.node, &path, sources, findings);
            }
        }
    } else if !earlier.same(later) {
        findings.push(Finding {
            code: Code::DropInsDisagree,
            severity: Severity::Error,
            place: later.place,
            path: path.to_owned(),
            message: format!("two drop-ins set `{path}` to different values"),
            hint: format!("the other is {}", sources.short(earlier.place)),
        });
    }
}

/// Puts the variables `WHARF__...` upon `tree`.
pub(super) fn environment(
    tree: &mut Node,
    variables: &BTreeMap<String, String>,
    sources: &mut Sources,
    findings: &mut Vec<Finding>,
) {
    for (name, value) in variables {
        let Some(steps) = name.strip_prefix(PREFIX) else { continue };
        let place = sources.add_named(format!("${name}"));
        match variable_path(tree, steps) {
            Ok(path) => tree.overlay(nested(&path, value_of(value, place))),
            Err((a, b)) => findings.push(ambiguous(place, &a, &b)),
        }
    }
}

fn ambiguous(place: Place, a: &str, b: &str) -> Finding {
    Finding {
        code: Code::AmbiguousName,
        severity: Severity::Error,
        place,
        path: String::new(),
        message: format!("`{a}` and `{b}` are the same name in an environment variable"),
        hint: "rename one of them, or use a drop-in".to_owned(),
    }
}

/// The keys that the steps of a variable mean: those that are there and equal but for case and hyphens, else lower case.
fn variable_path(tree: &Node, steps: &str) -> Result<Vec<String>, (String, String)> {
    let mut path = Vec::new();
    let mut node = Some(tree);
    for step in steps.split("__") {
        let step = variable_form(step);
        let mut there = node.and_then(Node::table).into_iter().flatten().filter(|(key, _)| variable_form(key) == step);
        match (there.next(), there.next()) {
            (Some((a, _)), Some((b, _))) => return Err((a.clone(), b.clone())),
            (Some((key, entry)), None) => {
                node = Some(&entry.node);
                path.push(key.clone());
            }
            (None, _) => {
                node = None;
                path.push(step);
            }
        }
    }
    Ok(path)
}

/// A name as variables compare it.
fn variable_form(name: &str) -> String {
    name.to_lowercase().replace('-', "_")
}

/// A value as TOML if it parses, else as a text.
fn value_of(text: &str, place: Place) -> Node {
    let parsed = parse::toml(&format!("value = {text}"), 0).ok();
    let mut node = match parsed.map(|node| node.value) {
        // More keys than one: the text was no single value.
        Some(Content::Table(mut table)) if table.len() == 1 => table.remove("value").map(|entry| entry.node),
        Some(_) | None => None,
    }
    .unwrap_or_else(|| Node { value: Content::Text(text.to_owned()), place });
    relocate(&mut node, place);
    node
}

fn relocate(node: &mut Node, place: Place) {
    node.place = place;
    match &mut node.value {
        Content::List(items) => items.iter_mut().for_each(|item| relocate(item, place)),
        Content::Table(table) => {
            for entry in table.values_mut() {
                entry.key = place;
                relocate(&mut entry.node, place);
            }
        }
        Content::Null | Content::Boolean(_) | Content::Integer(_) | Content::Float(_) | Content::Text(_) => {}
    }
}

fn nested(path: &[String], node: Node) -> Node {
    let place = node.place;
    let within = |node, key: &String| {
        let table = Table::from([(key.clone(), Entry { key: place, node })]);
        Node { value: Content::Table(table), place }
    };
    path.iter().rev().fold(node, within)
}

/// Puts the arguments of `--set PATH=VALUE` upon `tree`.
pub(super) fn sets(tree: &mut Node, sets: &[String], sources: &mut Sources, findings: &mut Vec<Finding>) {
    for set in sets {
        let (path, value) = split_set(set);
        let place = sources.add_named(format!("--set {path}"));
        match (steps(path), value) {
            (Some(steps), Some(value)) => tree.overlay(nested(&steps, value_of(value, place))),
            (_, _) => findings.push(Finding {
                code: Code::Syntax,
                severity: Severity::Error,
                place,
                path: String::new(),
                message: "`--set` needs PATH=VALUE".to_owned(),
                hint: "for example --set realms.realm1.call_timeout=30s".to_owned(),
            }),
        }
    }
}

/// Splits at the first `=` that is not within quotes.
fn split_set(set: &str) -> (&str, Option<&str>) {
    let mut quote = None;
    for (at, character) in set.char_indices() {
        match (quote, character) {
            (None, '=') => return (set.get(..at).unwrap_or_default().trim(), set.get(at + 1..).map(str::trim)),
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            (_, _) => {}
        }
    }
    (set, None)
}

/// The steps of a path that is written as the keys of TOML are.
pub(super) fn steps(path: &str) -> Option<Vec<String>> {
    only_path(&parse::toml(&format!("{path} = 0"), 0).ok()?)
}

/// The steps of a tree that has one leaf.
fn only_path(node: &Node) -> Option<Vec<String>> {
    let mut steps = Vec::new();
    let mut node = node;
    while let Some(table) = node.table() {
        let (key, entry) = table.first_key_value().filter(|_| table.len() == 1)?;
        steps.push(key.clone());
        node = &entry.node;
    }
    Some(steps)
}

/// Notes tables of names in which two names are equal in the form of the environment.
pub(super) fn ambiguous_names(tree: &Node, findings: &mut Vec<Finding>) {
    let realms = tree.get("realms").and_then(Node::table).into_iter().flatten();
    let roles = realms.filter_map(|(_, realm)| realm.node.get("roles"));
    let tables = ["listeners", "realms", "realm_templates"].into_iter().filter_map(|key| tree.get(key)).chain(roles);
    for table in tables.filter_map(Node::table) {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for (name, entry) in table {
            if let Some(other) = seen.insert(variable_form(name), name) {
                findings.push(ambiguous(entry.key, other, name));
            }
        }
    }
}
