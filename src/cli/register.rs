//! `wharf register`: a callee that echoes, says the same each time, or runs a command, until it is stopped.

use super::client::arguments::{json, payload_of};
use super::client::connection::{Connection, ConnectionArguments};
use super::client::exec;
use super::client::failure::Failure;
use super::client::output::OutputArguments;
use super::client::retry::{self, Backoff};
use super::client::work::run;
use super::client::{talk, time};
use super::output::note;
use super::subscribe::{input, Match};
use super::Exit;
use crate::client::Session;
use crate::observe::shown;
use crate::wamp::message::{Error, Invocation, Register, Yield};
use crate::wamp::options::{RegisterOptions, ResultOptions};
use crate::wamp::{Dict, ErrorUri, InvocationId, InvocationPolicy, Message, MessageKind, Payload, Uri, Value};
use clap::ValueEnum;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, Id, JoinSet};

/// Invocations that are under way or wait for their turn; more are refused.
const INVOCATIONS_MAX: usize = 1000;

/// Commands at once, where nothing else is said.
const COMMANDS: u64 = 16;

/// What is told when a command fails.
const EXEC_ERROR: &str = "wharf.error.exec";

/// The invocation policies, as they are typed.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Invoke {
    Single,
    Roundrobin,
    Random,
    First,
    Last,
}

/// `wharf register`.
#[derive(clap::Args, Debug)]
pub(super) struct RegisterArguments {
    /// The procedure, or a pattern.
    procedure: String,
    #[command(flatten)]
    answer: AnswerArguments,
    /// How long a command may take.
    #[arg(long, value_parser = time, default_value = "30s", value_name = "TIME", requires = "exec")]
    exec_timeout: Duration,
    /// How procedures are compared.
    #[arg(long = "match", value_enum, default_value = "exact", value_name = "POLICY")]
    match_policy: Match,
    /// Which callee of several is called.
    #[arg(long, value_enum, default_value = "single", value_name = "POLICY")]
    invoke: Invoke,
    /// At most so many invocations at once; commands: 16 if not set.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    concurrency: Option<u64>,
    /// Waits so long before each answer.
    #[arg(long, value_parser = time, value_name = "TIME")]
    sleep: Option<Duration>,
    /// Stops after so many invocations.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Stops when the connection is lost.
    #[arg(long)]
    no_reconnect: bool,
    #[command(flatten)]
    output: OutputArguments,
    #[command(flatten)]
    connection: ConnectionArguments,
}

/// What is answered.
#[derive(clap::Args, Debug)]
#[group(required = true, multiple = false)]
struct AnswerArguments {
    /// Answers with what it is given.
    #[arg(long)]
    echo: bool,
    /// Answers with this: JSON, or {"args": [..], "kwargs": {..}}.
    #[arg(long, value_name = "JSON")]
    reply: Option<String>,
    /// Runs this by the shell: {"args", "kwargs", "details"} on standard input, the result as JSON on standard output.
    #[arg(long, value_name = "CMD")]
    exec: Option<String>,
}

/// What is answered, settled.
#[derive(Clone, Debug)]
enum Service {
    Echo,
    Reply(Payload),
    Exec(Arc<str>, Duration),
}

/// Registers.
pub(super) fn register(arguments: &RegisterArguments) -> Exit {
    run(&arguments.output, async {
        let service = match &arguments.answer {
            AnswerArguments { reply: Some(reply), .. } => {
                let value = json(reply)?;
                let whole = value.get("args").is_some() || value.get("kwargs").is_some();
                Service::Reply(if whole { payload_of(value)? } else { Payload::args(vec![value]) })
            }
            AnswerArguments { exec: Some(command), .. } => {
                Service::Exec(command.as_str().into(), arguments.exec_timeout)
            }
            AnswerArguments { .. } => Service::Echo,
        };
        let connection = arguments.connection.connection()?;
        serve(arguments, &service, &connection).await
    })
}

async fn serve(arguments: &RegisterArguments, service: &Service, connection: &Connection) -> Result<(), Failure> {
    let mut session = connection.join().await?;
    let mut backoff = Backoff::default();
    let mut left = arguments.count.unwrap_or(u64::MAX);
    loop {
        // What is under way is the old connection's, and ends with it.
        let done = match register_once(arguments, &mut session).await {
            Ok(()) => {
                backoff = Backoff::default();
                Callee::new(arguments, service.clone()).run(&mut session, &mut left).await
            }
            Err(failure) => Err(failure),
        };
        match done {
            Ok(()) => break,
            Err(failure) => {
                session = retry::join(connection, &mut backoff, failure, !arguments.no_reconnect).await?;
            }
        }
    }
    session.leave().await;
    Ok(())
}

async fn register_once(arguments: &RegisterArguments, session: &mut Session) -> Result<(), Failure> {
    let request = session.next_request();
    let options = RegisterOptions {
        match_policy: arguments.match_policy.into(),
        invoke: match arguments.invoke {
            Invoke::Single => InvocationPolicy::Single,
            Invoke::Roundrobin => InvocationPolicy::RoundRobin,
            Invoke::Random => InvocationPolicy::Random,
            Invoke::First => InvocationPolicy::First,
            Invoke::Last => InvocationPolicy::Last,
        },
        concurrency: arguments.concurrency,
        ..RegisterOptions::default()
    };
    let procedure = Uri::from(arguments.procedure.as_str());
    session.send(Register { request, options, procedure }).await?;
    talk::acknowledged(session, request).await?;
    note(&format!("registered {}", shown(&arguments.procedure)));
    Ok(())
}

