//! The program itself: exit codes and what goes where. Source: cli.md, section 6.

use super::*;
use std::process::{Command, Output, Stdio};

fn wharf(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
    command.args(arguments).current_dir(repository("")).env_clear().stdin(Stdio::null());
    command
}

fn output(arguments: &[&str]) -> (Option<i32>, String, String) {
    ended(&mut wharf(arguments))
}

fn ended(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// cli.md, section 6, row by row as far as it is built.
#[test]
fn exit_codes_are_those_of_the_table() {
    let broken = "config/checks/broken/references.toml";
    for (arguments, code) in [
        (&["--version"][..], 0),
        (&["version"], 0),
        (&["version", "--json"], 0),
        (&["authz", "explain", "--role", "anonymous", "--action", "call", "--uri", "com.a"], 0),
        (&["authz", "explain", "--role", "anonymous", "--action", "publish", "--uri", "wamp.a"], 5),
        (&["authz", "explain", "--role", "nobody", "--action", "call", "--uri", "com.a"], 2),
        (&["authz", "explain", "--realm", "none", "--role", "anonymous", "--action", "call", "--uri", "com.a"], 2),
        (&["authz", "explain", "--role", "anonymous", "--action", "call", "--uri", "com.", "--match", "prefix"], 2),
        (&["--help"], 0),
        (&["serve", "--help"], 0),
        (&["config", "init"], 0),
        (&["config", "init", "full"], 0),
        (&["config", "schema"], 0),
        (&["config", "check", "config/wharf.toml"], 0),
        (&["config", "check"], 0),
        (&["config", "show"], 0),
        (&["config", "show", "rest.max_wait"], 0),
        (&["serve", "--check"], 0),
        (&["serve", "--check", "--set", "node.name=x"], 0),
        (&["--no-such-flag"], 2),
        (&["no-such-command"], 2),
        (&["serve", "--config"], 2),
        (&["dev", "--port", "70000"], 2),
        (&["dev", "--realm", "a b"], 2),
        (&["config", "init", "nothing"], 2),
        (&["config", "show", "rest.max_wate"], 2),
        (&["config", "check", broken], 2),
        (&["config", "check", broken, "--format", "json"], 2),
        (&["config", "check", "missing.toml"], 2),
        (&["config", "show", "--config", broken], 2),
        (&["serve", "--check", "--config", broken], 2),
        (&["serve", "--config", broken], 2),
        (&["serve", "--config", "config/wharf.toml", "--set", "node.dev=5"], 2),
        (&["config", "import", "crossbar", "config/migrate/crossbar.json"], 1),
        (&["config", "import", "nexus", "config/migrate/nexus.json"], 1),
        #[cfg(feature = "yaml")]
        (&["config", "import", "xconn", "config/migrate/xconn.yaml"], 1),
        (&["config", "import", "crossbar", "config/migrate/nexus.json"], 2),
        (&["config", "import", "nexus", "config/migrate/xconn.yaml"], 2),
        (&["config", "import", "xconn", "config/migrate/crossbar.json"], 2),
        (&["config", "import", "crossbar", "Cargo.toml"], 2),
        (&["config", "import", "crossbar", "missing.json"], 2),
        (&["config", "import", "bondy", "config/migrate/nexus.json"], 2),
        (&["config", "check", "config/checks/conformance.toml"], 0),
        (&["config", "check", "config/checks/conformance.toml", "--strict"], 2),
    ] {
        let (got, _, stderr) = output(arguments);
        assert_eq!(got, Some(code), "{arguments:?}: {stderr}");
    }
}

/// cli.md, section 1: results to standard output, all else to standard error.
#[test]
fn errors_go_to_standard_error_and_results_to_standard_output() {
    let (_, stdout, stderr) = output(&["config", "check", "config/checks/broken/references.toml"]);
    assert!(stdout.is_empty() && stderr.contains("error[E030]") && stderr.ends_with("errors\n"), "{stderr}");
    let (_, stdout, stderr) = output(&["config", "check", "config/checks/broken/references.toml", "--format", "json"]);
    let list: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert!(stderr.is_empty() && list.as_array().unwrap().len() > 5 && list[0]["code"] == "E030");
    let (_, stdout, _) = output(&["config", "check", "config/wharf.toml", "--format", "json"]);
    assert_eq!(stdout, "[]\n");
    let (_, stdout, _) = output(&["config", "init"]);
    assert_eq!(stdout, fs::read_to_string(repository("config/wharf.toml")).unwrap());
    let (_, stdout, _) = output(&["config", "show", "limits.accept_rate"]);
    assert_eq!(stdout, "\"1000/s\"\n");
    let (_, stdout, _) = output(&["config", "show", "realms.realm1.queue"]);
    assert!(stdout.contains("max_bytes = \"4MiB\"\n"), "{stdout}");
    let (_, stdout, _) = output(&["version", "--json"]);
    let version: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
}

/// What `config show` prints is a configuration that gives the same settings.
#[test]
fn what_show_prints_can_be_loaded_again() {
    for file in ["config/wharf.toml", "config/examples/tickets.toml", "config/examples/several-realms.toml"] {
        let shown = wharf::config::show(&options(file), None).unwrap().unwrap();
        assert_eq!(comparable(&loaded(&of_text(&shown))), comparable(&loaded(&options(file))), "{shown}");
    }
}

/// cli.md, section 1: a pipe may be closed.
#[test]
fn a_closed_standard_output_is_no_panic() {
    for arguments in [&["config", "schema"][..], &["--help"], &["config", "check", "config/checks/broken/uris.toml"]] {
        let mut child = wharf(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        let code = child.wait().unwrap().code();
        assert!(matches!(code, Some(0 | 2)), "{arguments:?}: {code:?}");
    }
}

/// The environment of the process is read.
#[test]
fn the_process_environment_is_read() {
    let (code, stdout, stderr) = ended(wharf(&["config", "show", "rest.max_wait"]).env("WHARF__REST__MAX_WAIT", "90s"));
    assert_eq!((code, stdout.as_str()), (Some(0), "\"90s\"\n"), "{stderr}");
    let (code, _, stderr) = ended(wharf(&["serve", "--check"]).env("WHARF__REST__MAX_WAIT", "soon"));
    assert!(code == Some(2) && stderr.contains("--> $WHARF__REST__MAX_WAIT"), "{stderr}");
}

/// U19 of the users' page: the verdict, and the rule that decided with file and line.
#[test]
fn authz_explain_names_the_rule_that_decided() {
    let explain = |arguments: &[&str]| {
        let mut command = wharf(&["authz", "explain", "--config", "config/examples/tickets.toml"]);
        command.args(arguments).envs([("WEB_TICKET", "1"), ("ORDERS_TICKET", "2"), ("OPS_TICKET", "3")]);
        ended(&mut command)
    };
    let line_of = |text: &str| {
        let file = fs::read_to_string(repository("config/examples/tickets.toml")).unwrap();
        file.lines().position(|line| line.contains(text)).unwrap() + 1
    };
    let frontend = ["--role", "frontend", "--action", "subscribe", "--uri"];
    let (code, stdout, _) = explain(&[&frontend[..], &["com.shop.internal.audit"]].concat());
    let deny = format!("denied by prefix \"com.shop.internal.\" (config/examples/tickets.toml:{})", line_of("deny ="));
    assert!(code == Some(5) && stdout.starts_with("no: frontend in shop") && stdout.contains(&deny), "{stdout}");
    // A pattern of which a part only is allowed: the rule that nearly covers it is named.
    let (code, stdout, _) = explain(&[&frontend[..], &["com.shop.", "--match", "prefix"]].concat());
    assert!(code == Some(5) && stdout.contains("covers only a part"), "{stdout}");
    let arguments = ["--role", "backend", "--action", "call", "--uri", "com.shop.x", "--format", "json"];
    let (code, stdout, _) = explain(&arguments);
    let object: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &object["allowed"], &object["disclose"]), (Some(0), &true.into(), &true.into()), "{stdout}");
    let source = object["rule"]["source"].as_str().unwrap();
    assert_eq!(source, format!("config/examples/tickets.toml:{}", line_of("uri = \"com.shop.\"")));
    // A user stands for its role.
    let (code, by_user, _) = explain(&[&["--authid", "orders"], &arguments[2..]].concat());
    assert_eq!((code, by_user.replace("\"authid\": \"orders\"", "\"authid\": null")), (Some(0), stdout));
    let (code, _, stderr) = explain(&[&["--authid", "nobody"], &arguments[2..]].concat());
    assert!(code == Some(2) && stderr.contains("there is no user `nobody` in the realm"), "{stderr}");
}

