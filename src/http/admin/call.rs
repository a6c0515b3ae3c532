//! From a request to the CALL that it is: arguments from the path, the query and the body, all by name. Pure.

use super::table::{InPath, Row, Takes};
use crate::codec::{self, Limits, Member};
use crate::http::body::{bad, splice, unexpected};
use crate::http::problem::{quoted, Problem};
use crate::http::route::decoded;
use crate::http::sessions::Request;
use crate::observe::shown;
use crate::wamp::{Message, MessageKind, Serialization};
use bytes::Bytes;

/// How the procedures begin.
const PREFIX: &str = "wharf.admin.";

/// Parameters of a query, in their order.
pub(in crate::http) type Query = Vec<(String, String)>;

/// Takes a query apart. Names and values are percent-decoded; a plus is a plus.
///
/// # Errors
/// 400 for what is not UTF-8, and for a name that stands twice.
pub(in crate::http) fn query(text: Option<&str>) -> Result<Query, Problem> {
    let mut query = Query::new();
    for part in text.unwrap_or_default().split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let (Ok(name), Ok(value)) = (decoded(name), decoded(value)) else {
            return Err(bad("the query is not UTF-8 once it is percent-decoded"));
        };
        if query.iter().any(|(known, _)| *known == name) {
            return Err(bad(format!("the parameter \"{}\" stands twice in the query", shown(&name))));
        }
        query.push((name, value));
    }
    Ok(query)
}

/// Checks that all parameters are known.
///
/// # Errors
/// 400 with those that are.
pub(in crate::http) fn check_query(query: &Query, known: &[&str]) -> Result<(), Problem> {
    match query.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some((name, _)) if known.is_empty() => {
            Err(bad(format!("unexpected parameter \"{}\" in the query, which is to be empty", shown(name))))
        }
        Some((name, _)) => Err(unexpected(name, known)),
    }
}

/// The CALL of a row.
///
/// # Errors
/// 400 for a body that is not as the row says.
pub(super) fn call(
    row: &Row,
    procedure: &str,
    in_path: &InPath,
    query: &Query,
    body: &Bytes,
) -> Result<(Request, Vec<Member>), Problem> {
    let mut kwargs = Vec::from(*b"{");
    let mut add = |name: &str, value: &[u8]| {
        if kwargs.len() > 1 {
            kwargs.push(b',');
        }
        kwargs.extend_from_slice(quoted(name).as_bytes());
        kwargs.push(b':');
        kwargs.extend_from_slice(value);
    };
    for (name, value) in in_path {
        add(name, quoted(value).as_bytes());
    }
    let members = members(body)?;
    match row.takes {
        Takes::Settings => add("settings", body),
        Takes::Members(known) => {
            if let Some(unknown) = members.iter().find(|member| !known.contains(&&*member.name)) {
                return Err(unexpected(&unknown.name, known));
            }
            members.iter().for_each(|member| add(&member.name, &member.value));
        }
        Takes::Query(known) => {
            query.iter().filter(|(name, _)| known.contains(&name.as_str())).for_each(|(name, value)| {
                add(name, quoted(value).as_bytes());
            });
        }
        Takes::Nothing => {}
    }
    if matches!(row.takes, Takes::Nothing | Takes::Query(_)) && !members.is_empty() {
        return Err(bad("this request has no body"));
    }
    kwargs.push(b'}');
    let procedure = quoted(&format!("{PREFIX}{procedure}"));
    let text = splice(MessageKind::Call, b"{}", procedure.as_bytes(), None, Some(&kwargs));
    let message = codec::decode(Serialization::Json, &text, &Limits::default());
    let message = message.map_err(|error| bad(error.to_string()))?;
    // The code that was written is that of a CALL.
    let Message::Call(call) = message else { return Err(bad("the request is no call")) };
    Ok((Request::Call(call), members))
}

/// The members of a body; none of an empty one.
fn members(body: &Bytes) -> Result<Vec<Member>, Problem> {
    if body.is_empty() {
        return Ok(Vec::new());
    }
    let object =
        codec::members(Serialization::Json, body, &Limits::default()).map_err(|error| bad(error.to_string()))?;
    object.map_err(|got| bad(format!("the body must be an object, got {got}")))
}

