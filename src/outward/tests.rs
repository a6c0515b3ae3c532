//! Requests to servers of every kind: each is answered, refused in words, or given up in time.

use super::*;
use crate::observe::Metrics;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::CertificateDer;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel as road;
use std::time::Instant;

#[path = "../../tests/support/site.rs"]
mod site;
use site::{certificate, json, with, Site};

const PATIENCE: Duration = Duration::from_secs(20);

fn address(url: &str) -> Arc<WebAddress> {
    Arc::new(WebAddress::parse(url).unwrap())
}

fn trusting(url: &str, pem: &str) -> Arc<WebAddress> {
    let authority = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    Arc::new(WebAddress::parse(url).unwrap().trusting(vec![authority].into()))
}

fn request(address: Arc<WebAddress>) -> Request {
    Request { address, post: None, token: None, octets_max: 1000, timeout: PATIENCE, more: None }
}

fn answer(outward: &Outward, request: Request) -> Result<Response, RequestFault> {
    let (tell, told) = road();
    outward.ask(request, Box::new(move |answer| tell.send(answer).unwrap()));
    told.recv_timeout(PATIENCE * 2).unwrap()
}

fn fault(outward: &Outward, request: Request) -> RequestFault {
    answer(outward, request).map(|response| response.status).unwrap_err()
}

#[test]
fn what_is_posted_arrives_with_its_token_and_what_comes_back_is_read() {
    let lines = "Content-Type: application/json\r\nCache-Control: max-age=60\r\n";
    let site = Site::start(move |_| with(200, lines, "{\"a\":1}"));
    let posted = Posted(Zeroizing::new(b"{\"b\":2}".to_vec()));
    let token = Secret::new("t0ken".to_owned());
    let asked = Request { post: Some(posted), token: Some(token), ..request(address(&site.url("/a?b=c"))) };
    assert!(!format!("{asked:?}").contains("t0ken"));
    let got = answer(&Outward::default(), asked).unwrap();
    assert_eq!((got.status, got.is_json, got.max_age), (200, true, Some(Duration::from_secs(60))));
    assert_eq!(&got.body[..], b"{\"a\":1}");
    let seen = site.next();
    assert_eq!((&*seen.line, &*seen.body), ("POST /a?b=c", "{\"b\":2}"));
    assert_eq!(seen.header("authorization"), Some("Bearer t0ken"));
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.header("host"), site.url("").strip_prefix("http://"));
    assert!(seen.header("user-agent").is_some_and(|agent| agent.starts_with("wharf/")));
}

#[test]
fn a_redirect_is_an_answer_and_not_followed() {
    let elsewhere = Site::start(|_| json(200, "{}"));
    let line = format!("Location: {}\r\n", elsewhere.url("/"));
    let site = Site::start(move |_| with(302, &line, ""));
    assert_eq!(answer(&Outward::default(), request(address(&site.url("/")))).unwrap().status, 302);
    assert_eq!((site.more(), elsewhere.more()), (1, 0));
}

#[test]
fn what_is_longer_than_may_be_is_not_read() {
    let outward = Outward::default();
    let whole = Site::start(|_| json(200, &"x".repeat(1000)));
    assert_eq!(answer(&outward, request(address(&whole.url("/")))).unwrap().body.len(), 1000);
    let announced = Site::start(|_| json(200, &"x".repeat(1001)));
    assert_eq!(fault(&outward, request(address(&announced.url("/")))), RequestFault::TooLarge(1001));
    // Without a length, and without an end.
    let endless = Site::start(|_| [&b"HTTP/1.1 200 OK\r\n\r\n"[..], &vec![b'x'; 1 << 20]].concat());
    assert!(matches!(fault(&outward, request(address(&endless.url("/")))), RequestFault::TooLarge(_)));
    let head = Site::start(|_| [&b"HTTP/1.1 200 OK\r\nA: "[..], &vec![b'x'; 1 << 20]].concat());
    assert_eq!(fault(&outward, request(address(&head.url("/")))), RequestFault::Broken);
    let lines = Site::start(|_| with(200, &"A: b\r\n".repeat(1000), ""));
    assert_eq!(fault(&outward, request(address(&lines.url("/")))), RequestFault::Broken);
}

