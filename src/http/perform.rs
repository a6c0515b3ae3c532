//! What a checked request does: its CALL, PUBLISH or batch by the session of whoever asks, and the answer in the wanted
//! serialization. Owns all that it needs, so that it can run on when the client has gone (`Idempotency-Key`).

use super::allowance::{self, Counted};
use super::api;
use super::batch::{Batch, Mode, Outcome, Outcomes};
use super::idempotency::Said;
use super::near;
use super::negotiate::Form;
use super::problem::{Problem, Statuses};
use super::request_id::RequestName;
use super::sessions::{Answer, Answered, Caller, Request};
use super::settings::RestSettings;
use super::Place;
use crate::actors::clock;
use crate::codec::{self, Fidelity, Piece};
use crate::session::Allowances;
use crate::wamp::{ErrorUri, Serialization, Uri};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::StatusCode;
use actix_web::web;
use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// What is to be done.
pub(super) enum Asked {
    One(Request),
    Batch(Batch),
}

/// One request, checked to its last octet.
pub(super) struct Task {
    pub(super) place: web::Data<Place>,
    pub(super) rest: Arc<RestSettings>,
    pub(super) caller: Arc<Caller>,
    pub(super) asked: Asked,
    /// `Prefer: wait`.
    pub(super) wish: Option<Duration>,
    pub(super) wanted: Form,
    pub(super) name: RequestName,
    /// When its head was there.
    pub(super) since: Instant,
}

impl Task {
    /// Does it.
    ///
    /// # Errors
    /// What is answered in place of a result.
    pub(super) async fn run(self) -> Result<Said, Problem> {
        let Self { place, rest, caller, asked, wish, wanted, name, since } = self;
        let statuses = Statuses(&rest.status);
        let (said, left, deadline, timing) = match asked {
            Asked::One(mut asked) => {
                let deadline = api::set_deadline(&mut asked, wish, &rest, &caller.handle.shared)?;
                let (counted, procedure, sent) = (Counted::of(&asked), near::called(&asked), clock::now());
                let answered = ask(&place, &caller, asked, deadline, &statuses).await;
                let left = answered.as_ref().ok().and_then(|answered| allowance::lines(answered.allowances, counted));
                let said = answered.and_then(|said| say(said.answer, wanted.serialization, &statuses, &place));
                let timing = (sent, clock::now());
                (near::explained(said, &caller, procedure).await, left, deadline, Some(timing))
            }
            Asked::Batch(batch) => {
                let deadline = wish.unwrap_or(rest.wait_max).min(rest.wait_max);
                let left = Cell::new(None);
                let answers =
                    Answers { place: &place, rest: &rest, caller: &caller, wanted, name: &name, statuses, left: &left };
                let said = answers.of(batch, deadline).await.map(|body| (StatusCode::OK, body));
                (said, allowance::lines(left.get(), Counted::Both), deadline, None)
            }
        };
        let applied = wish.and_then(|_| applied(deadline)).map(|applied| (PREFERENCE_APPLIED, applied));
        let timing = timing.and_then(|(sent, answered)| server_timing(since, sent, answered));
        let headers = applied.into_iter().chain(timing.map(|timing| (SERVER_TIMING, timing)));
        let headers = headers.chain(left.into_iter().flatten());
        match said {
            Ok((status, body)) => {
                Ok(Said { status, media_type: wanted.media_type, headers: headers.collect(), body: body.into() })
            }
            Err(problem) => Err(headers.fold(problem, |problem, (name, value)| problem.with(name, value))),
        }
    }
}

/// The time until the request went to the realm, and from then on until its answer came.
fn server_timing(since: Instant, sent: Instant, answered: Instant) -> Option<HeaderValue> {
    let route = sent.duration_since(since).as_secs_f64() * 1e3;
    let callee = answered.duration_since(sent).as_secs_f64() * 1e3;
    HeaderValue::from_str(&format!("route;dur={route:.2}, callee;dur={callee:.2}")).ok()
}

/// What a `Prefer: wait` came to, in whole seconds.
pub(super) fn applied(deadline: Duration) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("wait={}", deadline.as_millis().div_ceil(1000))).ok()
}

/// Asks by the caller's session, and waits for so long.
///
/// # Errors
/// 504 when no answer has come.
pub(super) fn ask(
    place: &Place,
    caller: &Arc<Caller>,
    asked: Request,
    deadline: Duration,
    statuses: &Statuses<'_>,
) -> impl std::future::Future<Output = Result<Answered, Problem>> {
    let answer = place.state.sessions.ask(caller, asked);
    let text = || format!("no answer came within {} s", deadline.as_secs_f32());
    // Made before, as the future may outlive what it was made with.
    let late = Problem::router(statuses, ErrorUri::TIMEOUT, String::new());
    // At the end of the time the request is dropped, and with it the call.
    let answer = tokio::time::timeout(deadline, answer);
    let text = text();
    async move { answer.await.map_err(|_| late.saying(text)) }
}

/// What came of one item of a batch.
struct Done {
    /// That it called, if it did.
    procedure: Option<Uri>,
    answered: Result<Answered, Problem>,
}

