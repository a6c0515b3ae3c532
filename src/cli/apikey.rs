//! `wharf apikey`: API keys. A key that is made goes to standard output, once; all else about it to standard error. What makes
//! it good for something is a table of the configuration, or a change of a running node.

use super::admin::{ask, listed, AdminArguments};
use super::client::failure::Failure;
use super::client::talk::ask_value;
use super::client::work::{run, written};
use super::listing::{ListArguments, Of};
use super::output::{note, result};
use super::Exit;
use crate::auth::{new_key, KeyHash, PeerRange};
use crate::wamp::{Value, WallTime};
use clap::{Args, Subcommand};
use zeroize::Zeroizing;

#[derive(Subcommand, Debug)]
pub(super) enum ApiKeyCommand {
    /// Prints a new key, and on standard error the table rest.keys.NAME that makes it good for something.
    New(NewArguments),
    /// Lists the keys of a running node; never a key itself.
    Ls {
        #[command(flatten)]
        list: ListArguments,
        #[command(flatten)]
        admin: AdminArguments,
    },
    /// Revokes a key of a running node that was made there: what goes by it ends.
    Revoke {
        /// What it is called.
        name: String,
        #[command(flatten)]
        admin: AdminArguments,
    },
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
    /// Has a running node make it, where it is good at once: by its admin realm, with the connection of WHARF_CONTEXT and the
    /// other variables.
    #[arg(long)]
    running: bool,
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
    match command {
        ApiKeyCommand::New(arguments) if arguments.running => of_node(arguments),
        ApiKeyCommand::New(arguments) => new(arguments),
        ApiKeyCommand::Ls { list, admin } => listed(admin, list, Of::Things("name"), "key.list", Vec::new()),
        ApiKeyCommand::Revoke { name, admin } => ask(admin, "key.revoke", vec![name.as_str().into()]),
    }
}

fn new(arguments: &NewArguments) -> Exit {
    let key = new_key(&Zeroizing::new(rand::random()));
    note("the key is shown here and nowhere else; beside it, the configuration needs:");
    note(&table(arguments, &KeyHash::of(key.expose())));
    result(&Zeroizing::new(format!("{}\n", key.expose())))
}

/// Has a running node make it.
fn of_node(arguments: &NewArguments) -> Exit {
    let admin = match AdminArguments::of_variables() {
        Ok(admin) => admin,
        Err(failure) => return failure.tell(false),
    };
    let text = |name: &str, text: &str| (name.to_owned(), Value::from(text));
    let mut wanted = vec![
        text("name", &arguments.name),
        text("realm", &arguments.realm),
        text("authid", &arguments.authid),
        text("role", &arguments.role),
    ];
    wanted.extend(arguments.expires.as_deref().map(|expires| text("expires", expires)));
    if !arguments.allow_from.is_empty() {
        let networks = arguments.allow_from.iter().map(|network| network.as_str().into()).collect();
        wanted.push(("allow_from".to_owned(), Value::List(networks)));
    }
    run(&admin.output, async {
        let mut session = admin.join().await?;
        let answer = ask_value(&mut session, "wharf.admin.key.new", Vec::new(), wanted).await;
        session.leave().await;
        let answer = answer?;
        let Some(Value::Text(key)) = answer.get("key") else {
            return Err(Failure::Fault("wharf.admin.key.new has answered without a key".to_owned()));
        };
        let key = Zeroizing::new(format!("{key}\n"));
        let lasts = if answer.get("durable") == Some(&Value::Bool(true)) { "" } else { ", until it starts again" };
        note(&format!("the key is shown here and nowhere else; the node takes it from now on{lasts}"));
        written(result(&key))
    })
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
