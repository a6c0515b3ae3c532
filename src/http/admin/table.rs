//! The paths of `/admin/v1`: each method and path is one procedure of the admin realm. Source: section 3 of the console's page.

use crate::http::route::{decoded, NoRoute};
use actix_web::http::Method;

/// One row: a request, and the procedure that it calls.
#[derive(Debug)]
pub(in crate::http) struct Row {
    pub(in crate::http) method: Method,
    /// Below `/admin/v1/`; what stands in braces is an argument of this name.
    pub(in crate::http) path: &'static str,
    /// Without `wharf.admin.`. `None`: who asks is told who he is.
    pub(in crate::http) procedure: Option<&'static str>,
    pub(in crate::http) takes: Takes,
    pub(in crate::http) gives: Gives,
}

/// Where the procedure's other arguments come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::http) enum Takes {
    Nothing,
    /// Parameters of the query.
    Query(&'static [&'static str]),
    /// The body is `settings`.
    Settings,
    /// Each member of the body is one.
    Members(&'static [&'static str]),
}

/// What is made of the procedure's answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::http) enum Gives {
    /// It is the answer.
    Whole,
    /// It is a list, and the answer a page of it.
    Page(Order),
    /// The same as `Whole`; something was made, below this path at the name that the body gives by this member.
    Made(&'static str),
    /// The same as `Whole`; something was made if the answer says so.
    Put,
}

/// What a list is in order of, so that a page begins where the one before ended whatever has come and gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::http) enum Order {
    /// Texts that name an item.
    Names(&'static [&'static str]),
    /// The member `number`, the largest first.
    Newest,
}

const NAME: Gives = Gives::Page(Order::Names(&["name"]));
const USERS: Gives = Gives::Page(Order::Names(&["authid", "method"]));
/// Of deliveries: an id begins with the time.
const IDS: Gives = Gives::Page(Order::Names(&["id"]));
const NEWEST: Gives = Gives::Page(Order::Newest);

const fn row(method: Method, path: &'static str, procedure: &'static str, takes: Takes, gives: Gives) -> Row {
    Row { method, path, procedure: Some(procedure), takes, gives }
}

const fn get(path: &'static str, procedure: &'static str, gives: Gives) -> Row {
    row(Method::GET, path, procedure, Takes::Nothing, gives)
}

const fn delete(path: &'static str, procedure: &'static str) -> Row {
    row(Method::DELETE, path, procedure, Takes::Nothing, Gives::Whole)
}

const fn post(path: &'static str, procedure: &'static str, takes: Takes, gives: Gives) -> Row {
    row(Method::POST, path, procedure, takes, gives)
}

const fn put(path: &'static str, procedure: &'static str, takes: Takes, gives: Gives) -> Row {
    row(Method::PUT, path, procedure, takes, gives)
}

