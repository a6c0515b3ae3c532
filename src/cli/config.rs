//! `wharf config`: init, check, show, schema, import.

use super::import;
use super::output::{note, result};
use super::serve::{OverrideArguments, SourceArguments};
use super::Exit;
use crate::config::{self, LoadOptions, Settings};
use clap::{Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Subcommand, Debug)]
pub(super) enum ConfigCommand {
    /// Prints a configuration to start from: dev mode, or the one named.
    Init {
        /// Which one.
        #[arg(value_enum, default_value = "dev")]
        name: Example,
    },
    /// Shows all mistakes with their places; does everything but listen.
    Check {
        /// The file; else the one that `wharf serve` would take.
        file: Option<PathBuf>,
        #[command(flatten)]
        overrides: OverrideArguments,
        /// How mistakes are shown.
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Prints the settings that hold, defaults filled in, secrets as ***.
    Show {
        /// Only what is there, as in `realms.realm1.limits`.
        path: Option<String>,
        #[command(flatten)]
        sources: SourceArguments,
    },
    /// Prints the JSON Schema of a configuration.
    Schema,
    /// Translates the configuration of another router: the new one on standard output, what is different on standard error.
    Import {
        /// Whose it is.
        #[arg(value_enum)]
        router: import::Router,
        /// The file; its extension (.json, .yaml) says what it is written in.
        file: PathBuf,
    },
}

/// How mistakes are shown.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    /// For eyes, on standard error.
    Text,
    /// A list of objects, on standard output.
    Json,
}

/// What `wharf config init` can print.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Example {
    /// Everything open, and only to this machine.
    Dev,
    /// Every key with its default.
    Full,
    /// Behind a proxy that speaks TLS.
    BehindNginx,
    /// Two applications on one router.
    SeveralRealms,
    /// Users with tickets, and roles that inherit.
    Tickets,
    /// TLS, and devices that come in by their certificates.
    Tls,
    /// Users with secrets that sign.
    Wampcra,
    /// Users with passwords.
    Scram,
    /// Users with key pairs.
    Cryptosign,
    /// For programs of the same host.
    UnixSocket,
}

/// Does one of the subcommands.
pub(super) fn config(command: ConfigCommand) -> Exit {
    match command {
        ConfigCommand::Init { name } => result(&example(name)),
        ConfigCommand::Check { file, overrides, format } => check(&overrides.options(file), format),
        ConfigCommand::Show { path, sources } => show(&sources.options(), path.as_deref()),
        ConfigCommand::Schema => result(&format!("{:#}\n", config::schema())),
        ConfigCommand::Import { router, file } => import::import(router, &file),
    }
}

/// Shows what is wrong, and says what is right.
pub(super) fn check(options: &LoadOptions, format: Format) -> Exit {
    let loaded = config::load(options);
    if format == Format::Json {
        let problems = loaded.as_ref().map_or_else(|errors| &errors.problems, |settings| &settings.warnings);
        let list: serde_json::Value = problems.iter().map(config::Problem::json).collect();
        let exit = result(&format!("{list:#}\n"));
        return if loaded.is_ok() { exit } else { Exit::Usage };
    }
    match loaded {
        Ok(settings) => {
            settings.warnings.iter().for_each(|warning| note(&warning.to_string()));
            result(&summary(&settings))
        }
        Err(errors) => {
            note(&errors.to_string());
            Exit::Usage
        }
    }
}

fn summary(settings: &Settings) -> String {
    let count = |number: usize, thing: &str| format!("{number} {thing}{}", if number == 1 { "" } else { "s" });
    format!(
        "{}: {}, {}, {}\n",
        settings.source,
        count(settings.listeners.len(), "listener"),
        count(settings.realms.len(), "realm"),
        count(settings.warnings.len(), "warning"),
    )
}

fn show(options: &LoadOptions, path: Option<&str>) -> Exit {
    match config::show(options, path) {
        Ok(Some(text)) => result(&text),
        Ok(None) => {
            note(&format!("error: there is nothing at `{}`", path.unwrap_or_default()));
            Exit::Usage
        }
        Err(errors) => {
            note(&errors.to_string());
            Exit::Usage
        }
    }
}

fn example(name: Example) -> String {
    match name {
        Example::Dev => config::DEV_MODE,
        Example::Full => return config::full_file(),
        Example::BehindNginx => include_str!("../../config/examples/behind-nginx.toml"),
        Example::SeveralRealms => include_str!("../../config/examples/several-realms.toml"),
        Example::Tickets => include_str!("../../config/examples/tickets.toml"),
        Example::Tls => include_str!("../../config/examples/tls.toml"),
        Example::Wampcra => include_str!("../../config/examples/wampcra.toml"),
        Example::Scram => include_str!("../../config/examples/scram.toml"),
        Example::Cryptosign => include_str!("../../config/examples/cryptosign.toml"),
        Example::UnixSocket => include_str!("../../config/examples/unix-socket.toml"),
    }
    .to_owned()
}
