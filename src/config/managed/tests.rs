//! What may be changed at run time, and how that is kept.

use super::*;
use serde_json::json;

fn with(path: &[&str], value: Value) -> Managed {
    let mut managed = Managed::default();
    managed.set(path, value).unwrap();
    managed
}

#[test]
fn only_realms_templates_and_keys_may_be_changed_and_only_below_a_name() {
    let mut managed = Managed::default();
    let refused: [&[&str]; 7] = [
        &[],
        &["realms"],
        &["admin", "realm"],
        &["node", "dev"],
        &["rest", "status"],
        &["realms", ""],
        &["Realms", "a"],
    ];
    for path in refused {
        assert_eq!(managed.set(path, json!({})), Err(ManagedError::NotManaged(written_path(path))));
        assert_eq!(managed.unset(path), Err(ManagedError::NotManaged(written_path(path))));
    }
    assert!(managed.is_empty());
    managed.set(&["realm_templates", "t", "from"], json!("a")).unwrap();
    assert_eq!(managed.at(&["realm_templates", "t"]), Some(&json!({ "from": "a" })));
}

#[test]
fn set_replaces_and_unset_leaves_no_empty_table_but_the_realm() {
    let mut managed = with(&["realms", "a", "roles", "r"], json!({ "permissions": [] }));
    managed.set(&["realms", "a", "roles", "r"], json!({ "inherits": [] })).unwrap();
    assert_eq!(managed.at(&["realms", "a", "roles", "r"]), Some(&json!({ "inherits": [] })));
    managed.unset(&["realms", "a", "roles", "r"]).unwrap();
    assert_eq!(managed.at(&["realms", "a"]), Some(&json!({})));
    let gone = ManagedError::NotThere("realms.a.roles.r".to_owned());
    assert_eq!(managed.unset(&["realms", "a", "roles", "r"]), Err(gone));
    managed.unset(&["realms", "a"]).unwrap();
    assert!(managed.is_empty());
}

#[test]
fn what_stands_below_no_table_too_deep_or_too_large_is_refused_and_nothing_has_changed() {
    let mut managed = with(&["realms", "a", "description"], json!("x"));
    let before = managed.clone();
    let no_table = managed.set(&["realms", "a", "description", "b"], json!(1));
    assert_eq!(no_table, Err(ManagedError::NoTable("realms.a.description".to_owned())));
    let deep = (0..DEPTH_MAX).fold(json!(1), |value, _| json!([value]));
    assert_eq!(managed.set(&["realms", "b"], deep), Err(ManagedError::TooDeep { path: "realms.b".to_owned() }));
    let large = managed.set(&["realms", "b", "description"], json!("x".repeat(OCTETS_MAX)));
    assert!(matches!(large, Err(ManagedError::TooLarge { .. })), "{large:?}");
    assert_eq!(managed, before);
}

#[test]
fn what_is_kept_is_read_back_and_nobody_else_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("new");
    assert_eq!(read(&folder).unwrap(), Managed::default());
    for name in ["a", "b \"c\"\n"] {
        let managed = with(&["realms", name, "call_timeout"], json!("3s"));
        write(&folder, &managed).unwrap();
        assert_eq!(read(&folder).unwrap(), managed);
    }
    let mode = std::fs::metadata(folder.join(FILE_NAME)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_damaged_document_is_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let rows = [
        ("", "it is damaged: EOF"),
        ("{\"version\": 1, \"managed\": {\"realms\"", "it is damaged: EOF"),
        ("{\"managed\": {}}", "expected `version` 1, found none"),
        ("{\"version\": 2, \"managed\": {}}", "expected `version` 1, found 2"),
        ("{\"version\": 1}", "expected a table `managed`"),
        ("{\"version\": 1, \"managed\": {\"node\": {\"dev\": true}}}", "`node.dev` cannot be changed at run time"),
        ("{\"version\": 1, \"managed\": {\"realms\": 3}}", "expected tables of realms and templates"),
    ];
    for (text, expected) in rows {
        std::fs::write(folder.path().join(FILE_NAME), text).unwrap();
        let fault = read(folder.path()).unwrap_err().to_string();
        assert!(fault.contains(expected), "{text}: {fault}");
    }
}
