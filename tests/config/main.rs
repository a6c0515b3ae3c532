//! The configuration from outside: the files in `config/`, every mistake at its place, overlays, secrets, and the program's
//! exit codes. `WHARF_BLESS=1 cargo test --test config` writes the generated files and the expectations anew.

#![expect(clippy::unwrap_used, reason = "tests, and what they share")]

mod api_keys;
mod authentication;
mod broken;
mod command;
mod cookie;
mod exposure;
mod files;
mod formats;
mod groups;
mod import;
mod jwt;
mod keys;
mod landing;
mod made_secrets;
mod managed;
mod overlays;
mod reload;
mod second;
mod secrets;
mod tls;
mod told;
mod web;
mod webhooks;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use wharf::config::{load, ConfigErrors, LoadOptions, Problem, Settings};

/// A path in the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Options to load `file` with the variables that the samples name.
fn options(file: &str) -> LoadOptions {
    LoadOptions { file: Some(file.into()), directory: repository(""), environment: variables(), ..LoadOptions::bare() }
}

/// Options to load a text.
fn of_text(text: &str) -> LoadOptions {
    LoadOptions { text: Some(text.to_owned()), environment: variables(), ..LoadOptions::bare() }
}

/// The record of some password.
const VERIFIER: &str = "wamp-scram$pbkdf2$i=4096$AQEBAQEBAQEBAQEBAQEBAQ==$\
    AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=$AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=";

fn variables() -> BTreeMap<String, String> {
    let names =
        ["JOE_TICKET", "WEB_TICKET", "ORDERS_TICKET", "OPS_TICKET", "BACKEND_TICKET", "SHOP_TICKET", "GATEWAY_TICKET"];
    let names = names.into_iter().chain([
        "ANN_TICKET",
        "AUTHENTICATOR_TICKET",
        "DEVELOPER_TICKET",
        "JOE_SECRET",
        "SENSOR_SECRET",
        "OPS_SECRET",
    ]);
    let texts = names.map(|name| (name.to_owned(), format!("hush-{name}")));
    let dialect = VERIFIER.replace("wamp-scram$pbkdf2$i=4096", "scram$argon2id-13$i=3,m=65536");
    let made = [
        ("JOE_VERIFIER", VERIFIER.to_owned()),
        ("ANN_VERIFIER", VERIFIER.to_owned()),
        ("BOB_VERIFIER", dialect),
        ("JOE_KEY", "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=".to_owned()),
        ("ROUTER_KEY", "03".repeat(32)),
        ("JWT_KEY", "04".repeat(32)),
        ("AUTHENTICATOR_TOKEN", "05".repeat(32)),
        ("REPORT_KEY_SHA256", "05".repeat(32)),
        ("OTHER_KEY_SHA256", "06".repeat(32)),
        ("BRIDGE_SECRET", "09".repeat(32)),
        ("CRON_SHA256", "07".repeat(32)),
        ("OPS_SHA256", "08".repeat(32)),
        ("WEBHOOK_SECRET", "whsec_CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJ".to_owned()),
        ("WEBHOOK_PREVIOUS", "whsec_CAgICAgICAgICAgICAgICAgICAgICAgI".to_owned()),
        ("WHSEC_ORDERS", "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH".to_owned()),
        ("WHSEC_STOCK", "whsec_BgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYG".to_owned()),
        ("GH_SECRET", "another secret that both know".to_owned()),
        ("HOOK_PASSWORD", "the password of hooks".to_owned()),
        ("PUSH_SECRET", "the secret that both know".to_owned()),
    ];
    texts.chain(made.map(|(name, text)| (name.to_owned(), text))).collect()
}

/// A folder with the files that the samples name: a certificate with its key, an authority of clients, and pages.
fn folder_with_certificates() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    tls::write_pair(folder.path(), "server", &["localhost"]);
    fs::copy(folder.path().join("server.pem"), folder.path().join("clients.pem")).unwrap();
    fs::create_dir(folder.path().join("web")).unwrap();
    folder
}