#[test]
fn what_is_no_http_and_who_breaks_off_or_is_not_there_is_told() {
    let outward = Outward::default();
    for octets in ["", "SSH-2.0-x\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", "HTTP/1.1 200"] {
        let site = Site::start(move |_| octets.as_bytes().to_vec());
        assert_eq!(fault(&outward, request(address(&site.url("/")))), RequestFault::Broken, "{octets}");
    }
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = address(&format!("http://127.0.0.1:{gone}/"));
    assert_eq!(fault(&outward, request(nobody)), RequestFault::Unreachable);
    let unknown = address("https://nobody.invalid/");
    assert_eq!(fault(&outward, request(unknown)), RequestFault::Name);
}

#[test]
fn who_is_slow_is_given_up_in_time() {
    // A listener that nobody serves: the kernel takes the connection, and nothing comes.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://127.0.0.1:{}/", silent.local_addr().unwrap().port());
    let begun = Instant::now();
    let asked = Request { timeout: Duration::from_millis(100), ..request(address(&url)) };
    assert_eq!(fault(&Outward::default(), asked), RequestFault::Late);
    assert!(begun.elapsed() < PATIENCE);
}

#[test]
fn a_certificate_is_of_the_host_and_of_an_authority_that_is_trusted_or_nothing_is_sent() {
    let outward = Outward::default();
    let (authority, cert, key) = certificate(&["localhost"]);
    let site = Site::secured(&cert, &key, |_| json(200, "{}"));
    assert_eq!(answer(&outward, request(trusting(&site.url("/"), &authority))).unwrap().status, 200);
    assert_eq!(site.more(), 1);
    let (other, ..) = certificate(&["localhost"]);
    let elsewhere = site.url("/").replace("localhost", "127.0.0.1");
    for (address, said) in [
        (trusting(&site.url("/"), &other), "authority"),
        (trusting(&elsewhere, &authority), "another host"),
        (address(&site.url("/")), "authority"),
    ] {
        let RequestFault::Untrusted(why) = fault(&outward, request(address)) else { panic!("trusted") };
        assert!(why.contains(said), "{why}");
    }
    assert_eq!(site.more(), 0, "nothing was said to who is not trusted");
}

#[test]
fn so_many_requests_are_under_way_to_one_address_and_no_more() {
    let outward = Outward::default();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://127.0.0.1:{}/", silent.local_addr().unwrap().port());
    let (tell, told) = road();
    for _ in 0..=OF_ONE_MAX {
        let tell = tell.clone();
        let asked = Request { timeout: Duration::from_secs(1), ..request(address(&url)) };
        outward.ask(asked, Box::new(move |answer| tell.send(answer.map(|got| got.status)).unwrap()));
    }
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), Err(RequestFault::Busy), "at once");
    let site = Site::start(|_| json(200, "{}"));
    assert_eq!(answer(&outward, request(address(&site.url("/")))).unwrap().status, 200, "others go on");
    let late =
        (0..OF_ONE_MAX).map(|_| told.recv_timeout(PATIENCE).unwrap()).filter(|got| *got == Err(RequestFault::Late));
    assert_eq!(late.count(), OF_ONE_MAX);
    // What is over makes room.
    let asked = Request { timeout: Duration::from_millis(10), ..request(address(&url)) };
    assert_eq!(fault(&outward, asked), RequestFault::Late);
}

fn set(kid: &str) -> String {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    format!("{{\"keys\": [{{\"kty\": \"OKP\", \"crv\": \"Ed25519\", \"kid\": \"{kid}\", \"x\": \"{x}\"}}]}}")
}

