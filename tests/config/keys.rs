//! One table of keys: reader, full file, schema and environment know the same ones.

use super::*;
use std::collections::BTreeSet;

/// The full file with what stands there as an example in comments.
pub(crate) fn uncommented() -> String {
    let uncomment = |line: &str| match line.strip_prefix("# ") {
        Some(key)
            if key
                .split_once(" = ")
                .is_some_and(|(key, _)| key.chars().all(|c| c.is_ascii_lowercase() || c == '_')) =>
        {
            format!("{key}\n")
        }
        Some(_) | None => format!("{line}\n"),
    };
    wharf::config::full_file().lines().map(uncomment).collect()
}

/// Names that the full file makes up, which are no keys.
const NAMES: &[&str] = &[
    "main",
    "guest",
    "device",
    "joe",
    "staff",
    "orders",
    "office",
    "tenant",
    "alarms",
    "report",
    "bridge",
    "item",
    "lang",
    "push",
    "stock",
    "\"com.example.error.not_found\"",
    "com.example.error.not_found",
];

/// Paths of all leaves of the full file; `*` for a name, `[]` for an item.
fn keys_of(value: &toml::Value, path: &str, keys: &mut BTreeSet<String>) {
    match value {
        toml::Value::Table(table) => {
            // Where a secret is is one value.
            if table.contains_key("env") {
                keys.insert(path.to_owned());
                return;
            }
            for (key, value) in table {
                let step = if NAMES.contains(&key.as_str()) { "*" } else { key };
                keys_of(value, format!("{path}.{step}").trim_start_matches('.'), keys);
            }
        }
        // A role that asks an authorizer has no rules.
        toml::Value::Array(items) if items.is_empty() && path.ends_with(".permissions") => {}
        toml::Value::Array(items) if items.first().is_some_and(toml::Value::is_table) => {
            items.iter().for_each(|item| keys_of(item, &format!("{path}[]"), keys));
        }
        toml::Value::String(_)
        | toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_)
        | toml::Value::Array(_) => {
            keys.insert(path.to_owned());
        }
    }
}

/// Paths of all leaves of the schema.
fn keys_of_schema(schema: &serde_json::Value, root: &serde_json::Value, path: &str, keys: &mut BTreeSet<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(reference.trim_start_matches('#')).unwrap();
        return keys_of_schema(target, root, path, keys);
    }
    if let Some(properties) = schema["properties"].as_object() {
        for (key, value) in properties {
            keys_of_schema(value, root, format!("{path}.{key}").trim_start_matches('.'), keys);
        }
    } else if schema["additionalProperties"].is_object() {
        keys_of_schema(&schema["additionalProperties"], root, &format!("{path}.*"), keys);
    } else if schema["items"]["$ref"].is_string() {
        keys_of_schema(&schema["items"], root, &format!("{path}[]"), keys);
    } else {
        keys.insert(path.to_owned());
    }
}

/// Nothing is written twice: config.md, sections 1 and 10.
#[test]
fn the_schema_and_the_full_file_know_the_same_keys() {
    let (mut full, mut schema) = (BTreeSet::new(), BTreeSet::new());
    keys_of(&toml::from_str(&uncommented()).unwrap(), "", &mut full);
    let root = wharf::config::schema();
    keys_of_schema(&root, &root, "", &mut schema);
    assert_eq!(full, schema);
    assert!(full.len() > 90, "{}", full.len());
}

/// config.md, section 10: a key without a description would be no help.
#[test]
fn every_key_of_the_schema_is_described() {
    fn walk(value: &serde_json::Value, path: &str) {
        if let Some(properties) = value["properties"].as_object() {
            for (key, property) in properties.iter().filter(|(key, _)| !["env", "file"].contains(&key.as_str())) {
                assert!(property["description"].as_str().is_some_and(|text| text.len() > 5), "{path}.{key}");
            }
        }
        if let Some(children) = value.as_object() {
            children.iter().for_each(|(key, child)| walk(child, &format!("{path}/{key}")));
        }
    }
    walk(&wharf::config::schema(), "");
}

/// config.md, section 13: a property over all keys.
#[test]
fn every_key_misspelt_is_an_unknown_key_with_the_right_suggestion_and_place() {
    let full = uncommented();
    let mut tried = 0;
    for (number, line) in full.lines().enumerate() {
        let (column, key) = if let Some(header) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            let key = header.rsplit('.').next().unwrap();
            (line.len() - key.len(), key)
        } else {
            match line.split_once(" = ").filter(|(key, _)| !key.starts_with('#')) {
                Some((key, _)) => (1, key),
                None => continue,
            }
        };
        if NAMES.contains(&key) {
            continue;
        }
        let misspelt = format!("{key}z");
        let text: String = full
            .lines()
            .enumerate()
            .map(|(n, l)| {
                if n == number {
                    format!("{}{misspelt}{}\n", &l[..column - 1], &l[column - 1 + key.len()..])
                } else {
                    format!("{l}\n")
                }
            })
            .collect();
        let errors = refused(&of_text(&text));
        let place = format!("E003 {}:{column} ", number + 1);
        let found = errors.problems.iter().find(|problem| line_of(problem).starts_with(&place));
        let found = found.unwrap_or_else(|| panic!("{place}{misspelt}\n{errors}"));
        assert!(found.path.ends_with(&misspelt), "{found}");
        assert_eq!(found.hint, format!("did you mean `{key}`?"), "{found}");
        tried += 1;
    }
    assert!(tried > 100, "{tried}");
}

