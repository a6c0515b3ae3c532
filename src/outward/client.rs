//! One request over one connection of its own, HTTP/1.1.

use super::io::Io;
use super::tls::{self, Trust};
use super::{Request, RequestFault, Response, Then, OF_ONE_MAX, UNDER_WAY_MAX};
use crate::auth::webhook::AddressGuard;
use crate::auth::WebAddress;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::Method;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

/// Octets and lines of an answer's head.
const HEAD_MAX: usize = 64 << 10;
const HEADERS_MAX: usize = 64;

/// For the body of an answer of which only the beginning is wanted.
const BEGINNING: Duration = Duration::from_secs(1);

/// Addresses of one name that are tried.
const TRIES_MAX: usize = 4;

/// Who asks. Cheap to clone, for one thread.
#[derive(Clone, Default)]
pub(super) struct Client {
    under_way: Rc<RefCell<UnderWay>>,
    trust: Rc<RefCell<Trust>>,
}

/// Requests under way, by address.
#[derive(Default)]
struct UnderWay {
    all: usize,
    by_address: BTreeMap<String, usize>,
}

/// A place among them, given back when dropped.
struct Place(Rc<RefCell<UnderWay>>, String);

impl Place {
    fn take(under_way: &Rc<RefCell<UnderWay>>, address: &WebAddress) -> Option<Self> {
        let name = address.to_string();
        let mut counts = under_way.borrow_mut();
        let of_one = counts.by_address.get(&name).copied().unwrap_or_default();
        if counts.all >= UNDER_WAY_MAX || of_one >= OF_ONE_MAX {
            return None;
        }
        counts.all += 1;
        counts.by_address.insert(name.clone(), of_one + 1);
        Some(Self(Rc::clone(under_way), name))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.0.borrow_mut();
        counts.all = counts.all.saturating_sub(1);
        if let Some(of_one) = counts.by_address.get_mut(&self.1) {
            *of_one -= 1;
            if *of_one == 0 {
                counts.by_address.remove(&self.1);
            }
        }
    }
}

impl Client {
    /// Asks beside everything else, if there is room.
    pub(super) fn ask(&self, request: Request, then: Then) {
        let Some(place) = Place::take(&self.under_way, &request.address) else { return then(Err(RequestFault::Busy)) };
        let client = self.clone();
        tokio::task::spawn_local(async move {
            let answer = client.fetch(&request).await;
            drop(place);
            then(answer);
        });
    }

