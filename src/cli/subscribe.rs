//! `wharf subscribe`: prints events until it is stopped.

use super::client::connection::{Connection, ConnectionArguments};
use super::client::failure::Failure;
use super::client::output::{compact, OutputArguments};
use super::client::retry::{self, Backoff};
use super::client::work::{run, written};
use super::client::{exec, talk, time};
use super::output::note;
use super::Exit;
use crate::client::Session;
use crate::codec::{payload_args, payload_kwargs};
use crate::observe::shown;
use crate::wamp::message::{Event, Subscribe};
use crate::wamp::options::SubscribeOptions;
use crate::wamp::{Dict, MatchPolicy, Message, Payload, SubscriptionId, Uri, Value};
use clap::ValueEnum;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Events that wait for their command; more are dropped, and told.
const WAITING_MAX: usize = 1000;

/// How often `--report` reports.
const REPORT: Duration = Duration::from_secs(1);

/// The match policies, as they are typed.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Match {
    /// The URI itself.
    #[default]
    Exact,
    /// All that begin with it.
    Prefix,
    /// Empty components stand for any.
    Wildcard,
}

impl From<Match> for MatchPolicy {
    fn from(policy: Match) -> Self {
        match policy {
            Match::Exact => Self::Exact,
            Match::Prefix => Self::Prefix,
            Match::Wildcard => Self::Wildcard,
        }
    }
}

/// `wharf subscribe`.
#[derive(clap::Args, Debug)]
pub(super) struct SubscribeArguments {
    /// The topics, or patterns.
    #[arg(required = true, value_name = "TOPIC")]
    topics: Vec<String>,
    /// How topics are compared.
    #[arg(long = "match", value_enum, default_value = "exact", value_name = "POLICY")]
    match_policy: Match,
    /// Stops after so many events.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Asks for the retained events.
    #[arg(long)]
    retained: bool,
    /// Prints publication, publisher and the like, too.
    #[arg(long)]
    details: bool,
    /// Runs this by the shell for each event, one after the other, with {"args", "kwargs", "details"} on standard input.
    #[arg(long, value_name = "CMD")]
    exec: Option<String>,
    /// How long a command may take.
    #[arg(long, value_parser = time, default_value = "30s", value_name = "TIME", requires = "exec")]
    exec_timeout: Duration,
    /// Prints how many events each topic has, each second, in place of the events.
    #[arg(long, conflicts_with = "exec")]
    report: bool,
    /// Stops when the connection is lost.
    #[arg(long)]
    no_reconnect: bool,
    #[command(flatten)]
    output: OutputArguments,
    #[command(flatten)]
    connection: ConnectionArguments,
}

/// Subscribes.
pub(super) fn subscribe(arguments: &SubscribeArguments) -> Exit {
    run(&arguments.output, async {
        let connection = arguments.connection.connection()?;
        Listening::new(arguments).run(&connection).await
    })
}

/// What outlives a connection.
struct Listening<'a> {
    arguments: &'a SubscribeArguments,
    seen: u64,
    waiting: VecDeque<String>,
    dropped: u64,
    commands: JoinSet<Result<Value, String>>,
    counted: BTreeMap<String, u64>,
}

impl<'a> Listening<'a> {
    fn new(arguments: &'a SubscribeArguments) -> Self {
        let (waiting, commands, counted) = (VecDeque::new(), JoinSet::new(), BTreeMap::new());
        Self { arguments, seen: 0, waiting, dropped: 0, commands, counted }
    }

    async fn run(&mut self, connection: &Connection) -> Result<(), Failure> {
        let mut session = connection.join().await?;
        let mut backoff = Backoff::default();
        loop {
            let failure = match self.listen(&mut session, &mut backoff).await {
                Ok(()) => break,
                Err(failure) => failure,
            };
            session = retry::join(connection, &mut backoff, failure, !self.arguments.no_reconnect).await?;
        }
        session.leave().await;
        while self.has_commands() {
            self.command_ended().await?;
        }
        Ok(())
    }