/// Decision 18: the grant that brings the rule, and how the user came to it.
#[test]
fn authz_explain_names_the_grant_and_the_groups_that_brought_the_rule() {
    let explain = |arguments: &[&str]| {
        let mut command = wharf(&["authz", "explain", "--config", "config/examples/groups.toml", "--action", "call"]);
        command.args(arguments).envs([("ANN_TICKET", "1"), ("JOE_TICKET", "2")]);
        ended(&mut command)
    };
    let place = |text: &str| {
        let file = fs::read_to_string(repository("config/examples/groups.toml")).unwrap();
        let line = file.lines().position(|line| line.contains(text)).unwrap() + 1;
        format!("(config/examples/groups.toml:{line})")
    };
    let (code, stdout, _) = explain(&["--authid", "ann", "--uri", "com.shop.order.place"]);
    let expected = format!(
        "yes: ann (clerk) in shop: call \"com.shop.order.place\": allowed by prefix \"com.shop.order.\" {}, granted by \
         grants.orders to group staff, in which ann is through interns\n",
        place("call = [\"com.shop.order.*\"]")
    );
    assert!(code == Some(0) && stdout.starts_with(&expected), "{stdout}");
    assert!(stdout.contains("of grants.interns: is about other URIs"), "{stdout}");
    let (code, stdout, _) = explain(&["--authid", "ann", "--uri", "com.shop.order.refund"]);
    let expected = format!(
        "denied by exact \"com.shop.order.refund\" {}, given by grants.interns to group interns",
        place("deny =")
    );
    assert!(code == Some(5) && stdout.contains(&expected), "{stdout}");
    let joe = ["--authid", "joe", "--uri", "com.shop.order.refund", "--format", "json"];
    let (code, stdout, _) = explain(&joe);
    let object: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, object["rule"]["granted"].as_str()), (Some(0), Some("to group staff, in which joe is")));
    // The role alone has it not; a user whom others know has what its groups have.
    assert_eq!(explain(&["--role", "clerk", "--uri", "com.shop.order.place"]).0, Some(5));
    assert_eq!(explain(&["--role", "guest", "--authid", "joe", "--uri", "com.shop.order.place"]).0, Some(0));
}

