//! What Crossbar leaves to procedures: who may enter, and what they may do. And the cookie, by which browsers enter again.
//!
//! Here alone is decided whether that becomes keys or notes; [`Abilities`] says which.

use crate::config::import::draft::Draft;
use crate::config::import::names::Names;
use crate::config::import::notes::{quote, Notes};
use crate::config::import::source::{At, Keys, Origin};
use crate::config::import::{advice, Abilities};

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
pub(super) fn authenticator(
    draft: &mut Draft,
    realm: &str,
    authenticator: &Authenticator,
    built: Abilities,
    notes: &mut Notes,
) {
    let Authenticator { method, procedure, realm: home, origin } = authenticator;
    if !built.dynamic || !METHODS.contains(&method.as_str()) {
        let message = format!("{} asks the procedure {} who may enter", quote(method), quote(procedure));
        let advice = if built.dynamic {
            "no procedure is asked for this method; give the clients another one"
        } else {
            "no procedure is asked yet; list the users below realms.NAME.auth, with their roles"
        };
        notes.add(origin, message, advice);
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
pub(super) fn authorizer(draft: &mut Draft, role: &[&str], at: &At<'_>, built: Abilities, notes: &mut Notes) {
    let Some(procedure) = at.text(notes) else { return };
    if built.dynamic {
        draft.set(&[role, &["authorizer", "procedure"]].concat(), procedure, &at.origin);
        return;
    }
    let message = format!("{} is asked what the role may do", quote(procedure));
    notes.add(&at.origin, message, "no procedure is asked yet, and the role may do nothing: write rules for it");
}

/// Writes the login by cookie of the realm named `realm`; `cookie` says what it looks like.
pub(super) fn cookie(
    draft: &mut Draft,
    realm: &str,
    (origin, cookie): (&Origin, Option<&Keys<'_>>),
    built: Abilities,
    notes: &mut Notes,
) {
    if !built.cookie {
        notes.add(origin, "browsers enter again by a cookie", advice::crossbar("cookie"));
        return;
    }
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
