//! `[rest.keys]` and `wharf apikey`. Source: config.md, section 5; section 6 of the HTTP design.

use super::*;
use serde_json::json;
use std::process::{Command, Stdio};
use wharf::auth::{KeyHash, PeerRange};
use wharf::config::managed::{read, write};
use wharf::config::{Layer, Managed};
use wharf::wamp::WallTime;

const REALMS: &str = "[listeners.main]\nbind = \"127.0.0.1:1\"\nserve = [\"rest\", \"admin\"]\n\
    [realms.shop.roles.backend]\n[realms.other.roles.backend]\n\
    [realm_templates.tenant]\nmatch = \"com.tenant.*\"\nfrom = \"shop\"\n";

fn key(name: &str, more: &str) -> String {
    format!("[rest.keys.{name}]\nrealm = \"shop\"\nauthid = \"job\"\nrole = \"backend\"\n{more}\n")
}

fn with(keys: &str) -> LoadOptions {
    of_text(&format!("{REALMS}{keys}"))
}

#[test]
fn a_key_lands_in_the_realm_that_it_names_and_in_none_that_is_made_from_it() {
    let (hash, more) = ("ab".repeat(32), "expires = \"2027-06-30T00:00:00Z\"\nallow_from = [\"10.0.0.0/8\", \"::1\"]");
    let settings = loaded(&with(&key("cron", &format!("sha256 = \"{hash}\"\n{more}"))));
    assert_eq!(settings.warnings, []);
    let keys = |name: &str| settings.realms.iter().find(|realm| realm.name == name).unwrap().auth.keys.0.clone();
    let [cron] = &keys("shop")[..] else { panic!("one key") };
    assert_eq!((&*cron.name, &*cron.authid, &*cron.role), ("cron", "job", "backend"));
    assert!(cron.hash.is(&KeyHash::parse(&hash).unwrap()));
    assert_eq!(cron.expires, WallTime::parse("2027-06-30T00:00:00Z"));
    assert_eq!(cron.allow_from, ["10.0.0.0/8", "::1"].map(|text| PeerRange::parse(text).unwrap()));
    assert!(keys("other").is_empty() && settings.templates[0].settings.auth.keys.is_empty());
}

#[test]
fn mistakes_of_a_key_are_told_at_their_place_and_what_stands_for_the_hash_is_not_shown() {
    let hash = format!("sha256 = \"{}\"", "ab".repeat(32));
    let codes = |text: &str| {
        let errors = refused(&with(text));
        let printed = errors.to_string();
        assert!(!printed.contains("whk_") && !printed.contains("abab"), "{printed}");
        let code = |problem: &Problem| format!("{} {}", problem.code(), problem.path);
        errors.problems.iter().map(code).collect::<Vec<_>>()
    };
    assert_eq!(codes(&key("a", "")), ["E004 rest.keys.a"]);
    assert_eq!(codes(&key("a", "sha256 = \"whk_in_clear\"")), ["E013 rest.keys.a.sha256"]);
    assert_eq!(codes(&key("a", "sha256 = { env = \"NOWHERE\" }")), ["E022 rest.keys.a.sha256"]);
    assert_eq!(codes(&key("a", &format!("{hash}\nexpires = \"soon\""))), ["E013 rest.keys.a.expires"]);
    assert_eq!(codes(&key("a", &format!("{hash}\nallow_from = [\"home\"]"))), ["E013 rest.keys.a.allow_from[0]"]);
    assert_eq!(codes(&key("a", &hash).replace("\"job\"", "\"\"")), ["E013 rest.keys.a.authid"]);
    assert_eq!(codes(&key("a", &hash).replace("\"backend\"", "\"nobody\"")), ["E030 rest.keys.a.role"]);
    assert_eq!(codes(&key("a", &hash).replace("\"shop\"", "\"shpo\"")), ["E030 rest.keys.a.realm"]);
    let both = format!("{}{}", key("a", &hash), key("b", &hash));
    assert_eq!(codes(&both), ["E032 rest.keys.b.sha256"]);
}

/// `docs/decisions/0017` and 0019: below `rest` nothing but keys is changed at run time.
#[test]
fn a_key_may_be_made_at_run_time_and_nothing_else_below_rest() {
    let mut managed = Managed::default();
    let said = json!({ "sha256": "ab".repeat(32), "realm": "shop", "authid": "job", "role": "backend" });
    managed.set(&["rest", "keys", "cron"], said).unwrap();
    for path in [&["rest", "max_body"][..], &["rest", "keys"], &["rest"], &["admin", "realm", "x"]] {
        assert!(managed.clone().set(path, json!(1)).is_err(), "{path:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &managed).unwrap();
    assert_eq!(read(folder.path()).unwrap(), managed);
    let settings = load(&LoadOptions { managed: Layer::Known(managed.clone()), ..with("") }).unwrap();
    assert_eq!(settings.realms[1].auth.keys.0[0].name, "cron");
    managed.unset(&["rest", "keys", "cron"]).unwrap();
    assert!(managed.is_empty());
    std::fs::write(folder.path().join("managed.json"), r#"{"version":1,"managed":{"rest":{"max_body":1}}}"#).unwrap();
    assert!(read(folder.path()).unwrap_err().to_string().contains("rest.max_body"));
}

fn wharf(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
    command.args(arguments).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn what_apikey_new_prints_is_what_the_configuration_takes() {
    let whom = ["--realm", "shop", "--authid", "the \"job\"", "--role", "backend"];
    let limits = ["--expires", "2027-06-30T00:00:00Z", "--allow-from", "10.0.0.0/8", "--allow-from", "::1"];
    let (code, key, table) = wharf(&[&["apikey", "new", "nightly job"], &whom[..], &limits[..]].concat());
    let key = key.trim();
    assert_eq!((code, key.len(), key.starts_with("whk_")), (Some(0), 47, true));
    assert!(!table.contains(key), "the key is printed once");
    let table: String = table.lines().skip(1).map(|line| format!("{line}\n")).collect();
    let settings = loaded(&with(&table));
    let known = &settings.realms[1].auth.keys.0[0];
    assert_eq!((&*known.name, &*known.authid), ("nightly job", "the \"job\""));
    assert!(known.hash.is(&KeyHash::of(key)) && known.allow_from.len() == 2 && known.expires.is_some());
    assert_ne!(wharf(&[&["apikey", "new", "x"], &whom[..]].concat()).1.trim(), key);
    for wrong in [&["--expires", "soon"][..], &["--allow-from", "home"], &["--role", ""]] {
        let (code, key, _) = wharf(&[&["apikey", "new", "x"], &whom[..], wrong].concat());
        assert_eq!((code, &*key), (Some(2), ""), "{wrong:?}");
    }
}
