//! What bodies become.

use super::*;
use crate::http::crossbar::tests::section;
use actix_web::http::header::{HeaderName, HeaderValue};

fn text(section: &CrossbarSection, body: &str) -> Result<String, Rejection> {
    let wanted = wanted(section, &HeaderMap::new(), &Bytes::copy_from_slice(body.as_bytes()), UriRules::Loose)?;
    Ok(written(wanted.request))
}

fn written(request: Request) -> String {
    let message = match request {
        Request::Call(call) => Message::Call(call),
        Request::Publish(publish) => Message::Publish(publish),
    };
    let mut text = Vec::new();
    codec::encode(&message, Serialization::Json, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn publisher() -> CrossbarSection {
    CrossbarSection { kind: CrossbarKind::Publisher, ..section() }
}

/// Section 1.3 of the page about Crossbar, and X6.
#[test]
fn known_options_count_and_other_members_are_passed_over() {
    let body = r#"{"procedure":"com.a","args":[1],"kwargs":{"options":2},"options":{"timeout":5,"rkey":1},"more":1}"#;
    assert_eq!(text(&section(), body).unwrap(), r#"[48,1,{"timeout":5},"com.a",[1],{"options":2}]"#);
    let exact = CrossbarSection { exact: vec![Difference::Options], ..section() };
    assert_eq!(text(&exact, body).unwrap(), r#"[48,1,{},"com.a",[1],{}]"#);
    let body = r#"{"topic":"com.a","options":{"acknowledge":false,"exclude_me":false,"eligible":[],"exclude":null}}"#;
    assert_eq!(
        text(&publisher(), body).unwrap(),
        r#"[16,1,{"acknowledge":true,"exclude_me":false,"eligible":[]},"com.a"]"#
    );
}

/// Python takes what is empty for nothing.
#[test]
fn what_is_empty_counts_as_absent_whatever_its_type() {
    for empty in ["null", "false", "0", "\"\"", "{}", "[]"] {
        let body = format!(r#"{{"topic":"com.a","args":{empty},"options":{empty}}}"#);
        assert!(text(&publisher(), &body).unwrap().starts_with(r#"[16,1,{"acknowledge":true},"com.a""#), "{empty}");
    }
    assert!(matches!(text(&publisher(), r#"{"topic":"com.a","args":{"a":1}}"#), Err(Rejection::Malformed(_))));
}

/// Check 12, and X1.
#[test]
fn bodies_that_are_not_right_are_told_what_they_are() {
    assert_eq!(text(&section(), "xx"), Err(Rejection::NotJson));
    assert_eq!(text(&section(), ""), Err(Rejection::NotJson));
    assert_eq!(text(&section(), "[}"), Err(Rejection::NotJson));
    assert_eq!(text(&section(), "[]"), Err(Rejection::NotDict));
    assert_eq!(text(&section(), "{}"), Err(Rejection::NoMember("procedure")));
    for body in
        [r#"{"procedure":5}"#, r#"{"procedure":"com..a"}"#, r#"{"procedure":"com.a","options":{"timeout":"x"}}"#]
    {
        assert!(matches!(text(&section(), body), Err(Rejection::Malformed(_))), "{body}");
    }
    let octets = Bytes::from_static(b"{\"procedure\":\"\xff\"}");
    let fault = wanted(&section(), &HeaderMap::new(), &octets, UriRules::Loose);
    assert_eq!(fault, Err(Rejection::NotText));
}

/// Section 1.3: names as people write them, each with all its values.
#[test]
fn a_hook_publishes_headers_and_body_as_one_argument() {
    let hook = Hook {
        topic: "com.hook".into(),
        success_response: String::new(),
        error_response: String::new(),
        github_secret: None,
    };
    let mut headers = HeaderMap::new();
    for (name, value) in [("x-github-event", "push"), ("accept", "a"), ("accept", "b \"")] {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let section = CrossbarSection { kind: CrossbarKind::Webhook(hook), ..section() };
    let wanted = wanted(&section, &headers, &Bytes::from_static(b"raw \"body\""), UriRules::Loose).unwrap();
    assert_eq!(
        written(wanted.request),
        r#"[16,1,{"acknowledge":true},"com.hook",[{"headers":{"Accept":["a","b \""],"X-Github-Event":["push"]},"body":"raw \"body\""}]]"#
    );
}
