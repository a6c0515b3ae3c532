//! How often a role may log in, call and publish. X6.

use crate::http;
use crate::router::{Router, CONFIG};
use crate::websocket_peer::WebSocketPeer;
use serde_json::{json, Value};
use std::io::Write;

/// X6: ERROR with the time to wait, silence where no answer is asked for, and nobody else notices.
#[test]
fn calls_and_publications_beyond_the_rate_of_the_role_are_refused() {
    let rate = "[realms.realm1.roles.guest.rate]\ncalls = \"1/s\"\npublishes = \"1/s\"\nburst = 3\n";
    let router = Router::of(&format!("{CONFIG}\n{rate}"), &[]);
    let (mut session, mut other) = (router.session(), router.session());
    let call = |request: u64| json!([48, request, {}, "wamp.session.count"]);
    let mut answers: Vec<Value> = (1..=20)
        .map(|request| {
            session.send(&call(request));
            session.receive()
        })
        .collect();
    assert!(answers[..3].iter().all(|answer| answer[0] == 50), "{answers:?}");
    answers.retain(|answer| answer[0] == 8);
    assert!(answers.len() >= 10, "{}", answers.len());
    for answer in &answers {
        assert_eq!((&answer[1], &answer[4]), (&json!(48), &json!("wharf.error.rate_limited")));
        assert!((1..=1001).contains(&answer[6]["retry_after_ms"].as_u64().unwrap()), "{answer}");
    }
    let calls = answers.len() as u64;
    other.send(&call(1));
    other.expect(50);
    for request in 21..=40 {
        session.send(&json!([16, request, {}, "com.topic"]));
    }
    session.send(&json!([16, 41, { "acknowledge": true }, "com.topic"]));
    let refused = session.expect(8);
    assert_eq!((&refused[1], &refused[4]), (&json!(16), &json!("wharf.error.rate_limited")));
    router.wait_for("all are counted", |router| router.refused("rate_limited") >= calls + 15);
}

/// X6: a role lets in so many each second, one name at most half of them; wrong proofs are not counted, over HTTP it is 429.
#[test]
fn logins_beyond_the_rate_of_the_role_are_refused_and_one_name_leaves_half() {
    let rate = "[realms.realm1.roles.guest.rate]\nconnects = \"1/s\"\nburst = 6\n";
    let config = CONFIG.replace("\"metrics\"", "\"metrics\", \"rest\"");
    let router = Router::of(&format!("{config}\n{rate}"), &[]);
    let login = |ticket: Option<&str>| {
        let mut peer = WebSocketPeer::open(router.main(), "wamp.2.json");
        let details = match ticket {
            Some(_) => json!({"roles": {"caller": {}}, "authmethods": ["ticket"], "authid": "joe"}),
            None => json!({"roles": {"caller": {}}}),
        };
        peer.send(&json!([1, "realm1", details]));
        if let Some(ticket) = ticket {
            peer.expect(4);
            peer.send(&json!([5, ticket, {}]));
        }
        peer.receive()
    };
    for _ in 0..8 {
        assert_eq!(login(Some("guess"))[2], "wamp.error.authentication_denied");
    }
    let until_refused = |ticket: Option<&str>| {
        let answers: Vec<Value> = (0..100).map(|_| login(ticket)).take_while(|answer| answer[0] == 2).collect();
        assert!(answers.len() < 100, "never refused");
        answers.len()
    };
    assert!(until_refused(Some("s3cret")) >= 3);
    assert!(until_refused(None) >= 3, "others are let in");
    let refused = (0..100).map(|_| login(None)).find(|answer| answer[0] == 3).unwrap();
    assert_eq!(refused[2], "wharf.error.rate_limited");
    let text = refused[1]["message"].as_str().unwrap();
    assert!(text.starts_with("too many logins of this role: come back in "), "{text}");
    // Over HTTP the first request of a caller is its login.
    let request = "POST /api/v1/realms/realm1/call/wamp.session.count HTTP/1.1\r\nHost: x\r\n\
                   Authorization: Basic am9lOnMzY3JldA==\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    let (status, head, body) = (0..20)
        .map(|_| {
            until_refused(None);
            let mut stream = http::connect(router.main());
            stream.write_all(request.as_bytes()).unwrap();
            http::answer(&mut stream)
        })
        .find(|(status, _, _)| *status != 200)
        .unwrap();
    assert_eq!((status, head.to_lowercase().contains("retry-after: ")), (429, true), "{head}");
    assert!(body.contains("\"error\":\"wharf.error.rate_limited\""), "{body}");
    router.wait_for("all are counted", |router| router.refused("rate_limited") >= 4);
}
