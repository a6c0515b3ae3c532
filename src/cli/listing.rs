//! What lists have in common: `--filter`, `--sort` and `--watch`.
//!
//! Whoever watches asks again and again. On a terminal the whole is painted anew; a pipe gets one line of JSON for each thing
//! that has changed, and nothing when nothing has.

use super::client::failure::Failure;
use super::client::output::{compact, OutputArguments};
use super::client::template::Path;
use super::client::time;
use super::client::work::written;
use super::output::is_unread;
use super::Exit;
use crate::client::Session;
use crate::wamp::{Dict, Value};
use clap::Args;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::Duration;

/// Of a list.
#[derive(Args, Clone, Debug)]
pub(super) struct ListArguments {
    /// Only those that have this: as in authid=joe. May be given more than once.
    #[arg(long, value_name = "KEY=VALUE")]
    filter: Vec<Filter>,
    /// In order of this, as in authrole.
    #[arg(long, value_name = "KEY")]
    sort: Option<Path>,
    #[command(flatten)]
    watching: WatchArguments,
}

/// Of what can be looked at again and again.
#[derive(Args, Clone, Debug)]
pub(super) struct WatchArguments {
    /// Goes on until it is stopped: a terminal shows how it is, a pipe gets a line of JSON for each change.
    #[arg(long)]
    watch: bool,
    /// How long it waits before it looks again.
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "2s", requires = "watch")]
    every: Duration,
}

/// `KEY=VALUE`.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Filter {
    path: Path,
    value: String,
}

impl std::str::FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (path, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
        Ok(Self { path: path.parse()?, value: value.to_owned() })
    }
}

/// What a list has of one thing.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Row {
    /// The columns.
    pub(super) shown: Value,
    /// All that is known, for filters and the order.
    pub(super) whole: Value,
}

impl From<Value> for Row {
    fn from(shown: Value) -> Self {
        Self { shown, whole: Value::Null }
    }
}

impl Row {
    fn at(&self, path: &Path) -> Option<&Value> {
        path.of(&self.shown).or_else(|| path.of(&self.whole))
    }
}