/// What a task ends with: a YIELD, or an ERROR.
type Answered = (InvocationId, Result<Payload, String>);

/// One connection's invocations.
struct Callee {
    service: Service,
    sleep: Option<Duration>,
    turns: Arc<Semaphore>,
    tasks: JoinSet<Answered>,
    under_way: BTreeMap<InvocationId, AbortHandle>,
}

impl Callee {
    fn new(arguments: &RegisterArguments, service: Service) -> Self {
        let otherwise = if matches!(service, Service::Exec(..)) { COMMANDS } else { INVOCATIONS_MAX as u64 };
        let turns = usize::try_from(arguments.concurrency.unwrap_or(otherwise)).unwrap_or(INVOCATIONS_MAX);
        Self {
            service,
            sleep: arguments.sleep,
            turns: Arc::new(Semaphore::new(turns)),
            tasks: JoinSet::new(),
            under_way: BTreeMap::new(),
        }
    }

    /// Answers until so many are answered as were left.
    async fn run(&mut self, session: &mut Session, left: &mut u64) -> Result<(), Failure> {
        while *left > 0 {
            let message = tokio::select! {
                message = session.receive() => message?,
                Some(ended) = self.tasks.join_next_with_id(), if !self.tasks.is_empty() => {
                    if let Some(answer) = self.ended(ended) {
                        session.send(answer).await?;
                        *left -= 1;
                    }
                    continue;
                }
            };
            if let Message::Unregistered(_) = message {
                return Err(Failure::Fault("the router has ended the registration".to_owned()));
            }
            if let Some(answer) = self.take(message) {
                session.send(answer).await?;
            }
        }
        Ok(())
    }

    /// What is to be said to this at once, if anything is.
    fn take(&mut self, message: Message) -> Option<Message> {
        if let Message::Invocation(invocation) = message {
            return self.begin(invocation);
        }
        let Message::Interrupt(interrupt) = message else { return None };
        self.under_way.remove(&interrupt.request)?.abort();
        Some(error(interrupt.request, ErrorUri::CANCELED.as_str(), "canceled"))
    }

    /// Begins an invocation, or says why not.
    fn begin(&mut self, invocation: Invocation) -> Option<Message> {
        let request = invocation.request;
        if self.tasks.len() >= INVOCATIONS_MAX {
            return Some(error(request, ErrorUri::UNAVAILABLE.as_str(), "too many invocations are under way"));
        }
        let (turns, sleep, service) = (Arc::clone(&self.turns), self.sleep, self.service.clone());
        let task = self.tasks.spawn(async move {
            // It is never closed, so that the turn comes.
            let _turn = turns.acquire_owned().await;
            if let Some(sleep) = sleep {
                tokio::time::sleep(sleep).await;
            }
            (request, answer(service, invocation).await)
        });
        self.under_way.insert(request, task);
        None
    }

    fn ended(&mut self, ended: Result<(Id, Answered), tokio::task::JoinError>) -> Option<Message> {
        let (_, (request, answered)) = ended.ok()?;
        // Interrupted in its last moment: that is answered already.
        self.under_way.remove(&request)?;
        Some(match answered {
            Ok(payload) => Yield { request, options: ResultOptions::default(), payload }.into(),
            Err(text) => error(request, EXEC_ERROR, &text),
        })
    }
}

async fn answer(service: Service, invocation: Invocation) -> Result<Payload, String> {
    match service {
        Service::Echo => Ok(invocation.payload),
        Service::Reply(payload) => Ok(payload),
        Service::Exec(command, time) => {
            let input = input(&invocation.payload, details(&invocation))
                .map_err(|failure| failure.text(false).unwrap_or_default())?;
            exec::run(&command, input, time).await.map(exec::payload)
        }
    }
}

fn details(invocation: &Invocation) -> Dict {
    let given = &invocation.details;
    let mut details = Dict::new();
    details.extend(given.procedure.as_ref().map(|uri| ("procedure".to_owned(), Value::from(uri.as_str()))));
    if let Some(caller) = &given.caller {
        details.push(("caller".to_owned(), Value::Unsigned(caller.session.get())));
        details.extend(caller.authid.as_deref().map(|authid| ("caller_authid".to_owned(), authid.into())));
        details.extend(caller.authrole.as_deref().map(|role| ("caller_authrole".to_owned(), role.into())));
    }
    details.extend(given.trustlevel.map(|level| ("trustlevel".to_owned(), level.into())));
    details
}

fn error(request: InvocationId, uri: &str, text: &str) -> Message {
    Error {
        request_kind: MessageKind::Invocation,
        request: request.into(),
        details: crate::wamp::options::ErrorDetails::default(),
        error: Uri::from(uri),
        payload: Payload::args(vec![text.into()]),
    }
    .into()
}
