//! `wharf publish`: one PUBLISH, or many.

use super::client::arguments::{argument, PayloadArguments};
use super::client::connection::ConnectionArguments;
use super::client::failure::Failure;
use super::client::output::OutputArguments;
use super::client::work::{run, written};
use super::client::{talk, time};
use super::Exit;
use crate::client::Session;
use crate::wamp::message::Publish;
use crate::wamp::options::{Listing, PublishOptions};
use crate::wamp::{Message, Payload, Uri, Value};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

/// The longest line of standard input, in octets.
const LINE_MAX: u64 = 16 << 20;

/// `wharf publish`.
#[derive(clap::Args, Debug)]
pub(super) struct PublishArguments {
    /// The topic.
    topic: String,
    #[command(flatten)]
    payload: PayloadArguments,
    /// Does not wait for the router's acknowledgement.
    #[arg(long)]
    no_ack: bool,
    /// Has the event kept for late subscribers.
    #[arg(long)]
    retain: bool,
    /// Asks to be named to the subscribers.
    #[arg(long)]
    disclose: bool,
    /// Sends the event to this session too, where it subscribes.
    #[arg(long)]
    no_exclude_me: bool,
    /// Not to sessions of this authid. May be given more than once, like the next three.
    #[arg(long, value_name = "AUTHID")]
    exclude_authid: Vec<String>,
    /// Not to sessions of this role.
    #[arg(long, value_name = "ROLE")]
    exclude_authrole: Vec<String>,
    /// Only to sessions of these authids.
    #[arg(long, value_name = "AUTHID")]
    eligible_authid: Vec<String>,
    /// Only to sessions of these roles.
    #[arg(long, value_name = "ROLE")]
    eligible_authrole: Vec<String>,
    /// Publishes each line of standard input, as one ARG.
    #[arg(long, conflicts_with_all = ["args", "kwargs", "json", "count"])]
    lines: bool,
    /// Publishes so many times.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// With so long a pause between them.
    #[arg(long, value_parser = time, value_name = "TIME")]
    every: Option<Duration>,
    #[command(flatten)]
    output: OutputArguments,
    #[command(flatten)]
    connection: ConnectionArguments,
}

/// Publishes.
pub(super) fn publish(arguments: &PublishArguments) -> Exit {
    run(&arguments.output, async {
        let payload = arguments.payload.payload()?;
        let mut session = arguments.connection.connection()?.join().await?;
        let done = if arguments.lines {
            lines(arguments, &mut session).await
        } else {
            many(arguments, &mut session, &payload).await
        };
        session.leave().await;
        done
    })
}

async fn many(arguments: &PublishArguments, session: &mut Session, payload: &Payload) -> Result<(), Failure> {
    for number in 0..arguments.count {
        if let Some(pause) = arguments.every.filter(|_| number > 0) {
            tokio::time::sleep(pause).await;
        }
        one(arguments, session, payload.clone()).await?;
    }
    Ok(())
}

async fn lines(arguments: &PublishArguments, session: &mut Session) -> Result<(), Failure> {
    let mut input = BufReader::new(tokio::io::stdin());
    let mut line = String::new();
    loop {
        line.clear();
        let read = (&mut input).take(LINE_MAX).read_line(&mut line).await;
        match read.map_err(|error| Failure::Usage(format!("standard input: {error}")))? {
            0 => return Ok(()),
            octets if octets as u64 == LINE_MAX && !line.ends_with('\n') => {
                return Err(Failure::usage("standard input: expected lines of at most 16 MiB"))
            }
            _ => {}
        }
        let text = line.strip_suffix('\n').unwrap_or(&line);
        let text = text.strip_suffix('\r').unwrap_or(text);
        let value = if arguments.payload.are_strings() { text.into() } else { argument(text)? };
        one(arguments, session, Payload::args(vec![value])).await?;
        if let Some(pause) = arguments.every {
            tokio::time::sleep(pause).await;
        }
    }
}

async fn one(arguments: &PublishArguments, session: &mut Session, payload: Payload) -> Result<(), Failure> {
    let request = session.next_request();
    let topic = Uri::from(arguments.topic.as_str());
    session.send(Publish { request, options: options(arguments), topic, payload }).await?;
    if arguments.no_ack {
        return Ok(());
    }
    let Message::Published(published) = talk::acknowledged(session, request).await? else { return Ok(()) };
    if arguments.output.is_json() {
        let publication = ("publication".to_owned(), Value::Unsigned(published.publication.get()));
        written(arguments.output.value(Value::Dict(vec![publication])))?;
    }
    Ok(())
}

fn options(arguments: &PublishArguments) -> PublishOptions {
    let list = |names: &Vec<String>| (!names.is_empty()).then(|| names.clone());
    let listing = Listing {
        exclude_authid: list(&arguments.exclude_authid),
        exclude_authrole: list(&arguments.exclude_authrole),
        eligible_authid: list(&arguments.eligible_authid),
        eligible_authrole: list(&arguments.eligible_authrole),
        ..Listing::default()
    };
    PublishOptions {
        acknowledge: !arguments.no_ack,
        exclude_me: !arguments.no_exclude_me,
        disclose_me: arguments.disclose,
        retain: arguments.retain,
        listing: (listing != Listing::default()).then(|| Box::new(listing)),
        ppt: None,
        trace: None,
    }
}
