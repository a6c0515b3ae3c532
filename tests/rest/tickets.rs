//! One-time tickets: given to whoever has a credential, used where none can be said. Section 4.6 of the HTTP design.

use crate::client::{basic, Http, Response, JSON};
use crate::router::{Router, CONFIG};
use crate::stream::Stream;
use crate::websocket::WebSocket;
use serde_json::{json, Value};

const TICKETS: &str = "/api/v1/tickets";
const EVENTS: &str = "/api/v1/events?topic=com.a";
const POLL: &str = "/api/v1/poll?topic=com.a";

/// In `locked` nobody comes in over HTTP without a credential, and ann may subscribe.
fn config() -> String {
    CONFIG.replace(
        "[realms.locked.roles.guest]\ncall = [\"*\"]",
        "[realms.locked.roles.guest]\ncall = [\"*\", \"wamp.*\"]\npublish = [\"*\"]\nsubscribe = [\"*\"]",
    )
}

fn ask(router: &Router, path: &str, body: &str) -> Response {
    let ann = basic("ann", "s3cret");
    router.http().request("POST", path, &[JSON, ("Authorization", &ann)], body)
}

/// A ticket of ann's.
fn ticket(router: &Router, path: &str, body: &str) -> String {
    let response = ask(router, path, body);
    assert_eq!(response.status, 201, "{}", response.body);
    assert_eq!(response.json()["expires_in"], 60);
    assert_eq!(response.header("cache-control"), Some("no-store"));
    response.json()["ticket"].as_str().unwrap().to_owned()
}

