//! `wharf apikey`: makes API keys. The key goes to standard output, once; what the configuration needs to standard error.

use super::output::{note, result};
use super::Exit;
use crate::auth::{new_key, KeyHash, PeerRange};
use crate::wamp::WallTime;
use clap::{Args, Subcommand};
use zeroize::Zeroizing;

#[derive(Subcommand, Debug)]
pub(super) enum ApiKeyCommand {
    /// Prints a new key, and on standard error the table rest.keys.NAME that makes it good for something.
    New(NewArguments),
}

#[derive(Args, Debug)]
pub(super) struct NewArguments {
    /// What the key is called in the configuration.
    #[arg(value_parser = name)]
    name: String,
    /// The name of the realm that it is good for.
    #[arg(long, value_parser = name)]
    realm: String,
    /// Who comes in by it.
    #[arg(long, value_parser = name)]
    authid: String,
    /// With which role.
    #[arg(long, value_parser = name)]
    role: String,
    /// From when on it is good for nothing, as in 2027-06-30T00:00:00Z.
    #[arg(long, value_parser = expiry)]
    expires: Option<String>,
    /// An address or network from which it may be used; may be given more than once.
    #[arg(long, value_parser = network)]
    allow_from: Vec<String>,
}

fn name(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        return Err("expected a name");
    }
    Ok(text.to_owned())
}

fn expiry(text: &str) -> Result<String, &'static str> {
    WallTime::parse(text).map(|_| text.to_owned()).ok_or("expected RFC 3339, as in 2027-06-30T00:00:00Z")
}

fn network(text: &str) -> Result<String, &'static str> {
    PeerRange::parse(text).map(|_| text.to_owned())
}

/// Does what is asked for.
pub(super) fn apikey(command: &ApiKeyCommand) -> Exit {
    let ApiKeyCommand::New(arguments) = command;
    let key = new_key(&Zeroizing::new(rand::random()));
    note("the key is shown here and nowhere else; beside it, the configuration needs:");
    note(&table(arguments, &KeyHash::of(key.expose())));
    result(&Zeroizing::new(format!("{}\n", key.expose())))
}

/// As it stands in a file.
fn table(arguments: &NewArguments, hash: &KeyHash) -> String {
    // A text as JSON writes it is one in TOML.
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let mut lines = vec![
        format!("[rest.keys.{}]", text(&arguments.name)),
        format!("sha256 = \"{hash}\""),
        format!("realm = {}", text(&arguments.realm)),
        format!("authid = {}", text(&arguments.authid)),
        format!("role = {}", text(&arguments.role)),
    ];
    lines.extend(arguments.expires.as_ref().map(|expires| format!("expires = {}", text(expires))));
    if !arguments.allow_from.is_empty() {
        let networks: Vec<String> = arguments.allow_from.iter().map(|network| text(network)).collect();
        lines.push(format!("allow_from = [{}]", networks.join(", ")));
    }
    lines.join("\n")
}