/// What is listed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Of {
    /// Things that come, change and go; by this key each is itself.
    Things(&'static str),
    /// Entries with a number, the newest first, that never change.
    Entries(&'static str),
}

impl ListArguments {
    /// Lists once, or again and again.
    ///
    /// # Errors
    /// [`Failure`] of asking or writing, or a key that no row has.
    pub(super) async fn list<F>(
        &self,
        output: &OutputArguments,
        of: Of,
        session: &mut Session,
        mut ask: F,
    ) -> Result<(), Failure>
    where
        F: AsyncFnMut(&mut Session) -> Result<Vec<Row>, Failure>,
    {
        if !self.watching.watch {
            let rows = self.chosen(ask(session).await?)?;
            return written(output.value(Value::List(rows)));
        }
        let mut seen = Seen::default();
        loop {
            let rows = self.chosen(ask(session).await?)?;
            if output.is_for_eyes() {
                written(output.repaint(Value::List(rows)))?;
            } else {
                for line in seen.look(of, rows) {
                    written(output.line(line))?;
                }
            }
            pause(session, self.watching.every).await?;
        }
    }

    /// Those that fit, in order.
    fn chosen(&self, mut rows: Vec<Row>) -> Result<Vec<Value>, Failure> {
        if let Some(key) = self.sort.as_ref().filter(|_| !rows.is_empty()) {
            if rows.iter().all(|row| row.at(key).is_none()) {
                let known = rows.first().and_then(|row| row.shown.as_dict()).unwrap_or_default();
                let names: Vec<_> = known.iter().map(|(name, _)| crate::observe::shown(name)).collect();
                return Err(Failure::Usage(format!(
                    "--sort: nothing has `{}`; there are: {}",
                    crate::observe::shown(&key.to_string()),
                    names.join(", ")
                )));
            }
            rows.sort_by(|a, b| order(a.at(key), b.at(key)));
        }
        let fits = |row: &Row| {
            self.filter.iter().all(|filter| row.at(&filter.path).is_some_and(|given| text(given) == filter.value))
        };
        Ok(rows.into_iter().filter(fits).map(|row| row.shown).collect())
    }
}

/// Waits; what the router says meanwhile is heard, so that it does not take the connection for dead.
///
/// # Errors
/// [`Failure`]: the connection is gone, or whoever reads what is written.
pub(super) async fn pause(session: &mut Session, time: Duration) -> Result<(), Failure> {
    let hearing = async {
        loop {
            if let Err(broken) = session.receive().await {
                return Failure::from(broken);
            }
        }
    };
    match tokio::time::timeout(time, hearing).await {
        Ok(failure) => Err(failure),
        Err(_) if is_unread() => Err(Failure::Said(Exit::Unread)),
        Err(_) => Ok(()),
    }
}

/// What has nothing there first, then numbers in their order, then texts in theirs.
fn order(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    let (Some(one), Some(other)) = (a, b) else { return a.is_some().cmp(&b.is_some()) };
    match (number(one), number(other)) {
        (Some(one), Some(other)) => one.total_cmp(&other),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => text(one).cmp(&text(other)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "ids are exact, and of larger numbers the order is enough")]
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Unsigned(number) => Some(*number as f64),
        Value::Negative(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        Value::Null | Value::Bool(_) | Value::Text(_) | Value::Bytes(_) | Value::List(_) | Value::Dict(_) => None,
    }
}

/// A value as it is compared with what is typed.
pub(super) fn text(value: &Value) -> String {
    if let Value::Text(text) = value {
        text.clone()
    } else {
        compact(value)
    }
}

/// What was there when it was last looked at.
#[derive(Default, Debug)]
struct Seen {
    by_key: BTreeMap<String, Value>,
    last: u64,
}

impl Seen {
    /// A line for each change.
    fn look(&mut self, of: Of, rows: Vec<Value>) -> Vec<Value> {
        match of {
            Of::Entries(key) => self.entries(key, rows),
            Of::Things(key) => self.things(key, rows),
        }
    }

    fn entries(&mut self, key: &str, rows: Vec<Value>) -> Vec<Value> {
        let number = |row: &Value| match row.get(key) {
            Some(Value::Unsigned(number)) => *number,
            Some(_) | None => 0,
        };
        let mut new: Vec<Value> = rows.into_iter().filter(|row| number(row) > self.last).collect();
        new.sort_by_key(number);
        self.last = new.last().map_or(self.last, number);
        new
    }

    fn things(&mut self, key: &str, rows: Vec<Value>) -> Vec<Value> {
        let mut former = std::mem::take(&mut self.by_key);
        let mut lines = Vec::new();
        for row in rows {
            let name = row.get(key).map(compact).unwrap_or_default();
            match former.remove(&name) {
                None => lines.push(change("new", row.clone())),
                Some(same) if same == row => {}
                Some(_) => lines.push(change("changed", row.clone())),
            }
            self.by_key.insert(name, row);
        }
        lines.extend(former.into_values().map(|row| change("gone", row)));
        lines
    }
}

fn change(what: &str, row: Value) -> Value {
    let mut line: Dict = vec![("change".to_owned(), what.into())];
    if let Value::Dict(members) = row {
        line.extend(members);
    } else {
        line.push(("value".to_owned(), row));
    }
    Value::Dict(line)
}

#[cfg(test)]
mod tests {
    use super::super::client::arguments::json;
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        list: ListArguments,
    }

    fn typed(arguments: &[&str]) -> ListArguments {
        Typed::parse_from([&["wharf"], arguments].concat()).list
    }

    fn rows(text: &str) -> Vec<Row> {
        let Ok(Value::List(rows)) = json(text) else { panic!("{text}") };
        rows.into_iter().map(Row::from).collect()
    }

    fn chosen(arguments: &[&str], text: &str) -> String {
        compact(&Value::List(typed(arguments).chosen(rows(text)).unwrap()))
    }

    #[test]
    fn a_filter_keeps_what_has_all_of_its_values_at_any_depth() {
        let text = r#"[{"a":1,"b":{"c":"x"}},{"a":2,"b":{"c":"x"}},{"a":2}]"#;
        assert_eq!(chosen(&["--filter", "a=2"], text), r#"[{"a":2,"b":{"c":"x"}},{"a":2}]"#);
        assert_eq!(chosen(&["--filter", "a=2", "--filter", "b.c=x"], text), r#"[{"a":2,"b":{"c":"x"}}]"#);
        assert_eq!(chosen(&["--filter", "none=2"], text), "[]");
        assert!("no value".parse::<Filter>().is_err());
    }

    #[test]
    fn numbers_are_sorted_as_numbers_and_a_key_that_nothing_has_is_told() {
        let text = r#"[{"n":10},{"n":9},{"n":-1},{"n":"x"},{}]"#;
        assert_eq!(chosen(&["--sort", "n"], text), r#"[{},{"n":-1},{"n":9},{"n":10},{"n":"x"}]"#);
        let told = typed(&["--sort", "m"]).chosen(rows(text)).unwrap_err().text(false).unwrap();
        assert_eq!(told, "error: --sort: nothing has `m`; there are: n");
        assert_eq!(chosen(&["--sort", "m"], "[]"), "[]");
    }

    #[test]
    fn who_watches_is_told_what_is_new_what_has_changed_and_what_is_gone() {
        let mut seen = Seen::default();
        let mut look = |text: &str| {
            let rows = rows(text).into_iter().map(|row| row.shown).collect();
            compact(&Value::List(seen.look(Of::Things("id"), rows)))
        };
        assert_eq!(
            look(r#"[{"id":1,"n":1},{"id":2,"n":1}]"#),
            r#"[{"change":"new","id":1,"n":1},{"change":"new","id":2,"n":1}]"#
        );
        assert_eq!(look(r#"[{"id":1,"n":1},{"id":2,"n":1}]"#), "[]");
        assert_eq!(
            look(r#"[{"id":1,"n":2}]"#),
            r#"[{"change":"changed","id":1,"n":2},{"change":"gone","id":2,"n":1}]"#
        );
    }

    #[test]
    fn entries_are_told_once_in_the_order_of_their_numbers() {
        let mut seen = Seen::default();
        let mut look = |text: &str| {
            let rows = rows(text).into_iter().map(|row| row.shown).collect();
            compact(&Value::List(seen.look(Of::Entries("number"), rows)))
        };
        assert_eq!(look(r#"[{"number":2},{"number":1}]"#), r#"[{"number":1},{"number":2}]"#);
        assert_eq!(look(r#"[{"number":3},{"number":2}]"#), r#"[{"number":3}]"#);
        assert_eq!(look("[]"), "[]");
    }
}
