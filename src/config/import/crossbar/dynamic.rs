//! What Crossbar leaves to procedures: who may enter, and what they may do. And the cookie, by which browsers enter again.

use crate::config::import::advice;
use crate::config::import::draft::Draft;
use crate::config::import::names::Names;
use crate::config::import::notes::{quote, Notes};
use crate::config::import::source::{At, Keys, Origin};

/// A dynamic authenticator of a transport.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Authenticator {
    /// The method that it is for.
    pub(super) method: String,
    pub(super) procedure: String,
    /// Where the procedure is registered: the name of that realm's table, if it is not the realm that is entered.
    pub(super) realm: Option<String>,
    pub(super) origin: Origin,
}

/// The methods that a dynamic authenticator can serve.
const METHODS: [&str; 4] = ["ticket", "wampcra", "scram", "cryptosign"];

/// Writes an authenticator for the realm named `realm`.
pub(super) fn authenticator(draft: &mut Draft, realm: &str, authenticator: &Authenticator, notes: &mut Notes) {
    let Authenticator { method, procedure, realm: home, origin } = authenticator;
    if !METHODS.contains(&method.as_str()) {
        let message = format!("{} asks the procedure {} who may enter", quote(method), quote(procedure));
        notes.add(origin, message, "no procedure is asked for this method; give the clients another one");
        return;
    }
    let dynamic = ["realms", realm, "auth", "dynamic"];
    let name = entry(draft, &dynamic, procedure, home.as_deref());
    let path = [&dynamic[..], &[name.as_str()]].concat();
    draft.push(&[&path[..], &["methods"]].concat(), method.as_str(), origin);
    draft.set(&[&path[..], &["procedure"]].concat(), procedure.as_str(), origin);
    if let Some(home) = home {
        draft.set(&[&path[..], &["realm"]].concat(), home.as_str(), origin);
    }
}

/// The entry that asks `procedure` in `home`, or a new one.
fn entry(draft: &Draft, dynamic: &[&str], procedure: &str, home: Option<&str>) -> String {
    use crate::config::tree::Content;
    let mut names = Names::default();
    for name in draft.names(dynamic) {
        let text = |key: &str| match draft.find(&[dynamic, &[&name, key]].concat()).map(|node| &node.value) {
            Some(Content::Text(text)) => Some(text.as_str()),
            _ => None,
        };
        if text("procedure") == Some(procedure) && text("realm") == home {
            return name;
        }
        names.take(&name);
    }
    names.make(procedure.rsplit('.').next().unwrap_or_default(), "main")
}

/// Writes the authorizer of the role at `role`.
pub(super) fn authorizer(draft: &mut Draft, role: &[&str], at: &At<'_>, notes: &mut Notes) {
    let Some(procedure) = at.text(notes) else { return };
    draft.set(&[role, &["authorizer", "procedure"]].concat(), procedure, &at.origin);
}

/// Writes the login by cookie of the realm named `realm`; `cookie` says what it looks like.
pub(super) fn cookie(
    draft: &mut Draft,
    realm: &str,
    (origin, cookie): (&Origin, Option<&Keys<'_>>),
    notes: &mut Notes,
) {
    let path = ["realms", realm, "auth", "cookie"];
    draft.table(&path, origin);
    let Some(mut keys) = cookie.cloned() else { return };
    if let Some(name) = keys.take("name").and_then(|at| at.text(notes)) {
        draft.set(&[&path[..], &["name"]].concat(), name, origin);
    }
    if let Some(age) = keys.take("max_age").and_then(|at| at.integer(notes)) {
        draft.set(&[&path[..], &["max_age"]].concat(), format!("{age}s"), origin);
    }
    if let Some(same_site) = keys.take("same_site").and_then(|at| at.text(notes)) {
        draft.set(&[&path[..], &["same_site"]].concat(), same_site.to_lowercase(), origin);
    }
    keys.finish(notes, advice::crossbar);
}

#[cfg(test)]
mod tests {
    use super::super::translate;
    use super::*;
    use crate::config::import::source::parse;
    use crate::config::tree::Content;
    use std::path::Path;

    /// A transport whose clients are let in by procedures of two realms, and a role that a procedure answers for.
    const SOURCE: &str = r#"{"workers": [{"type": "router",
        "realms": [
            {"name": "shop", "roles": [{"name": "clerk", "authorizer": "com.shop.authorize"}]},
            {"name": "com.example.users", "roles": []}],
        "transports": [{"type": "websocket", "endpoint": {"type": "tcp", "port": 1, "interface": "127.0.0.1"},
            "cookie": {"name": "shop", "max_age": 60, "same_site": "Lax", "length": 24},
            "auth": {
                "ticket": {"type": "dynamic", "authenticator": "com.shop.authenticate", "authenticator-realm": "com.example.users"},
                "scram": {"type": "dynamic", "authenticator": "com.shop.authenticate", "authenticator-realm": "com.example.users"},
                "wampcra": {"type": "dynamic", "authenticator": "com.shop.other.authenticate"},
                "anonymous": {"type": "dynamic", "authenticator": "com.shop.nobody"},
                "cookie": {}}}]}]}"#;

    fn draft() -> (Draft, Vec<String>) {
        let node = parse(Path::new("a.json"), SOURCE).unwrap();
        let mut notes = Notes::default();
        let (draft, _) = translate(&At::root(&node), &mut notes);
        let notes = notes.sorted(SOURCE).iter().map(|note| format!("{}: {}", note.path, note.message)).collect();
        (draft.unwrap(), notes)
    }

    fn text<'d>(draft: &'d Draft, path: &[&str]) -> Option<&'d str> {
        let Content::Text(text) = &draft.find(path)?.value else { return None };
        Some(text)
    }

    #[test]
    fn procedures_and_cookies_become_keys() {
        let (draft, notes) = draft();
        let dynamic = ["realms", "shop", "auth", "dynamic"];
        assert_eq!(draft.names(&dynamic), ["authenticate", "authenticate-2"]);
        let [first, second] = ["authenticate", "authenticate-2"].map(|name| [&dynamic[..], &[name]].concat());
        let entry = |path: &[&str]| {
            let methods = draft.texts(&[path, &["methods"]].concat()).unwrap();
            let word = |key| text(&draft, &[path, &[key]].concat());
            (methods, word("procedure"), word("realm"))
        };
        let of = |methods: &[&str]| methods.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(entry(&first), (of(&["scram", "ticket"]), Some("com.shop.authenticate"), Some("users")));
        assert_eq!(entry(&second), (of(&["wampcra"]), Some("com.shop.other.authenticate"), None));
        // Where the procedure is at home the realm need not be named.
        let users = ["realms", "users", "auth", "dynamic", "authenticate"];
        assert_eq!(text(&draft, &[&users[..], &["realm"]].concat()), None);
        let role = ["realms", "shop", "roles", "clerk", "authorizer", "procedure"];
        assert_eq!(text(&draft, &role), Some("com.shop.authorize"));
        let cookie = ["realms", "shop", "auth", "cookie"];
        let word = |key| text(&draft, &[&cookie[..], &[key]].concat());
        assert_eq!((word("name"), word("max_age"), word("same_site")), (Some("shop"), Some("60s"), Some("lax")));
        assert!(notes.iter().any(|note| note.contains("cookie.length")), "{notes:#?}");
        assert!(notes.iter().any(|note| note.contains("\"anonymous\" asks the procedure")), "{notes:#?}");
        assert_eq!(notes.iter().filter(|note| note.contains("asks the procedure")).count(), 1, "{notes:#?}");
    }
}
