//! `wharf serve` and `wharf dev`: read the settings, hand them to the server.

use super::output::note;
use super::Exit;
use crate::config::{self, LoadOptions};
use crate::wamp::uri::{check, UriRules};
use crate::wamp::MatchPolicy;
use std::path::PathBuf;

/// `wharf serve`.
#[derive(clap::Args, Debug, Default)]
pub(super) struct ServeArguments {
    #[command(flatten)]
    pub(super) sources: SourceArguments,
    /// Checks everything and stops.
    #[arg(long)]
    check: bool,
}

/// Where settings come from.
#[derive(clap::Args, Debug, Default)]
pub(super) struct SourceArguments {
    /// The configuration: TOML, or JSON or YAML by its extension.
    #[arg(short, long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    #[command(flatten)]
    pub(super) overrides: OverrideArguments,
}

/// What changes the settings of a file.
#[derive(clap::Args, Debug, Default)]
pub(super) struct OverrideArguments {
    /// Sets one key, as in `realms.realm1.call_timeout=30s`. May be given more than once.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
    /// Takes warnings as errors.
    #[arg(long)]
    strict: bool,
}

/// `wharf dev`.
#[derive(clap::Args, Debug)]
pub(super) struct DevArguments {
    /// The port of WebSocket, RawSocket and HTTP; RawSocket has the next one too.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The realm.
    #[arg(long, default_value = "realm1", value_parser = lawful_realm)]
    realm: String,
}

impl SourceArguments {
    /// With the environment of this process.
    pub(super) fn options(self) -> LoadOptions {
        self.overrides.options(self.config)
    }
}

impl OverrideArguments {
    /// With the environment of this process.
    pub(super) fn options(self, file: Option<PathBuf>) -> LoadOptions {
        LoadOptions { file, sets: self.sets, strict: self.strict, ..LoadOptions::from_process() }
    }
}

/// Starts the router, or only checks.
pub(super) fn serve(arguments: ServeArguments) -> Exit {
    let options = arguments.sources.options();
    if arguments.check {
        return super::config::check(&options, super::config::Format::Text);
    }
    start(options)
}

/// Starts the router in dev mode.
pub(super) fn dev(arguments: &DevArguments) -> Exit {
    let text = Some(config::dev_mode(arguments.port, &arguments.realm));
    start(LoadOptions { text, ..LoadOptions::from_process() })
}

fn start(options: LoadOptions) -> Exit {
    let settings = match config::load(&options) {
        Ok(settings) => settings,
        Err(errors) => {
            note(&errors.to_string());
            return Exit::Usage;
        }
    };
    match crate::server::run(settings, options) {
        Ok(()) => Exit::Done,
        Err(error) => {
            note(&format!("error: {error}"));
            Exit::Router(error.exit_code())
        }
    }
}

fn lawful_realm(text: &str) -> Result<String, String> {
    match check(text, UriRules::Loose, MatchPolicy::Exact) {
        Ok(()) => Ok(text.to_owned()),
        Err(fault) => Err(fault.to_string()),
    }
}
