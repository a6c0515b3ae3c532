//! What arguments come to.

use super::*;
use crate::http::mapped::find::tests::route;
use crate::http::settings::routes::RouteMethod;
use actix_web::http::header::{HeaderName, HeaderValue};
use proptest::prelude::*;

fn identity() -> Identity {
    Identity {
        authid: "ann".into(),
        authrole: "clerk".into(),
        authmethod: "ticket".into(),
        authprovider: "static".into(),
    }
}

fn written(args: &[&str], kwargs: &[(&str, &str)], query: &str, body: &str) -> Result<String, Problem> {
    let value = |text: &&str| MappedValue::parse(text).unwrap();
    let mut route = route("r", RouteMethod::Post, "/{id}");
    route.args = args.iter().map(value).collect();
    route.kwargs = kwargs.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect();
    let mut headers = HeaderMap::new();
    for value in ["a", "b"] {
        headers.append(HeaderName::from_static("x-tag"), HeaderValue::from_static(value));
    }
    let body = Bytes::copy_from_slice(body.as_bytes());
    let given =
        Given { path: &[("id", "7\"")], query: Some(query), headers: &headers, body: &body, identity: &identity() };
    let Request::Call(call) = request(&route, &given)? else { panic!("no call") };
    let mut text = Vec::new();
    codec::encode(&Message::Call(call), Serialization::Json, &mut text).unwrap();
    Ok(String::from_utf8(text).unwrap())
}

/// Section 13: what stands alone keeps its type, what stands in other text becomes text.
#[test]
fn a_value_alone_keeps_its_type_and_within_a_text_it_is_text() {
    let body = r#"{"count" : 1.50, "a":{"b":[1, "x"]},"text":"\u00fc","none":null}"#;
    let args = ["{path.id}", "{body.count}", "{body.a.b}", "{body.text}", "{body.none}", "{identity.authid}"];
    assert_eq!(
        written(&args, &[], "", body).unwrap(),
        r#"[48,1,{},"com.a",["7\"",1.50,[1, "x"],"\u00fc",null,"ann"]]"#
    );
    let args =
        ["n={body.count}", "{body.text}{path.id}", "{body.a.b}!", "{header.X-Tag}", "{identity.authrole}s", "{{x}}"];
    assert_eq!(
        written(&args, &[], "", body).unwrap(),
        r#"[48,1,{},"com.a",["n=1.50","ü7\"","[1, \"x\"]!","a, b","clerks","{x}"]]"#
    );
    assert_eq!(written(&["{body}"], &[], "", " [1] ").unwrap(), r#"[48,1,{},"com.a",[ [1] ]]"#);
}

/// Section 13: a missing value drops a keyword argument and is 400 for a positional one.
#[test]
fn what_is_missing_drops_a_keyword_and_refuses_a_positional_argument() {
    let kwargs =
        [("a", "{query.a}"), ("b", "{query.b}"), ("c", "{body.x.y}"), ("d", "{header.x-none}"), ("e", "1-{query.b}")];
    assert_eq!(written(&[], &kwargs, "a=x+%C3%BC&c", "{\"x\":5}").unwrap(), r#"[48,1,{},"com.a",[],{"a":"x ü"}]"#);
    assert_eq!(written(&[], &[("a", "{query.a}")], "a", "").unwrap(), r#"[48,1,{},"com.a",[],{"a":""}]"#);
    for missing in ["{query.b}", "{body}", "{body.b}", "a {header.x-none} b"] {
        let problem = written(&["1", missing], &[], "a=1", "").unwrap_err();
        assert_eq!(problem.status().as_u16(), 400);
        let told = format!("{problem:?}");
        assert!(told.contains("positional argument 2 is missing"), "{told}");
    }
}

/// Nothing of a request becomes more than the one value that it is.
#[test]
fn what_is_no_single_value_is_refused() {
    for body in ["1,2", "1],[2", "{\"a\":1}{", "nul", "{\"a\":1,\"a\":2}", "\"\u{1}\""] {
        assert!(written(&["{body}"], &[], "", body).is_err(), "{body}");
    }
    for query in ["a=1&a=2", "a=%ff", "a=%zz", "%61=1&a=2"] {
        assert!(written(&["{query.a}"], &[], query, "").is_err(), "{query}");
    }
    assert!(written(&["{query.b}"], &[], "a=1&a=2&b=3", "").is_ok(), "nobody asks for it");
}

proptest! {
    #[test]
    fn the_first_item_of_a_list_is_taken_as_it_was_written(items in prop::collection::vec(".{0,8}|[0-9]{1,3}", 0..4)) {
        let values: Vec<serde_json::Value> = items
            .iter()
            .map(|item| item.parse::<u64>().map_or_else(|_| serde_json::json!({ "k,": [item, "]\\"] }), serde_json::Value::from))
            .collect();
        let list = Bytes::from(serde_json::to_string_pretty(&values).unwrap());
        let read: serde_json::Value = serde_json::from_slice(&first(&list)).unwrap();
        prop_assert_eq!(&read, values.first().unwrap_or(&serde_json::Value::Null));
    }
}
