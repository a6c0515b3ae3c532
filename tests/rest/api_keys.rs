//! API keys. Section 6 of the HTTP design.

use crate::client::{basic, Http, JSON};
use crate::router::{Router, CONFIG};
use serde_json::json;
use wharf::auth::KeyHash;

/// The configuration with some keys; the key of NAME is `whk_NAME`.
pub(crate) fn config() -> String {
    let mut config = CONFIG.to_owned();
    for (name, realm, authid, role, more) in [
        ("cron", "main", "job", "guest", ""),
        ("twin", "main", "job", "guest", ""),
        ("locked", "locked", "job", "guest", ""),
        ("old", "main", "job", "guest", "expires = \"2020-01-01T00:00:00Z\""),
        ("near", "main", "near", "guest", "allow_from = [\"127.0.0.0/8\"]\nexpires = \"2120-01-01T00:00:00Z\""),
        ("far", "main", "job", "guest", "allow_from = [\"10.0.0.0/8\"]"),
    ] {
        let hash = KeyHash::of(&format!("whk_{name}"));
        config.push_str(&format!(
            "\n[rest.keys.{name}]\nsha256 = \"{hash}\"\nrealm = \"{realm}\"\nauthid = \"{authid}\"\nrole = \"{role}\"\n{more}\n"
        ));
    }
    config
}

fn ask(http: &mut Http, header: (&str, &str)) -> crate::client::Response {
    http.request("POST", "/api/v1/call/com.nope", &[header, ("X-Request-Id", "r")], "")
}

/// By either header; what is wrong with a key is told by nothing, and is the same as with any other credential.
#[test]
fn a_key_is_taken_by_either_header_and_whatever_is_wrong_with_one_is_the_same_401() {
    let router = Router::with(&config());
    let mut http = router.http();
    for header in
        [("Authorization", "Bearer whk_cron"), ("Authorization", "bearer  whk_near"), ("X-API-Key", "whk_twin")]
    {
        assert_eq!(ask(&mut http, header).error(), "wamp.error.no_such_procedure", "{header:?}");
    }
    let wrong = ask(&mut http, ("Authorization", &basic("ann", "guess")));
    assert_eq!((wrong.status, &*wrong.error()), (401, "wamp.error.authentication_denied"));
    for key in ["whk_wrong", "whk_old", "whk_far", "whk_locked", "whk_", "whk_cronx"] {
        for header in [("Authorization", format!("Bearer {key}")), ("X-API-Key", key.to_owned())] {
            let refused = ask(&mut http, (header.0, &header.1));
            assert_eq!((refused.status, &refused.body), (401, &wrong.body), "{header:?}");
        }
    }
    assert_eq!(wrong.all("www-authenticate"), ["Basic realm=\"wharf\"", "Bearer realm=\"wharf\""]);
    let both = [("Authorization", "Bearer whk_cron"), ("X-API-Key", "whk_cron")];
    assert_eq!(http.request("POST", "/api/v1/call/com.nope", &both, "").status, 400);
    // Not in the query.
    let response = http.request("POST", "/api/v1/realms/locked/call/com.nope?api_key=whk_locked", &[], "");
    assert_eq!(response.status, 401);
    let other_realm = ("Authorization", "Bearer whk_locked");
    let response = http.request("POST", "/api/v1/realms/locked/call/com.nope", &[other_realm], "");
    assert_eq!(response.error(), "wamp.error.no_such_procedure");
    // It is no ticket.
    assert_eq!(ask(&mut http, ("Authorization", &basic("job", "whk_cron"))).status, 401);
}

/// A call that is under way ends with its key, that of another key of the same name and role does not.
#[test]
fn what_goes_by_a_key_ends_at_once_when_a_reload_takes_it_away() {
    let config = config();
    let router = Router::with(&config);
    let mut callee = router.session();
    callee.register("com.slow");
    let (mut cron, mut twin) = (router.http(), router.http());
    let mut start = |http: &mut Http, key: &str| {
        http.send("POST", "/api/v1/call/com.slow", &[JSON, ("X-API-Key", key)], "{}");
        callee.invocation()
    };
    start(&mut cron, "whk_cron");
    let other = start(&mut twin, "whk_twin");
    let file = router.folder().join("wharf.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("[rest.keys.cron]", "[rest.keys.renamed]")).unwrap();
    router.reload();
    let ended = cron.receive(false);
    assert_eq!((ended.status, &*ended.error()), (503, "wamp.close.killed"));
    callee.send(&json!([70, other[1], {}, ["done"]]));
    assert_eq!(twin.receive(false).json()["args"], json!(["done"]));
}
