//! Settings on their way back into text: the full file, and what `config show` prints.

use super::read::{plain, quoted, Item, Written};
use super::reload::When;
use serde_json::Value;
use std::fmt::Write;

/// How wide comments are.
const WIDTH: usize = 110;

/// Whether keys are explained and absent ones shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Style {
    /// Keys and values.
    Bare,
    /// Comments above each key; what has no default stands in a comment.
    Full,
}

/// Prints a table with all that is below it.
pub(super) fn toml(written: &Written, path: &[String], style: Style) -> String {
    let mut out = String::new();
    match written {
        Written::Table(items) => table(items, path, style, &mut out),
        Written::Inline(value) => line(&mut out, &inline(value)),
        Written::Absent(_) => {}
    }
    out
}

fn table(items: &[Item], path: &[String], style: Style, out: &mut String) {
    for item in items {
        let key = quoted(&item.key);
        match &item.written {
            Written::Inline(value) => {
                comment(out, item, style);
                line(out, &format!("{key} = {}", lines(value, key.len())));
            }
            Written::Absent(example) if style == Style::Full => {
                comment(out, item, style);
                line(out, &format!("# {key} = {example}"));
            }
            Written::Absent(_) | Written::Table(_) => {}
        }
    }
    for item in items {
        let Written::Table(inner) = &item.written else { continue };
        let path: Vec<String> = path.iter().cloned().chain([quoted(&item.key).into_owned()]).collect();
        let only_tables = !inner.is_empty() && inner.iter().all(|item| matches!(item.written, Written::Table(_)));
        let silent = only_tables && (item.doc.is_empty() || style == Style::Bare);
        if !out.is_empty() && !silent {
            line(out, "");
        }
        comment(out, item, style);
        if !only_tables {
            line(out, &format!("[{}]", path.join(".")));
        }
        table(inner, &path, style, out);
    }
}

fn line(out: &mut String, text: &str) {
    let _infallible = writeln!(out, "{text}");
}

fn comment(out: &mut String, item: &Item, style: Style) {
    if style == Style::Bare || item.doc.is_empty() {
        return;
    }
    let mut row = String::from("#");
    let when = item.when.map(When::sentence);
    for word in plain(item.doc).split(' ').chain(when.into_iter().flat_map(|sentence| sentence.split(' '))) {
        if row.len() + word.len() >= WIDTH {
            line(out, &row);
            row.truncate(1);
        }
        row.push(' ');
        row.push_str(word);
    }
    line(out, &row);
}

/// A value on one line, or a list on several where one would be too long.
fn lines(value: &Value, key: usize) -> String {
    let one = inline(value);
    match value {
        Value::Array(items) if key + one.len() > WIDTH && !items.is_empty() => {
            let items = items.iter().map(|item| format!("    {},\n", inline(item)));
            format!("[\n{}]", items.collect::<String>())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => one,
    }
}

/// A value as TOML writes it within a line. The strings of JSON are strings of TOML.
fn inline(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(keys) if keys.is_empty() => "{}".to_owned(),
        Value::Object(keys) => {
            let pairs = keys.iter().map(|(key, value)| format!("{} = {}", quoted(key), inline(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

/// What stands at `path`, and the steps to it.
pub(super) fn at<'a>(written: &'a Written, path: &[String]) -> Option<&'a Written> {
    path.iter().try_fold(written, |written, step| match written {
        Written::Table(items) => items.iter().find(|item| item.key == *step).map(|item| &item.written),
        Written::Inline(_) | Written::Absent(_) => None,
    })
}
