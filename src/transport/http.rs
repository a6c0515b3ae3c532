//! HTTP on a listener's connections: requests go to the application; an upgraded socket is taken over and becomes a
//! WebSocket connection of our own.
//!
//! The application is built once per worker thread and listener. Taking the socket over after the handshake leaves nothing
//! of the HTTP side in memory or in the path of a message.

use super::longpoll::{self, Desk};
use super::permit::{count, Lent, TooMany};
use super::settings::{ListenerSettings, Service as Served};
use super::stream::Stream;
use super::trusted;
use super::websocket::connection::Agreed;
use super::websocket::handshake::{upgrade, Here};
use crate::actors::connection::{Encryption, Patience};
use crate::observe::Refusal;
use actix_codec::{Encoder, Framed};
use actix_http::body::{BodySize, MessageBody};
use actix_http::h1::{Codec, Message};
use actix_http::{HttpService, Request, Response};
use actix_service::{fn_service, map_config, IntoServiceFactory, Service, ServiceFactory};
use actix_web::dev::{AppConfig, RequestHead, ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::StatusCode;
use actix_web::{guard, web, App, HttpRequest, HttpResponse, HttpResponseBuilder};
use bytes::BytesMut;
use futures_core::future::LocalBoxFuture;
use futures_util::future::{ready, Either};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// Adds the services of the HTTP side to an application.
pub type Configure = Arc<dyn Fn(&mut web::ServiceConfig, &ListenerSettings) + Send + Sync>;

/// Looks at each request's head before any service does: an answer refuses it. Put into an application's data by
/// [`Configure`].
pub struct Gate(pub Box<Look>);

/// A look at a head: an answer refuses the request.
pub type Look = dyn Fn(&RequestHead) -> Option<HttpResponse>;

/// What becomes of a socket that was upgraded.
pub(crate) type Upgraded = Rc<dyn Fn(Stream, Agreed, Option<SocketAddr>, Headers)>;

/// The headers of a request, names in lower case.
pub(crate) type Headers = Vec<(String, String)>;

/// Serves HTTP on one connection until it ends or is upgraded.
pub(crate) type Serve = Rc<dyn Fn(Stream, Option<SocketAddr>) -> LocalBoxFuture<'static, ()>>;

/// How long an idle HTTP connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// The first request's head has its time from accept on, and whoever accepted keeps it (T1). The library's own clock, which may
/// be half a second fast, is for the later ones.
const LATER_HEADS: Duration = Duration::from_secs(1);

/// Builds the HTTP side of one listener on one worker thread.
///
/// # Errors
/// The application could not be built.
pub(crate) async fn serve(
    here: Here,
    configure: Configure,
    handshake_timeout: Duration,
    upgraded: Upgraded,
    desk: Desk,
) -> Result<Serve, ()> {
    let listener = Arc::clone(&here.listener);
    let app = App::new()
        .wrap_fn(|mut request, services| {
            let refused = request.app_data::<Gate>().and_then(|gate| (gate.0)(request.head()));
            match refused.or_else(|| is_gone(&request)).or_else(|| name_client(&mut request)) {
                Some(response) => Either::Left(ready(Ok(request.into_response(response)))),
                None => Either::Right(services.call(request)),
            }
        })
        .app_data(web::Data::new(here))
        .app_data(web::Data::new(desk))
        .configure(|services| configure(services, &listener))
        .configure(|services| websocket_paths(services, &listener))
        .configure(|services| longpoll::configure(services, &listener))
        .default_service(web::to({
            let text = not_found(&listener);
            move || std::future::ready(plain(HttpResponse::NotFound(), text.clone()))
        }));
    let app = map_config(app.into_factory(), |()| AppConfig::default());
    let app = Rc::new(app.new_service(()).await?);
    let requests = {
        let app = Rc::clone(&app);
        fn_service(move |request: Request| {
            if let Some(lent) = request.conn_data::<Lent>() {
                lent.head_arrived();
            }
            app.call(request)
        })
    };
    let upgrades = {
        let app = Rc::clone(&app);
        fn_service(move |(request, framed): (Request, Framed<Stream, Codec>)| {
            take_over(Rc::clone(&app), request, framed, Rc::clone(&upgraded))
        })
    };
    let service = HttpService::<Stream, _, _, _, _>::build()
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(handshake_timeout + LATER_HEADS)
        .client_disconnect_timeout(Duration::from_secs(1))
        // A caller that has gone has no use for an answer: its call is cancelled.
        .h1_allow_half_closed(false)
        .on_connect_ext(|stream: &Stream, known| {
            if let Some(lent) = stream.luggage::<Lent>() {
                known.insert(lent.clone());
            }
            if let Some(patience) = stream.patience() {
                known.insert(patience.clone());
            }
            known.insert(Encryption { tls: stream.is_secured(), certificate: stream.certificate().cloned() });
        })
        .upgrade(upgrades)
        .h1(requests);
    let service = Rc::new(service.new_service(()).await?);
    Ok(Rc::new(move |stream, peer| {
        let service = Rc::clone(&service);
        let stream = stream.with_patience(Some(Patience::default()));
        Box::pin(async move {
            if let Err(error) = service.call((stream, peer)).await {
                tracing::debug!(?error, "HTTP connection ended");
            }
        })
    }))
}

/// The listener is gone: the answer ends the connection.
fn is_gone(request: &ServiceRequest) -> Option<HttpResponse> {
    let here = request.app_data::<web::Data<Here>>()?;
    let text = "this listener is closed\n";
    let is_refused = here.closed.get() && !longpoll::is_of_transport(request.path(), &here.listener);
    is_refused.then(|| plain_and_close(HttpResponse::ServiceUnavailable(), text.to_owned()))
}

/// Puts the client's address in place of a trusted proxy's, or refuses a request of which nobody can say whose it is.
fn name_client(request: &mut ServiceRequest) -> Option<HttpResponse> {
    let here = request.app_data::<web::Data<Here>>()?.clone();
    if here.listener.trusted_proxies.is_empty() {
        return None;
    }
    let head = request.head();
    match trusted::client(head.peer_addr, head.headers(), &here.listener.trusted_proxies) {
        Ok(client) => {
            request.head_mut().peer_addr = client;
            None
        }
        Err(trusted::Disagree) => {
            here.tally.refused(Refusal::Proxy);
            let text = "Forwarded and X-Forwarded-For name different clients: the proxy must set one of them and remove the other\n";
            Some(plain(HttpResponse::BadRequest(), text.to_owned()))
        }
    }
}

fn websocket_paths(services: &mut web::ServiceConfig, listener: &ListenerSettings) {
    if !listener.serve.contains(&Served::WebSocket) {
        return;
    }
    for path in &listener.websocket.paths {
        services.service(web::resource(path.as_str()).route(web::route().guard(guard::Get()).to(upgrade)));
    }
}

fn not_found(listener: &ListenerSettings) -> String {
    let mut text = "nothing is served on this path".to_owned();
    if listener.serve.contains(&Served::WebSocket) {
        text = format!("{text}; WebSocket is on {}", listener.websocket.paths.join(", "));
    }
    if listener.serve.contains(&Served::LongPoll) {
        text = format!("{text}; long-poll opens with POST {}/open", listener.longpoll.paths.join("/open, "));
    }
    text + "\n"
}

fn plain_and_close(mut response: HttpResponseBuilder, text: String) -> HttpResponse {
    response.force_close();
    plain(response, text)
}

fn plain(mut response: HttpResponseBuilder, text: String) -> HttpResponse {
    response.content_type("text/plain; charset=utf-8").body(text)
}

/// Counts a connection for the client that a proxy has named: from the upgrade on it is that client's alone. Whether there was
/// room.
async fn count_client(request: &HttpRequest, client: Option<SocketAddr>) -> bool {
    let (Some(lent), Some(here)) = (request.conn_data::<Lent>(), request.app_data::<web::Data<Here>>()) else {
        return true;
    };
    let address = client.map(|client| client.ip());
    let (Some(acceptor), Some(ip)) = (lent.acceptor(), address) else { return true };
    if trusted::is_trusted(&here.listener.trusted_proxies, address) {
        return true;
    }
    match count(&acceptor, ip).await {
        Ok(counted) => {
            lent.counts_as(counted);
            true
        }
        Err(TooMany) => {
            here.tally.refused(Refusal::ConnLimit);
            false
        }
    }
}

/// For those who decide about a login; what is no text is left out.
pub(super) fn headers_of(request: &HttpRequest) -> Headers {
    let text = |(name, value): (&HeaderName, &HeaderValue)| {
        value.to_str().ok().map(|value| (name.as_str().to_owned(), value.to_owned()))
    };
    request.headers().iter().filter_map(text).collect()
}

/// Answers an upgrade request. With 101 the socket is handed over; anything else is written and the connection closed.
async fn take_over<S, B>(
    app: Rc<S>,
    request: Request,
    framed: Framed<Stream, Codec>,
    upgraded: Upgraded,
) -> Result<(), S::Error>
where
    S: Service<Request, Response = ServiceResponse<B>>,
    B: MessageBody + 'static,
{
    let came_from = request.head().peer_addr;
    let response = app.call(request).await?;
    let (request, response) = response.into_parts();
    let peer = request.head().peer_addr;
    let mut agreed = response.extensions().get::<Agreed>().cloned();
    let (mut head, body) = Response::<B>::from(response).into_parts();
    let mut body = match agreed {
        Some(_) => bytes::Bytes::new(),
        None if body.size() == BodySize::Stream => {
            // Nobody looks whether its reader is still there, and it may have no end.
            head = Response::new(StatusCode::BAD_REQUEST).drop_body();
            bytes::Bytes::from_static(b"this path is no WebSocket\n")
        }
        None => actix_http::body::to_bytes_limited(body, 1 << 20).await.ok().and_then(Result::ok).unwrap_or_default(),
    };
    if agreed.is_some() && peer != came_from && !count_client(&request, peer).await {
        agreed = None;
        head = Response::new(StatusCode::SERVICE_UNAVAILABLE).drop_body();
        body = bytes::Bytes::from_static(b"too many connections of this address\n");
    }
    let headers = if agreed.is_some() { headers_of(&request) } else { Headers::new() };
    drop(request);
    let mut parts = framed.into_parts();
    let size = if agreed.is_some() { BodySize::None } else { BodySize::Sized(body.len() as u64) };
    if parts.codec.encode(Message::Item((head, size)), &mut parts.write_buf).is_err() {
        return Ok(());
    }
    parts.write_buf.extend_from_slice(&body);
    let mut stream = parts.io;
    if stream.write_all(&parts.write_buf).await.is_err() || stream.flush().await.is_err() {
        return Ok(());
    }
    match agreed {
        Some(agreed) => {
            // From here on its session watches.
            stream = stream.with_patience(None);
            stream.put_back(std::mem::replace(&mut parts.read_buf, BytesMut::new()).freeze());
            upgraded(stream, agreed, peer, headers);
        }
        None => {
            // The peer reads the answer first; then its octets no longer matter.
            let _closed = stream.shutdown().await;
        }
    }
    Ok(())
}
