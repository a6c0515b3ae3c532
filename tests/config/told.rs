//! `procedures.NAME`: `summary`, `request_schema`, `response_schema`. Source: config.md, section 5; section 16 of the HTTP design.

use super::*;

/// A folder with schemas, and the options for a realm that says this of its procedures.
fn realm(procedures: &str) -> (tempfile::TempDir, LoadOptions) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("good.json", "{\"type\": \"object\", \"required\": [\"args\"]}".to_owned()),
        ("list.json", "[]".to_owned()),
        ("type.json", "{\"properties\": {\"args\": {\"type\": \"hush\"}}}".to_owned()),
        ("broken.json", "{\"hush\": ".to_owned()),
        ("deep.json", "[".repeat(10_000)),
        ("long.json", format!("{{\"title\": \"{}\"}}", "x".repeat(64 << 10))),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let mut options = of_text(&format!(
        "[listeners.main]\nbind = \"127.0.0.1:1\"\nserve = [\"websocket\"]\n[realms.shop.roles.guest]\n{procedures}"
    ));
    options.directory = folder.path().to_owned();
    (folder, options)
}

#[test]
fn what_is_told_of_procedures_lands_in_the_settings_and_the_most_specific_of_it_decides() {
    let (_folder, options) = realm(
        "[realms.shop.procedures.\"com.shop.*\"]\nsummary = \"Of the shop\"\nresponse_schema = \"good.json\"\n\
         [realms.shop.procedures.\"com.shop.report\"]\nsummary = \"Figures\"\nrequest_schema = \"good.json\"\n\
         [realms.shop.procedures.\"com.shop.slow\"]\ncall_timeout = \"2m\"\n",
    );
    let told = &loaded(&options).realms[0].told.clone();
    let report = told.find("com.shop.report").unwrap();
    assert_eq!((report.summary.as_deref(), report.response_schema.as_deref()), (Some("Figures"), None));
    assert_eq!(report.request_schema.as_deref(), Some("{\"required\":[\"args\"],\"type\":\"object\"}"));
    // A table that tells nothing hides nothing.
    let slow = told.find("com.shop.slow").unwrap();
    assert_eq!(slow.summary.as_deref(), Some("Of the shop"));
    assert!(slow.response_schema.is_some() && told.find("com.other").is_none());
}

#[test]
fn a_schema_that_is_none_is_told_at_its_place_and_nothing_of_it_is_quoted() {
    for (file, code, text) in [
        ("missing.json", "E002", "cannot be read"),
        ("list.json", "E013", "expected a JSON Schema, an object, got a list"),
        ("type.json", "E013", "at /properties/args/type: expected a type of JSON"),
        ("broken.json", "E013", "line 1"),
        ("deep.json", "E013", "recursion limit"),
        ("long.json", "E013", "at most 64 KiB"),
    ] {
        for key in ["request_schema", "response_schema"] {
            let (_folder, options) = realm(&format!("[realms.shop.procedures.report]\n{key} = \"{file}\"\n"));
            let errors = refused(&options);
            let [problem] = &errors.problems[..] else { panic!("{errors}") };
            let path = format!("realms.shop.procedures.report.{key}");
            assert_eq!((problem.code(), problem.path.as_str()), (code.to_owned(), path.as_str()), "{file}");
            let printed = errors.to_string();
            assert!(
                printed.contains(text) && printed.contains(":6:") && !printed.contains("hush"),
                "{file}: {printed}"
            );
        }
    }
}
