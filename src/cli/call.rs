//! `wharf call`: one CALL, or many, and what comes back.

use super::client::arguments::PayloadArguments;
use super::client::connection::ConnectionArguments;
use super::client::failure::Failure;
use super::client::near;
use super::client::output::OutputArguments;
use super::client::work::{run, written};
use super::client::{talk, time};
use super::output::note;
use super::Exit;
use crate::client::Session;
use crate::wamp::message::Call;
use crate::wamp::options::CallOptions;
use crate::wamp::{Message, Payload, RequestId, Uri};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How much longer than the router the client waits, so that it is the router that says so.
const GRACE: Duration = Duration::from_millis(500);

/// `wharf call`.
#[derive(clap::Args, Debug)]
pub(super) struct CallArguments {
    /// The procedure.
    procedure: String,
    #[command(flatten)]
    payload: PayloadArguments,
    /// How long the call may take.
    #[arg(long, value_parser = time, value_name = "TIME")]
    timeout: Option<Duration>,
    /// Prints partial results as they come.
    #[arg(long)]
    progress: bool,
    /// Asks to be named to the callee.
    #[arg(long)]
    disclose: bool,
    /// Calls so many times.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    repeat: u64,
    /// So many of them at once.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    concurrency: u32,
    /// Tells on standard error how long it took.
    #[arg(long)]
    time: bool,
    #[command(flatten)]
    output: OutputArguments,
    #[command(flatten)]
    connection: ConnectionArguments,
}

/// Calls.
pub(super) fn call(arguments: &CallArguments) -> Exit {
    run(&arguments.output, async {
        let payload = arguments.payload.payload()?;
        let mut session = arguments.connection.connection()?.join().await?;
        let done = match Calls::new(arguments, payload).run(&mut session).await {
            Err(failure) => Err(near::explained(&mut session, &arguments.procedure, failure).await),
            done => done,
        };
        session.leave().await;
        done
    })
}

/// The calls of one command.
struct Calls<'a> {
    arguments: &'a CallArguments,
    payload: Payload,
    /// When each call under way began.
    under_way: BTreeMap<RequestId, Instant>,
    begun: u64,
    took: Vec<Duration>,
}

impl<'a> Calls<'a> {
    fn new(arguments: &'a CallArguments, payload: Payload) -> Self {
        Self { arguments, payload, under_way: BTreeMap::new(), begun: 0, took: Vec::new() }
    }

    async fn run(&mut self, session: &mut Session) -> Result<(), Failure> {
        let began = Instant::now();
        loop {
            self.begin(session)?;
            let Some(oldest) = self.under_way.iter().min_by_key(|(_, at)| **at).map(|(id, at)| (*id, *at)) else {
                break;
            };
            let Some(timeout) = self.arguments.timeout else {
                let message = session.receive().await?;
                self.take(message)?;
                continue;
            };
            let left = (oldest.1 + timeout + GRACE).saturating_duration_since(Instant::now());
            match tokio::time::timeout(left, session.receive()).await {
                Ok(message) => self.take(message?)?,
                Err(_) => {
                    talk::cancel(session, oldest.0).await?;
                    return Err(Failure::Timeout(format!("no answer within {} s", timeout.as_secs_f64())));
                }
            }
        }
        if self.arguments.time {
            self.tell(began.elapsed());
        }
        Ok(())
    }

    /// Begins as many calls as there may be.
    fn begin(&mut self, session: &mut Session) -> Result<(), Failure> {
        while self.begun < self.arguments.repeat && self.under_way.len() < self.arguments.concurrency as usize {
            let request = session.next_request();
            let options = CallOptions {
                receive_progress: self.arguments.progress,
                timeout_ms: self.arguments.timeout.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
                disclose_me: self.arguments.disclose,
                ..CallOptions::default()
            };
            let procedure = Uri::from(self.arguments.procedure.as_str());
            session.write(Call { request, options, procedure, payload: self.payload.clone() })?;
            self.under_way.insert(request, Instant::now());
            self.begun += 1;
        }
        Ok(())
    }

    fn take(&mut self, message: Message) -> Result<(), Failure> {
        if let Message::Result(result) = message {
            let Some(began) = self.under_way.get(&result.request) else { return Ok(()) };
            if !result.details.progress {
                self.took.push(began.elapsed());
                self.under_way.remove(&result.request);
            }
            return written(self.arguments.output.payload(&result.payload));
        }
        if let Message::Error(error) = message {
            if self.under_way.contains_key(&error.request) {
                return Err(Failure::error(&error.error, &error.payload));
            }
        }
        Ok(())
    }

    fn tell(&mut self, elapsed: Duration) {
        self.took.sort_unstable();
        let milliseconds = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1000.0);
        let (count, all) = (self.took.len(), elapsed.as_secs_f64() * 1000.0);
        note(&format!(
            "{count} calls in {all:.3} ms; each {:.3} ms at least, {:.3} in the middle, {:.3} at most",
            milliseconds(self.took.first()),
            milliseconds(self.took.get(count / 2)),
            milliseconds(self.took.last()),
        ));
    }
}