#[cfg(test)]
mod tests {
    use super::super::table::{find, Found};
    use super::*;
    use actix_web::http::Method;
    use proptest::prelude::*;

    /// The CALL of a request as text, or the problem's status.
    fn text(method: &Method, path: &str, text: &str, body: &str) -> Result<String, u16> {
        let found = find(method, &format!("/admin/v1/{path}"));
        let Ok(Found::Row(row, in_path)) = found else { panic!("{found:?}") };
        let status = |problem: Problem| problem.status().as_u16();
        let query = query(Some(text)).map_err(status)?;
        let body = Bytes::copy_from_slice(body.as_bytes());
        let (asked, _) = call(row, row.procedure.unwrap(), &in_path, &query, &body).map_err(status)?;
        let Request::Call(call) = asked else { panic!("a call") };
        let mut text = Vec::new();
        codec::encode(&Message::Call(call), Serialization::Json, &mut text).unwrap();
        Ok(String::from_utf8(text).unwrap())
    }

    #[test]
    fn arguments_come_by_name_from_the_path_the_query_and_the_body() {
        let of = |method, path, query, body| text(&method, path, query, body).unwrap();
        assert_eq!(of(Method::GET, "realms", "", ""), r#"[48,1,{},"wharf.admin.realm.list",[],{}]"#);
        assert_eq!(
            of(Method::PUT, "realms/a/roles/b", "", r#"{ "call" : ["x"] }"#),
            r#"[48,1,{},"wharf.admin.role.set",[],{"realm":"a","role":"b","settings":{ "call" : ["x"] }}]"#
        );
        assert_eq!(
            of(Method::PUT, "realms/a/users/b/password", "", r#"{"password":"c"}"#),
            r#"[48,1,{},"wharf.admin.user.change_password",[],{"realm":"a","authid":"b","password":"c"}]"#
        );
        assert_eq!(
            of(Method::GET, "config", "path=realms.a%22b+c", ""),
            r#"[48,1,{},"wharf.admin.config.get",[],{"path":"realms.a\"b+c"}]"#
        );
        // What a page is asked with is no argument.
        assert_eq!(of(Method::GET, "audit", "limit=2", ""), r#"[48,1,{},"wharf.admin.audit.list",[],{}]"#);
        assert_eq!(of(Method::POST, "config/check", "", "{}"), r#"[48,1,{},"wharf.admin.config.check",[],{}]"#);
    }

    #[test]
    fn what_the_path_says_is_not_said_again_and_a_name_stands_once() {
        let joe = r#"{"authid":"joe","realm":"other"}"#;
        assert_eq!(text(&Method::POST, "realms/a/users", "", joe), Err(400));
        assert_eq!(text(&Method::GET, "config", "path=a&path=b", ""), Err(400));
        assert_eq!(text(&Method::GET, "config", "path=%ff", ""), Err(400));
        assert_eq!(text(&Method::PATCH, "realms/a", "", "[]"), Err(400));
        assert_eq!(text(&Method::DELETE, "realms/a", "", r#"{"realm":"b"}"#), Err(400));
    }

    proptest! {
        /// Whatever stands in a path is one argument, and nothing beside it.
        #[test]
        fn a_segment_is_the_text_of_one_argument(name in "\\PC{1,20}|[\\x00-\\x7f]{1,20}") {
            let path = format!("realms/{}", crate::http::problem::in_path(&name));
            let message: serde_json::Value = serde_json::from_str(&text(&Method::GET, &path, "", "").unwrap()).unwrap();
            prop_assert_eq!(&message[5], &serde_json::json!({ "realm": name }));
        }

        #[test]
        fn no_query_and_no_body_makes_reading_panic(text in ".{0,40}", body in ".{0,40}") {
            let Ok(Found::Row(row, in_path)) = find(&Method::POST, "/admin/v1/keys") else { panic!("a row") };
            if let Ok(query) = query(Some(&text)) {
                let _lawful = check_query(&query, &["limit"]).is_ok();
                let _some = call(row, "key.new", &in_path, &query, &Bytes::from(body)).is_ok();
            }
        }
    }
}
