//! `wharf config import`: the configuration of another router, as far as there is one like it here.
//!
//! Text in, TOML and notes out; nothing is opened and nothing is started. What comes out passes the check of configurations
//! once the secrets that it names are set and the files of its certificates are there.
//!
//! ```text
//! text -> tree (source.rs: what is not taken is listed) -> draft (draft.rs: checked, and taken back where unlawful) -> TOML
//!            crossbar/, nexus.rs, xconn.rs know the foreign keys            notes.rs: what was not, with place and advice
//! ```

mod advice;
mod crossbar;
mod draft;
mod names;
mod nexus;
mod notes;
mod parts;
mod permissions;
mod programs;
mod source;
mod xconn;

pub use notes::Note;

use super::error::{Code, ConfigErrors, Problem, Severity};
use super::source::Sources;
use super::tree::Place;
use super::{lookup, LoadOptions};
use notes::Notes;
use source::At;
use std::path::Path;

/// The routers whose configuration is understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Foreign {
    /// Crossbar.io, version 2 of its configuration: JSON or YAML.
    Crossbar,
    /// `nexusd`: JSON.
    Nexus,
    /// `nxt` of xconn: YAML.
    Xconn,
}

/// What an import gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Imported {
    /// The configuration.
    pub toml: String,
    /// What is different from the source, in the order of its lines; empty if nothing is.
    pub notes: Vec<Note>,
    /// For each program that the foreign router started: how it can be started without it.
    pub programs: Vec<String>,
}

/// The draft is refused for something that nothing in the source is to blame for.
#[derive(Debug)]
struct Unlawful(String);

/// Reads a file and translates it.
///
/// # Errors
/// One error, with its place where there is one: the file cannot be read, or is no configuration of that router.
pub fn import_file(foreign: Foreign, path: &Path) -> Result<Imported, ConfigErrors> {
    match lookup::read(&LoadOptions::bare(), path) {
        Ok(text) => import(foreign, path, text),
        Err(error) => {
            let message = format!("{} cannot be read", path.display());
            Err(failed(Code::Unreadable, message, error.to_string(), None))
        }
    }
}

/// Translates `text`, which was read from `path`. The extension of `path` says what it is written in.
///
/// # Errors
/// As [`import_file`].
pub fn import(foreign: Foreign, path: &Path, text: String) -> Result<Imported, ConfigErrors> {
    let mut notes = Notes::default();
    let node = match source::parse(path, &text) {
        Ok(node) => node,
        Err((format, error)) => {
            let message = format!("this is not {}: {}", format.name(), error.message);
            return Err(failed(Code::Syntax, message, error.hint, Some((path, text, error.place))));
        }
    };
    let root = At::root(&node);
    let (translated, programs) = match foreign {
        Foreign::Crossbar => crossbar::translate(&root, &mut notes),
        Foreign::Nexus => (nexus::translate(&root, &mut notes), Vec::new()),
        Foreign::Xconn => (xconn::translate(&root, &mut notes), Vec::new()),
    };
    let Some(draft) = translated else {
        let (message, hint) = foreign.is_not();
        let place = Place::new(0, 0, 0);
        return Err(failed(Code::WrongType, message.to_owned(), hint.to_owned(), Some((path, text, place))));
    };
    let toml = draft.finish(foreign.head(), &mut notes).map_err(|Unlawful(why)| {
        failed(Code::WrongType, "this import went wrong, which is a fault of wharf".to_owned(), why, None)
    })?;
    Ok(Imported { toml, notes: notes.sorted(&text), programs })
}

impl Foreign {
    /// What is said of a file that is something else.
    fn is_not(self) -> (&'static str, &'static str) {
        match self {
            Self::Crossbar => ("this is no configuration of Crossbar", "expected a table with `workers`"),
            Self::Nexus => ("this is no configuration of nexusd", "expected a table with `router`"),
            Self::Xconn => ("this is no configuration of nxt", "expected a table with `realms` or `transports`"),
        }
    }

    /// What the written file begins with.
    fn head(self) -> &'static str {
        match self {
            Self::Crossbar => {
                "# Made by `wharf config import crossbar`. What could not be taken over was told beside it.\n"
            }
            Self::Nexus => "# Made by `wharf config import nexus`. What could not be taken over was told beside it.\n",
            Self::Xconn => "# Made by `wharf config import xconn`. What could not be taken over was told beside it.\n",
        }
    }
}

/// One error, in the form of all errors of configurations.
fn failed(code: Code, message: String, hint: String, at: Option<(&Path, String, Place)>) -> ConfigErrors {
    let mut sources = Sources::default();
    let location = at.and_then(|(path, text, place)| {
        let number = sources.add_file(path.display().to_string(), text);
        sources.mark_broken(number);
        sources.locate(place)
    });
    let problem = Problem { code, severity: Severity::Error, message, location, path: String::new(), hint };
    ConfigErrors { problems: vec![problem] }
}
