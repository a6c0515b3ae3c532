//! Crossbar.io's node configuration, version 2: workers, of which routers have realms and transports.
//!
//! There, authentication belongs to a transport and a realm to a worker; here, users belong to a realm and a listener names
//! the realms that it reaches. So realms are gathered first, then transports with their users, and roles at the end, when it is
//! known which of them anonymous clients have.

mod auth;
mod bridge;
mod dynamic;
mod endpoint;
mod longpoll;
mod realms;
mod transports;
mod web;
mod websocket;
mod workers;

use super::advice;
use super::draft::Draft;
use super::names::{Names, Variables};
use super::notes::{quote, Notes};
use super::programs::Program;
use super::source::{At, Keys, Origin};
use realms::Realm;
use std::collections::{BTreeMap, BTreeSet};

/// What is gathered on the way.
struct Import<'a, 'n> {
    draft: Draft,
    notes: &'n mut Notes,
    listener_names: Names,
    realm_names: Names,
    section_names: Names,
    /// Paths of the HTTP bridge.
    bridges: BTreeSet<String>,
    variables: Variables,
    realms: Vec<Realm<'a>>,
    /// Listeners by the address that they have.
    listeners: BTreeMap<String, String>,
    /// By realm: which listeners let in whom without a proof.
    anonymous: BTreeMap<String, Vec<auth::Anonymous>>,
    /// By realm: the users of each listener, as one text, to tell whether they differ.
    users: BTreeMap<String, BTreeMap<String, (String, Origin)>>,
    programs: Vec<Program>,
}

/// Translates the whole file. `None`: it is something else.
pub(super) fn translate<'a>(root: &At<'a>, notes: &mut Notes) -> (Option<Draft>, Vec<String>) {
    let Some(mut keys) =
        root.as_keys().filter(|keys| keys.peek("workers").is_some() || keys.peek("controller").is_some())
    else {
        return (None, Vec::new());
    };
    let mut import = Import {
        draft: Draft::new(),
        notes,
        listener_names: Names::default(),
        realm_names: Names::default(),
        section_names: Names::default(),
        bridges: BTreeSet::new(),
        variables: Variables::default(),
        realms: Vec::new(),
        listeners: BTreeMap::new(),
        anonymous: BTreeMap::new(),
        users: BTreeMap::new(),
        programs: Vec::new(),
    };
    import.head(&mut keys);
    let workers = import.workers(&mut keys);
    import.realms(&workers);
    if import.realms.is_empty() {
        let advice = "nobody can enter anything: write a realm, and who may what in it";
        import.notes.add(&root.origin, "there is no realm", advice);
    }
    import.transports(workers);
    import.write_anonymous();
    import.write_realms();
    keys.finish(import.notes, advice::crossbar);
    let programs = import.programs.iter().map(Program::unit).collect();
    (Some(import.draft), programs)
}

impl<'a> Import<'a, '_> {
    fn head(&mut self, keys: &mut Keys<'a>) {
        keys.pass(&["$schema"]);
        if let Some(version) = keys.take("version").filter(|version| version.as_integer() != Some(2)) {
            let message = "this is another version of the configuration than 2";
            self.notes.add(
                &version.origin,
                message,
                "run `crossbar upgrade` on it first, if something is missing here",
            );
        }
        let Some(mut controller) = keys.take("controller").and_then(|at| at.keys(self.notes)) else { return };
        if let Some(id) = controller.take("id") {
            if let Some(id) = id.text(self.notes) {
                self.draft.set(&["node", "name"], id, &id_origin(&controller, "id"));
            }
        }
        if let Some(options) = controller.take("options").and_then(|at| at.keys(self.notes)) {
            options.finish(self.notes, advice::crossbar);
        }
        controller.finish(self.notes, advice::crossbar);
    }

    /// Sets a key of a listener that has one value for all that is served there.
    fn of_listener(&mut self, listener: &str, key: &[&str], value: impl Into<serde_json::Value>, origin: &Origin) {
        let path = [&["listeners", listener][..], key].concat();
        if !self.draft.set_once(&path, value, origin) {
            let message =
                format!("{} of the listener {} has another value already", quote(&key.join(".")), quote(listener));
            self.notes.add(
                origin,
                message,
                "a listener has one value for all its paths: give one of them a port of its own",
            );
        }
    }
}

/// Where the value of `key` stands.
fn id_origin(keys: &Keys<'_>, key: &str) -> Origin {
    keys.peek(key).map_or_else(|| keys.at.origin.clone(), |at| at.origin)
}
