//! The three kinds of load, as tasks of one thread.

use super::Tally;
use crate::cli::client::connection::Connection;
use crate::cli::client::failure::Failure;
use crate::cli::client::talk;
use crate::client::Session;
use crate::codec::payload_args;
use crate::wamp::message::{Call, Publish, Register, Subscribe, Yield};
use crate::wamp::options::{CallOptions, PublishOptions, RegisterOptions, ResultOptions, SubscribeOptions};
use crate::wamp::{Message, Payload, Uri, Value};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

/// How long what is under way at the end may still take.
const DRAIN: Duration = Duration::from_secs(2);

/// Events each second, where nothing else is said.
const EVENTS: u32 = 1000;

/// What is to be done.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) connection: Connection,
    pub(super) clients: u32,
    pub(super) rate: Option<u32>,
    pub(super) duration: Duration,
    pub(super) size: usize,
}

type Done = Result<(Tally, Duration), Failure>;

impl Plan {
    /// Between two requests of one client, if there is a rate.
    fn pause(&self, clients: u32) -> Option<Duration> {
        self.rate.map(|rate| Duration::from_secs(1) * clients / rate)
    }

    fn filling(&self) -> Value {
        Value::Text("x".repeat(self.size))
    }

    async fn sessions(&self) -> Result<Vec<Session>, Failure> {
        let mut joining = JoinSet::new();
        let mut sessions = Vec::new();
        for _ in 0..self.clients {
            // Not all at once: logins are rated.
            while joining.len() >= 32 {
                sessions.extend(joined(joining.join_next().await)?);
            }
            let connection = self.connection.clone();
            joining.spawn(async move { connection.join().await });
        }
        while let Some(session) = joined(joining.join_next().await)? {
            sessions.push(session);
        }
        Ok(sessions)
    }
}

fn joined<T>(ended: Option<Result<Result<T, Failure>, JoinError>>) -> Result<Option<T>, Failure> {
    ended.map(|ended| ended.map_err(|fault| Failure::Fault(fault.to_string()))?).transpose()
}

/// A name that nobody else has.
fn own(what: &str) -> Uri {
    Uri::from(format!("bench.{what}.x{:016x}", rand::random::<u64>()))
}

/// Waits for the moment at which the next request is due, and gives it.
async fn due(next: &mut Instant, pause: Option<Duration>) -> Instant {
    let Some(pause) = pause else { return Instant::now() };
    let at = *next;
    *next += pause;
    tokio::time::sleep_until(at.into()).await;
    at
}

/// Calls.
pub(super) async fn rpc(plan: &Plan) -> Done {
    let procedure = own("echo");
    let mut callee = plan.connection.join().await?;
    let request = callee.next_request();
    let register = Register { request, options: RegisterOptions::default(), procedure: procedure.clone() };
    callee.send(register).await?;
    talk::acknowledged(&mut callee, request).await?;
    let sessions = plan.sessions().await?;
    let began = Instant::now();
    let mut callers = JoinSet::new();
    for session in sessions {
        callers.spawn(caller(session, plan.clone(), procedure.clone(), began));
    }
    let mut all = Tally::default();
    loop {
        tokio::select! {
            served = serve(&mut callee) => served?,
            ended = callers.join_next() => match joined(ended)? {
                Some(tally) => all.add(&tally),
                None => break,
            },
        }
    }
    Ok((all, began.elapsed()))
}

/// Answers until the connection ends. Dropped, it loses nothing.
async fn serve(callee: &mut Session) -> Result<(), Failure> {
    loop {
        if let Message::Invocation(invocation) = callee.receive().await? {
            let (request, payload) = (invocation.request, invocation.payload);
            callee.write(Yield { request, options: ResultOptions::default(), payload })?;
        }
        // One write for all that came with one read.
        if !callee.has_arrived() {
            callee.flush().await?;
        }
    }
}

async fn caller(mut session: Session, plan: Plan, procedure: Uri, began: Instant) -> Result<Tally, Failure> {
    let (pause, payload) = (plan.pause(plan.clients), Payload::args(vec![plan.filling()]));
    let (mut tally, mut next) = (Tally::default(), began);
    while began.elapsed() < plan.duration {
        let at = due(&mut next, pause).await;
        let request = session.next_request();
        let (procedure, payload) = (procedure.clone(), payload.clone());
        session.send(Call { request, options: CallOptions::default(), procedure, payload }).await?;
        tally.sent += 1;
        let answered = tokio::time::timeout(plan.duration + DRAIN, async {
            loop {
                match talk::outcome(&session.receive().await?, request) {
                    Ok(Some(_)) => return Ok(true),
                    Ok(None) => {}
                    Err(failure) if failure.uri().is_some() => return Ok(false),
                    Err(failure) => return Err(failure),
                }
            }
        });
        match answered.await {
            Ok(Ok(true)) => tally.times.record(at.elapsed()),
            Ok(Ok(false)) => tally.errors += 1,
            Ok(Err(failure)) => return Err(failure),
            // It is counted as lost.
            Err(_) => break,
        }
    }
    session.leave().await;
    Ok(tally)
}

