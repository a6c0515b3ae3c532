//! What all the foreign formats have in common: addresses, serializers, secrets, sizes, users.

use super::draft::Draft;
use super::names::Variables;
use super::notes::{quote, Notes};
use super::source::{At, Origin};
use crate::authz::Pattern;
use crate::wamp::MatchPolicy;
use serde_json::{json, Value};
use std::net::IpAddr;

/// The largest WAMP message that a listener takes.
pub(super) const MESSAGE_MAX: i64 = 16 << 20;

/// What an origin may look like.
pub(super) const ORIGIN: &str = "expected \"*\", or scheme://host with a port, \":*\" or none; name each host";

/// A certificate and its key. `there` is the folder that relative paths began at.
pub(super) fn certificate(
    draft: &mut Draft,
    listener: &str,
    [cert, key]: [(&str, &Origin); 2],
    there: &str,
    notes: &mut Notes,
) {
    for (name, (path, origin)) in [("cert", cert), ("key", key)] {
        if !draft.set_once(&["listeners", listener, "tls", name], path, origin) {
            let message = format!("the listener {} has another file for `tls.{name}` already", quote(listener));
            notes.add(origin, message, "more certificates go into `tls.certificates`");
        }
    }
    if !cert.0.starts_with('/') || !key.0.starts_with('/') {
        let advice = "they are looked for from the folder of the new file: put it there, or move them";
        notes.add(cert.1, format!("the files of TLS were looked for from {there}"), advice);
    }
}

/// A pattern in the notation of lists, in which settings by URI are named. `None` where it cannot be written so.
pub(super) fn listed(pattern: &Pattern) -> Option<String> {
    let text = pattern.to_string();
    let is_same = |read: &Pattern| {
        // A wildcard without an open component is one URI.
        let one_uri = pattern.policy() == MatchPolicy::Wildcard && read.policy() == MatchPolicy::Exact;
        read == pattern || one_uri && read.text() == pattern.text()
    };
    Pattern::parse(&text).is_ok_and(|read| is_same(&read)).then_some(text)
}

/// What to bind for the path of a Unix socket. Nobody's home is known here.
pub(super) fn unix(path: &str, origin: &Origin, notes: &mut Notes) -> String {
    let Some(rest) = path.strip_prefix("~/") else { return format!("unix:{path}") };
    let message = "~ stands for nobody's home here";
    notes.add(origin, message, format!("{} was written, in the folder that wharf starts in", quote(rest)));
    format!("unix:{rest}")
}

/// The address to bind for a host and a port. A name of a host becomes the loopback address, with a note.
pub(super) fn address(host: &str, port: u16, origin: &Origin, notes: &mut Notes) -> String {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match (inner, inner.parse::<IpAddr>()) {
        ("" | "*", _) => format!("0.0.0.0:{port}"),
        ("localhost", _) => format!("localhost:{port}"),
        (_, Ok(IpAddr::V4(address))) => format!("{address}:{port}"),
        (_, Ok(IpAddr::V6(address))) => format!("[{address}]:{port}"),
        (_, Err(_)) => {
            let message = format!("{} is a name, which may mean other addresses tomorrow", quote(host));
            notes.add(origin, message, "127.0.0.1 was written; put the address there that others shall reach");
            format!("127.0.0.1:{port}")
        }
    }
}

/// The address to bind for `host:port`. `None` after a note.
pub(super) fn host_and_port(at: &At<'_>, notes: &mut Notes) -> Option<String> {
    let text = at.text(notes)?;
    let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let Some((host, port)) = parts else {
        notes.add(
            &at.origin,
            format!("{} is no address", quote(text)),
            "expected host:port; the listener was left out",
        );
        return None;
    };
    Some(address(host, port, &at.origin, notes))
}

