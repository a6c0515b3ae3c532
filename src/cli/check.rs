//! `wharf check`: a probe for monitoring, with the exit codes of monitoring: 0 fine, 1 warning, 2 critical, 3 unknown.

use super::client::connection::{Connection, ConnectionArguments};
use super::client::failure::Failure;
use super::client::output::OutputArguments;
use super::client::talk::{ask, within};
use super::client::time;
use super::client::work::run;
use super::output::result;
use super::Exit;
use crate::wamp::Dict;
use clap::{Args, Subcommand, ValueEnum};
use std::time::{Duration, Instant};

#[derive(Subcommand, Debug)]
pub(super) enum CheckCommand {
    /// Connects, logs in, and leaves.
    Server(ProbeArguments),
    /// Calls a procedure, without arguments.
    Call {
        /// The procedure.
        procedure: String,
        #[command(flatten)]
        probe: ProbeArguments,
    },
}

/// When it is fine, and how that is said.
#[derive(Args, Debug)]
pub(super) struct ProbeArguments {
    /// Longer than this is a warning.
    #[arg(long, value_parser = time, default_value = "500ms", value_name = "TIME")]
    warn: Duration,
    /// Longer than this is critical, and not waited for.
    #[arg(long, value_parser = time, default_value = "5s", value_name = "TIME")]
    crit: Duration,
    /// How the outcome is written.
    #[arg(long, value_enum, default_value = "nagios")]
    format: ProbeFormat,
    #[command(flatten)]
    connection: Box<ConnectionArguments>,
}

/// How the outcome is written.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum ProbeFormat {
    /// One line, with the time as performance data.
    Nagios,
    /// Two metrics.
    Prometheus,
}

/// What monitoring knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Fine,
    Warning,
    Critical,
    Unknown,
}

impl State {
    const fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Fine => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// Does one of the subcommands.
pub(super) fn check(command: &CheckCommand) -> Exit {
    let (procedure, arguments) = match command {
        CheckCommand::Server(probe) => (None, probe),
        CheckCommand::Call { procedure, probe } => (Some(procedure.as_str()), probe),
    };
    run(&OutputArguments::default(), async {
        let began = Instant::now();
        let done = match arguments.connection.connection() {
            Ok(connection) => within(arguments.crit, probe(&connection, procedure)).await,
            Err(failure) => Err(failure),
        };
        let took = began.elapsed();
        let (state, told) = judged(arguments, &done, took);
        let written = result(&text(arguments, state, &told, took));
        Err(Failure::Said(if written == Exit::Fault { written } else { Exit::Router(state.code()) }))
    })
}

async fn probe(connection: &Connection, procedure: Option<&str>) -> Result<(), Failure> {
    let mut session = connection.join().await?;
    if let Some(procedure) = procedure {
        ask(&mut session, procedure, Vec::new(), Dict::new()).await?;
    }
    session.leave().await;
    Ok(())
}

fn judged(arguments: &ProbeArguments, done: &Result<(), Failure>, took: Duration) -> (State, String) {
    match done {
        Ok(()) if took > arguments.warn => (State::Warning, "slow".to_owned()),
        Ok(()) => (State::Fine, "it answers".to_owned()),
        Err(failure) => {
            let state = if matches!(failure, Failure::Usage(_)) { State::Unknown } else { State::Critical };
            let told = failure.text(false).unwrap_or_default();
            // Monitoring takes one line.
            let first = told.trim_start_matches("error: ").split('\n').next().unwrap_or_default().replace('|', "/");
            (state, first)
        }
    }
}

fn text(arguments: &ProbeArguments, state: State, told: &str, took: Duration) -> String {
    let seconds = took.as_secs_f64();
    match arguments.format {
        ProbeFormat::Nagios => {
            let (warn, crit) = (arguments.warn.as_secs_f64(), arguments.crit.as_secs_f64());
            format!("WHARF {} - {told} | time={seconds:.6}s;{warn};{crit}\n", state.name())
        }
        ProbeFormat::Prometheus => {
            let up = u8::from(matches!(state, State::Fine | State::Warning));
            format!(
                "# TYPE wharf_check_up gauge\nwharf_check_up {up}\n# TYPE wharf_check_seconds gauge\nwharf_check_seconds {seconds:.6}\n"
            )
        }
    }
}