/// Events.
pub(super) async fn pubsub(plan: &Plan) -> Done {
    let topic = own("event");
    let mut publisher = plan.connection.join().await?;
    let mut sessions = plan.sessions().await?;
    for session in &mut sessions {
        let request = session.next_request();
        session.send(Subscribe { request, options: SubscribeOptions::default(), topic: topic.clone() }).await?;
        talk::acknowledged(session, request).await?;
    }
    let (began, (told, end)) = (Instant::now(), watch::channel(None));
    let mut subscribers = JoinSet::new();
    for session in sessions {
        subscribers.spawn(subscriber(session, began, end.clone()));
    }
    let rate = Plan { rate: Some(plan.rate.unwrap_or(EVENTS)), ..plan.clone() };
    let (mut next, mut sent) = (began, 0_u64);
    while began.elapsed() < plan.duration {
        let at = due(&mut next, rate.pause(1)).await.duration_since(began);
        let micros = u64::try_from(at.as_micros()).unwrap_or(u64::MAX);
        let request = publisher.next_request();
        let payload = Payload::args(vec![micros.into(), plan.filling()]);
        let options = PublishOptions::default();
        publisher.send(Publish { request, options, topic: topic.clone(), payload }).await?;
        sent += 1;
    }
    let took = began.elapsed();
    // Nobody listens where all have failed, and that is told below.
    let _gone = told.send(Some(sent));
    let mut all = Tally::default();
    while let Some(tally) = joined(subscribers.join_next().await)? {
        all.add(&tally);
    }
    publisher.leave().await;
    Ok((all, took))
}

/// Counts events until it has as many as were published, or none of them comes for a while.
async fn subscriber(
    mut session: Session,
    began: Instant,
    mut end: watch::Receiver<Option<u64>>,
) -> Result<Tally, Failure> {
    let (mut tally, mut received) = (Tally::default(), 0_u64);
    loop {
        let published = *end.borrow_and_update();
        if published.is_some_and(|sent| received >= sent) {
            break;
        }
        let wait = if published.is_some() { DRAIN } else { Duration::from_secs(3600) };
        tokio::select! {
            message = tokio::time::timeout(wait, session.receive()) => match message {
                Ok(Ok(Message::Event(event))) => {
                    received += 1;
                    let args = payload_args(&event.payload).unwrap_or_default();
                    if let Some(Value::Unsigned(micros)) = args.first() {
                        tally.times.record(began.elapsed().saturating_sub(Duration::from_micros(*micros)));
                    }
                }
                Ok(Ok(_)) => {}
                // What is missing is counted as lost: the router has cut this subscriber.
                Ok(Err(_)) | Err(_) => break,
            },
            changed = end.changed(), if published.is_none() => if changed.is_err() { break },
        }
    }
    tally.sent = loop {
        if let Some(sent) = *end.borrow_and_update() {
            break sent;
        }
        if end.changed().await.is_err() {
            break received;
        }
    };
    session.leave().await;
    Ok(tally)
}

/// Sessions that come and go.
pub(super) async fn connect(plan: &Plan) -> Done {
    let began = Instant::now();
    let mut comers = JoinSet::new();
    for _ in 0..plan.clients {
        let plan = plan.clone();
        comers.spawn(async move {
            let (pause, mut tally, mut next) = (plan.pause(plan.clients), Tally::default(), began);
            while began.elapsed() < plan.duration {
                let at = due(&mut next, pause).await;
                tally.sent += 1;
                match plan.connection.join().await {
                    Ok(session) => {
                        tally.times.record(at.elapsed());
                        session.leave().await;
                    }
                    // The first of all says why; later ones are counted.
                    Err(failure) if tally.times.total() == 0 => return Err(failure),
                    Err(_) => tally.errors += 1,
                }
            }
            Ok(tally)
        });
    }
    let mut all = Tally::default();
    while let Some(tally) = joined(comers.join_next().await)? {
        all.add(&tally);
    }
    Ok((all, began.elapsed()))
}