/// Serializers into the list at `path`.
pub(super) fn serializers(draft: &mut Draft, path: &[&str], at: &At<'_>, notes: &mut Notes) {
    for item in at.list(notes) {
        let Some(name) = item.text(notes) else { continue };
        let plain = name.strip_suffix(".batched").unwrap_or(name);
        if matches!(plain, "json" | "msgpack" | "cbor") {
            draft.push(path, plain, &item.origin);
        } else {
            let message = format!("the serializer {} is not spoken here", quote(name));
            notes.add(&item.origin, message, "clients agree on json, msgpack or cbor with the router by themselves");
        }
    }
}

/// A number of octets as the size of a message, within what a listener takes. 0 means no limit in the source.
pub(super) fn message_size(octets: i64, origin: &Origin, notes: &mut Notes) -> String {
    if octets == 0 || octets > MESSAGE_MAX {
        let meant = if octets == 0 { "no limit".to_owned() } else { format!("{octets} octets") };
        notes.add(origin, format!("messages may have {meant}"), "16MiB was written, which is the most");
        return "16MiB".to_owned();
    }
    format!("{octets}B")
}

/// `NAME` of `$NAME` or `${NAME}`, if the text is nothing else.
pub(super) fn variable(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('$')?;
    let name = match inner.strip_prefix('{') {
        Some(inner) => inner.strip_suffix('}')?,
        None => inner,
    };
    let lawful = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let fine = name.chars().all(lawful) && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    // What begins like this sets a key of the configuration itself.
    (fine && !name.starts_with("WHARF__")).then_some(name)
}

/// Where the secret at `at` will be looked for: in the variable that the source names, or in one that a note asks to set.
/// `kind` is the end of its name, such as `TICKET`.
pub(super) fn secret(
    variables: &mut Variables,
    authid: &str,
    kind: &str,
    at: &At<'_>,
    notes: &mut Notes,
) -> Option<Value> {
    let number = at.as_integer().map(|number| number.to_string());
    let text = match &number {
        Some(number) => number,
        None => at.text(notes)?,
    };
    if let Some(name) = variable(text) {
        return Some(json!({ "env": name }));
    }
    let name = variables.make(authid, kind, text);
    let message = format!("the {} of {} is written out", kind.to_lowercase(), quote(authid));
    notes.add(&at.origin, message, format!("set the environment variable {name} to it where wharf runs"));
    Some(json!({ "env": name }))
}

/// Where the derived key of a user of WAMP-CRA will be looked for, with a note that says how it is made.
pub(super) fn derived_key(
    variables: &mut Variables,
    authid: &str,
    salting: (&str, i64, i64),
    at: &At<'_>,
    notes: &mut Notes,
) -> Option<Value> {
    let number = at.as_integer().map(|number| number.to_string());
    let secret = match &number {
        Some(number) => number,
        None => at.text(notes)?,
    };
    let (salt, iterations, keylen) = salting;
    let name = variables.make(authid, "KEY", &format!("{secret}\n{salt}\n{iterations}\n{keylen}"));
    let message = format!("of the secret of {} only a derived key is kept here", quote(authid));
    let advice = format!(
        "set {name} to what `wharf hash-secret wampcra --salt {} --iterations {iterations} --keylen {keylen}` prints for the secret",
        shell_word(salt)
    );
    notes.add(&at.origin, message, advice);
    Some(json!({ "env": name }))
}

/// A character that does nothing to a terminal.
pub(super) fn visible(c: char) -> char {
    if c.is_control() {
        '?'
    } else {
        c
    }
}

/// A word for a shell.
pub(super) fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@,+=%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''").chars().map(visible).collect::<String>())
}

/// A user of one realm and method, as it is written. `false` after a note that another one of that name is there.
pub(super) fn user(
    draft: &mut Draft,
    (realm, method, authid): (&str, &str, &str),
    keys: Value,
    origin: &Origin,
    notes: &mut Notes,
) {
    if !draft.set_once(&["realms", realm, "auth", method, "users", authid], keys, origin) {
        let message = format!("{} is there already with another secret or role", quote(authid));
        let advice = "a user holds on every listener of its realm here; give one of the two another name";
        notes.add(origin, message, advice);
    }
}
