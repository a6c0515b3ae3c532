//! `wharf session`, `procedure` and `topic`: what is in a realm, by the meta API of WAMP, of any router that has it.

use super::client::connection::ConnectionArguments;
use super::client::failure::Failure;
use super::client::output::OutputArguments;
use super::client::talk::{ask, ask_value};
use super::client::work::{run, written};
use super::listing::{text, ListArguments, Of, Row};
use super::Exit;
use crate::client::Session;
use crate::codec::{payload_args, payload_kwargs};
use crate::wamp::{Dict, ErrorUri, Value};
use clap::{Args, Subcommand};
use std::io::{self, BufRead, IsTerminal, Write};

/// What each of the commands takes.
#[derive(Args, Debug)]
pub(super) struct Common {
    #[command(flatten)]
    output: OutputArguments,
    #[command(flatten)]
    connection: Box<ConnectionArguments>,
}

#[derive(Subcommand, Debug)]
pub(super) enum SessionCommand {
    /// Lists the sessions of a realm.
    Ls {
        #[command(flatten)]
        list: ListArguments,
        #[command(flatten)]
        common: Common,
    },
    /// Shows what the router says of one.
    Info {
        /// Its id.
        id: u64,
        #[command(flatten)]
        common: Common,
    },
    /// Ends one, or all that are meant.
    Kill(KillArguments),
}

#[derive(Args, Debug)]
pub(super) struct KillArguments {
    #[command(flatten)]
    which: Which,
    /// The reason that they are told.
    #[arg(long, value_name = "URI", default_value = "wamp.close.killed")]
    reason: String,
    /// A text for people.
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,
    /// Does not ask before it ends all.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    common: Common,
}

/// Whom to end.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Which {
    /// The session of this id.
    id: Option<u64>,
    /// All sessions of this authid.
    #[arg(long = "of-authid", value_name = "AUTHID")]
    of_authid: Option<String>,
    /// All sessions of this role.
    #[arg(long = "of-authrole", value_name = "ROLE")]
    of_authrole: Option<String>,
    /// All but this command's own.
    #[arg(long)]
    all: bool,
}

/// `procedure` and `topic`, which have the same commands.
#[derive(Subcommand, Debug)]
pub(super) enum ListCommand {
    /// Lists all.
    Ls {
        #[command(flatten)]
        list: ListArguments,
        #[command(flatten)]
        common: Common,
    },
    /// Shows one, and who has it.
    Info {
        /// The URI or pattern.
        uri: String,
        #[command(flatten)]
        common: Common,
    },
}

/// The two kinds of what sessions have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Registrations.
    Procedure,
    /// Subscriptions.
    Topic,
}

impl Kind {
    const fn api(self) -> &'static str {
        match self {
            Self::Procedure => "wamp.registration",
            Self::Topic => "wamp.subscription",
        }
    }

    /// Those who have it: the procedure that lists them, and what they are.
    const fn holders(self) -> (&'static str, &'static str) {
        match self {
            Self::Procedure => ("list_callees", "callees"),
            Self::Topic => ("list_subscribers", "subscribers"),
        }
    }
}

/// Does one of the subcommands of `session`.
pub(super) fn session(command: SessionCommand) -> Exit {
    match command {
        SessionCommand::Ls { list, common } => {
            with(&common, async |session| list.list(&common.output, Of::Things("session"), session, sessions).await)
        }
        SessionCommand::Info { id, common } => with(&common, async |session| {
            let details = ask_value(session, "wamp.session.get", vec![id.into()], Dict::new()).await?;
            written(common.output.value(details))
        }),
        SessionCommand::Kill(arguments) => kill(&arguments),
    }
}

/// Does one of the subcommands of `procedure` or `topic`.
pub(super) fn list(kind: Kind, command: ListCommand) -> Exit {
    match command {
        ListCommand::Ls { list, common } => with(&common, async |session| {
            list.list(&common.output, Of::Things("id"), session, async |session| listed(session, kind).await).await
        }),
        ListCommand::Info { uri, common } => {
            with(&common, async |session| written(common.output.value(info(session, kind, &uri).await?)))
        }
    }
}

/// Connects, does it, and leaves.
fn with<F>(common: &Common, work: F) -> Exit
where
    F: AsyncFnOnce(&mut Session) -> Result<(), Failure>,
{
    run(&common.output, async {
        let mut session = common.connection.connection()?.join().await?;
        let done = work(&mut session).await;
        session.leave().await;
        done
    })
}

async fn sessions(session: &mut Session) -> Result<Vec<Row>, Failure> {
    let ids = ask_value(session, "wamp.session.list", Vec::new(), Dict::new()).await?;
    let mut rows = Vec::new();
    for id in items(ids) {
        // Whoever has left meanwhile is not listed.
        if let Some(details) = gone(ask_value(session, "wamp.session.get", vec![id], Dict::new()).await)? {
            rows.push(Row { shown: row(&details), whole: details });
        }
    }
    Ok(rows)
}

/// The keys of a session that are worth a column; all: `session info`.
fn row(details: &Value) -> Value {
    let of = |key: &str| (key.to_owned(), details.get(key).cloned().unwrap_or_default());
    let mut row: Dict = ["session", "authid", "authrole", "authmethod", "authprovider"].map(of).into();
    let transport = details.get("transport");
    let peer = transport.and_then(|transport| transport.get("peer")).cloned();
    row.push(("peer".to_owned(), peer.unwrap_or_default()));
    Value::Dict(row)
}

