//! `[realms.NAME.auth.jwt]`: whose tokens are taken, and what is wrong with the keys.

use super::*;
use std::time::Duration;
use wharf::auth::{JwtAlgorithm, JwtKeySource, JwtRole};

const SECRET: &str = "a secret of more than 32 octets, known to both";
const OF_US: &str = "issuer = \"https://id.example\"\naudience = \"shop\"\n";

/// A folder with keys in files, and the options for a realm that says this of tokens.
fn realm(keys: &str) -> (tempfile::TempDir, LoadOptions) {
    let folder = tempfile::tempdir().unwrap();
    let vectors: serde_json::Value = serde_json::from_str(include_str!("../vectors/data/jwt_vectors.json")).unwrap();
    let text = |name: &str| vectors["pem"][name].as_str().unwrap().to_owned();
    for (name, text) in [
        ("rsa.pem", text("rsa")),
        ("small.pem", text("rsa-small")),
        ("set.json", vectors["jwks"].to_string()),
        ("empty.json", "{\"keys\": []}".to_owned()),
        ("long.json", " ".repeat((1 << 20) + 1)),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    tls::write_pair(folder.path(), "ca", &["id.example"]);
    let mut options = of_text(&format!(
        "[listeners.main]\nbind = \"127.0.0.1:1\"\nserve = [\"websocket\"]\n[realms.shop.roles.guest]\n\
         [realms.shop.roles.frontend]\n[realms.shop.auth.jwt]\n{OF_US}{keys}\n"
    ));
    options.directory = folder.path().to_owned();
    options.environment.insert("SECRET".to_owned(), SECRET.to_owned());
    options.environment.insert("SHORT".to_owned(), SECRET[..31].to_owned());
    (folder, options)
}

/// The codes of the mistakes, with the keys they are at.
fn mistakes(keys: &str) -> Vec<String> {
    let (_folder, options) = realm(keys);
    let errors = refused(&options);
    let printed = errors.to_string();
    assert!(!printed.contains(&SECRET[..31]), "{printed}");
    let last = |problem: &Problem| problem.path.rsplit('.').next().unwrap().to_owned();
    errors.problems.iter().map(|problem| format!("{} {}", problem.code(), last(problem))).collect()
}

/// config.md, section 5.
#[test]
fn whose_tokens_are_taken_lands_in_the_settings() {
    use JwtAlgorithm::{EdDsa, Es256, Hs256, Hs512, Rs256};
    let given = |keys: &str| {
        let (folder, options) = realm(keys);
        let settings = loaded(&options);
        assert_eq!(settings.warnings, []);
        (folder, settings.realms[0].auth.jwt.clone().unwrap())
    };
    let (_, jwt) = given(
        "key = { env = \"SECRET\" }\nrole = \"wamp_role\"\nallowed_roles = [\"frontend\", \"guest\"]\nauthid = \"email\"\n\
         algorithms = [\"HS512\", \"HS256\"]\nleeway = \"5s\"",
    );
    assert_eq!((&*jwt.issuer, &*jwt.audience, &*jwt.authid), ("https://id.example", "shop", "email"));
    let allowed = vec!["frontend".to_owned(), "guest".to_owned()];
    assert_eq!(jwt.role, JwtRole::Claim { name: "wamp_role".to_owned(), allowed });
    assert_eq!((&*jwt.algorithms, jwt.leeway), (&[Hs512, Hs256][..], Duration::from_secs(5)));
    assert_eq!(jwt.source, JwtKeySource::Given);
    let (_, jwt) = given("key = { env = \"SECRET\" }\nrole_fixed = \"guest\"");
    assert_eq!((&*jwt.algorithms, jwt.leeway, &*jwt.authid), (&[Hs256][..], Duration::from_secs(30), "sub"));
    assert_eq!(jwt.role, JwtRole::Fixed("guest".to_owned()));
    let (folder, jwt) = given("public_key_file = \"rsa.pem\"\nrole_fixed = \"guest\"");
    assert_eq!((&*jwt.algorithms, jwt.keys.keys().count()), (&[Rs256, Es256, EdDsa][..], 1));
    assert_eq!(jwt.source, JwtKeySource::Pem(folder.path().join("rsa.pem")));
    let (folder, jwt) = given("jwks_file = \"set.json\"\nrole_fixed = \"guest\"\nalgorithms = [\"RS256\"]");
    assert_eq!((&*jwt.algorithms, jwt.keys.keys().count()), (&[Rs256][..], 5));
    assert_eq!(jwt.source, JwtKeySource::Jwks(folder.path().join("set.json")));
    let (_, jwt) = given("jwks_url = \"https://id.example/jwks.json\"\nca = \"ca.pem\"\nrole_fixed = \"guest\"\nalgorithms = [\"PS256\"]");
    assert_eq!((&*jwt.algorithms, jwt.keys.keys().count()), (&[JwtAlgorithm::Ps256][..], 0));
    let JwtKeySource::Address(address) = &jwt.source else { panic!("{:?}", jwt.source) };
    assert_eq!(
        (address.to_string(), address.authorities().unwrap().len()),
        ("https://id.example/jwks.json".to_owned(), 1)
    );
    let (_, jwt) = given("jwks_url = \"http://127.0.0.1:9/jwks.json\"\nrole_fixed = \"guest\"");
    let JwtKeySource::Address(address) = &jwt.source else { panic!("{:?}", jwt.source) };
    assert!(address.authorities().is_none());
}

/// In dev mode it is a warning.
#[test]
fn an_address_that_is_asked_in_the_clear_is_a_warning_in_dev_mode() {
    let (_folder, mut options) = realm("jwks_url = \"http://id.example/jwks.json\"\nrole_fixed = \"guest\"");
    options.text = options.text.map(|text| format!("[node]\ndev = true\n{text}"));
    let warnings = loaded(&options).warnings;
    assert_eq!(warnings.iter().map(Problem::code).collect::<Vec<_>>(), ["W040"]);
}

#[test]
fn keys_and_claims_that_cannot_be_used_are_mistakes_at_their_place() {
    let role = "role_fixed = \"guest\"\n";
    let secret = "key = { env = \"SECRET\" }\n";
    let of_set = "jwks_file = \"set.json\"\n";
    let url = "jwks_url = \"https://id.example/jwks\"\n";
    for (keys, expected) in [
        (role.to_owned(), &["E004 jwt"][..]),
        (secret.to_owned(), &["E004 jwt"]),
        (format!("{role}key = \"{SECRET}\""), &["E020 key"]),
        (format!("{role}key = {{ env = \"SHORT\" }}"), &["E013 key"]),
        (format!("{role}key = {{ env = \"NONE\" }}"), &["E022 key"]),
        (format!("{role}{secret}{of_set}"), &["E005 key"]),
        (format!("{role}{of_set}public_key_file = \"rsa.pem\""), &["E005 public_key_file"]),
        (format!("{role}public_key_file = \"none.pem\""), &["E022 public_key_file"]),
        (format!("{role}public_key_file = \"small.pem\""), &["E013 public_key_file"]),
        (format!("{role}public_key_file = \"set.json\""), &["E013 public_key_file"]),
        (format!("{role}jwks_file = \"rsa.pem\""), &["E013 jwks_file"]),
        (format!("{role}jwks_file = \"empty.json\""), &["E013 jwks_file"]),
        (format!("{role}jwks_file = \"long.json\""), &["E013 jwks_file"]),
        (format!("{role}{secret}algorithms = [\"HS256\", \"RS256\"]"), &["E005 algorithms[1]"]),
        (format!("{role}{of_set}algorithms = [\"HS256\"]"), &["E005 algorithms[0]"]),
        (format!("{role}public_key_file = \"rsa.pem\"\nalgorithms = [\"ES256\"]"), &["E005 algorithms[0]"]),
        (format!("{role}{secret}algorithms = [\"none\"]"), &["E012 algorithms[0]"]),
        (format!("{role}{secret}algorithms = []"), &["E013 algorithms"]),
        (format!("{role}{secret}leeway = \"11m\""), &["E011 leeway"]),
        (format!("{role}{secret}authid = \"\""), &["E013 authid"]),
        (format!("{role}{secret}allowed_roles = [\"guest\"]"), &["E005 allowed_roles"]),
        (format!("{role}{secret}role = \"r\"\nallowed_roles = [\"guest\"]"), &["E005 role_fixed"]),
        (format!("{secret}role = \"r\""), &["E004 role"]),
        (format!("{secret}role = \"r\"\nallowed_roles = [\"boss\"]"), &["E030 allowed_roles[0]"]),
        (format!("{secret}role_fixed = \"boss\""), &["E030 role_fixed"]),
        (format!("{role}{secret}{url}"), &["E005 key"]),
        (format!("{role}{of_set}{url}"), &["E005 jwks_file"]),
        (format!("{role}{secret}ca = \"ca.pem\""), &["E005 ca"]),
        (format!("{role}{url}ca = \"none.pem\""), &["E043 ca"]),
        (format!("{role}{url}ca = \"set.json\""), &["E043 ca"]),
        (format!("{role}{url}algorithms = [\"HS256\"]"), &["E005 algorithms[0]"]),
        (format!("{role}jwks_url = \"http://id.example/jwks\""), &["E040 jwks_url"]),
        (format!("{role}jwks_url = \"http://localhost/jwks\"\nca = \"ca.pem\""), &["E005 ca"]),
        (format!("{role}jwks_url = \"https://joe:{SECRET}@id.example/jwks\""), &["E013 jwks_url"]),
        (format!("{role}jwks_url = \"ftp://id.example/jwks\""), &["E013 jwks_url"]),
        (format!("{role}jwks_url = 5"), &["E010 jwks_url"]),
    ] {
        assert_eq!(mistakes(&keys), expected, "{keys}");
    }
}
