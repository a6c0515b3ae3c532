//! `wharf context`: named connections.

use super::client::connection::ConnectionArguments;
use super::client::contexts::{all, unknown, write, Context};
use super::client::failure::Failure;
use super::client::output::OutputArguments;
use super::client::work::written;
use super::Exit;
use crate::wamp::Value;
use clap::Subcommand;

#[derive(Subcommand, Debug)]
pub(super) enum ContextCommand {
    /// Keeps the connection that flags and variables describe; one of this name is replaced.
    Add(AddArguments),
    /// Lists all.
    Ls {
        #[command(flatten)]
        output: OutputArguments,
    },
    /// Chooses the one that holds where no other is named; - is the one before.
    Use {
        /// Its name.
        name: String,
    },
    /// Forgets one.
    Rm {
        /// Its name.
        name: String,
    },
}

#[derive(clap::Args, Debug)]
pub(super) struct AddArguments {
    /// Its name.
    name: String,
    #[command(flatten)]
    connection: Box<ConnectionArguments>,
}

/// Does one of the subcommands.
pub(super) fn context(command: ContextCommand) -> Exit {
    let output = if let ContextCommand::Ls { output } = &command { output.clone() } else { OutputArguments::default() };
    match output.check().and_then(|()| carry_out(command)) {
        Ok(()) => Exit::Done,
        Err(failure) => failure.tell(output.is_json()),
    }
}

fn carry_out(command: ContextCommand) -> Result<(), Failure> {
    let (path, mut contexts) = all()?;
    match command {
        ContextCommand::Add(AddArguments { name, connection }) => {
            if name.is_empty() || name == "-" {
                return Err(Failure::usage("expected a name other than -"));
            }
            contexts.contexts.insert(name, Context::of(&connection)?);
        }
        ContextCommand::Ls { output } => {
            let rows = contexts.contexts.iter().map(|(name, context)| {
                let text = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::from);
                Value::Dict(vec![
                    ("name".to_owned(), name.as_str().into()),
                    ("current".to_owned(), (contexts.current.as_ref() == Some(name)).into()),
                    ("url".to_owned(), text(&context.url)),
                    ("realm".to_owned(), text(&context.realm)),
                    ("authid".to_owned(), text(&context.authid)),
                ])
            });
            return written(output.value(Value::List(rows.collect())));
        }
        ContextCommand::Use { name } => {
            let name = if name == "-" {
                contexts.previous.clone().ok_or_else(|| Failure::usage("there was no context before this one"))?
            } else {
                name
            };
            if !contexts.contexts.contains_key(&name) {
                return Err(unknown(&name, &contexts));
            }
            if contexts.current.as_ref() != Some(&name) {
                contexts.previous = contexts.current.replace(name);
            }
        }
        ContextCommand::Rm { name } => {
            contexts.contexts.remove(&name).ok_or_else(|| unknown(&name, &contexts))?;
            for kept in [&mut contexts.current, &mut contexts.previous] {
                if kept.as_ref() == Some(&name) {
                    *kept = None;
                }
            }
        }
    }
    write(&path, &contexts)
}
