//! Names that are made up: of tables, and of the environment variables that secrets are looked for in.

use std::collections::{BTreeMap, BTreeSet};
use zeroize::Zeroizing;

/// The longest name of a table that is made up.
const NAME_MAX: usize = 40;

/// Names of one kind of tables. No two are equal in the form that environment variables compare.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// A name like `wish`, of letters, digits, `_` and `-`; `fallback` if nothing of it is left.
    pub(super) fn make(&mut self, wish: &str, fallback: &str) -> String {
        let stem = words(wish, '-', NAME_MAX);
        let stem = if stem.is_empty() { fallback.to_owned() } else { stem };
        let mut name = stem.clone();
        let mut number = 2_u32;
        while !self.0.insert(form(&name)) {
            name = format!("{stem}-{number}");
            number += 1;
        }
        name
    }
}

impl Names {
    /// Whether `name` can be taken as it is.
    pub(super) fn take(&mut self, name: &str) -> bool {
        name.len() <= NAME_MAX && words(name, '_', NAME_MAX) == name && self.0.insert(form(name))
    }
}

/// A name as environment variables compare it.
fn form(name: &str) -> String {
    name.to_lowercase().replace('-', "_")
}

/// The variables of secrets that the source writes out. One secret of one user has one variable, wherever it is needed.
#[derive(Default)]
pub(super) struct Variables(BTreeMap<String, Zeroizing<String>>);

impl Variables {
    /// The variable for `secret`, named after the user and its kind (`TICKET`, `SECRET`, `KEY`, `VERIFIER`).
    pub(super) fn make(&mut self, authid: &str, kind: &str, secret: &str) -> String {
        let user = words(authid, '_', NAME_MAX).to_uppercase().replace('-', "_");
        let user = words(&user, '_', NAME_MAX);
        // WHARF_ and WHARF__ mean something to the program itself, and no shell takes a digit in front.
        let fine = user.starts_with(|first: char| first.is_ascii_alphabetic()) && !user.starts_with("WHARF");
        let stem = if fine { format!("{user}_{kind}") } else { format!("USER_{user}_{kind}").replace("__", "_") };
        let mut name = stem.clone();
        let mut number = 2_u32;
        while **self.0.entry(name.clone()).or_insert_with(|| Zeroizing::new(secret.to_owned())) != secret {
            name = format!("{stem}_{number}");
            number += 1;
        }
        name
    }
}

/// The runs of ASCII letters, digits, `-` and `_` in `text`, joined by `between`; at most `max` octets.
fn words(text: &str, between: char, max: usize) -> String {
    let lawful = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let mut joined = String::new();
    for word in text.split(|c| !lawful(c)).flat_map(|run| run.split(['_'])).filter(|word| !word.is_empty()) {
        if !joined.is_empty() {
            joined.push(between);
        }
        joined.push_str(word);
    }
    joined.truncate(max);
    joined.trim_matches(['-', '_']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tables_differ_in_the_form_of_the_environment() {
        let mut names = Names::default();
        let made = ["Web", "web", "ws/path one", "", "é", "a_b", "A-B"].map(|wish| names.make(wish, "listener"));
        assert_eq!(made, ["Web", "web-2", "ws-path-one", "listener", "listener-2", "a-b", "A-B-2"]);
    }

    #[test]
    fn a_secret_has_one_variable_and_no_variable_means_something_to_the_program() {
        let mut variables = Variables::default();
        assert_eq!(variables.make("joe@example.com", "TICKET", "a"), "JOE_EXAMPLE_COM_TICKET");
        assert_eq!(variables.make("joe@example.com", "TICKET", "a"), "JOE_EXAMPLE_COM_TICKET");
        assert_eq!(variables.make("joe-example_com", "TICKET", "b"), "JOE_EXAMPLE_COM_TICKET_2");
        assert_eq!(variables.make("wharf_", "TICKET", "c"), "USER_WHARF_TICKET");
        assert_eq!(variables.make("7", "KEY", "d"), "USER_7_KEY");
        assert_eq!(variables.make("", "KEY", "d"), "USER_KEY");
    }
}
