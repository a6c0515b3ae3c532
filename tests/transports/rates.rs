//! How often a role may call and publish. X6.

use crate::router::{Router, CONFIG};
use serde_json::{json, Value};

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
