//! Secrets are found where the file says, and are never shown.

use super::*;
use std::os::unix::fs::PermissionsExt;

const SECRET: &str = "hunter2";

fn with_ticket(ticket: &str, dev: bool) -> String {
    format!(
        "[node]\ndev = {dev}\n[listeners.main]\nbind = \"127.0.0.1:1\"\nserve = [\"websocket\"]\n\
         [realms.shop.roles.guest]\n[realms.shop.auth.ticket.users.joe]\nrole = \"guest\"\nticket = {ticket}\n"
    )
}

fn ticket_matches(settings: &Settings, text: &str) -> bool {
    use wharf::auth::Ticket;
    let users = settings.realms[0].auth.ticket.as_ref().unwrap();
    matches!(&users.get("joe").unwrap().ticket, Ticket::Plain(ticket) if ticket.matches(text))
}

/// config.md, section 7.
#[test]
fn a_secret_comes_from_a_variable_or_a_file_without_its_last_newline() {
    let mut options = of_text(&with_ticket("{ env = \"T\" }", false));
    options.environment.insert("T".to_owned(), SECRET.to_owned());
    assert!(ticket_matches(&loaded(&options), SECRET));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ticket");
    fs::write(&path, format!("{SECRET}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let options = of_text(&with_ticket(&format!("{{ file = {path:?} }}"), false));
    let settings = loaded(&options);
    assert!(ticket_matches(&settings, SECRET) && settings.warnings.is_empty());
    // Beside the file that names it, whatever the working directory.
    fs::write(folder.path().join("wharf.toml"), with_ticket("{ file = \"ticket\" }", false)).unwrap();
    assert!(ticket_matches(&loaded(&options_for(&folder.path().join("wharf.toml"))), SECRET));
}

fn options_for(path: &Path) -> LoadOptions {
    LoadOptions { file: Some(path.to_owned()), ..LoadOptions::bare() }
}

/// E020, W020.
#[test]
fn a_literal_secret_is_an_error_and_in_dev_mode_a_warning() {
    let text = with_ticket("\"hunter2\"", false);
    assert_eq!(
        refused(&of_text(&text)).problems.iter().map(line).collect::<Vec<_>>(),
        ["E020 9:10 realms.shop.auth.ticket.users.joe.ticket"]
    );
    let mut dev = of_text(&with_ticket("\"hunter2\"", true));
    let settings = loaded(&dev);
    assert!(ticket_matches(&settings, SECRET));
    assert_eq!(settings.warnings[0].code(), "W020");
    dev.strict = true;
    assert_eq!(refused(&dev).problems[0].code(), "E020");
}

/// W021, E021.
#[test]
fn a_secret_file_that_others_may_read_is_a_warning_and_with_strict_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ticket");
    fs::write(&path, SECRET).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let mut options = of_text(&with_ticket(&format!("{{ file = {path:?} }}"), false));
    assert_eq!(loaded(&options).warnings[0].code(), "W021");
    options.strict = true;
    assert_eq!(refused(&options).problems[0].code(), "E021");
}

/// An empty secret would let everybody in.
#[test]
fn an_empty_secret_counts_as_missing() {
    let mut options = of_text(&with_ticket("{ env = \"T\" }", false));
    options.environment.insert("T".to_owned(), String::new());
    assert_eq!(refused(&options).problems[0].code(), "E022");
}

/// config.md, sections 7 and 13: searched for by value, in whatever way it stands there.
#[test]
fn a_secret_is_never_printed() {
    let tables = [
        with_ticket("\"hunter2\"", false),
        with_ticket("\"hunter2", false),
        with_ticket("'''hunter2'''", false),
        with_ticket("[\"hunter2\"]", false),
        with_ticket("{ value = \"hunter2\" }", false),
        with_ticket("hunter2", false),
        with_ticket("\"hunter2\"\ntickett = \"hunter2\"", false),
        with_ticket("\"hunter2\"", false).replace("role = \"guest\"\n", ""),
        with_ticket("\"hunter2\"", false).replace("ticket = \"", "tiket = \""),
        with_ticket("\"hunter2\"", false).replace("auth.ticket", "auth.tickt"),
        "[realms.shop]\nauth = { ticket = { users = { joe = \"hunter2\" } } }".to_owned(),
        "[realms.shop]\nauth = { ticket = \"hunter2\", role = 5 }".to_owned(),
        "password = \"hunter2\"\n".to_owned(),
    ];
    for text in tables {
        let errors = refused(&of_text(&text));
        let json: Vec<String> = errors.problems.iter().map(|problem| problem.json().to_string()).collect();
        for printed in [errors.to_string(), json.concat()] {
            assert!(!printed.contains(SECRET), "{text}\n{printed}");
        }
    }
    let dev = of_text(&with_ticket("\"hunter2\"", true));
    let settings = loaded(&dev);
    let shown = wharf::config::show(&dev, None).unwrap().unwrap();
    assert!(shown.contains("ticket = \"***\""), "{shown}");
    for printed in [shown, format!("{settings:?}"), settings.warnings[0].to_string()] {
        assert!(!printed.contains(SECRET), "{printed}");
    }
}

/// The same for variables, flags, JSON and YAML.
#[test]
fn a_secret_from_a_variable_or_a_flag_or_another_format_is_never_printed() {
    let mut options = of_text(&with_ticket("{ env = \"T\" }", false));
    options.environment.insert("WHARF__REALMS__SHOP__AUTH__TICKET__USERS__JOE__TICKET".to_owned(), SECRET.to_owned());
    assert!(!refused(&options).to_string().contains(SECRET));
    options.environment.clear();
    for set in ["realms.shop.auth.ticket.users.joe.ticket=hunter2", "realms.shop.auth.ticket.users joe.ticket=hunter2"]
    {
        options.sets = vec![set.to_owned()];
        let printed = refused(&options).to_string();
        assert!(printed.contains("--set realms.shop.auth.ticket.users") && !printed.contains(SECRET), "{printed}");
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("a.json", r#"{"realms":{"shop":{"auth":{"ticket":{"users":{"joe":{"ticket":"hunter2","role":5}}}}}}}"#),
        ("b.json", "{\"realms\":{\"shop\":{\"auth\":{\"ticket\":{\"users\":{\"joe\":{\"ticket\": \"hunter2\" \"role\":5}}}}}}}"),
        ("c.yaml", "realms:\n  shop:\n    auth: {ticket: {users: {joe: {ticket: hunter2, role: 5}}}}\n"),
        ("d.yaml", "realms:\n  shop:\n    auth:\n      ticket: hunter2: x\n"),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let printed = refused(&options_for(&path)).to_string();
        assert!(!printed.contains(SECRET), "{printed}");
    }
}
