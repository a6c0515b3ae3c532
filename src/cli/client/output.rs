//! How results are written: for eyes on a terminal, as JSON into a pipe.

use super::failure::Failure;
use super::template::Template;
use super::times::local;
use crate::cli::output::{octets, result};
use crate::cli::Exit;
use crate::codec::{payload_args, payload_kwargs};
use crate::wamp::{Dict, Payload, Value};
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use std::io::{self, IsTerminal};

/// Cells of tables are cut at so many characters.
const CELL_MAX: usize = 60;

/// How results are written.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::cli) enum Form {
    /// For eyes on a terminal; else one JSON document, or one line for each event or item.
    #[default]
    Auto,
    /// JSON, whole: results as {"args", "kwargs"}.
    Json,
    /// One line of JSON for each result, event or item.
    Jsonl,
    /// Columns.
    Table,
    /// The only positional value, without quotes.
    Raw,
    /// As --template says.
    Template,
}

/// What clears a terminal, and goes to its first place.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

/// Said by every command of the client.
#[derive(Args, Clone, Debug, Default)]
pub(in crate::cli) struct OutputArguments {
    /// How results are written.
    #[arg(short, long, value_enum, value_name = "FORM", default_value = "auto")]
    output: Form,
    /// A text for each result, event or row, with {{PATH}} for what is in it, as in '{{args.0}}'; for -o template.
    #[arg(long, value_name = "TEXT", required_if_eq("output", "template"))]
    template: Option<Template>,
    /// Shows the times of tables in UTC, not in the zone of this machine.
    #[arg(long)]
    utc: bool,
}

impl OutputArguments {
    /// Whether failures are written as JSON.
    pub(in crate::cli) fn is_json(&self) -> bool {
        matches!(self.output, Form::Json | Form::Jsonl)
    }

    /// Whether a list is written as columns.
    pub(in crate::cli) fn is_for_eyes(&self) -> bool {
        self.output == Form::Table || self.output == Form::Auto && io::stdout().is_terminal()
    }

    /// Whether there is a template.
    pub(in crate::cli) fn has_template(&self) -> bool {
        self.template.is_some()
    }

    /// A template for a form that has none is a slip.
    ///
    /// # Errors
    /// [`Failure::Usage`].
    pub(in crate::cli) fn check(&self) -> Result<(), Failure> {
        if self.template.is_some() && self.output != Form::Template {
            return Err(Failure::usage("--template: expected -o template with it"));
        }
        Ok(())
    }

    /// By the template; there is one where the form is this.
    fn filled(&self, value: &Value) -> Vec<u8> {
        let eyes = io::stdout().is_terminal();
        self.template.as_ref().map(|template| template.filled(value, eyes)).unwrap_or_default()
    }

    /// Writes the result of a call.
    pub(in crate::cli) fn payload(&self, payload: &Payload) -> Exit {
        let (args, kwargs) = parts(payload);
        match self.output {
            Form::Template => octets(&self.filled(&whole(args, kwargs))),
            Form::Json | Form::Jsonl => result(&format!("{}\n", compact(&whole(args, kwargs)))),
            Form::Raw => octets(&raw(only(args, kwargs))),
            Form::Auto if !io::stdout().is_terminal() => result(&format!("{}\n", compact(&only(args, kwargs)))),
            Form::Auto => result(&format!("{}\n", pretty(&only(args, kwargs)))),
            Form::Table => result(&table(only(args, kwargs))),
        }
    }

    /// Writes one event or partial result, below `head`: what it is about.
    pub(in crate::cli) fn item(&self, name: &str, more: Dict, payload: &Payload) -> Exit {
        let (args, kwargs) = parts(payload);
        match self.output {
            Form::Raw => octets(&raw(only(args, kwargs))),
            Form::Auto | Form::Table if self.output == Form::Table || io::stdout().is_terminal() => {
                let details =
                    if more.is_empty() { String::new() } else { format!("  {}", compact_for_eyes(&Value::Dict(more))) };
                let name = crate::observe::shown(name);
                result(&format!("{name}  {}{details}\n", compact_for_eyes(&only(args, kwargs))))
            }
            Form::Auto | Form::Json | Form::Jsonl | Form::Table | Form::Template => {
                let mut members = vec![("topic".to_owned(), Value::from(name))];
                members.extend([("args".to_owned(), Value::List(args)), ("kwargs".to_owned(), Value::Dict(kwargs))]);
                members.extend(more);
                self.line(Value::Dict(members))
            }
        }
    }

