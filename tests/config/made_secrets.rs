//! `wharf hash-secret` and `wharf keygen`: what they print is what the configuration takes.

use super::*;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

/// Runs the program with this standard input; its exit code and both outputs.
fn wharf(arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
    command.args(arguments).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may have refused its arguments and read nothing.
    let _unread = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn with_user(method: &str, keys: &str, secret: &str) -> Settings {
    let mut options = of_text(&format!(
        "[listeners.main]\nbind = \"127.0.0.1:1\"\nserve = [\"websocket\"]\n[realms.shop.roles.guest]\n\
         [realms.shop.auth.scram]\nautobahn_dialect = true\n\
         [realms.shop.auth.{method}.users.joe]\nrole = \"guest\"\n{keys}\n"
    ));
    options.environment.insert("MADE".to_owned(), secret.to_owned());
    loaded(&options)
}

/// cli.md, section 2.
#[test]
fn what_hash_secret_prints_is_what_the_configuration_takes() {
    for arguments in [&["hash-secret", "ticket"][..], &["hash-secret", "password"]] {
        let (code, made, stderr) = wharf(arguments, "s3cret\n");
        assert_eq!((code, &*stderr), (Some(0), ""));
        with_user("ticket", "hash = { env = \"MADE\" }", made.trim());
    }
    for arguments in
        [&["--kdf", "pbkdf2", "--iterations", "4096"][..], &["--memory", "64"], &["--memory", "64", "--autobahn"]]
    {
        let (code, made, stderr) = wharf(&[&["hash-secret", "scram"], arguments].concat(), "s3cret");
        assert_eq!((code, &*stderr), (Some(0), ""));
        with_user("scram", "verifier = { env = \"MADE\" }", &made);
    }
    let (code, made, keys) = wharf(&["hash-secret", "wampcra", "--iterations", "1000"], "s3cret\r\n");
    let keys: String = keys.lines().skip(1).map(|line| format!("{line}\n")).collect();
    let settings = with_user("wampcra", &format!("{keys}key = {{ env = \"MADE\" }}"), made.trim());
    let user = settings.realms[0].auth.wampcra.as_ref().unwrap().get("joe").unwrap().clone();
    let salted = user.salted.unwrap();
    assert_eq!((code, salted.iterations, salted.keylen), (Some(0), 1000, 32));
    assert!(salted.key(&wharf::auth::Secret::new("s3cret".to_owned())).matches(made.trim()));
}

/// The vector of the reference: a key that is derived twice is the same.
#[test]
fn a_derived_key_is_that_of_the_vectors() {
    let arguments = ["hash-secret", "wampcra", "--salt", "salt123", "--iterations", "1000"];
    assert_eq!(wharf(&arguments, "secret1").1, "64xfzBvZhGDT7PB0bQwDeI8/WR1M9x6Cw5dt0yP9koc=\n");
}

/// cli.md, section 1: never from arguments.
#[test]
fn no_secret_an_endless_one_and_one_among_the_arguments_are_refused() {
    for (arguments, input) in [
        (&["hash-secret", "ticket"][..], ""),
        (&["hash-secret", "ticket"], "\n"),
        (&["hash-secret", "ticket"], &*"x".repeat(5000)),
        (&["hash-secret", "ticket", "hunter2"], "s3cret"),
        (&["hash-secret", "scram", "--kdf", "pbkdf2", "--iterations", "1"], "s3cret"),
        (&["hash-secret", "scram", "--kdf", "pbkdf2", "--autobahn"], "s3cret"),
    ] {
        let (code, stdout, stderr) = wharf(arguments, input);
        assert_eq!((code, &*stdout), (Some(2), ""), "{arguments:?}");
        assert!(!stderr.contains("s3cret") && !stderr.contains("xxxx"), "{stderr}");
    }
}

/// cli.md, section 2.
#[test]
fn keygen_writes_the_private_key_for_its_owner_only_and_never_over_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("device.key");
    let arguments = ["keygen", "--out", path.to_str().unwrap()];
    let (code, public, _) = wharf(&arguments, "");
    assert_eq!(code, Some(0));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let private = fs::read_to_string(&path).unwrap();
    let key = wharf::auth::RouterKey::parse(private.trim()).unwrap();
    assert_eq!(key.public().to_string(), public.trim());
    with_user("cryptosign", &format!("keys = [\"{}\"]", public.trim()), "");
    assert_eq!(wharf(&arguments, "").0, Some(1));
    assert_eq!(fs::read_to_string(&path).unwrap(), private);
    let (_, pair, _) = wharf(&["keygen"], "");
    assert!(pair.starts_with("private = ") && pair.contains("\npublic = "), "{pair}");
}
