//! `wharf realm`, `reload`, `denials`, `log-level`, `drain` and `authz explain --running` (and, in their own files, others like them): a running node, by the procedures of its admin realm.

use super::client::arguments::json;
use super::client::connection::EndpointArguments;
use super::client::failure::Failure;
use super::client::output::{table, OutputArguments};
use super::client::talk::ask_value;
use super::client::time;
use super::client::work::{run, written};
use super::listing::{ListArguments, Of, Row};
use super::meta::may_go_on;
use super::output::result;
use super::Exit;
use crate::client::Session;
use crate::observe::settings::LogLevel;
use crate::wamp::{Dict, ErrorUri, Value};
use clap::{Args, Parser, Subcommand};

/// What each of the commands takes: the connection is to the admin realm.
#[derive(Args, Debug)]
pub(super) struct AdminArguments {
    #[command(flatten)]
    pub(super) output: OutputArguments,
    /// The node's admin realm.
    #[arg(
        long,
        value_name = "REALM",
        default_value = "wharf.admin",
        env = "WHARF_ADMIN_REALM",
        hide_env_values = true
    )]
    admin_realm: String,
    #[command(flatten)]
    endpoint: Box<EndpointArguments>,
}

impl AdminArguments {
    /// Connects to the admin realm.
    ///
    /// # Errors
    /// [`Failure`].
    pub(super) async fn join(&self) -> Result<Session, Failure> {
        self.endpoint.towards(&self.admin_realm)?.join().await.map_err(|fault| {
            if fault.uri() != Some(ErrorUri::NO_SUCH_REALM.as_str()) {
                return fault;
            }
            let realm = &self.admin_realm;
            fault.saying(format!(
                "the node has no realm {realm} to administer it by; docs/ADMIN.md says how to have one"
            ))
        })
    }

    /// A connection that is described by variables and contexts alone.
    ///
    /// # Errors
    /// [`Failure::Usage`].
    pub(super) fn of_variables() -> Result<Self, Failure> {
        let typed = OfVariables::try_parse_from(["wharf"]);
        let wrong = |_| Failure::usage("the variables WHARF_* describe no connection");
        typed.map(|OfVariables { admin }| admin).map_err(wrong)
    }
}

#[derive(Subcommand, Debug)]
pub(super) enum RealmCommand {
    /// Lists the realms.
    Ls {
        #[command(flatten)]
        list: ListArguments,
        #[command(flatten)]
        admin: AdminArguments,
    },
    /// Shows one, with what holds in it; secrets are ***.
    Info {
        /// Its name in the configuration.
        name: String,
        #[command(flatten)]
        admin: AdminArguments,
    },
    /// Makes one.
    Add {
        /// Its name in the configuration.
        name: String,
        /// Its settings: JSON with the keys of [realms.NAME].
        #[arg(long, value_name = "JSON")]
        settings: Option<String>,
        #[command(flatten)]
        admin: AdminArguments,
    },
    /// Removes one that was made at run time; its sessions end.
    Rm {
        /// Its name in the configuration.
        name: String,
        /// Does not ask.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        admin: AdminArguments,
    },
}

/// `wharf denials`.
#[derive(Args, Debug)]
pub(super) struct DenialsArguments {
    /// The realm, by its name in the configuration.
    #[arg(long)]
    realm: String,
    #[command(flatten)]
    list: ListArguments,
    #[command(flatten)]
    admin: AdminArguments,
}

/// Does one of the subcommands of `realm`.
pub(super) fn realm(command: &RealmCommand) -> Exit {
    match command {
        RealmCommand::Ls { list, admin } => listed(admin, list, Of::Things("name"), "realm.list", Vec::new()),
        RealmCommand::Info { name, admin } => ask(admin, "realm.get", vec![name.as_str().into()]),
        RealmCommand::Add { name, settings, admin } => {
            let mut args = vec![name.as_str().into()];
            match settings.as_deref().map(json).transpose() {
                Ok(settings) => args.extend(settings),
                Err(failure) => return failure.tell(admin.output.is_json()),
            }
            ask(admin, "realm.create", args)
        }
        RealmCommand::Rm { name, yes, admin } => {
            if !yes {
                match may_go_on(&format!("This ends every session of the realm {}. Go on? [y/N] ", name.escape_debug()))
                {
                    Ok(true) => {}
                    Ok(false) => return Failure::Interrupted.exit(),
                    Err(failure) => return failure.tell(admin.output.is_json()),
                }
            }
            ask(admin, "realm.delete", vec![name.as_str().into()])
        }
    }
}

