//! The command line: what is typed, and which room answers.
//!
//! One file per command. Results go to standard output, all else to standard error; every command ends with one of
//! [`Exit`]'s codes. No command but `serve` and `dev` starts an actor system.

mod apikey;
mod authz;
mod config;
mod import;
mod output;
mod secrets;
mod serve;
mod version;

use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;

/// How a command ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// Done.
    Done,
    /// Done, but what was asked for is not all there: notes tell what is missing.
    Noted,
    /// A fault of our own.
    Fault,
    /// Wrong usage, or errors in the configuration.
    Usage,
    /// What was asked about may not be done.
    NotAuthorized,
    /// As the router says.
    Router(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Noted | Exit::Fault => 1,
            Exit::Usage => 2,
            Exit::NotAuthorized => 5,
            Exit::Router(code) => code,
        })
    }
}

/// A WAMP router. Without a command: `wharf serve`.
#[derive(Parser, Debug)]
#[command(name = "wharf", version, disable_help_subcommand = true, propagate_version = false)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Starts the router with the file that is found, else in dev mode.
    Serve(serve::ServeArguments),
    /// Starts the router in dev mode, whatever files are there.
    Dev(serve::DevArguments),
    /// Writes, checks and shows configurations.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Tells what roles may do, and why.
    #[command(subcommand)]
    Authz(authz::AuthzCommand),
    /// Makes what is kept in place of a secret, which is read from standard input.
    #[command(subcommand)]
    HashSecret(secrets::HashCommand),
    /// Makes a key pair for cryptosign.
    Keygen(secrets::KeyArguments),
    /// Makes API keys.
    #[command(subcommand, name = "apikey")]
    ApiKey(apikey::ApiKeyCommand),
    /// Prints the version.
    Version(version::VersionArguments),
}

/// Does what `arguments`, the program's name first, ask for.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(refused) => {
            // Help and version too come this way. A closed standard output is no fault of ours.
            return match (refused.print(), refused.use_stderr()) {
                (_, true) => Exit::Usage,
                (_, false) => Exit::Done,
            };
        }
    };
    match arguments.command {
        None => serve::serve(serve::ServeArguments::default()),
        Some(Command::Serve(arguments)) => serve::serve(arguments),
        Some(Command::Dev(arguments)) => serve::dev(&arguments),
        Some(Command::Config(command)) => config::config(command),
        Some(Command::Authz(command)) => authz::authz(command),
        Some(Command::HashSecret(command)) => secrets::hash(&command),
        Some(Command::Keygen(arguments)) => secrets::keygen(&arguments),
        Some(Command::ApiKey(command)) => apikey::apikey(&command),
        Some(Command::Version(arguments)) => version::version(&arguments),
    }
}