fn kill(arguments: &KillArguments) -> Exit {
    if arguments.which.all && !arguments.yes {
        match may_go_on("This ends every other session of the realm. Go on? [y/N] ") {
            Ok(true) => {}
            Ok(false) => return Failure::Interrupted.exit(),
            Err(failure) => return failure.tell(arguments.common.output.is_json()),
        }
    }
    with(&arguments.common, async |session| {
        let (procedure, args): (_, Vec<Value>) = match &arguments.which {
            Which { id: Some(id), .. } => ("wamp.session.kill", vec![(*id).into()]),
            Which { of_authid: Some(authid), .. } => ("wamp.session.kill_by_authid", vec![authid.as_str().into()]),
            Which { of_authrole: Some(role), .. } => ("wamp.session.kill_by_authrole", vec![role.as_str().into()]),
            Which { .. } => ("wamp.session.kill_all", Vec::new()),
        };
        let mut kwargs = vec![("reason".to_owned(), arguments.reason.as_str().into())];
        kwargs.extend(arguments.message.as_deref().map(|text| ("message".to_owned(), text.into())));
        let answer = ask_value(session, procedure, args, kwargs).await?;
        if answer == Value::Null {
            Ok(())
        } else {
            written(arguments.common.output.value(answer))
        }
    })
}

/// Asks a person at a terminal.
///
/// # Errors
/// [`Failure::Usage`]: there is none.
pub(super) fn may_go_on(question: &str) -> Result<bool, Failure> {
    let input = io::stdin();
    if !input.is_terminal() {
        return Err(Failure::usage("this is only done with --yes, where nobody can be asked"));
    }
    let asked = write!(io::stderr(), "{question}");
    let mut line = String::new();
    asked.and_then(|()| input.lock().read_line(&mut line)).map_err(|error| Failure::Fault(error.to_string()))?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

async fn listed(session: &mut Session, kind: Kind) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    let mut kwargs = Dict::new();
    loop {
        let payload = ask(session, &format!("{}.list", kind.api()), Vec::new(), kwargs).await?;
        let args = payload_args(&payload).map_err(|fault| Failure::Fault(fault.to_string()))?;
        let by_policy = args.into_iter().next().unwrap_or_default();
        for policy in ["exact", "prefix", "wildcard"] {
            for id in items(by_policy.get(policy).cloned().unwrap_or_default()) {
                let args = vec![id];
                if let Some(details) =
                    gone(ask_value(session, &format!("{}.get", kind.api()), args.clone(), Dict::new()).await)?
                {
                    let count = format!("{}.count_{}", kind.api(), kind.holders().1);
                    let holders = gone(ask_value(session, &count, args, Dict::new()).await)?;
                    rows.push(Row { shown: listed_row(&details, kind, holders.unwrap_or_default()), whole: details });
                }
            }
        }
        let next = payload_kwargs(&payload).unwrap_or_default();
        match next.into_iter().find(|(key, value)| key == "next" && *value != Value::Null) {
            Some((_, next)) => kwargs = vec![("after".to_owned(), next)],
            None => break,
        }
    }
    // Ids are drawn at random: their order says nothing to anybody.
    rows.sort_by_cached_key(|row| row.shown.get("uri").map(text));
    Ok(rows)
}

fn listed_row(details: &Value, kind: Kind, holders: Value) -> Value {
    let of = |key: &str| details.get(key).cloned().unwrap_or_default();
    let mut row = vec![("uri".to_owned(), of("uri")), ("match".to_owned(), of("match"))];
    if kind == Kind::Procedure {
        row.push(("invoke".to_owned(), of("invoke")));
    }
    row.extend([
        (kind.holders().1.to_owned(), holders),
        ("created".to_owned(), of("created")),
        ("id".to_owned(), of("id")),
    ]);
    Value::Dict(row)
}

async fn info(session: &mut Session, kind: Kind, uri: &str) -> Result<Value, Failure> {
    let mut id = Value::Null;
    for policy in ["exact", "prefix", "wildcard"] {
        let options = Value::Dict(vec![("match".to_owned(), policy.into())]);
        let args = vec![uri.into(), options];
        id = ask_value(session, &format!("{}.lookup", kind.api()), args, Dict::new()).await?;
        if id != Value::Null {
            break;
        }
    }
    if id == Value::Null {
        return Err(match kind {
            Kind::Procedure => {
                Failure::error(ErrorUri::NO_SUCH_PROCEDURE.as_str(), &told(uri, "nobody has registered"))
            }
            Kind::Topic => {
                Failure::error(ErrorUri::NO_SUCH_SUBSCRIPTION.as_str(), &told(uri, "nobody has subscribed to"))
            }
        });
    }
    let mut details = ask_value(session, &format!("{}.get", kind.api()), vec![id.clone()], Dict::new()).await?;
    let (list, name) = kind.holders();
    let holders = ask_value(session, &format!("{}.{list}", kind.api()), vec![id], Dict::new()).await?;
    if let Value::Dict(entries) = &mut details {
        entries.push((name.to_owned(), holders));
    }
    Ok(details)
}

fn told(uri: &str, what: &str) -> crate::wamp::Payload {
    crate::wamp::Payload::args(vec![format!("{what} '{uri}' in this realm").into()])
}

/// What has gone between the list and the question is no failure.
fn gone(answer: Result<Value, Failure>) -> Result<Option<Value>, Failure> {
    const GONE: [ErrorUri; 3] =
        [ErrorUri::NO_SUCH_SESSION, ErrorUri::NO_SUCH_REGISTRATION, ErrorUri::NO_SUCH_SUBSCRIPTION];
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(failure) if GONE.iter().any(|uri| failure.uri() == Some(uri.as_str())) => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn items(value: Value) -> Vec<Value> {
    if let Value::List(items) = value {
        items
    } else {
        Vec::new()
    }
}