/// A sample, where the files that it names are.
fn in_folder(folder: &Path, sample: &Path) -> PathBuf {
    let path = folder.join(sample.file_name().unwrap());
    fs::copy(sample, &path).unwrap();
    path
}

/// All that two loads may not differ in, as text. Where a rule stands may differ.
fn comparable(settings: &Settings) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    let Settings {
        node,
        listeners,
        realms,
        templates,
        rest,
        storage,
        limits,
        log,
        shutdown,
        webhooks,
        source: _,
        warnings: _,
        ..
    } = settings;
    writeln!(text, "{node:#?} {listeners:#?} {rest:#?} {storage:#?} {limits:#?} {log:#?} {shutdown:#?} {webhooks:#?}")
        .unwrap();
    let from_templates = templates.iter().map(|template| &template.settings);
    for realm in realms.iter().chain(from_templates) {
        let rest =
            (&realm.name, &realm.uri, &realm.description, realm.uri_rules, realm.strict_request_ids, realm.disclose);
        writeln!(text, "{rest:#?} {:#?} {:#?} {:#?}", realm.rules.limits, realm.outbox, realm.auth).unwrap();
        let wharf::routing::RealmRules {
            limits: _,
            features,
            topics,
            procedures,
            takeover,
            forward_timeout,
            retained_durable,
            hands_on_trace,
            administers,
        } = &realm.rules;
        writeln!(
            text,
            "{features:?} {takeover:?} {forward_timeout:?} {retained_durable} {hands_on_trace} {administers}"
        )
        .unwrap();
        topics.iter().for_each(|entry| writeln!(text, "{entry:#?}").unwrap());
        procedures.iter().for_each(|entry| writeln!(text, "{entry:#?}").unwrap());
        let rules = |rules: &[wharf::authz::Rule]| -> Vec<String> {
            rules.iter().map(|rule| format!("{:?} {:?} {:?}", rule.pattern, rule.actions, rule.disclose)).collect()
        };
        writeln!(text, "{:#?}", realm.groups).unwrap();
        for wharf::authz::Grant { name, users, groups, rules: granted } in realm.grants.iter() {
            let (allow, deny, flags) = (rules(&granted.allow), rules(&granted.deny), granted.flags);
            writeln!(text, "{name} {users:?} {groups:?} {flags:?} {allow:#?} {deny:#?}").unwrap();
        }
        for (name, role) in &realm.roles {
            let (allow, deny) = role.policy.rules();
            let flags = role.policy.flags();
            writeln!(
                text,
                "{name} {:?} {:?} {flags:?} {:#?} {:#?}",
                role.rate,
                role.on_overflow,
                rules(allow),
                rules(deny)
            )
            .unwrap();
        }
    }
    for template in templates {
        let fields = (&template.name, &template.pattern, template.idle_close, template.realms_max);
        writeln!(text, "{fields:#?}").unwrap();
    }
    text
}

/// Loads what must be right.
fn loaded(options: &LoadOptions) -> Settings {
    load(options).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Loads what must be wrong.
fn refused(options: &LoadOptions) -> ConfigErrors {
    match load(options) {
        Ok(settings) => panic!("accepted: {}", comparable(&settings)),
        Err(errors) => errors,
    }
}

/// `E003 12:1 the.path`, as in the `.expected` files.
fn line(problem: &Problem) -> String {
    let span = problem.location.as_ref().and_then(|location| location.span.as_ref());
    let place = span.map_or("-".to_owned(), |span| format!("{}:{}", span.line, span.column));
    format!("{} {place} {}", problem.code(), problem.path).trim_end().to_owned()
}

/// Compares with a committed file, or writes it when blessing.
fn committed(path: &Path, text: &str) {
    if std::env::var_os("WHARF_BLESS").is_some() {
        fs::write(path, text).unwrap();
    }
    let there = fs::read_to_string(path).unwrap_or_default();
    assert!(there == text, "{} is stale: run `WHARF_BLESS=1 cargo test --test config`\n{text}", path.display());
}

/// All files of a folder with this ending, sorted.
fn files_in(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(repository(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    files.sort();
    files
}
