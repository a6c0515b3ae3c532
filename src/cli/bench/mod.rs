//! `wharf bench`: load on a router, with loss counted and times measured.
//!
//! With `--rate`, times count from the moment at which a request was due, so that a router that stands still is not taken
//! for a fast one. One thread makes the load: what is measured is router and client together.

mod histogram;
mod load;

use super::client::connection::ConnectionArguments;
use super::client::output::OutputArguments;
use super::client::time;
use super::client::work::{run, written};
use super::output::result;
use super::Exit;
use crate::wamp::{Dict, Value};
use clap::{Args, Subcommand};
use histogram::Histogram;
use std::time::Duration;

#[derive(Subcommand, Debug)]
pub(super) enum BenchCommand {
    /// Calls of a procedure that echoes.
    Rpc(LoadArguments),
    /// Events from one publisher to all subscribers.
    Pubsub(LoadArguments),
    /// Sessions that come and go.
    Connect(LoadArguments),
}

/// How much load.
#[derive(Args, Debug)]
pub(super) struct LoadArguments {
    /// Callers, subscribers, or sessions at once.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000), value_name = "N")]
    clients: u32,
    /// Requests each second, all together; else as many as there can be, for events 1000.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..), value_name = "N")]
    rate: Option<u32>,
    /// For how long.
    #[arg(long, value_parser = time, default_value = "5s", value_name = "TIME")]
    duration: Duration,
    /// Octets of the payload.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(0..=1_048_576), value_name = "N")]
    size: u32,
    /// One line of comma-separated values below their names.
    #[arg(long)]
    csv: bool,
    #[command(flatten)]
    output: OutputArguments,
    #[command(flatten)]
    connection: Box<ConnectionArguments>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
struct Tally {
    /// Requests, or events for each subscriber, or logins.
    sent: u64,
    /// Those that were answered by an error.
    errors: u64,
    times: Histogram,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.errors += other.errors;
        self.times.add(&other.times);
    }
}

/// Does one of the subcommands.
pub(super) fn bench(command: &BenchCommand) -> Exit {
    let (name, arguments) = match command {
        BenchCommand::Rpc(arguments) => ("rpc", arguments),
        BenchCommand::Pubsub(arguments) => ("pubsub", arguments),
        BenchCommand::Connect(arguments) => ("connect", arguments),
    };
    run(&arguments.output, async {
        let connection = arguments.connection.connection()?;
        let plan = load::Plan {
            connection,
            clients: arguments.clients,
            rate: arguments.rate,
            duration: arguments.duration,
            size: arguments.size as usize,
        };
        let (tally, took) = match command {
            BenchCommand::Rpc(_) => load::rpc(&plan).await?,
            BenchCommand::Pubsub(_) => load::pubsub(&plan).await?,
            BenchCommand::Connect(_) => load::connect(&plan).await?,
        };
        let report = report(name, arguments, &tally, took);
        written(if arguments.csv { result(&csv(&report)) } else { arguments.output.value(Value::Dict(report)) })
    })
}

fn report(name: &str, arguments: &LoadArguments, tally: &Tally, took: Duration) -> Dict {
    let done = tally.times.total();
    let milliseconds = |share: f64| Value::Float(tally.times.percentile(share));
    let rounded = |number: f64| Value::Float((number * 10.0).round() / 10.0);
    [
        ("bench", name.into()),
        ("clients", u64::from(arguments.clients).into()),
        ("seconds", rounded(took.as_secs_f64())),
        ("sent", tally.sent.into()),
        ("done", done.into()),
        ("errors", tally.errors.into()),
        ("lost", tally.sent.saturating_sub(done + tally.errors).into()),
        ("per_second", rounded(done as f64 / took.as_secs_f64().max(0.001))),
        ("min_ms", milliseconds(0.0)),
        ("p50_ms", milliseconds(0.5)),
        ("p90_ms", milliseconds(0.9)),
        ("p99_ms", milliseconds(0.99)),
        ("p999_ms", milliseconds(0.999)),
        ("max_ms", milliseconds(1.0)),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

fn csv(report: &Dict) -> String {
    let names: Vec<&str> = report.iter().map(|(name, _)| name.as_str()).collect();
    let cells: Vec<String> = report
        .iter()
        .map(|(_, value)| value.as_text().map_or_else(|| super::client::output::compact(value), str::to_owned))
        .collect();
    format!("{}\n{}\n", names.join(","), cells.join(","))
}
