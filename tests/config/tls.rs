//! `[listeners.NAME.tls]`: where the files are, and what is said of those that cannot be used; and proxies.

use super::*;
use rcgen::{CertificateParams, KeyPair};
use std::os::unix::fs::PermissionsExt;
use wharf::transport::settings::{CertificateFiles, ClientAuth, TlsSettings, TlsVersion};

/// Writes `NAME.pem` and `NAME.key`, readable by their owner.
pub(crate) fn write_pair(folder: &Path, name: &str, hosts: &[&str]) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>()).unwrap();
    if name == "expired" {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    }
    fs::write(folder.join(format!("{name}.pem")), params.self_signed(&key).unwrap().pem()).unwrap();
    let path = folder.join(format!("{name}.key"));
    fs::write(&path, key.serialize_pem()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_pair(folder.path(), "a", &["a.example"]);
    write_pair(folder.path(), "b", &["b.example"]);
    write_pair(folder.path(), "nameless", &[]);
    write_pair(folder.path(), "expired", &["a.example"]);
    fs::write(folder.path().join("text.pem"), "no certificate").unwrap();
    fs::write(folder.path().join("broken.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        .unwrap();
    folder
}

/// Options for a file with these lines in `[listeners.main.tls]`, which is line 4.
fn with(folder: &Path, lines: &str) -> LoadOptions {
    let text =
        format!("[listeners.main]\nbind = \"127.0.0.1:1\"\nserve = [\"websocket\"]\n[listeners.main.tls]\n{lines}\n");
    fs::write(folder.join("wharf.toml"), text).unwrap();
    LoadOptions { file: Some(folder.join("wharf.toml")), ..LoadOptions::bare() }
}

/// Paths begin at the folder of the file that names them.
#[test]
fn every_key_of_tls_lands_in_its_setting() {
    let folder = folder();
    let lines =
        "cert = \"a.pem\"\nkey = \"a.key\"\ncertificates = [{ cert = \"b.pem\", key = \"b.key\" }]\nwatch = false\n\
                 min_version = \"1.3\"\nclient_auth = \"optional\"\nclient_ca = \"b.pem\"";
    let settings = loaded(&with(folder.path(), lines));
    let files = |name: &str| CertificateFiles {
        cert: folder.path().join(format!("{name}.pem")),
        key: folder.path().join(format!("{name}.key")),
    };
    let expected = TlsSettings {
        certificates: vec![files("a"), files("b")],
        watch: false,
        min_version: TlsVersion::V13,
        client_auth: ClientAuth::Optional,
        client_ca: Some(folder.path().join("b.pem")),
    };
    assert_eq!(settings.listeners[0].tls, Some(expected));
    assert!(settings.warnings.is_empty());
}

/// config.md, section 9: E043, and E022 for a key that is not there.
#[test]
fn files_that_cannot_be_used_are_told_at_their_key() {
    let folder = folder();
    for (lines, expected) in [
        ("cert = \"a.pem\"\nkey = \"b.key\"", &["E043 6:7 listeners.main.tls.key"][..]),
        ("cert = \"gone.pem\"\nkey = \"a.key\"", &["E043 5:8 listeners.main.tls.cert"]),
        ("cert = \"a.pem\"\nkey = \"gone.key\"", &["E022 6:7 listeners.main.tls.key"]),
        ("cert = \"text.pem\"\nkey = \"a.key\"", &["E043 5:8 listeners.main.tls.cert"]),
        ("cert = \"broken.pem\"\nkey = \"a.key\"", &["E043 5:8 listeners.main.tls.cert"]),
        ("cert = \"a.key\"\nkey = \"a.key\"", &["E043 5:8 listeners.main.tls.cert"]),
        ("cert = \"a.pem\"\nkey = \"a.pem\"", &["W021 6:7 listeners.main.tls.key", "E043 6:7 listeners.main.tls.key"]),
        (
            "cert = \"a.pem\"\nkey = \"b.key\"\ncertificates = [{ cert = \"b.pem\", key = \"a.key\" }, { cert = \"nameless.pem\", key = \"nameless.key\" }, { cert = \"b.pem\" }]",
            &[
                "E043 6:7 listeners.main.tls.key",
                "E043 7:41 listeners.main.tls.certificates[0].key",
                "E043 7:61 listeners.main.tls.certificates[1].cert",
                "E004 7:101 listeners.main.tls.certificates[2]",
            ],
        ),
        ("cert = \"a.pem\"\nkey = \"a.key\"\nclient_auth = \"required\"", &["E004 7:15 listeners.main.tls.client_auth"]),
        (
            "cert = \"a.pem\"\nkey = \"a.key\"\nclient_auth = \"required\"\nclient_ca = \"text.pem\"",
            &["E043 8:13 listeners.main.tls.client_ca"],
        ),
    ] {
        let found = refused(&with(folder.path(), lines));
        let mut lines_found: Vec<String> = found.problems.iter().map(line).collect();
        let mut expected: Vec<String> = expected.iter().map(|line| (*line).to_owned()).collect();
        lines_found.sort();
        expected.sort();
        assert_eq!(lines_found, expected, "{lines}\n{found}");
    }
}

/// Whoever writes half of it wants TLS, and would listen in the open.
#[test]
fn half_of_tls_is_no_silent_plain_listener() {
    let folder = folder();
    for lines in [
        "",
        "cert = \"a.pem\"",
        "key = \"a.key\"",
        "min_version = \"1.3\"",
        "client_auth = \"required\"\nclient_ca = \"a.pem\"",
        "certificates = []",
    ] {
        let found = refused(&with(folder.path(), lines));
        assert!(found.problems.iter().all(|problem| problem.code() == "E004"), "{lines}: {found}");
    }
}

/// A certificate that is over starts, and is told: clients see it anyway.
#[test]
fn doubtful_files_are_warnings() {
    let folder = folder();
    let settings = loaded(&with(folder.path(), "cert = \"expired.pem\"\nkey = \"expired.key\""));
    assert_eq!(settings.warnings.iter().map(line).collect::<Vec<_>>(), ["W043 5:8 listeners.main.tls.cert"]);
    fs::set_permissions(folder.path().join("a.key"), fs::Permissions::from_mode(0o604)).unwrap();
    let mut options = with(folder.path(), "cert = \"a.pem\"\nkey = \"a.key\"");
    let settings = loaded(&options);
    assert_eq!(settings.warnings.iter().map(line).collect::<Vec<_>>(), ["W021 6:7 listeners.main.tls.key"]);
    options.strict = true;
    assert_eq!(refused(&options).problems[0].code(), "E021");
}

/// E040: what is encrypted is not insecure.
#[test]
fn a_public_listener_with_tls_is_not_insecure() {
    let folder = folder();
    let rest = "[realms.shop.auth]\nanonymous = { role = \"guest\" }\n[realms.shop.roles.guest]\ncall = [\"com.x\"]\n";
    for (tls, expected) in [("", Some("E040")), ("tls = { cert = \"a.pem\", key = \"a.key\" }", None)] {
        let text = format!("[listeners.main]\nbind = \"0.0.0.0:1\"\nserve = [\"websocket\"]\n{tls}\n{rest}");
        fs::write(folder.path().join("wharf.toml"), text).unwrap();
        let options = LoadOptions { file: Some(folder.path().join("wharf.toml")), ..LoadOptions::bare() };
        let found = load(&options).err().map(|errors| errors.problems[0].code());
        assert_eq!(found.as_deref(), expected);
    }
}

/// `[realms.NAME.auth.tls]`.
#[test]
fn clients_with_certificates_have_the_name_and_role_that_are_configured() {
    use wharf::auth::{CertificateName, CertificateSettings};
    let listener = "[listeners.main]\nbind = \"127.0.0.1:1\"\nserve = [\"websocket\"]\n[realms.r.roles.a]\n";
    for (word, authid) in [
        ("subject.cn", CertificateName::SubjectCn),
        ("san.dns", CertificateName::SanDns),
        ("san.uri", CertificateName::SanUri),
        ("san.email", CertificateName::SanEmail),
        ("sha256", CertificateName::Sha256),
    ] {
        let text = format!("{listener}[realms.r.auth]\ntls = {{ authid = \"{word}\", role = \"a\" }}\n");
        let expected = CertificateSettings { authid, role: "a".to_owned() };
        assert_eq!(loaded(&of_text(&text)).realms[0].auth.tls, Some(expected));
    }
    let unknown = format!("{listener}[realms.r.auth]\ntls = {{ role = \"b\" }}\n");
    assert_eq!(line(&refused(&of_text(&unknown)).problems[0]), "E030 6:16 realms.r.auth.tls.role");
}

/// Nobody would be believed.
#[test]
fn the_proxy_protocol_needs_proxies_that_are_trusted() {
    let with = |lines: &str| format!("[listeners.main]\nbind = \"127.0.0.1:1\"\nserve = [\"websocket\"]\n{lines}\n");
    for (lines, expected) in [
        ("proxy_protocol = \"required\"", "E004 4:18 listeners.main.proxy_protocol"),
        ("trusted_proxies = [\"10.0.0.1/8\"]", "E013 4:20 listeners.main.trusted_proxies[0]"),
        ("trusted_proxies = [\"proxy.example\"]", "E013 4:20 listeners.main.trusted_proxies[0]"),
        ("trusted_proxies = [\"unix\", 5]", "E010 4:28 listeners.main.trusted_proxies[1]"),
        ("proxy_protocol = \"on\"", "E012 4:18 listeners.main.proxy_protocol"),
    ] {
        assert_eq!(line(&refused(&of_text(&with(lines))).problems[0]), expected, "{lines}");
    }
    loaded(&of_text(&with("proxy_protocol = \"optional\"\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]")));
}