/// Waits for the end of a fetch, or for there being none.
fn wait(outward: &Outward, address: &Arc<WebAddress>) {
    let (tell, told) = road();
    outward.fresh_keys(address, move || tell.send(()).unwrap());
    told.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn a_storm_of_unknown_kids_causes_one_fetch_beside_that_of_the_start_and_the_last_good_keys_stay() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let site = Site::start(move |_| match counted.fetch_add(1, Ordering::Relaxed) {
        0 => json(200, &set("one")),
        _ => json(500, &set("two")),
    });
    let (outward, metrics) = (Outward::default(), Metrics::new(1));
    let address = address(&site.url("/jwks"));
    let keys = crate::auth::JwtKeyring::new(crate::auth::JwtKeys::none());
    let keeping = KeyKeeping { realm: "shop".to_owned(), address: Arc::clone(&address), keys: keys.clone() };
    outward.keep_keys(vec![keeping.clone()], metrics.tally(0));
    wait(&outward, &address);
    assert_eq!((site.next().line.as_str(), keys.keys().count()), ("GET /jwks", 1));
    for _ in 0..1000 {
        wait(&outward, &address);
    }
    assert_eq!((site.more(), asked.load(Ordering::Relaxed)), (1, 2));
    assert_eq!((metrics.key_fetches(true), metrics.key_fetches(false)), (1, 1));
    assert_eq!(keys.keys().count(), 1, "the last good ones");
    // New settings find them too, and fetch nothing.
    let fresh = crate::auth::JwtKeyring::new(crate::auth::JwtKeys::none());
    outward.keep_keys(vec![KeyKeeping { keys: fresh.clone(), ..keeping }], metrics.tally(0));
    wait(&outward, &address);
    assert_eq!((fresh.keys().count(), site.more()), (1, 0));
    // Nobody waits for what nobody keeps.
    outward.keep_keys(Vec::new(), metrics.tally(0));
    wait(&outward, &address);
    assert_eq!(site.more(), 0);
}

fn more(allow: &[&str]) -> More {
    let allow = allow.iter().map(|range| crate::auth::PeerRange::parse(range).unwrap()).collect();
    More { headers: Vec::new(), guard: AddressGuard { allow }, is_cut: true, given_up: None }
}

/// H4.
#[test]
fn a_webhook_does_not_come_to_this_host_unless_that_is_allowed() {
    let site = Site::start(|_| json(200, "{}"));
    let outward = Outward::default();
    let asked = |allow: &[&str]| Request { more: Some(Box::new(more(allow))), ..request(address(&site.url("/"))) };
    assert_eq!(fault(&outward, asked(&[])), RequestFault::Guarded(Guarded::NotPublic));
    assert_eq!(fault(&outward, asked(&["10.0.0.0/8"])), RequestFault::Guarded(Guarded::NotPublic));
    assert_eq!(site.more(), 0, "not even connected to");
    assert_eq!(answer(&outward, asked(&["127.0.0.0/8"])).unwrap().status, 200);
}

#[test]
fn of_an_answer_to_a_webhook_the_beginning_is_enough_however_long_or_slow_it_is() {
    let outward = Outward::default();
    let ask = |site: &Site| {
        let more = Some(Box::new(more(&["127.0.0.0/8"])));
        answer(&outward, Request { more, octets_max: 1000, ..request(address(&site.url("/"))) }).unwrap()
    };
    let long = Site::start(|_| with(503, "Retry-After: 7\r\n", &"x".repeat(100_000)));
    let got = ask(&long);
    assert_eq!((got.status, got.body.len(), got.retry_after), (503, 1000, Some(Duration::from_secs(7))));
    let short = Site::start(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nbroken off".to_vec());
    let got = ask(&short);
    assert_eq!((got.status, &got.body[..]), (200, &b"broken off"[..]));
}

#[test]
fn a_request_that_is_given_up_ends_at_once() {
    let (arrived, wait) = road();
    let (release, held) = road::<()>();
    #[expect(clippy::disallowed_types, reason = "one test, one thread at a time")]
    let held = std::sync::Mutex::new(held);
    let site = Site::start(move |_| {
        arrived.send(()).unwrap();
        let _released = held.lock().unwrap().recv_timeout(PATIENCE);
        Vec::new()
    });
    let given_up = Arc::new(tokio::sync::Notify::new());
    let more = More { given_up: Some(Arc::clone(&given_up)), ..more(&["127.0.0.0/8"]) };
    let (tell, told) = road();
    let asked = Request { more: Some(Box::new(more)), ..request(address(&site.url("/"))) };
    // Kept: its thread ends with it.
    let outward = Outward::default();
    outward.ask(asked, Box::new(move |answer| tell.send(answer.map(|got| got.status)).unwrap()));
    wait.recv_timeout(PATIENCE).unwrap();
    given_up.notify_one();
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), Err(RequestFault::GivenUp));
    release.send(()).unwrap();
}