    /// One request and its answer, within its time.
    pub(super) async fn fetch(&self, request: &Request) -> Result<Response, RequestFault> {
        let given_up = async {
            match request.more.as_ref().and_then(|more| more.given_up.as_ref()) {
                Some(given_up) => given_up.notified().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = given_up => Err(RequestFault::GivenUp),
            answer = timeout(request.timeout, self.exchange(request)) => answer.unwrap_or(Err(RequestFault::Late)),
        }
    }

    async fn exchange(&self, request: &Request) -> Result<Response, RequestFault> {
        let address = &*request.address;
        let socket = connect(address, request).await?;
        if !address.is_encrypted() {
            return talk(socket, request).await;
        }
        let settings = self.trust.borrow_mut().of(address)?;
        let host = address.host().try_into().map_err(|_| RequestFault::Name)?;
        let secured = TlsConnector::from(settings).connect(host, socket).await.map_err(|error| tls::fault(&error))?;
        talk(secured, request).await
    }
}

/// A connection to the first of its addresses that has one.
async fn connect(address: &WebAddress, request: &Request) -> Result<TcpStream, RequestFault> {
    let (host, port, time) = (address.host(), address.port(), request.timeout);
    let mut found: Vec<SocketAddr> = match host.parse::<IpAddr>() {
        Ok(ip) => vec![SocketAddr::new(ip, port)],
        Err(_) => tokio::net::lookup_host((&*host, port)).await.map_err(|_| RequestFault::Name)?.collect(),
    };
    if let Some(more) = &request.more {
        found = guarded(found, &more.guard, address.is_encrypted())?;
    } else if !address.is_encrypted() && address.is_loopback() {
        // Whatever a name server says: what is not encrypted does not leave this host.
        found.retain(|address| address.ip().is_loopback());
    }
    found.truncate(TRIES_MAX);
    let tries = u32::try_from(found.len()).map_err(|_| RequestFault::Name)?;
    if tries == 0 {
        return Err(RequestFault::Name);
    }
    for address in found {
        if let Ok(Ok(socket)) = timeout(time / tries, TcpStream::connect(address)).await {
            // Without it an answer may come later, and that is all.
            let _slower = socket.set_nodelay(true);
            return Ok(socket);
        }
    }
    Err(RequestFault::Unreachable)
}

/// Of the addresses that a name has, those that may be dialled.
///
/// # Errors
/// [`RequestFault::Guarded`]: none may.
fn guarded(found: Vec<SocketAddr>, guard: &AddressGuard, is_encrypted: bool) -> Result<Vec<SocketAddr>, RequestFault> {
    let mut refused = None;
    let mut may = found;
    may.retain(|address| guard.check(address.ip(), is_encrypted).map_err(|why| refused = Some(why)).is_ok());
    match refused {
        Some(why) if may.is_empty() => Err(RequestFault::Guarded(why)),
        _ => Ok(may),
    }
}

/// Sends the request and reads the answer, while the connection is driven.
async fn talk(socket: impl AsyncRead + AsyncWrite + Unpin, request: &Request) -> Result<Response, RequestFault> {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD_MAX).max_headers(HEADERS_MAX);
    let (mut sender, connection) = builder.handshake(Io(socket)).await.map_err(|_| RequestFault::Broken)?;
    let message = message(request)?;
    let (octets_max, is_cut) = (request.octets_max, request.more.as_ref().is_some_and(|more| more.is_cut));
    let exchange = async move {
        let response = sender.send_request(message).await.map_err(|_| RequestFault::Broken)?;
        let (head, body) = response.into_parts();
        let body = if is_cut { beginning(body, octets_max).await } else { read(body, octets_max).await? };
        let (is_json, max_age) = (is_json(&head.headers), max_age(&head.headers));
        let retry_after = retry_after(&head.headers);
        Ok(Response { status: head.status.as_u16(), is_json, max_age, retry_after, body })
    };
    beside(exchange, connection).await
}

/// What `first` comes to; `other` goes on beside it as long as it can.
async fn beside<T>(first: impl Future<Output = T>, other: impl Future) -> T {
    let (mut first, mut other) = (pin!(first), pin!(other));
    tokio::select! {
        biased;
        told = &mut first => return told,
        _ended = &mut other => {}
    }
    first.await
}

fn message(request: &Request) -> Result<hyper::Request<Full<Bytes>>, RequestFault> {
    let address = &request.address;
    let body = request.post.as_ref().map(|posted| Bytes::from_owner(posted.0.clone()));
    let method = if body.is_some() { Method::POST } else { Method::GET };
    let mut builder = hyper::Request::builder()
        .method(method)
        .uri(address.target())
        .header(header::HOST, address.authority())
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, concat!("wharf/", env!("CARGO_PKG_VERSION")))
        .header(header::CONNECTION, "close");
    if body.is_some() {
        builder = builder.header(header::CONTENT_TYPE, "application/json");
    }
    if let Some(token) = &request.token {
        let line = Zeroizing::new(format!("Bearer {}", token.expose()));
        let mut value = HeaderValue::from_str(&line).map_err(|_| RequestFault::Broken)?;
        value.set_sensitive(true);
        builder = builder.header(header::AUTHORIZATION, value);
    }
    if let (Some(more), Some(headers)) = (&request.more, builder.headers_mut()) {
        headers.extend(more.headers.iter().cloned());
    }
    builder.body(Full::new(body.unwrap_or_default())).map_err(|_| RequestFault::Broken)
}