/// All of them.
pub(in crate::http) const ROWS: &[Row] = &[
    Row { method: Method::GET, path: "whoami", procedure: None, takes: Takes::Nothing, gives: Gives::Whole },
    get("realms", "realm.list", NAME),
    post("realms", "realm.create", Takes::Members(&["realm", "settings"]), Gives::Made("realm")),
    get("realms/{realm}", "realm.get", Gives::Whole),
    row(Method::PATCH, "realms/{realm}", "realm.update", Takes::Settings, Gives::Whole),
    delete("realms/{realm}", "realm.delete"),
    get("realms/{realm}/roles", "role.list", NAME),
    get("realms/{realm}/roles/{role}", "role.get", Gives::Whole),
    put("realms/{realm}/roles/{role}", "role.set", Takes::Settings, Gives::Put),
    delete("realms/{realm}/roles/{role}", "role.delete"),
    get("realms/{realm}/users", "user.list", USERS),
    post(
        "realms/{realm}/users",
        "user.add",
        Takes::Members(&["authid", "role", "method", "password", "keys"]),
        Gives::Made("authid"),
    ),
    get("realms/{realm}/users/{authid}", "user.get", Gives::Whole),
    row(Method::PATCH, "realms/{realm}/users/{authid}", "user.update", Takes::Settings, Gives::Whole),
    delete("realms/{realm}/users/{authid}", "user.delete"),
    put("realms/{realm}/users/{authid}/password", "user.change_password", Takes::Members(&["password"]), Gives::Whole),
    put("realms/{realm}/users/{authid}/enabled", "user.enable", Takes::Nothing, Gives::Whole),
    delete("realms/{realm}/users/{authid}/enabled", "user.disable"),
    get("realms/{realm}/groups", "group.list", NAME),
    get("realms/{realm}/groups/{group}", "group.get", Gives::Whole),
    put("realms/{realm}/groups/{group}", "group.set", Takes::Settings, Gives::Put),
    post("realms/{realm}/groups/{group}/add_users", "group.add_users", Takes::Members(&["users"]), Gives::Whole),
    post("realms/{realm}/groups/{group}/remove_users", "group.remove_users", Takes::Members(&["users"]), Gives::Whole),
    delete("realms/{realm}/groups/{group}", "group.delete"),
    get("realms/{realm}/grants", "grant.list", NAME),
    get("realms/{realm}/grants/{grant}", "grant.get", Gives::Whole),
    put("realms/{realm}/grants/{grant}", "grant.set", Takes::Settings, Gives::Put),
    delete("realms/{realm}/grants/{grant}", "grant.delete"),
    get("realms/{realm}/sources", "source.list", NAME),
    get("realms/{realm}/sources/{source}", "source.get", Gives::Whole),
    put("realms/{realm}/sources/{source}", "source.set", Takes::Settings, Gives::Put),
    delete("realms/{realm}/sources/{source}", "source.delete"),
    post(
        "realms/{realm}/authz/explain",
        "authz.explain",
        Takes::Members(&["role", "authid", "action", "uri", "match", "disclose", "force", "retain"]),
        Gives::Whole,
    ),
    get("realms/{realm}/denials", "authz.denials", NEWEST),
    post("realms/{realm}/authz/purge", "authz.purge", Takes::Nothing, Gives::Whole),
    get("templates", "template.list", NAME),
    get("templates/{template}", "template.get", Gives::Whole),
    put("templates/{template}", "template.set", Takes::Settings, Gives::Put),
    delete("templates/{template}", "template.delete"),
    get("keys", "key.list", NAME),
    post(
        "keys",
        "key.new",
        Takes::Members(&["name", "realm", "authid", "role", "expires", "allow_from"]),
        Gives::Made("name"),
    ),
    get("keys/{name}", "key.get", Gives::Whole),
    delete("keys/{name}", "key.revoke"),
    row(Method::GET, "config", "config.get", Takes::Query(&["path"]), Gives::Whole),
    row(Method::GET, "config/diff", "config.diff", Takes::Query(&["path"]), Gives::Whole),
    post("config/check", "config.check", Takes::Nothing, Gives::Whole),
    post("config/reload", "config.reload", Takes::Nothing, Gives::Whole),
    get("audit", "audit.list", NEWEST),
    get("webhooks", "webhook.list", NAME),
    get("webhooks/{name}", "webhook.get", Gives::Whole),
    get("webhooks/{name}/deliveries", "webhook.deliveries", IDS),
    get("webhooks/{name}/dead_letters", "webhook.dead_letters", IDS),
    post("webhooks/{name}/send_again", "webhook.send_again", Takes::Members(&["id"]), Gives::Whole),
    post("webhooks/{name}/switch_on", "webhook.switch_on", Takes::Nothing, Gives::Whole),
    post("webhooks/{name}/switch_off", "webhook.switch_off", Takes::Nothing, Gives::Whole),
    post("webhooks/{name}/test", "webhook.test", Takes::Nothing, Gives::Whole),
];