fn for_events(router: &Router) -> String {
    ticket(router, TICKETS, r#"{"use":"events"}"#)
}

fn for_websocket(router: &Router) -> String {
    ticket(router, TICKETS, r#"{"use":"websocket"}"#)
}

/// What is answered to a ticket, under one name of the request: all of it can be compared.
fn shown(http: &mut Http, path: &str, ticket: &str) -> Response {
    http.request("GET", &format!("{path}&ticket={ticket}"), &[("X-Request-Id", "r")], "")
}

fn publish(router: &Router, number: u64) {
    let response = router.http().post("/api/v1/publish/com.a", &format!("{{\"args\":[{number}]}}"));
    assert_eq!(response.status, 200, "{}", response.body);
}

/// Each request of the section in docs/HTTP.md, as it stands there.
#[test]
fn every_documented_request_for_a_ticket_is_answered_as_documented() {
    let router = Router::start();
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/HTTP.md")).unwrap();
    let rows: Vec<&str> = page.lines().filter(|row| row.starts_with("| `POST /api/v1/realms/main/tickets`")).collect();
    assert!(rows.len() >= 5, "{}", rows.len());
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [request, body, answer] = cells[..] else { panic!("{row}") };
        let path = request.trim_matches('`').strip_prefix("POST ").unwrap();
        let (status, text) = answer.split_once(' ').unwrap();
        let said = ask(&router, path, body.trim_matches('`'));
        assert_eq!(said.status.to_string(), status, "{row}: {}", said.body);
        assert!(said.body.contains(text.trim_matches('`')), "{row}: {}", said.body);
    }
}

#[test]
fn a_ticket_opens_one_stream_of_whoever_asked_for_it() {
    let router = Router::start();
    let mut session = router.session();
    session.subscribe("wamp.session.on_join");
    let ticket = for_events(&router);
    assert!(ticket.starts_with("wht_") && ticket.len() == 47, "{ticket}");
    let mut stream = Stream::open(router.http(), &format!("{EVENTS}&ticket={ticket}"), &[]);
    let joined = session.expect(36)[4][0].clone();
    let who = ["authid", "authrole", "authmethod"].map(|member| joined[member].clone());
    assert_eq!(who, ["ann", "guest", "ticket"].map(Value::from));
    publish(&router, 1);
    assert_eq!(stream.expect("message")["args"], json!([1]));

    // Used, unknown, none at all, for something else, of another realm: the same answer, and no window that asks for a password.
    let mut http = router.http();
    let used = shown(&mut http, EVENTS, &ticket);
    assert_eq!((used.status, &*used.error()), (401, "wamp.error.authentication_denied"));
    assert_eq!(used.all("www-authenticate"), ["Ticket realm=\"wharf\""]);
    let elsewhere = self::ticket(&router, "/api/v1/realms/locked/tickets", r#"{"use":"events"}"#);
    let unknown = format!("wht_{}", "A".repeat(43));
    for wrong in [&*unknown, "", "x", &for_websocket(&router), &elsewhere] {
        let answer = shown(&mut http, EVENTS, wrong);
        assert_eq!((answer.status, &answer.body), (401, &used.body), "{wrong}");
    }
    // Nor is it good for calls.
    let unused = for_events(&router);
    let path = format!("/api/v1/realms/locked/call/com.nope?ticket={unused}");
    assert_eq!(http.post(&path, "").status, 401);
}

/// Section 6: exactly one credential; who brings two uses nothing up.
#[test]
fn a_ticket_beside_another_credential_is_refused_and_stays_good() {
    let router = Router::start();
    let (mut http, ticket, ann) = (router.http(), for_events(&router), basic("ann", "s3cret"));
    let path = format!("{EVENTS}&ticket={ticket}");
    for header in [("Authorization", &*ann), ("X-API-Key", "whk_x")] {
        let both = http.request("GET", &path, &[header], "");
        assert_eq!((both.status, both.error()), (400, "wharf.error.http".to_owned()));
        assert_eq!(both.detail(), "there is more than one credential");
    }
    assert_eq!(http.get(&format!("{path}&ticket={ticket}")).status, 400);
    Stream::open(http, &path, &[]);
    let ticket = for_websocket(&router);
    let path = format!("/ws?ticket={ticket}");
    let both = WebSocket::open(router.port(0), &path, &format!("Authorization: {ann}\r\n")).err().unwrap();
    assert_eq!(both, (400, "there is more than one credential\n".to_owned()));
    assert!(WebSocket::open(router.port(0), &path, "").is_ok());
}

#[test]
fn who_asks_without_a_credential_is_given_no_ticket() {
    let router = Router::start();
    let mut http = router.http();
    let response = http.post(TICKETS, r#"{"use":"events"}"#);
    assert_eq!((response.status, &*response.error()), (401, "wamp.error.authentication_required"));
    // What was not read of its body has ended the connection.
    let response = router.http().request("GET", TICKETS, &[], "");
    assert_eq!((response.status, response.header("allow")), (405, Some("OPTIONS, POST")));
    assert_eq!(ask(&router, "/api/v1/realms/nope/tickets", r#"{"use":"events"}"#).status, 404);
}

/// `topics`: the stream tells what they cover, and asks for nothing else.
#[test]
fn a_ticket_of_topics_opens_streams_of_those_alone() {
    let router = Router::start();
    let body = r#"{"use":"events","topics":["com.a","com.b.*"]}"#;
    for (path, topic) in [("/api/v1/events?topic=com.a&topic=com.c", "com.c"), ("/api/v1/poll?topic=com.*", "com.")] {
        let refused = shown(&mut router.http(), path, &ticket(&router, TICKETS, body));
        assert_eq!((refused.status, &*refused.error()), (403, "wamp.error.not_authorized"));
        assert_eq!(refused.detail(), format!("topic '{topic}': the one-time ticket is not for it"));
    }
    let path = format!("/api/v1/events?topic=com.a&topic=com.b.x.*&ticket={}", ticket(&router, TICKETS, body));
    let mut stream = Stream::open(router.http(), &path, &[]);
    publish(&router, 1);
    assert_eq!(stream.expect("message")["topic"], "com.a");
}

/// A cursor that a ticket has opened goes on alone; one that a credential has opened does not.
#[test]
fn a_cursor_that_a_ticket_has_opened_goes_on_by_itself() {
    let router = Router::with(&config());
    let path = "/api/v1/realms/locked/poll?topic=com.a";
    let mut http = router.http();
    let begun = shown(&mut http, path, &ticket(&router, "/api/v1/realms/locked/tickets", r#"{"use":"events"}"#));
    assert_eq!(begun.status, 200, "{}", begun.body);
    let cursor = begun.json()["cursor"].as_str().unwrap().to_owned();
    http.send("GET", &format!("{path}&cursor={cursor}&wait=20"), &[], "");
    assert_eq!(ask(&router, "/api/v1/realms/locked/publish/com.a", r#"{"args":[1]}"#).status, 200);
    let told = http.receive(false);
    assert_eq!(told.json()["events"][0]["args"], json!([1]), "{}", told.body);
    let cursor = told.json()["cursor"].as_str().unwrap().to_owned();
    // For its topics, in its realm.
    let other = http.get(&format!("/api/v1/realms/locked/poll?topic=com.b&cursor={cursor}"));
    assert_eq!((other.status, &*other.error()), (401, "wamp.error.authentication_denied"));
    assert_eq!(http.get(&format!("{POLL}&cursor={cursor}")).json()["gap"], true, "anonymous begins anew");

    let ann = basic("ann", "s3cret");
    let begun = http.request("GET", path, &[("Authorization", &ann)], "");
    let cursor = begun.json()["cursor"].as_str().unwrap().to_owned();
    assert_eq!(http.get(&format!("{path}&cursor={cursor}")).status, 401);
}

#[test]
fn a_ticket_opens_one_websocket_as_whoever_asked_for_it_without_a_method() {
    let router = Router::start();
    let (port, ticket) = (router.port(0), for_websocket(&router));
    let path = format!("/ws?ticket={ticket}");
    let mut peer = WebSocket::open(port, &path, "").unwrap();
    let welcome = peer.hello("com.example.main", json!({}));
    assert_eq!(welcome[0], 2, "{welcome}");
    let who = ["authid", "authrole", "authmethod", "authprovider"].map(|member| welcome[2][member].clone());
    assert_eq!(who, ["ann", "guest", "ticket", "static"].map(Value::from));
    // The next session of the connection proves who it is as any other.
    peer.send(&json!([6, {}, "wamp.close.close_realm"]));
    assert_eq!(peer.receive()[0], 6);
    let welcome = peer.hello("com.example.main", json!({}));
    assert_eq!(welcome[2]["authmethod"], "anonymous", "{welcome}");

    let refused = (401, "authentication failed\n".to_owned());
    let (unknown, of_events) = (format!("wht_{}", "A".repeat(43)), for_events(&router));
    for wrong in [&*ticket, &unknown, "", &of_events] {
        let answer = WebSocket::open(port, &format!("/ws?ticket={wrong}"), "").err();
        assert_eq!(answer.as_ref(), Some(&refused), "{wrong}");
    }
    for (realm, details) in [("com.example.locked", json!({})), ("com.example.main", json!({"authid": "bob"}))] {
        let mut peer = WebSocket::open(port, &format!("/ws?ticket={}", for_websocket(&router)), "").unwrap();
        let abort = peer.hello(realm, details);
        assert_eq!((&abort[0], &abort[2]), (&json!(3), &json!("wamp.error.authentication_denied")), "{abort}");
    }
}

/// A reload that takes the user away, and whoever ends one of its sessions: its tickets are good no more.
#[test]
fn a_ticket_ends_with_its_user_and_with_a_session_of_its_that_is_killed() {
    let router = Router::start();
    let mut http = router.http();
    let killed = for_events(&router);
    let mut stream = Stream::open(router.http(), &format!("{EVENTS}&ticket={}", for_events(&router)), &[]);
    let mut session = router.session();
    let ended = session.call("wamp.session.kill_by_authid", &json!(["ann"]));
    assert_eq!(ended.as_array().map(Vec::len), Some(1), "{ended}");
    stream.expect("error");
    assert_eq!(shown(&mut http, EVENTS, &killed).status, 401);

    let (streamed, upgraded) = (for_events(&router), for_websocket(&router));
    let mut peer = WebSocket::open(router.port(0), &format!("/ws?ticket={upgraded}"), "").unwrap();
    let without = std::fs::read_to_string(router.folder().join("wharf.toml")).unwrap().replacen(
        "[realms.main.auth.ticket.users.ann]",
        "[realms.main.auth.ticket.users.eve]",
        1,
    );
    std::fs::write(router.folder().join("wharf.toml"), without).unwrap();
    router.reload();
    while http.request("POST", TICKETS, &[JSON, ("Authorization", &basic("ann", "s3cret"))], "").status != 401 {}
    assert_eq!(shown(&mut http, EVENTS, &streamed).status, 401);
    assert_eq!(peer.hello("com.example.main", json!({}))[2], "wamp.error.authentication_denied");
}

#[test]
fn unused_tickets_are_bounded_and_counted() {
    let router = Router::start();
    let (mut http, ann) = (router.http(), basic("ann", "s3cret"));
    let mut give = || http.request("POST", TICKETS, &[JSON, ("Authorization", &ann)], r#"{"use":"events"}"#);
    let last = (0..100).map(|_| give()).inspect(|given| assert_eq!(given.status, 201)).last().unwrap();
    let refused = give();
    assert_eq!((refused.status, &*refused.error()), (429, "wharf.error.limit_exceeded"));
    assert!(refused.detail().contains("at most 100 unused tickets"), "{}", refused.detail());
    assert!(refused.header("retry-after").is_some());
    Stream::open(router.http(), &format!("{EVENTS}&ticket={}", last.json()["ticket"].as_str().unwrap()), &[]);
    assert_eq!(give().status, 201);
    let metrics = http.get("/metrics").body;
    assert!(metrics.contains("wharf_refused_total{reason=\"limit\"} 1\n"));
    assert!(metrics.contains("endpoint=\"tickets\",status=\"201\"} 101\n"));
}

/// Behind `last_event_id` as behind the header, for a page that has to open its stream anew: with another ticket.
#[test]
fn a_new_stream_goes_on_behind_the_last_event_id_of_its_query() {
    let kept = "[realms.main.topics.\"com.a\"]\nhistory = { limit = 10, durability = \"memory\" }\n";
    let router = Router::with(&format!("{CONFIG}\n{kept}"));
    let mut stream = Stream::open(router.http(), &format!("{EVENTS}&ticket={}", for_events(&router)), &[]);
    publish(&router, 1);
    stream.expect("message");
    let last = stream.last_id.clone().unwrap();
    drop(stream);
    publish(&router, 2);
    let path = format!("{EVENTS}&last_event_id={last}&ticket={}", for_events(&router));
    let mut stream = Stream::open(router.http(), &path, &[]);
    assert_eq!(stream.expect("message")["args"], json!([2]));
    let newer = stream.last_id.clone().unwrap();
    publish(&router, 3);
    // A browser that reconnects by itself knows better than the page's address.
    let path = format!("{EVENTS}&last_event_id={last}");
    let mut stream = Stream::open(router.http(), &path, &[("Last-Event-ID", &newer)]);
    assert_eq!(stream.expect("message")["args"], json!([3]));
}

/// In MessagePack too, and to the pages that `rest.cors` lists.
#[test]
fn a_ticket_is_given_in_any_serialization_and_to_listed_pages() {
    let router = Router::with(&format!("{CONFIG}\n[rest.cors]\norigins = [\"https://shop.example\"]\n"));
    let ann = basic("ann", "s3cret");
    let headers =
        [("Authorization", &*ann), ("Accept", "application/msgpack"), ("Origin", "https://shop.example"), JSON];
    let given = router.http().request("POST", TICKETS, &headers, r#"{"use":"events"}"#);
    assert_eq!((given.status, given.header("content-type")), (201, Some("application/msgpack")));
    assert_eq!(given.header("access-control-allow-origin"), Some("https://shop.example"));
    assert!(given.octets.starts_with(b"\x82\xa6ticket\xd9\x2fwht_"), "{:?}", given.octets);
    let preflight = [("Origin", "https://shop.example"), ("Access-Control-Request-Method", "POST")];
    let allowed = router.http().request("OPTIONS", TICKETS, &preflight, "");
    assert_eq!(allowed.header("access-control-allow-methods"), Some("OPTIONS, POST"));
    // Whoever has a ticket was given it: a page of any origin may use one.
    let path = format!("{EVENTS}&ticket={}", for_events(&router));
    Stream::open(router.http(), &path, &[("Origin", "https://other.example")]);
}

/// Limits, section 13: at every level, whatever becomes of a ticket.
#[test]
fn no_ticket_reaches_the_log() {
    let mut router = Router::with(&format!("{CONFIG}\n[observability.log]\nlevel = \"trace\"\n"));
    let (used, refused, upgraded, polled) =
        (for_events(&router), for_websocket(&router), for_websocket(&router), for_events(&router));
    Stream::open(router.http(), &format!("{EVENTS}&ticket={used}"), &[]);
    let mut http = router.http();
    for ticket in [&used, &refused] {
        assert_eq!(shown(&mut http, EVENTS, ticket).status, 401);
    }
    assert_eq!(shown(&mut http, POLL, &polled).status, 200);
    let path = format!("/ws?ticket={upgraded}");
    let mut peer = WebSocket::open(router.port(0), &path, "").unwrap();
    peer.hello("com.example.main", json!({}));
    assert!(WebSocket::open(router.port(0), &path, "").is_err());
    let log = router.log_to_the_end();
    assert!(log.contains("it is unknown, was used, or has expired") && log.contains("it is for a WebSocket"), "{log}");
    assert!(!log.contains("wht_"), "{log}");
}