/// The whole body, if it is no longer than may be; nothing is kept of one that is.
async fn read(mut body: Incoming, octets_max: usize) -> Result<Zeroizing<Vec<u8>>, RequestFault> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > octets_max {
        return Err(RequestFault::TooLarge(announced));
    }
    let mut read = Zeroizing::new(Vec::with_capacity(announced));
    while let Some(frame) = body.frame().await {
        let Ok(octets) = frame.map_err(|_| RequestFault::Broken)?.into_data() else { continue };
        if read.len() + octets.len() > octets_max {
            return Err(RequestFault::TooLarge(read.len() + octets.len()));
        }
        read.extend_from_slice(&octets);
    }
    Ok(read)
}

/// As much of the body as may be, and no longer than [`BEGINNING`]. What breaks off is an answer all the same: its status has
/// come.
async fn beginning(mut body: Incoming, octets_max: usize) -> Zeroizing<Vec<u8>> {
    let mut read = Zeroizing::new(Vec::new());
    let until = tokio::time::Instant::now() + BEGINNING;
    while read.len() < octets_max {
        let Ok(Some(Ok(frame))) = tokio::time::timeout_at(until, body.frame()).await else { break };
        let Ok(octets) = frame.into_data() else { continue };
        let room = octets_max - read.len();
        read.extend_from_slice(octets.get(..room).unwrap_or(&octets));
    }
    read
}

/// In seconds; a date is not read.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse::<u32>().ok()?;
    Some(Duration::from_secs(seconds.into()))
}

fn is_json(headers: &HeaderMap) -> bool {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media == "application/json" || (media.starts_with("application/") && media.ends_with("+json"))
}

/// Of several the shortest; what may not be kept at all is kept for no time.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let lines = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    let said = lines.flat_map(|line| line.split(',')).filter_map(|directive| {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => Some(0),
            "max-age" => value.trim().trim_matches('"').parse().ok(),
            _ => None,
        }
    });
    said.min().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::webhook::Guarded;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn how_long_an_answer_may_be_kept_is_read_from_cache_control() {
        for (line, expected) in [
            ("public, max-age=3600", Some(3600)),
            ("Max-Age=\"60\", must-revalidate", Some(60)),
            ("max-age=60, no-cache", Some(0)),
            ("no-store", Some(0)),
            ("max-age=soon", None),
            ("max-age=-1", None),
            ("s-maxage=5", None),
            ("", None),
        ] {
            let found = max_age(&headers(&[("cache-control", line)]));
            assert_eq!(found, expected.map(Duration::from_secs), "{line}");
        }
        assert_eq!(max_age(&HeaderMap::new()), None);
    }

    /// H4: what a resolver says is judged, and only what was judged is dialled.
    #[test]
    fn of_the_addresses_of_a_name_only_those_are_dialled_that_the_guard_lets_pass() {
        let found = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let guard = AddressGuard::default();
        let mixed = found(&["127.0.0.1:443", "1.1.1.1:443", "[fd00::1]:443", "[::ffff:10.0.0.1]:443"]);
        assert_eq!(guarded(mixed, &guard, true), Ok(found(&["1.1.1.1:443"])));
        let within = found(&["169.254.169.254:80", "[::1]:80"]);
        assert_eq!(guarded(within, &guard, true), Err(RequestFault::Guarded(Guarded::NotPublic)));
        let plain = found(&["1.1.1.1:80"]);
        assert_eq!(guarded(plain, &guard, false), Err(RequestFault::Guarded(Guarded::NotEncrypted)));
        assert_eq!(guarded(Vec::new(), &guard, true), Ok(Vec::new()), "a name without addresses is another fault");
    }

    #[test]
    fn json_is_what_says_so() {
        for (line, expected) in [
            ("application/json", true),
            ("application/JSON; charset=utf-8", true),
            ("application/jwk-set+json", true),
            ("text/json", false),
            ("text/html", false),
            ("application/jsonp", false),
        ] {
            assert_eq!(is_json(&headers(&[("content-type", line)])), expected, "{line}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
