//! The command line: what is typed, and which room answers.
//!
//! One file per command. Results go to standard output, all else to standard error; every command ends with one of
//! [`Exit`]'s codes. No command but `serve` and `dev` starts an actor system.

mod admin;
mod apikey;
mod authz;
mod bench;
mod call;
mod check;
mod client;
mod config;
mod context;
mod errors;
mod import;
mod listing;
mod meta;
mod output;
mod pages;
mod publish;
mod register;
mod secrets;
mod serve;
mod subscribe;
mod token;
mod top;
mod version;
mod webhook;

use clap::{CommandFactory, Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;

/// How a command ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// Done.
    Done,
    /// Done, as far as anybody wants to read it: the other end of standard output is gone.
    Unread,
    /// Done, but what was asked for is not all there: notes tell what is missing.
    Noted,
    /// A fault of our own.
    Fault,
    /// Wrong usage, or errors in the configuration.
    Usage,
    /// What was asked about may not be done.
    NotAuthorized,
    /// No router can be reached, or no longer.
    Unreachable,
    /// Nobody is let in.
    Authentication,
    /// Another error of WAMP.
    Wamp,
    /// It took too long.
    Timeout,
    /// A signal.
    Interrupted,
    /// As the router says.
    Router(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done | Exit::Unread => 0,
            Exit::Noted | Exit::Fault => 1,
            Exit::Usage => 2,
            Exit::Unreachable => 3,
            Exit::Authentication => 4,
            Exit::NotAuthorized => 5,
            Exit::Wamp => 6,
            Exit::Timeout => 7,
            Exit::Interrupted => 130,
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
    /// Makes, lists and revokes API keys.
    #[command(subcommand, name = "apikey")]
    ApiKey(Box<apikey::ApiKeyCommand>),
    /// Makes JSON Web Tokens for tests.
    #[command(subcommand)]
    Token(Box<token::TokenCommand>),
    /// Calls a procedure, and prints the result.
    Call(Box<call::CallArguments>),
    /// Publishes an event.
    Publish(Box<publish::PublishArguments>),
    /// Prints events until it is stopped.
    Subscribe(Box<subscribe::SubscribeArguments>),
    /// Registers a procedure, and answers calls until it is stopped.
    Register(Box<register::RegisterArguments>),
    /// Lists, shows and ends the sessions of a realm.
    #[command(subcommand)]
    Session(Box<meta::SessionCommand>),
    /// Lists and shows the procedures of a realm.
    #[command(subcommand)]
    Procedure(Box<meta::ListCommand>),
    /// Lists and shows the topics of a realm that are subscribed to.
    #[command(subcommand)]
    Topic(Box<meta::ListCommand>),
    /// Lists, shows, makes and removes the realms of a running node.
    #[command(subcommand)]
    Realm(Box<admin::RealmCommand>),
    /// Has a running node read its configuration again.
    Reload(Box<admin::AdminArguments>),
    /// Lists the last requests in a realm of a running node that were not permitted.
    Denials(Box<admin::DenialsArguments>),
    /// Has the log of a running node tell more, or less.
    LogLevel(Box<admin::LogLevelArguments>),
    /// Has a running node say goodbye to all, and end.
    Drain(Box<admin::DrainArguments>),
    /// Shows what a running node does, again and again.
    Top(Box<top::TopArguments>),
    /// Lists, tests and switches webhooks of a running node that go out, and sends again what was given up.
    #[command(subcommand)]
    Webhook(Box<webhook::WebhookCommand>),
    /// Puts load on a router, and measures.
    #[command(subcommand)]
    Bench(Box<bench::BenchCommand>),
    /// Probes a router for monitoring: ends with 0 if it is fine, 1 for a warning, 2 if it is critical, 3 if that is not known.
    #[command(subcommand)]
    Check(Box<check::CheckCommand>),
    /// Keeps named connections.
    #[command(subcommand)]
    Context(Box<context::ContextCommand>),
    /// Says what an error means, and what helps.
    #[command(subcommand)]
    Errors(errors::ErrorsCommand),
    /// Prints short examples.
    Cheat(pages::CheatArguments),
    /// Prints the completions of a shell.
    Completions(pages::CompletionsArguments),
    /// Prints the manual page, or writes one for each command.
    Man(pages::ManArguments),
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
        Some(Command::Token(command)) => token::token(&command),
        Some(Command::Call(arguments)) => call::call(&arguments),
        Some(Command::Publish(arguments)) => publish::publish(&arguments),
        Some(Command::Subscribe(arguments)) => subscribe::subscribe(&arguments),
        Some(Command::Register(arguments)) => register::register(&arguments),
        Some(Command::Session(command)) => meta::session(*command),
        Some(Command::Procedure(command)) => meta::list(meta::Kind::Procedure, *command),
        Some(Command::Topic(command)) => meta::list(meta::Kind::Topic, *command),
        Some(Command::Realm(command)) => admin::realm(&command),
        Some(Command::Reload(arguments)) => admin::reload(&arguments),
        Some(Command::Denials(arguments)) => admin::denials(&arguments),
        Some(Command::LogLevel(arguments)) => admin::log_level(&arguments),
        Some(Command::Drain(arguments)) => admin::drain(&arguments),
        Some(Command::Top(arguments)) => top::top(&arguments),
        Some(Command::Webhook(command)) => webhook::webhook(&command),
        Some(Command::Bench(command)) => bench::bench(&command),
        Some(Command::Check(command)) => check::check(&command),
        Some(Command::Context(command)) => context::context(*command),
        Some(Command::Cheat(arguments)) => pages::cheat(&arguments),
        Some(Command::Completions(arguments)) => pages::completions(&arguments, Arguments::command()),
        Some(Command::Man(arguments)) => pages::man(&arguments, Arguments::command()),
        Some(Command::Errors(command)) => errors::errors(&command),
        Some(Command::Version(arguments)) => version::version(&arguments),
    }
}