    /// Writes one line: JSON, or what the template says.
    pub(in crate::cli) fn line(&self, value: Value) -> Exit {
        if self.output == Form::Template {
            return octets(&self.filled(&value));
        }
        result(&format!("{}\n", compact(&value)))
    }

    /// Writes a table in place of the one before, or behind it where there is no terminal.
    pub(in crate::cli) fn repaint(&self, value: Value) -> Exit {
        let table = self.table(value);
        result(&if io::stdout().is_terminal() { format!("{CLEAR}{table}") } else { format!("{table}\n") })
    }

    /// What a router or node has told, for eyes.
    fn table(&self, value: Value) -> String {
        table(if self.utc { value } else { local(value, &TimeZone::system()) })
    }

    /// Writes a list of dicts, or one dict.
    pub(in crate::cli) fn value(&self, value: Value) -> Exit {
        match (self.output, value) {
            (Form::Auto, value) if io::stdout().is_terminal() => result(&self.table(value)),
            (Form::Table, value) => result(&self.table(value)),
            (Form::Jsonl, Value::List(items)) => {
                result(&items.iter().map(|item| compact(item) + "\n").collect::<String>())
            }
            (Form::Raw, value) => octets(&raw(value)),
            (Form::Template, Value::List(items)) => {
                octets(&items.iter().flat_map(|item| self.filled(item)).collect::<Vec<_>>())
            }
            (Form::Template, value) => octets(&self.filled(&value)),
            (Form::Auto | Form::Json | Form::Jsonl, value) => result(&format!("{}\n", compact(&value))),
        }
    }
}

/// Arguments and ArgumentsKw as values. Dicts with keys that are no texts have no form here.
fn parts(payload: &Payload) -> (Vec<Value>, Dict) {
    let args = payload_args(payload).unwrap_or_else(|fault| vec![Value::Text(format!("(not shown: {fault})"))]);
    (args, payload_kwargs(payload).unwrap_or_default())
}

fn whole(args: Vec<Value>, kwargs: Dict) -> Value {
    Value::Dict(vec![("args".to_owned(), Value::List(args)), ("kwargs".to_owned(), Value::Dict(kwargs))])
}

/// The only positional value, a list of several, and both parts where there are keywords.
fn only(mut args: Vec<Value>, kwargs: Dict) -> Value {
    if !kwargs.is_empty() {
        return whole(args, kwargs);
    }
    match args.len() {
        0 => Value::Null,
        1 => args.remove(0),
        _ => Value::List(args),
    }
}

fn raw(value: Value) -> Vec<u8> {
    if let Value::Bytes(bytes) = value {
        return bytes;
    }
    let text = value.as_text().map_or_else(|| compact(&value), str::to_owned);
    (text + "\n").into_bytes()
}

/// JSON on one line; octets as WAMP writes them, U+0000 and Base64.
pub(in crate::cli) fn compact(value: &Value) -> String {
    // A String takes everything, and our own form of values refuses nothing.
    serde_json::to_string(&Shown { value, eyes: false }).unwrap_or_default()
}

fn compact_for_eyes(value: &Value) -> String {
    visible(&serde_json::to_string(&Shown { value, eyes: true }).unwrap_or_default())
}

/// JSON on many lines, for eyes: octets as `base64:...`.
fn pretty(value: &Value) -> String {
    visible(&serde_json::to_string_pretty(&Shown { value, eyes: true }).unwrap_or_default())
}