/// A role that asks an authorizer: who is asked, unless something is refused unasked.
#[test]
fn authz_explain_names_the_authorizer_that_would_be_asked() {
    let explain = |arguments: &[&str]| {
        let mut command =
            wharf(&["authz", "explain", "--config", "config/examples/dynamic.toml", "--role", "frontend"]);
        command.args(arguments).env("AUTHENTICATOR_TICKET", "1");
        ended(&mut command)
    };
    let (code, stdout, _) = explain(&["--action", "call", "--uri", "com.shop.x"]);
    let asked =
        "asked: frontend in shop: call \"com.shop.x\": com.example.authorize decides (config/examples/dynamic.toml:";
    assert!(code == Some(5) && stdout.starts_with(asked), "{stdout}");
    let (code, stdout, _) = explain(&["--action", "call", "--uri", "com.example.internal.x"]);
    assert!(code == Some(5) && stdout.starts_with("no: ") && stdout.contains("denied by prefix"), "{stdout}");
    let (_, stdout, _) = explain(&["--action", "publish", "--uri", "com.shop.x", "--format", "json"]);
    let object: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&object["allowed"], &object["asks"]["procedure"]), (&false.into(), &"com.example.authorize".into()));
}

/// config.md, section 12: the file to standard output, notes to standard error; 0 if there is none.
#[cfg(feature = "yaml")]
#[test]
fn import_writes_the_file_to_standard_output_and_notes_to_standard_error() {
    let (code, stdout, stderr) = output(&["config", "import", "nexus", "config/migrate/nexus.json"]);
    assert_eq!(
        (code, stdout),
        (Some(1), fs::read_to_string(repository("config/migrate/nexus.expected.toml")).unwrap())
    );
    assert!(stderr.contains("\nconfig/migrate/nexus.json: line 9: websocket.enable_request_capture: "), "{stderr}");
    assert!(stderr.ends_with("\n12 notes\n"), "{stderr}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    let path = path.to_str().unwrap();
    let text = "version: '1'\nrealms: [{name: realm1, roles: [{name: user}]}]\n\
        transports: [{type: rawsocket, listener: tcp, address: '127.0.0.1:0'}]\n\
        authenticators: {ticket: [{authid: joe, realm: realm1, role: user, ticket: $JOE_TICKET}]}\n";
    fs::write(path, text).unwrap();
    let (code, stdout, stderr) = output(&["config", "import", "xconn", path]);
    assert_eq!((code, &*stderr), (Some(0), ""), "{stderr}");
    assert!(stdout.contains("ticket = { env = \"JOE_TICKET\" }"), "{stdout}");
    // What cannot be read says where.
    fs::write(path, format!("{text}: [")).unwrap();
    let (code, stdout, stderr) = output(&["config", "import", "xconn", path]);
    assert_eq!((code, &*stdout), (Some(2), ""));
    assert!(stderr.contains("error[E001]: this is not YAML") && stderr.contains("config.yaml:5:"), "{stderr}");
}
