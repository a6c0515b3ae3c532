//! The requests of a long-poll transport: open, send, receive, close. Source: sections 7.4 and 7.5 of the reference, section 11
//! of the HTTP design.
//!
//! Parses and waits; what a message means is its session's to say.

use super::super::http::headers_of;
use super::super::permit::Lent;
use super::super::websocket::{cookies, handshake};
use super::board::{Board, Receiving, Sending, Shown, Wire};
use super::connection::{LongPollConnection, Opener};
use super::events::Events;
use super::exchange::Received;
use super::protocol::{self, Framing};
use crate::actors::clock;
use crate::actors::connection::{Arrival, Connection, Encryption, Fault};
use crate::codec::{self, Limits};
use crate::observe::{shown, Refusal};
use crate::session::CloseCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{web, HttpRequest, HttpResponse};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Octets of the body of `open`.
const OFFER_MAX: usize = 4 << 10;

/// How long a body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// When to come back where there is no room.
const RETRY_AFTER: &str = "5";

/// How long a browser may remember what a preflight said, in seconds.
const PREFLIGHT_MAX_AGE: &str = "600";

/// How a browser is told that an answer may be read by its page: as for a WebSocket, whoever may open one.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Starts a session for a transport.
pub(crate) type Start = Rc<dyn Fn(Box<dyn Connection>)>;

/// What the requests of one listener need, on one thread.
pub(crate) struct Desk {
    pub(crate) here: handshake::Here,
    pub(crate) board: Board,
    pub(crate) start: Start,
}

/// What a request is answered with instead.
struct Refused {
    status: StatusCode,
    text: String,
    refusal: Option<Refusal>,
    allow: Option<&'static str>,
}

impl Refused {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), refusal: None, allow: None }
    }

    fn counted(self, refusal: Refusal) -> Self {
        Self { refusal: Some(refusal), ..self }
    }

    fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "there is no such transport, or it has ended: open another one\n")
    }

    fn method(allow: &'static str) -> Self {
        let text = format!("this path takes {allow}\n");
        Self { allow: Some(allow), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, text) }
    }
}

/// What a path asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Open,
    Send,
    Receive,
    Close,
}