/// How the items of a batch are answered.
struct Answers<'a> {
    place: &'a Place,
    rest: &'a RestSettings,
    caller: &'a Arc<Caller>,
    wanted: Form,
    name: &'a RequestName,
    statuses: Statuses<'a>,
    /// What was left of the rates at the last answer.
    left: &'a Cell<Option<Allowances>>,
}

impl Answers<'_> {
    /// The body of a batch's answer. All of it takes as long as one request may, at most.
    async fn of(&self, batch: Batch, deadline: Duration) -> Result<Vec<u8>, Problem> {
        let until = clock::now() + deadline;
        let mut outcomes = Outcomes::default();
        match batch.mode {
            Mode::Ordered { stop_on_error } => {
                let mut failed = false;
                for item in batch.items {
                    if failed && stop_on_error {
                        self.put(&mut outcomes, Err(left_out()));
                        continue;
                    }
                    let said = match self.send(item, until) {
                        Ok(answer) => self.say(answer.await).await,
                        Err(problem) => Err(problem),
                    };
                    failed |= said.is_err();
                    self.put(&mut outcomes, said);
                }
            }
            Mode::Parallel => {
                let sent: Vec<_> = batch.items.into_iter().map(|item| self.send(item, until)).collect();
                for answer in sent {
                    let said = match answer {
                        Ok(answer) => self.say(answer.await).await,
                        Err(problem) => Err(problem),
                    };
                    self.put(&mut outcomes, said);
                }
            }
        }
        outcomes.compose(self.wanted.serialization)
    }

    fn send(&self, mut item: Request, until: Instant) -> Result<impl std::future::Future<Output = Done>, Problem> {
        let procedure = near::called(&item);
        let deadline = api::set_deadline(&mut item, None, self.rest, &self.caller.handle.shared)?;
        let left = until.saturating_duration_since(clock::now());
        if left.is_zero() {
            let text = "the time of the batch was over before this item, which was not sent";
            return Err(Problem::router(&self.statuses, ErrorUri::TIMEOUT, text));
        }
        let answered = ask(self.place, self.caller, item, deadline.min(left), &self.statuses);
        Ok(async move { Done { procedure, answered: answered.await } })
    }

    async fn say(&self, Done { procedure, answered }: Done) -> Result<(StatusCode, Vec<u8>), Problem> {
        let said = answered.and_then(|Answered { answer, allowances }| {
            self.left.set(allowances.or(self.left.get()));
            say(answer, self.wanted.serialization, &self.statuses, self.place)
        });
        near::explained(said, self.caller, procedure).await
    }

    fn put(&self, outcomes: &mut Outcomes, said: Result<(StatusCode, Vec<u8>), Problem>) {
        let outcome = said.map(|(status, body)| Outcome { status, serialization: self.wanted.serialization, body });
        let outcome = outcome.unwrap_or_else(|problem| self.failure(&problem));
        if !outcomes.push(outcome) {
            let text = "the answers before this one leave no room for it: ask for less in one batch";
            let problem = Problem::router(&self.statuses, ErrorUri::PAYLOAD_SIZE_EXCEEDED, text);
            outcomes.push_in_place(self.failure(&problem));
        }
    }

    fn failure(&self, problem: &Problem) -> Outcome {
        super::count(&self.place.state.tally, problem);
        let (status, body) = (problem.status(), problem.body(self.name));
        Outcome { status, serialization: Serialization::Json, body }
    }
}

fn left_out() -> Problem {
    Problem::http(StatusCode::FAILED_DEPENDENCY, "an item before this one has failed").uncounted()
}

/// An answer's status and body.
///
/// # Errors
/// What the answer is, if it is a failure; 400 for a result that has no form in this serialization.
pub(super) fn say(
    answer: Answer,
    serialization: Serialization,
    statuses: &Statuses<'_>,
    place: &Place,
) -> Result<(StatusCode, Vec<u8>), Problem> {
    let (status, body) = match answer {
        Answer::Result(payload) => {
            let shape = [("args", Piece::Args(&payload)), ("kwargs", Piece::Kwargs(&payload))];
            (StatusCode::OK, write(&shape, serialization, payload.len() + 24, place))
        }
        Answer::Published(publication) => {
            (StatusCode::OK, write(&[("id", Piece::Unsigned(publication.get()))], serialization, 32, place))
        }
        Answer::Taken => (StatusCode::ACCEPTED, write(&[], serialization, 2, place)),
        Answer::Error(error) => return Err(Problem::wamp(statuses, &error)),
        Answer::Ended { reason, detail } => return Err(Problem::ended(&reason, &detail)),
    };
    let body = body.map_err(|error| {
        let text = format!("the result cannot be written in {}: {error}", serialization.name());
        Problem::router(statuses, ErrorUri::INVALID_ARGUMENT, text)
    })?;
    Ok((status, body))
}

fn write(
    shape: &[(&str, Piece<'_>)],
    serialization: Serialization,
    octets: usize,
    place: &Place,
) -> Result<Vec<u8>, codec::TranscodeError> {
    let mut body = Vec::with_capacity(octets);
    let tally = &place.state.tally;
    match codec::compose(&Piece::Dict(shape), serialization, &mut body) {
        Ok(Fidelity::Exact) => {}
        Ok(Fidelity::Lossy) => tally.add_transcode_lossy(1),
        Err(error) => {
            tally.add_undeliverable(1);
            return Err(error);
        }
    }
    Ok(body)
}