/// Reads the configuration again.
pub(super) fn reload(admin: &AdminArguments) -> Exit {
    ask(admin, "config.reload", Vec::new())
}

/// `wharf log-level`.
#[derive(Args, Debug)]
pub(super) struct LogLevelArguments {
    /// The least that is written.
    #[arg(value_parser = LogLevel::ALL.map(LogLevel::name))]
    level: String,
    #[command(flatten)]
    admin: AdminArguments,
}

/// Changes the level of the log.
pub(super) fn log_level(arguments: &LogLevelArguments) -> Exit {
    ask(&arguments.admin, "node.log_level", vec![arguments.level.as_str().into()])
}

/// `wharf drain`.
#[derive(Args, Debug)]
pub(super) struct DrainArguments {
    /// GOODBYE goes to all sessions over this time; else as `shutdown.spread` says.
    #[arg(long, value_name = "TIME", value_parser = time_text)]
    spread: Option<String>,
    /// What is left after this time is closed; else as `shutdown.drain` says.
    #[arg(long, value_name = "TIME", value_parser = time_text)]
    timeout: Option<String>,
    /// Does not ask.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    admin: AdminArguments,
}

fn time_text(text: &str) -> Result<String, String> {
    time(text).map(|_| text.to_owned())
}

/// Has the node end: everybody is told, and what is under way gets its time.
pub(super) fn drain(arguments: &DrainArguments) -> Exit {
    let admin = &arguments.admin;
    if !arguments.yes {
        match may_go_on("This ends the node, and every session with it. Go on? [y/N] ") {
            Ok(true) => {}
            Ok(false) => return Failure::Interrupted.exit(),
            Err(failure) => return failure.tell(admin.output.is_json()),
        }
    }
    let time = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::from);
    ask(admin, "node.drain", vec![time(&arguments.spread), time(&arguments.timeout)])
}

/// Lists the last refusals.
pub(super) fn denials(arguments: &DenialsArguments) -> Exit {
    let args = vec![arguments.realm.as_str().into()];
    listed(&arguments.admin, &arguments.list, Of::Entries("number"), "authz.denials", args)
}

/// Calls one of `wharf.admin.*` that answers with a list, and prints it as asked for.
pub(super) fn listed(admin: &AdminArguments, list: &ListArguments, of: Of, procedure: &str, args: Vec<Value>) -> Exit {
    run(&admin.output, async {
        let mut session = admin.join().await?;
        let done = list
            .list(&admin.output, of, &mut session, async |session| {
                let procedure = format!("wharf.admin.{procedure}");
                let answer = ask_value(session, &procedure, args.clone(), Dict::new()).await?;
                let Value::List(rows) = answer else {
                    return Err(Failure::Fault(format!("{procedure} has answered with something else than a list")));
                };
                Ok(rows.into_iter().map(Row::from).collect())
            })
            .await;
        session.leave().await;
        done
    })
}

/// Calls `wharf.admin.*`, and prints the answer.
pub(super) fn ask(admin: &AdminArguments, procedure: &str, args: Vec<Value>) -> Exit {
    run(&admin.output, async {
        let mut session = admin.join().await?;
        let answer = ask_value(&mut session, &format!("wharf.admin.{procedure}"), args, Dict::new()).await;
        session.leave().await;
        written(admin.output.value(answer?))
    })
}

/// A connection that is described by variables and contexts alone.
#[derive(Parser, Debug)]
struct OfVariables {
    #[command(flatten)]
    admin: AdminArguments,
}

/// Asks what a role may do, and ends with 0 if it may and with 5 if not.
pub(super) fn explain(asked: Dict, format: super::config::Format) -> Exit {
    let admin = match AdminArguments::of_variables() {
        Ok(admin) => admin,
        Err(failure) => return failure.tell(false),
    };
    let json = format == super::config::Format::Json;
    run(&admin.output, async {
        let mut session = admin.join().await?;
        let answer = ask_value(&mut session, "wharf.admin.authz.explain", Vec::new(), asked).await;
        session.leave().await;
        let answer = answer?;
        let allowed = answer.get("allowed") == Some(&Value::Bool(true));
        written(if json { admin.output.value(answer) } else { result(&table(answer)) })?;
        if allowed {
            Ok(())
        } else {
            Err(Failure::Said(Exit::NotAuthorized))
        }
    })
}