impl Asked {
    pub(super) const OF_TRANSPORT: [(&'static str, Self); 3] =
        [("send", Self::Send), ("receive", Self::Receive), ("close", Self::Close)];
}

impl Desk {
    /// Answers one request. `says_no_content`: this base answers 204 where others answer 202.
    pub(super) async fn answer(
        &self,
        asked: Asked,
        says_no_content: bool,
        request: &HttpRequest,
        payload: &mut web::Payload,
    ) -> HttpResponse {
        let encryption: Encryption = request.conn_data().cloned().unwrap_or_default();
        let allowed = &self.here.listener.websocket.allowed_origins;
        let mut response = if handshake::origin_allowed(request.headers(), allowed, &encryption) {
            let done = if says_no_content { StatusCode::NO_CONTENT } else { StatusCode::ACCEPTED };
            let answered = match (request.method(), asked) {
                (&Method::OPTIONS, _) => Ok(preflight()),
                (&Method::GET, Asked::Receive) => self.stream(request, &encryption),
                (&Method::POST, Asked::Open) => self.open(request, payload, encryption).await,
                (&Method::POST, Asked::Send) => self.send(request, payload, &encryption, done).await,
                (&Method::POST, Asked::Receive) => self.receive(request, &encryption).await,
                (&Method::POST, Asked::Close) => self.close(request, &encryption, done),
                (_, Asked::Receive) => Err(Refused::method("GET, OPTIONS, POST")),
                (_, Asked::Open | Asked::Send | Asked::Close) => Err(Refused::method("OPTIONS, POST")),
            };
            let mut response = answered.unwrap_or_else(|refused| self.refuse(refused));
            if let Some(origin) = request.headers().get(header::ORIGIN) {
                let headers = response.headers_mut();
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                // Cookies are taken as on a WebSocket; libraries ask for them.
                headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            }
            response
        } else {
            let text = "this origin may open no transport here: add it to websocket.allowed_origins\n";
            self.refuse(Refused::new(StatusCode::FORBIDDEN, text).counted(Refusal::Origin))
        };
        let headers = response.headers_mut();
        headers.insert(header::VARY, HeaderValue::from_static("Origin"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }

    fn refuse(&self, refused: Refused) -> HttpResponse {
        if let Some(refusal) = refused.refusal {
            self.here.tally.refused(refusal);
            tracing::debug!(reason = refusal.name(), text = %shown(&refused.text), "long-poll request refused");
        }
        let mut response = HttpResponse::build(refused.status);
        if refused.status == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((header::RETRY_AFTER, RETRY_AFTER));
        }
        if matches!(refused.status, StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT) {
            // What still comes of the body is nobody's.
            response.force_close();
        }
        if let Some(allow) = refused.allow {
            response.insert_header((header::ALLOW, allow));
        }
        response.content_type("text/plain; charset=utf-8").body(refused.text)
    }

    async fn open(
        &self,
        request: &HttpRequest,
        payload: &mut web::Payload,
        encryption: Encryption,
    ) -> Result<HttpResponse, Refused> {
        let listener = &self.here.listener;
        if self.here.closed.get() {
            return Err(Refused::new(StatusCode::SERVICE_UNAVAILABLE, "this listener is closed\n"));
        }
        let body = read(request, payload, OFFER_MAX).await?;
        let protocol = protocol::choose(&body)
            .map_err(|text| Refused::new(StatusCode::BAD_REQUEST, text).counted(Refusal::Subprotocol))?;
        let peer = request.peer_addr();
        let another = request.conn_data::<Lent>().and_then(|lent| lent.another(listener, peer.map(|peer| peer.ip())));
        let permit = match another {
            Some((acceptor, another)) => acceptor.send(another).await.ok().flatten(),
            None => None,
        };
        let Some(permit) = permit else {
            let text = "there are as many connections as there may be\n";
            return Err(Refused::new(StatusCode::SERVICE_UNAVAILABLE, text).counted(Refusal::ConnLimit));
        };
        let credential = Shown::of(request.headers(), &encryption);
        let mut response = HttpResponse::Ok();
        let mut given = Vec::new();
        for (cookie, line) in cookies::give(request.headers(), &listener.websocket.cookies, encryption.tls) {
            if let Some(shown) = &cookie.shown {
                self.here.logins.renew_cookie(shown, cookie.fresh);
            }
            response.append_header((header::SET_COOKIE, line));
            given.push(cookie);
        }
        let name = listener.name.as_str().into();
        let (wire, id) = self.board.open(protocol, name, credential, listener.message_before_welcome_max);
        let opener = Opener { peer, encryption, headers: headers_of(request), cookies: given, permit };
        let connection = LongPollConnection::new(wire, self.board.clone(), Arc::clone(listener), opener);
        (self.start)(Box::new(connection));
        let said = serde_json::json!({ "protocol": protocol.name, "transport": id });
        Ok(response.content_type("application/json").body(said.to_string()))
    }

    fn find(&self, request: &HttpRequest, encryption: &Encryption) -> Result<Arc<Wire>, Refused> {
        let wire = self.find_or_ended(request, encryption)?;
        let mut exchange = wire.exchange();
        if exchange.has_ended() {
            return Err(Refused::not_found());
        }
        exchange.touch(clock::now());
        drop(exchange);
        Ok(wire)
    }

    /// The same, also if its session is over.
    fn find_or_ended(&self, request: &HttpRequest, encryption: &Encryption) -> Result<Arc<Wire>, Refused> {
        let id = request.match_info().get("id").unwrap_or_default();
        let wire = self.board.find(id, &self.here.listener.name, Shown::of(request.headers(), encryption));
        wire.ok_or_else(Refused::not_found)
    }

    async fn send(
        &self,
        request: &HttpRequest,
        payload: &mut web::Payload,
        encryption: &Encryption,
        done: StatusCode,
    ) -> Result<HttpResponse, Refused> {
        let wire = self.find(request, encryption)?;
        let _under_way = Sending::begin(Arc::clone(&wire));
        // Held to the end: what comes next is not read before.
        let Ok(_turn) = wire.sending.acquire().await else { return Err(Refused::not_found()) };
        wire.until_read().await;
        if wire.exchange().has_ended() {
            return Err(Refused::not_found());
        }
        let body = match read(request, payload, wire.body_max()).await {
            Ok(body) => body,
            Err(refused) => {
                if refused.status == StatusCode::PAYLOAD_TOO_LARGE {
                    // T4, as on the other transports. The session counts it.
                    let text = format!("a body has at most {} octets", wire.body_max());
                    fail(&wire, CloseCode::TOO_BIG, Refusal::MessageTooBig, text);
                }
                return Err(refused);
            }
        };
        let mut exchange = wire.exchange();
        if exchange.has_ended() {
            return Err(Refused::not_found());
        }
        let messages = match exchange.split(body) {
            Ok(messages) => messages,
            Err(error) => {
                drop(exchange);
                fail(&wire, CloseCode::PROTOCOL, Refusal::Decode, error.to_string());
                return Err(Refused::new(StatusCode::BAD_REQUEST, format!("{error}\n")));
            }
        };
        let limits = Limits::default();
        let broken = messages.iter().find_map(|message| {
            codec::decode(wire.protocol.serialization, message, &limits).err().map(|error| error.to_string())
        });
        // The session says so too, and ends.
        messages.into_iter().for_each(|message| exchange.arrive(Ok(Arrival::Message(message))));
        match broken {
            None => Ok(HttpResponse::build(done).finish()),
            Some(error) => Err(Refused::new(StatusCode::BAD_REQUEST, format!("{}\n", shown(&error)))),
        }
    }

    async fn receive(&self, request: &HttpRequest, encryption: &Encryption) -> Result<HttpResponse, Refused> {
        let wire = self.find(request, encryption)?;
        if wire.protocol.framing == Framing::Events {
            return Err(Refused::method("GET, OPTIONS"));
        }
        let is_binary = wire.protocol.serialization.is_binary();
        let receiving = Receiving::begin(wire);
        let received = std::future::poll_fn(|cx| receiving.poll(cx));
        match tokio::time::timeout(self.here.listener.longpoll.receive_timeout, received).await {
            Ok(Received::Octets(octets)) => {
                let kind = if is_binary { "application/octet-stream" } else { "application/json" };
                Ok(HttpResponse::Ok().content_type(kind).body(octets))
            }
            Ok(Received::Superseded | Received::Ended) | Err(_) => Ok(HttpResponse::NoContent().finish()),
        }
    }

    fn stream(&self, request: &HttpRequest, encryption: &Encryption) -> Result<HttpResponse, Refused> {
        let wire = self.find(request, encryption)?;
        if wire.protocol.framing != Framing::Events {
            return Err(Refused::method("OPTIONS, POST"));
        }
        let mut response = HttpResponse::Ok();
        response.content_type("text/event-stream").insert_header((BUFFERING, "no"));
        Ok(response.streaming(Events::new(Receiving::begin(wire), self.here.listener.longpoll.heartbeat)))
    }

    fn close(&self, request: &HttpRequest, encryption: &Encryption, done: StatusCode) -> Result<HttpResponse, Refused> {
        let wire = self.find_or_ended(request, encryption)?;
        self.board.forget(&wire);
        wire.exchange().arrive(Ok(Arrival::Closed(None)));
        Ok(HttpResponse::build(done).finish())
    }
}

/// What is asked before a page of another origin may ask.
fn preflight() -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header((header::ALLOW, "GET, OPTIONS, POST"))
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"))
        .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type"))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_MAX_AGE))
        .finish()
}

/// The peer broke the rules below WAMP: the session ends.
fn fail(wire: &Wire, code: CloseCode, refusal: Refusal, text: String) {
    wire.exchange().arrive(Err(Fault { code, refusal, text, abort: true }));
}

/// Reads a body.
async fn read(request: &HttpRequest, payload: &mut web::Payload, octets_max: usize) -> Result<Bytes, Refused> {
    let too_large =
        || Refused::new(StatusCode::PAYLOAD_TOO_LARGE, format!("a body has at most {octets_max} octets here\n"));
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > octets_max as u64) {
        return Err(too_large());
    }
    let collect = async {
        let mut body = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let broken = |_| Refused::new(StatusCode::BAD_REQUEST, "the body breaks off\n").counted(Refusal::Http);
            let chunk = chunk.map_err(broken)?;
            if body.len() + chunk.len() > octets_max {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    };
    match tokio::time::timeout(BODY_TIMEOUT, collect).await {
        Ok(body) => body,
        Err(_) => {
            let text = format!("the body did not come within {} s\n", BODY_TIMEOUT.as_secs());
            Err(Refused::new(StatusCode::REQUEST_TIMEOUT, text).counted(Refusal::Http))
        }
    }
}