/// What a path says by its place.
pub(super) type InPath = Vec<(&'static str, String)>;

/// What a request asks for.
#[derive(Debug)]
pub(super) enum Found {
    Row(&'static Row, InPath),
    /// The path takes other methods: these.
    Methods(String),
}

/// Looks a request up. HEAD is as GET.
///
/// # Errors
/// [`NoRoute`]: no row has this path.
pub(super) fn find(method: &Method, path: &str) -> Result<Found, NoRoute> {
    let path = path.strip_prefix("/admin/v1/").ok_or(NoRoute::NotFound)?;
    let segments: Vec<&str> = path.split('/').collect();
    let mut methods = Vec::new();
    for row in ROWS {
        let Some(in_path) = fits(row, &segments)? else { continue };
        if row.method == *method || (row.method == Method::GET && *method == Method::HEAD) {
            return Ok(Found::Row(row, in_path));
        }
        methods.push(row.method.as_str());
        if row.method == Method::GET {
            methods.push("HEAD");
        }
    }
    if methods.is_empty() {
        return Err(NoRoute::NotFound);
    }
    methods.push("OPTIONS");
    methods.sort_unstable();
    Ok(Found::Methods(methods.join(", ")))
}

/// What the path gives, if it is this row's. An empty segment names nothing.
fn fits(row: &Row, segments: &[&str]) -> Result<Option<InPath>, NoRoute> {
    let mut in_path = InPath::new();
    let mut parts = row.path.split('/');
    for segment in segments {
        let Some(part) = parts.next() else { return Ok(None) };
        match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(_) if segment.is_empty() => return Ok(None),
            Some(name) => in_path.push((name, decoded(segment)?)),
            None if part == *segment => {}
            None => return Ok(None),
        }
    }
    Ok(parts.next().is_none().then_some(in_path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: Method, path: &str) -> String {
        match find(&method, path) {
            Ok(Found::Row(row, in_path)) => {
                let given: Vec<_> = in_path.iter().map(|(name, value)| format!("{name}={value}")).collect();
                format!("{} {}", row.procedure.unwrap_or("-"), given.join(" ")).trim().to_owned()
            }
            Ok(Found::Methods(methods)) => methods,
            Err(fault) => format!("{fault:?}"),
        }
    }

    #[test]
    fn a_method_and_a_path_are_one_procedure() {
        assert_eq!(found(Method::GET, "/admin/v1/realms"), "realm.list");
        assert_eq!(found(Method::HEAD, "/admin/v1/realms/a%2Fb"), "realm.get realm=a/b");
        assert_eq!(found(Method::PUT, "/admin/v1/realms/r/users/joe/enabled"), "user.enable realm=r authid=joe");
        assert_eq!(found(Method::GET, "/admin/v1/whoami"), "-");
        assert_eq!(found(Method::GET, "/admin/v1/realms/%ff"), "NotText");
        for path in [
            "/admin/v1/realms/",
            "/admin/v1/realms//roles",
            "/admin/v1",
            "/admin/v1/",
            "/admin/v2/realms",
            "/admin/v1/x",
        ] {
            assert_eq!(found(Method::GET, path), "NotFound", "{path}");
        }
    }

    /// Section 4 of the HTTP design: any other method is 405 with Allow.
    #[test]
    fn a_path_knows_its_methods() {
        assert_eq!(found(Method::PUT, "/admin/v1/realms"), "GET, HEAD, OPTIONS, POST");
        assert_eq!(found(Method::OPTIONS, "/admin/v1/realms/r"), "DELETE, GET, HEAD, OPTIONS, PATCH");
        assert_eq!(found(Method::GET, "/admin/v1/config/reload"), "OPTIONS, POST");
    }

    #[test]
    fn no_row_stands_twice_and_each_is_documented() {
        let documented = include_str!("../../../docs/ADMIN.md");
        let mut seen = std::collections::BTreeSet::new();
        for row in ROWS {
            let of_row = format!("{} {}", row.method, row.path);
            assert!(documented.contains(&format!("| `{} /admin/v1/{}` |", row.method, row.path)), "{of_row}");
            let procedure = row.procedure.map_or_else(|| "| |".to_owned(), |procedure| format!("| `{procedure}` |"));
            assert!(documented.contains(&procedure), "{of_row}: {procedure}");
            assert!(seen.insert(of_row.clone()), "{of_row}");
        }
    }
}
