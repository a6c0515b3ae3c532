//! Programs that the foreign router started: how each can be started without it. A text for people, never a secret in it:
//! of what the source gives to a program only the names are told.

use super::parts::{shell_word, visible};
use crate::config::source::SECRET_WORDS;
use crate::observe::shown;

/// A program in a worker of Crossbar's.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Program {
    /// Where it stands in the source.
    pub(super) path: String,
    /// The command and its arguments.
    pub(super) command: Vec<String>,
    /// The folder it runs in.
    pub(super) directory: Option<String>,
    /// The names of the environment variables that it is given.
    pub(super) variables: Vec<String>,
    /// What else there is to be known.
    pub(super) remarks: Vec<String>,
}

impl Program {
    /// A unit of systemd.
    pub(super) fn unit(&self) -> String {
        let mut unit = format!("# {}\n", self.path);
        for remark in &self.remarks {
            unit.push_str(&format!("# {remark}\n"));
        }
        let words: Vec<String> = self.command.iter().map(|word| unit_word(word)).collect();
        unit.push_str("[Unit]\nAfter=wharf.service\n[Service]\n");
        if let Some(directory) = &self.directory {
            unit.push_str(&format!("WorkingDirectory={}\n", shown(directory).replace('%', "%%")));
        }
        for name in &self.variables {
            unit.push_str(&format!("PassEnvironment={}\n", shown(name)));
        }
        unit.push_str(&format!(
            "ExecStart={}\nRestart=always\n[Install]\nWantedBy=multi-user.target\n",
            words.join(" ")
        ));
        unit
    }
}

/// The arguments of a program, with `***` in place of those that may be secrets.
pub(super) fn without_secrets(arguments: Vec<String>) -> Vec<String> {
    let mut is_secret = false;
    let veiled = |argument: String| {
        let lower = argument.to_lowercase();
        let named = SECRET_WORDS.iter().any(|word| lower.contains(word));
        if std::mem::replace(&mut is_secret, named && argument.starts_with('-') && !argument.contains('=')) {
            return "***".to_owned();
        }
        match argument.split_once('=').filter(|_| named) {
            Some((name, _)) => format!("{name}=***"),
            None => argument,
        }
    };
    arguments.into_iter().map(veiled).collect()
}

/// A word of a command in a unit, where percent signs and dollars mean something.
fn unit_word(text: &str) -> String {
    let text: String = text.chars().map(visible).collect();
    let quoted = if shell_word(&text) == text {
        text
    } else {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    };
    quoted.replace('%', "%%").replace('$', "$$")
}

/// The command that runs a session class of Autobahn|Python without Crossbar, if its name is one.
pub(super) fn component(class: &str, url: &str, realm: &str) -> Option<Vec<String>> {
    let lawful = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    let (module, name) = class.rsplit_once('.').filter(|_| class.chars().all(lawful))?;
    let fine = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && !"'\"\\@".contains(c));
    if !fine(url) || !fine(realm) {
        return None;
    }
    let script = format!(
        "from autobahn.twisted.wamp import ApplicationRunner; from {module} import {name}; ApplicationRunner('{url}', '{realm}').run({name}, auto_reconnect=True)"
    );
    Some(vec!["/usr/bin/python3".to_owned(), "-c".to_owned(), script])
}
