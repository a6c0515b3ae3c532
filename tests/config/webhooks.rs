//! `[webhooks]`. Source: config.md, section 5; section 12 of the HTTP design.

use super::*;
use std::time::Duration;
use wharf::auth::webhook::Verifier;
use wharf::auth::PeerRange;
use wharf::http::webhook::settings::{Format, HookAction, HookPayload};
use wharf::transport::settings::Service;
use wharf::wamp::{MatchPolicy, Uri};

const REALM: &str = "[listeners.main]\nbind = \"127.0.0.1:1\"\nserve = [\"hooks\"]\n[realms.shop.roles.backend]\n";

fn with(webhooks: &str) -> LoadOptions {
    of_text(&format!("{REALM}{webhooks}"))
}

fn out(more: &str) -> String {
    format!(
        "[webhooks.out.a]\nrealm = \"shop\"\nrole = \"backend\"\ntopics = [\"com.shop.*\", \"com.a\"]\n\
         url = \"https://erp.example/a\"\nsecret = {{ env = \"WEBHOOK_SECRET\" }}\n{more}\n"
    )
}

fn inward(verify: &str, more: &str) -> String {
    format!("[webhooks.in.a]\nrealm = \"shop\"\nrole = \"backend\"\nverify = {{ {verify} }}\n{more}\n")
}

#[test]
fn every_key_of_webhooks_lands_in_its_setting() {
    let keys = "secret_previous = { env = \"WEBHOOK_PREVIOUS\" }\nformat = \"crossbar\"\ntimeout = \"101ms\"\nconcurrency = 3\n\
                queue_max = 4\nattempts = 5\nallow_addresses = [\"10.0.0.0/8\"]";
    let call = "[webhooks.call.b]\nrealm = \"shop\"\nrole = \"backend\"\nprocedure = \"com.b.*\"\nurl = \"http://[::1]:9/b\"\n\
                secret = { env = \"WEBHOOK_SECRET\" }\ntimeout = \"102ms\"\nconcurrency = 6\nallow_addresses = [\"::1\"]\n";
    let hook = inward(
        "kind = \"basic\", name = \"joe\", secret = { env = \"PUSH_SECRET\" }",
        "call = \"com.c\"\npayload = \"json\"",
    );
    let settings = loaded(&with(&format!("{}{call}{hook}", out(keys))));
    assert_eq!(settings.listeners[0].serve, [Service::Hooks]);
    let a = &settings.webhooks.out["a"];
    let topics = [(MatchPolicy::Prefix, Uri::from("com.shop.")), (MatchPolicy::Exact, Uri::from("com.a"))];
    assert_eq!((&*a.realm, &*a.role, &a.topics[..]), ("shop", "backend", &topics[..]));
    assert_eq!((a.format, a.concurrency, a.queue_max, a.attempts), (Format::Crossbar, 3, 4, 5));
    assert_eq!((a.target.keys.len(), a.target.timeout), (2, Duration::from_millis(101)));
    assert_eq!(a.target.guard.allow, [PeerRange::parse("10.0.0.0/8").unwrap()]);
    let b = &settings.webhooks.call["b"];
    assert_eq!((&*b.procedure, b.match_policy, b.concurrency), ("com.b.", MatchPolicy::Prefix, 6));
    assert_eq!(
        (b.target.timeout, b.target.address.to_string().as_str()),
        (Duration::from_millis(102), "http://[::1]:9/b")
    );
    let verify = "kind = \"crossbar\", key = \"k\", secret = { env = \"PUSH_SECRET\" }";
    let bridge = loaded(&with(&inward(verify, "publish = \"com.c\"")));
    assert!(matches!(&bridge.webhooks.inward["a"].verifier, Verifier::Crossbar(known) if known.key == "k"));
    let c = &settings.webhooks.inward["a"];
    assert_eq!((&c.action, c.payload), (&HookAction::Call(Uri::from("com.c")), HookPayload::Json));
    assert!(!format!("{:?}", settings.webhooks).contains("CQkJ"), "no secret is printed");
}

#[test]
fn mistakes_of_webhooks_are_told_at_their_place() {
    let codes = |text: &str| {
        let errors = refused(&with(text));
        let code = |problem: &Problem| format!("{} {}", problem.code(), problem.path);
        errors.problems.iter().map(code).collect::<Vec<_>>().join(", ")
    };
    let github = "kind = \"github-sha256\", secret = { env = \"PUSH_SECRET\" }";
    for (text, expected) in [
        (out("").replace("\"shop\"", "\"shpo\""), "E030 webhooks.out.a.realm"),
        (out("").replace("\"backend\"", "\"nobody\""), "E030 webhooks.out.a.role"),
        (out("").replace("WEBHOOK_SECRET", "PUSH_SECRET"), "E013 webhooks.out.a.secret"),
        (out("").replace("https://", "http://"), "E040 webhooks.out.a.url"),
        (out("").replace("https://", "ftp://"), "E013 webhooks.out.a.url"),
        (out("concurrency = 65"), "E011 webhooks.out.a.concurrency"),
        (out("attempts = 11"), "E011 webhooks.out.a.attempts"),
        (out("allow_addresses = [\"unix\"]"), "E013 webhooks.out.a.allow_addresses[0]"),
        (inward(github, ""), "E004 webhooks.in.a"),
        (inward(github, "publish = \"com.a\"\ncall = \"com.b\""), "E005 webhooks.in.a.call"),
        (inward(github, "publish = \"wamp.a\""), "E013 webhooks.in.a.publish"),
        (inward(&format!("{github}, header = \"X\""), "publish = \"com.a\""), "E005 webhooks.in.a.verify.header"),
        (inward(&github.replace("github-sha256", "hmac"), "publish = \"com.a\""), "E004 webhooks.in.a.verify"),
        (inward(&github.replace("github-sha256", "basic"), "publish = \"com.a\""), "E004 webhooks.in.a.verify"),
        (inward(&github.replace("github-sha256", "crossbar"), "publish = \"com.a\""), "E004 webhooks.in.a.verify"),
        (inward(&format!("{github}, key = \"k\""), "publish = \"com.a\""), "E005 webhooks.in.a.verify.key"),
        (
            inward(&github.replace("github-sha256", "standard-webhooks"), "publish = \"com.a\""),
            "E013 webhooks.in.a.verify.secret",
        ),
    ] {
        assert_eq!(codes(&text), expected, "{text}");
    }
    let sha1 = inward(
        &format!("{}, header = \"X\", algorithm = \"sha1\"", github.replace("github-sha256", "hmac")),
        "publish = \"com.a\"",
    );
    let warned = loaded(&with(&sha1)).warnings;
    assert_eq!(
        warned.iter().map(|problem| problem.path.as_str()).collect::<Vec<_>>(),
        ["webhooks.in.a.verify.algorithm"]
    );
}