/// JSON escapes the controls of ASCII; those of Unicode could still move a terminal's cursor.
pub(super) fn visible(text: &str) -> String {
    let hides = |c: char| {
        c != '\n'
            && (c.is_control()
                || matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
    };
    if !text.chars().any(hides) {
        return text.to_owned();
    }
    text.chars().map(|c| if hides(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() }).collect()
}

/// A value as serde sees it: keys in their order.
struct Shown<'a> {
    value: &'a Value,
    eyes: bool,
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let eyes = self.eyes;
        match self.value {
            Value::Null => to.serialize_unit(),
            Value::Bool(truth) => to.serialize_bool(*truth),
            Value::Unsigned(number) => to.serialize_u64(*number),
            Value::Negative(number) => to.serialize_i64(*number),
            Value::Float(number) => to.serialize_f64(*number),
            Value::Text(text) => to.serialize_str(text),
            Value::Bytes(bytes) => {
                let mark = if eyes { "base64:" } else { "\0" };
                to.serialize_str(&format!("{mark}{}", STANDARD.encode(bytes)))
            }
            Value::List(items) => {
                let mut list = to.serialize_seq(Some(items.len()))?;
                for value in items {
                    list.serialize_element(&Shown { value, eyes })?;
                }
                list.end()
            }
            Value::Dict(entries) => {
                let mut map = to.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, &Shown { value, eyes })?;
                }
                map.end()
            }
        }
    }
}

/// A list of dicts as columns, a dict as rows of name and value, and anything else as JSON.
pub(in crate::cli) fn table(value: Value) -> String {
    if let Value::Dict(entries) = value {
        return lines(entries.iter().map(|(key, value)| vec![visible(key), cell(value)]).collect());
    }
    let Value::List(items) = value else { return format!("{}\n", pretty(&value)) };
    if items.iter().any(|item| item.as_dict().is_none()) {
        return items.iter().map(|item| cell(item) + "\n").collect();
    }
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in items.iter().filter_map(Value::as_dict).flatten() {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let mut rows = vec![names.iter().map(|name| visible(name).to_uppercase()).collect()];
    rows.extend(
        items
            .iter()
            .map(|item| names.iter().map(|name| item.get(name).map_or(String::new(), cell)).collect::<Vec<_>>()),
    );
    if names.is_empty() {
        String::new()
    } else {
        lines(rows)
    }
}

fn cell(value: &Value) -> String {
    let text = match value.as_text() {
        Some(text) => text.chars().flat_map(char::escape_debug).collect(),
        None if *value == Value::Null => String::new(),
        None => compact_for_eyes(value),
    };
    if text.chars().count() <= CELL_MAX {
        return text;
    }
    text.chars().take(CELL_MAX - 3).chain("...".chars()).collect()
}

fn lines(rows: Vec<Vec<String>>) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dict(entries: &[(&str, Value)]) -> Value {
        Value::Dict(entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
    }

    #[test]
    fn a_result_is_its_only_value_a_list_of_several_or_both_parts() {
        assert_eq!(compact(&only(vec![], vec![])), "null");
        assert_eq!(compact(&only(vec![5_u64.into()], vec![])), "5");
        assert_eq!(compact(&only(vec![5_u64.into(), 6_u64.into()], vec![])), "[5,6]");
        let kwargs = vec![("b".to_owned(), 1_u64.into()), ("a".to_owned(), 2_u64.into())];
        assert_eq!(compact(&only(vec![5_u64.into()], kwargs)), r#"{"args":[5],"kwargs":{"b":1,"a":2}}"#);
    }

    #[test]
    fn octets_are_written_as_wamp_does_for_programs_and_marked_for_eyes() {
        let bytes = Value::Bytes(vec![0, 1]);
        assert_eq!(compact(&bytes), r#""\u0000AAE=""#);
        assert_eq!(pretty(&bytes), r#""base64:AAE=""#);
        assert_eq!(raw(bytes), [0, 1]);
        assert_eq!(raw("a \"b\"".into()), b"a \"b\"\n");
    }

    #[test]
    fn what_a_peer_sends_moves_no_cursor() {
        assert_eq!(pretty(&"\u{1b}[2J\u{9b}2J\u{202e}".into()), "\"\\u001b[2J\\u009b2J\\u202e\"");
        assert_eq!(cell(&"\u{1b}[2J\n".into()), "\\u{1b}[2J\\n");
    }

    #[test]
    fn a_list_of_dicts_is_columns_and_a_dict_is_rows() {
        let list = Value::List(vec![
            dict(&[("id", 7_u64.into()), ("name", "a".into())]),
            dict(&[("id", 12345_u64.into()), ("role", "b".into())]),
        ]);
        assert_eq!(table(list), "ID     NAME  ROLE\n7      a\n12345        b\n");
        assert_eq!(table(dict(&[("long_name", 1_u64.into()), ("a", Value::Null)])), "long_name  1\na\n");
        assert_eq!(cell(&"x".repeat(100).into()).len(), CELL_MAX);
    }
}
