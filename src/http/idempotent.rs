//! Requests with an `Idempotency-Key`: carried out once, whoever asks how often, and to their end although the client has gone.
//! The rule is [`super::idempotency`]; this is its shared place and its HTTP. Source: section 9 of the HTTP design.

use super::allowance;
use super::api::respond;
use super::idempotency::{Begun, Content, Records, Said, Scope};
use super::negotiate::Form;
use super::perform::Task;
use super::problem::{Problem, Statuses};
use super::sessions::Caller;
use super::settings::IdempotencySettings;
use crate::actors::clock;
use crate::wamp::ErrorUri;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::hash::{Hash, Hasher};
#[expect(
    clippy::disallowed_types,
    reason = "a retry may come by any thread; locked twice for each request with a key"
)]
use std::sync::Mutex;
use std::sync::{Arc, MutexGuard, PoisonError};
use tracing::Instrument;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The longest key.
const KEY_MAX: usize = 255;

/// The records of a node.
#[derive(Clone, Debug, Default)]
#[expect(clippy::disallowed_types, reason = "as above")]
pub(super) struct SharedRecords(Arc<Mutex<Records>>);

impl SharedRecords {
    fn lock(&self) -> MutexGuard<'_, Records> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Times that a stored answer was given.
    pub(super) fn replays(&self) -> u64 {
        self.lock().replays()
    }
}

/// The request's key, if it has one.
///
/// # Errors
/// 400: it is not of 1 to 255 visible characters, or there are two.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<&HeaderValue>, Problem> {
    let mut lines = headers.get_all(KEY);
    let Some(key) = lines.next() else { return Ok(None) };
    let visible = key.as_bytes().iter().all(u8::is_ascii_graphic);
    if lines.next().is_some() || !visible || !(1..=KEY_MAX).contains(&key.len()) {
        let text = format!("an Idempotency-Key is one line of 1 to {KEY_MAX} visible characters");
        return Err(Problem::http(StatusCode::BAD_REQUEST, text));
    }
    Ok(Some(key))
}

/// A request that may have come before.
pub(super) struct Retry {
    scope: Scope,
    content: Content,
}

/// Feeds what derives `Hash` into SHA-256. The ends of texts are marked by `Hash` itself.
struct Feed(Sha256);

impl Hasher for Feed {
    fn write(&mut self, octets: &[u8]) {
        self.0.update(octets);
    }

    fn finish(&self) -> u64 {
        0
    }
}

impl Retry {
    /// Whose request it is, and what it asks for.
    pub(super) fn new(
        caller: &Caller,
        request: &HttpRequest,
        key: &HeaderValue,
        body: &Bytes,
        forms: [Form; 2],
    ) -> Self {
        let mut scope = Feed(Sha256::new());
        caller.key.hash(&mut scope);
        (request.method().as_str(), request.uri().path(), key.as_bytes()).hash(&mut scope);
        let mut content = Feed(Sha256::new());
        forms.map(|form| form.media_type).hash(&mut content);
        body.hash(&mut content);
        Self { scope: scope.0.finalize().into(), content: content.0.finalize().into() }
    }

    /// Does what is asked, or answers as before.
    ///
    /// # Errors
    /// What is answered in place of a result.
    pub(super) async fn answer(self, task: Task, statuses: &Statuses<'_>) -> Result<HttpResponse, Problem> {
        let settings = task.rest.idempotency.clone();
        let records = task.place.state.idempotency.clone();
        let begun = records.lock().begin(self.scope, self.content, clock::now(), &settings);
        match begun {
            Begun::First => {}
            Begun::Finished(said) => {
                let mut said = Said::clone(&said);
                said.headers.push((REPLAYED, HeaderValue::from_static("true")));
                return Ok(respond(said));
            }
            Begun::Running => {
                let problem = Problem::http(StatusCode::CONFLICT, "the first request with this key is under way");
                return Err(problem.with(header::RETRY_AFTER, HeaderValue::from_static("1")));
            }
            Begun::Other => {
                let text = "this Idempotency-Key was used for another request";
                return Err(Problem::router(statuses, ErrorUri::IDEMPOTENCY_KEY_REUSED, text));
            }
            Begun::Full => {
                let text = "there are as many requests with a key under way as there may be";
                return Err(Problem::router(statuses, ErrorUri::BUSY, text));
            }
        }
        let under_way = UnderWay { records, scope: self.scope, said: None, settings };
        // A task of its own, which a client that hangs up does not end.
        let running = async move {
            let name = task.name.clone();
            let outcome = task.run().await;
            under_way.end(match &outcome {
                Ok(said) => said.clone(),
                Err(problem) => problem.said(&name),
            });
            outcome
        };
        let running = actix_web::rt::spawn(running.in_current_span());
        match running.await {
            Ok(outcome) => outcome.map(respond),
            Err(_) => Err(Problem::router(statuses, ErrorUri::INTERNAL, "the request failed")),
        }
    }
}

/// Ends a record, whatever becomes of the request.
struct UnderWay {
    records: SharedRecords,
    scope: Scope,
    said: Option<Said>,
    settings: IdempotencySettings,
}

impl UnderWay {
    /// It was answered so.
    fn end(mut self, mut said: Said) {
        said.headers.retain(|(name, _)| !allowance::is_of_the_moment(name));
        self.said = Some(said);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.records.lock().finish(&self.scope, self.said.take(), clock::now(), &self.settings);
    }
}