fn line_of(problem: &Problem) -> String {
    line(problem)
}

/// Every leaf of the full file with the variable that reaches it and its value as TOML.
pub(crate) fn leaves() -> Vec<(String, String, String)> {
    let mut table = String::new();
    let mut leaves = Vec::new();
    for line in uncommented().lines() {
        if let Some(header) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            table = format!("{header}.");
        } else if let Some((key, value)) =
            line.split_once(" = ").filter(|(key, _)| !key.starts_with('#') && !key.starts_with('"'))
        {
            let path = format!("{table}{key}");
            let variable = format!("WHARF__{}", path.to_uppercase().replace('.', "__"));
            leaves.push((path, variable, value.to_owned()));
        }
    }
    leaves
}

/// config.md, section 13: the environment alone gives what the full file gives.
#[test]
fn every_key_can_be_set_by_its_variable() {
    let absent = [
        "rest.crossbar.bridge.key",
        "rest.crossbar.bridge.secret",
        "rest.crossbar.bridge.topic",
        "rest.crossbar.bridge.success_response",
        "rest.crossbar.bridge.error_response",
        "rest.crossbar.bridge.github_secret",
        "rest.routes.item.publish",
        "node.name",
        "node.data_dir",
        "listeners.main.mode",
        "listeners.main.tls.cert",
        "listeners.main.tls.key",
        "listeners.main.tls.certificates",
        "listeners.main.tls.client_ca",
        "listeners.main.max_connections",
        "realms.main.uri",
        "realms.main.auth.cryptosign.key",
        "realms.main.auth.dynamic.main.realm",
        "realms.main.auth.dynamic.main.http",
        "realms.main.auth.dynamic.main.ca",
        "realms.main.auth.dynamic.main.token",
        "realms.main.roles.guest.authorizer",
        "realms.main.auth.jwt.public_key_file",
        "realms.main.auth.jwt.jwks_file",
        "realms.main.auth.jwt.jwks_url",
        "realms.main.auth.jwt.ca",
        "realms.main.auth.jwt.algorithms",
        "realms.main.auth.jwt.role",
        "realms.main.auth.ticket.users.joe.hash",
        "realms.main.auth.wampcra.users.joe.key",
        "realms.main.auth.wampcra.users.joe.salt",
        "realms.main.roles.guest.rate.calls",
        "realms.main.roles.guest.rate.publishes",
        "realms.main.roles.guest.rate.connects",
        "realms.main.topics.alarms.trustlevel",
        "realms.main.procedures.report.trustlevel",
        "realms.main.procedures.report.call_timeout",
        "realms.main.procedures.report.summary",
        "realms.main.procedures.report.request_schema",
        "realms.main.procedures.report.response_schema",
        "rest.keys.report.expires",
        "webhooks.out.orders.ca",
        "webhooks.out.orders.secret_previous",
        "webhooks.in.push.call",
        "webhooks.in.push.verify.secret_previous",
        "webhooks.in.push.verify.header",
        "webhooks.in.push.verify.algorithm",
        "webhooks.in.push.verify.prefix",
        "webhooks.in.push.verify.encoding",
        "webhooks.in.push.verify.name",
        "webhooks.in.push.verify.key",
        "webhooks.call.stock.ca",
        "webhooks.call.stock.secret_previous",
    ];
    let mut by_file = of_text(&wharf::config::full_file());
    by_file.text = by_file.text.map(|text| text.replace("\"com.example.error.not_found\" = 404\n", ""));
    let mut by_variables = of_text("");
    for (path, variable, value) in leaves() {
        let ends = [".on_overflow", ".device.rate"].iter().any(|end| path.ends_with(end));
        let of_role = path.contains(".roles.") && (ends || path.contains(".allow_"));
        let optional = absent.contains(&path.as_str()) || path == "listeners.main.realm" || of_role;
        if !optional {
            // Quotes around a text may stay or go.
            let bare = value.trim_matches('"').to_owned();
            by_variables.environment.insert(variable, if value.len() % 2 == 0 { bare } else { value });
        }
    }
    let settings = loaded(&by_variables);
    assert_eq!(settings.warnings, []);
    assert_eq!(comparable(&settings), comparable(&loaded(&by_file)));
}

/// A value that fits no key shows that the variable arrives where it should.
#[test]
fn a_wrong_value_in_a_variable_is_told_with_the_variable_and_the_path() {
    for (path, variable, _) in leaves() {
        let mut options = of_text(&wharf::config::full_file());
        options.environment.insert(variable.clone(), "[[1]]".to_owned());
        let errors = refused(&options);
        let at = |problem: &&Problem| {
            problem.location.as_ref().is_some_and(|location| location.origin == format!("${variable}"))
        };
        let problem = errors.problems.iter().find(at).unwrap_or_else(|| panic!("{variable}: {errors}"));
        assert_eq!(
            (problem.code().as_str(), problem.path.split('[').next().unwrap()),
            ("E010", path.as_str()),
            "{problem}"
        );
    }
}