    /// Until all events are there that were asked for.
    async fn listen(&mut self, session: &mut Session, backoff: &mut Backoff) -> Result<(), Failure> {
        let mut topics = BTreeMap::new();
        for topic in &self.arguments.topics {
            let request = session.next_request();
            let options = SubscribeOptions {
                match_policy: self.arguments.match_policy.into(),
                get_retained: self.arguments.retained,
            };
            session.send(Subscribe { request, options, topic: Uri::from(topic.as_str()) }).await?;
            if let Message::Subscribed(subscribed) = talk::acknowledged(session, request).await? {
                topics.insert(subscribed.subscription, topic.clone());
                note(&format!("subscribed {}", shown(topic)));
            }
        }
        *backoff = Backoff::default();
        let mut report = tokio::time::interval_at((Instant::now() + REPORT).into(), REPORT);
        while self.arguments.count.is_none_or(|count| self.seen < count) {
            let message = tokio::select! {
                message = session.receive() => message?,
                ended = self.command_ended(), if self.has_commands() => { ended?; continue }
                _ = report.tick(), if self.arguments.report => { self.report()?; continue }
            };
            if let Message::Unsubscribed(_) = message {
                return Err(Failure::Fault("the router has ended a subscription".to_owned()));
            }
            if let Message::Event(event) = message {
                self.event(event, &topics)?;
            }
        }
        if self.arguments.report {
            self.report()?;
        }
        Ok(())
    }

    fn event(&mut self, event: Event, topics: &BTreeMap<SubscriptionId, String>) -> Result<(), Failure> {
        self.seen += 1;
        let of_subscription = topics.get(&event.subscription).cloned().unwrap_or_default();
        let topic = event.details.topic.as_ref().map_or(of_subscription, |topic| topic.to_string());
        if self.arguments.report {
            *self.counted.entry(topic).or_default() += 1;
            return Ok(());
        }
        let details = details(&event);
        if self.arguments.exec.is_none() {
            let more =
                if self.arguments.details { vec![("details".to_owned(), Value::Dict(details))] } else { Dict::new() };
            return written(self.arguments.output.item(&topic, more, &event.payload));
        }
        if self.waiting.len() >= WAITING_MAX {
            self.dropped += 1;
            return Ok(());
        }
        let mut details = details;
        details.insert(0, ("topic".to_owned(), topic.into()));
        self.waiting.push_back(input(&event.payload, details)?);
        self.begin_command();
        Ok(())
    }

    fn has_commands(&self) -> bool {
        !self.commands.is_empty()
    }

    fn begin_command(&mut self) {
        if !self.commands.is_empty() {
            return;
        }
        if let (Some(command), Some(input)) = (self.arguments.exec.clone(), self.waiting.pop_front()) {
            let time = self.arguments.exec_timeout;
            self.commands.spawn(async move { exec::run(&command, input, time).await });
        }
    }

    async fn command_ended(&mut self) -> Result<(), Failure> {
        match self.commands.join_next().await {
            Some(Ok(Ok(Value::Null))) | None => {}
            Some(Ok(Ok(value))) => written(self.arguments.output.value(value))?,
            Some(Ok(Err(fault))) => note(&format!("error: {}", shown(&fault))),
            Some(Err(fault)) => return Err(Failure::Fault(fault.to_string())),
        }
        if self.dropped > 0 {
            note(&format!("warning: {} events came faster than the command takes them, and are dropped", self.dropped));
            self.dropped = 0;
        }
        self.begin_command();
        Ok(())
    }

    fn report(&mut self) -> Result<(), Failure> {
        let rows = std::mem::take(&mut self.counted).into_iter().map(|(topic, events)| {
            Value::Dict(vec![("topic".to_owned(), topic.into()), ("events".to_owned(), events.into())])
        });
        written(self.arguments.output.value(Value::List(rows.collect())))
    }
}

/// What a command reads.
///
/// # Errors
/// [`Failure`]: the payload has no form in JSON.
pub(super) fn input(payload: &Payload, details: Dict) -> Result<String, Failure> {
    let no_form = |fault: crate::codec::DecodeError| Failure::Fault(fault.to_string());
    Ok(compact(&Value::Dict(vec![
        ("args".to_owned(), Value::List(payload_args(payload).map_err(no_form)?)),
        ("kwargs".to_owned(), Value::Dict(payload_kwargs(payload).map_err(no_form)?)),
        ("details".to_owned(), Value::Dict(details)),
    ])))
}

fn details(event: &Event) -> Dict {
    let mut details = vec![("publication".to_owned(), Value::Unsigned(event.publication.get()))];
    if let Some(publisher) = &event.details.publisher {
        details.push(("publisher".to_owned(), Value::Unsigned(publisher.session.get())));
        details.extend(publisher.authid.as_deref().map(|authid| ("publisher_authid".to_owned(), authid.into())));
        details.extend(publisher.authrole.as_deref().map(|role| ("publisher_authrole".to_owned(), role.into())));
    }
    if event.details.retained {
        details.push(("retained".to_owned(), true.into()));
    }
    details.extend(event.details.trustlevel.map(|level| ("trustlevel".to_owned(), level.into())));
    details
}
