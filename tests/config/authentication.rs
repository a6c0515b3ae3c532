//! `[realms.NAME.auth]`: where users land, and what is wrong with what is known of their secrets.

use super::*;
use wharf::auth::Ticket;

const KEY: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";
const PUBLIC: &str = "af626673c0e68d5066a9f59fa22495406ee2a1c4ced7704897310416bff2c048";
const PRIVATE: &str = "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510";
const HASH: &str = "$argon2id$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$hVkCeh+dOgNnq5+nhy1RcPn6CgQORZAP8ksG63wI5XE";

/// A realm with one role and these tables of users, and variables with what they name.
fn realm(tables: &str) -> LoadOptions {
    let mut options = of_text(&format!(
        "[listeners.main]\nbind = \"127.0.0.1:1\"\nserve = [\"websocket\"]\n[realms.shop.roles.guest]\n{tables}"
    ));
    let dialect = VERIFIER.replace("wamp-scram$pbkdf2$i=4096", "scram$argon2id-13$i=3,m=65536");
    for (name, text) in [
        ("KEY", KEY),
        ("PRIVATE", PRIVATE),
        ("HASH", HASH),
        ("BOTH", &format!("{VERIFIER}\n\n{dialect}\n")),
        ("TEXT", "hunter2"),
    ] {
        options.environment.insert(name.to_owned(), text.to_owned());
    }
    options
}

fn user(method: &str, keys: &str) -> String {
    format!("[realms.shop.auth.{method}.users.joe]\nrole = \"guest\"\n{keys}\n")
}

/// The codes of the mistakes in a user's table, with the keys they are at.
fn mistakes(method: &str, keys: &str) -> Vec<String> {
    let errors = refused(&realm(&user(method, keys)));
    let printed = errors.to_string();
    for secret in ["hunter2", KEY, HASH, VERIFIER] {
        assert!(!printed.contains(secret), "{printed}");
    }
    let last = |problem: &Problem| problem.path.rsplit('.').next().unwrap().to_owned();
    errors.problems.iter().map(|problem| format!("{} {}", problem.code(), last(problem))).collect()
}

/// config.md, section 5.
#[test]
fn users_of_every_method_land_in_their_settings() {
    let settings = loaded(&realm(&format!(
        "{}{}{}{}[realms.shop.auth.wampcra.users.ann]\nrole = \"guest\"\nsecret = {{ env = \"TEXT\" }}\n\
         [realms.shop.auth.scram]\nautobahn_dialect = true\n\
         [realms.shop.auth.cryptosign]\nchannel_binding = \"required\"\nkey = {{ env = \"PRIVATE\" }}\n",
        user("ticket", "hash = { env = \"HASH\" }"),
        user("wampcra", "salt = \"8c7fa1\"\niterations = 600000\nkeylen = 32\nkey = { env = \"KEY\" }"),
        user("scram", "verifier = { env = \"BOTH\" }"),
        user("cryptosign", &format!("keys = [\"{PUBLIC}\"]")),
    )));
    assert_eq!(settings.warnings, []);
    let auth = &settings.realms[0].auth;
    assert!(matches!(auth.ticket.as_ref().unwrap().get("joe").unwrap().ticket, Ticket::Hashed(_)));
    let joe = auth.wampcra.as_ref().unwrap().get("joe").unwrap();
    let salted = joe.salted.as_ref().unwrap();
    assert_eq!((&*salted.salt, salted.iterations, salted.keylen), ("8c7fa1", 600_000, 32));
    assert!(joe.key.matches(KEY));
    let ann = auth.wampcra.as_ref().unwrap().get("ann").unwrap();
    assert!(ann.salted.is_none() && ann.key.matches("hunter2"));
    for users in [&auth.scram, &auth.scram_dialect] {
        assert_eq!(users.as_ref().unwrap().iter().map(|(name, _)| name).collect::<Vec<_>>(), ["joe"]);
    }
    let cryptosign = auth.cryptosign.as_ref().unwrap();
    assert_eq!(cryptosign.binding(), wharf::auth::ChannelBinding::Required);
    assert_eq!(cryptosign.users().get("joe").unwrap().keys[0].to_string(), PUBLIC);
}

/// A method that is absent is not offered, and the dialect only if it is asked for.
#[test]
fn a_method_is_offered_where_its_table_is() {
    let settings = loaded(&realm(&user("scram", "verifier = { env = \"JOE_VERIFIER\" }")));
    let auth = &settings.realms[0].auth;
    assert!(auth.scram.is_some() && auth.scram_dialect.is_none());
    assert!(auth.wampcra.is_none() && auth.cryptosign.is_none() && auth.ticket.is_none());
}

#[test]
fn what_is_known_of_a_secret_is_checked_and_never_shown() {
    for (method, keys, expected) in [
        ("ticket", "", &["E004 joe"][..]),
        ("ticket", "ticket = { env = \"TEXT\" }\nhash = { env = \"HASH\" }", &["E005 hash"]),
        ("ticket", "hash = { env = \"TEXT\" }", &["E013 hash"]),
        ("ticket", "hash = \"hunter2\"", &["E013 hash"]),
        ("wampcra", "", &["E004 joe"]),
        ("wampcra", "secret = \"hunter2\"", &["E020 secret"]),
        ("wampcra", "secret = { env = \"TEXT\" }\nkey = { env = \"KEY\" }", &["E005 key"]),
        ("wampcra", "secret = { env = \"TEXT\" }\nsalt = \"x\"", &["E005 salt"]),
        ("wampcra", "key = { env = \"KEY\" }", &["E004 joe"]),
        ("wampcra", "key = { env = \"KEY\" }\nsalt = \"\"", &["E013 salt"]),
        ("wampcra", "key = { env = \"TEXT\" }\nsalt = \"x\"", &["E013 key"]),
        ("wampcra", "key = { env = \"KEY\" }\nsalt = \"x\"\nkeylen = 16", &["E013 key"]),
        ("wampcra", "key = { env = \"KEY\" }\nsalt = \"x\"\nkeylen = 8", &["E013 key", "E011 keylen"]),
        ("wampcra", "key = { env = \"KEY\" }\nsalt = \"x\"\niterations = 4000000000", &["E011 iterations"]),
        ("scram", "verifier = { env = \"TEXT\" }", &["E013 verifier"]),
        ("scram", "verifier = { env = \"BOTH\" }", &["E005 verifier"]),
        ("scram", "", &["E004 joe"]),
        ("cryptosign", "keys = []", &["E013 keys"]),
        ("cryptosign", "keys = [\"770a\"]", &["E013 keys[0]"]),
        ("cryptosign", "", &["E004 joe"]),
    ] {
        assert_eq!(mistakes(method, keys), expected, "{method}: {keys}");
    }
}

/// A client that gives no authid is found by its key.
#[test]
fn a_key_of_two_users_is_a_mistake() {
    let tables = format!(
        "{}[realms.shop.auth.cryptosign.users.zoe]\nrole = \"guest\"\nkeys = [\"{PUBLIC}\"]\n",
        user("cryptosign", &format!("keys = [\"{}\"]", PUBLIC.to_uppercase()))
    );
    let errors = refused(&realm(&tables));
    assert_eq!(errors.problems.iter().map(Problem::code).collect::<Vec<_>>(), ["E032"]);
}

/// The hash of a ticket may be written out; it opens nothing by itself. It is not shown all the same.
#[test]
fn a_hash_may_be_written_out_and_is_not_shown() {
    let options = realm(&user("ticket", &format!("hash = \"{HASH}\"")));
    let settings = loaded(&options);
    assert_eq!(settings.warnings, []);
    let shown = wharf::config::show(&options, None).unwrap().unwrap();
    assert!(shown.contains("hash = \"***\""), "{shown}");
    assert!(!format!("{settings:?}{shown}").contains(HASH));
}

const DYNAMIC: &str = "[realms.shop.auth.dynamic.main]\nmethods = [\"ticket\"]\nprocedure = \"com.app.ask\"\n";

/// config.md, section 5.
#[test]
fn who_is_asked_lands_in_the_order_of_the_names_and_with_the_uri_of_its_realm() {
    use wharf::auth::{Asked, Method};
    let settings = loaded(&realm(
        "[realms.shop.auth.anonymous]\nrole = \"guest\"\n\
         [realms.shop.auth.dynamic.two]\nmethods = [\"scram\", \"wamp-scram\", \"cryptosign\"]\nprocedure = \"com.app.two\"\n\
         realm = \"users\"\ntimeout = \"105ms\"\ncache = \"61s\"\nforward_headers = [\"Cookie\"]\n\
         [realms.shop.auth.dynamic.one]\nmethods = [\"ticket\", \"wampcra\"]\nprocedure = \"com.app.one\"\n\
         [realms.users]\nuri = \"com.example.users\"\n[realms.users.auth.anonymous]\nrole = \"a\"\n[realms.users.roles.a]\n",
    ));
    let dynamic = &settings.realms[0].auth.dynamic;
    let [one, two] = &dynamic[..] else { panic!("{dynamic:?}") };
    let Asked::Procedure { uri, realm: None } = &one.asked else { panic!("{one:?}") };
    assert_eq!((&*one.name, &**uri), ("one", "com.app.one"));
    assert_eq!((&one.methods[..], one.timeout.as_millis()), (&[Method::Ticket, Method::WampCra][..], 3000));
    let Asked::Procedure { realm: Some(users), .. } = &two.asked else { panic!("{two:?}") };
    assert_eq!((&*two.name, &**users, two.timeout.as_millis()), ("two", "com.example.users", 105));
    assert_eq!((one.cache, two.cache.map(|time| time.as_secs())), (None, Some(61)));
    assert_eq!(two.methods, [Method::Scram, Method::WampScram, Method::Cryptosign]);
    assert_eq!((&one.forward_headers[..], &two.forward_headers[..]), (&[][..], &["cookie".to_owned()][..]));
}

#[test]
fn what_is_wrong_with_who_is_asked_is_told_at_its_key() {
    let anonymous = "[realms.shop.auth.anonymous]\nrole = \"guest\"\n";
    for (keys, more, expected) in [
        ("", anonymous, &[][..]),
        ("", "", &["E004 procedure"]),
        ("realm = \"shpo\"", anonymous, &["E030 realm"]),
        ("realm = \"none\"", "[realms.none]\n", &["E004 procedure"]),
        ("timeout = \"10s\"", anonymous, &["E011 timeout"]),
        ("timeout = \"9s\"", anonymous, &[]),
    ] {
        let text = format!("{DYNAMIC}{keys}\n{more}");
        let got = match load(&realm(&text)) {
            Ok(_) => Vec::new(),
            Err(errors) => {
                let last = |problem: &Problem| problem.path.rsplit('.').next().unwrap().to_owned();
                errors.problems.iter().map(|problem| format!("{} {}", problem.code(), last(problem))).collect()
            }
        };
        assert_eq!(got, expected, "{text}");
    }
    for (of, by, expected) in [
        ("[\"ticket\"]", "[]", "E013"),
        ("[\"ticket\"]", "[\"jwt\"]", "E012"),
        ("com.app.ask", "wamp.session.count", "E013"),
        ("com.app.ask", "com..ask", "E013"),
        ("procedure", "http", "E013"),
    ] {
        let errors = refused(&realm(&format!("{}{anonymous}", DYNAMIC.replace(of, by))));
        assert!(errors.problems.iter().any(|problem| problem.code() == expected), "{by}: {errors}");
    }
}

/// The same for an address.
#[test]
fn an_address_that_is_asked_lands_with_its_token_and_its_mistakes_are_told_at_their_key() {
    use wharf::auth::Asked;
    let text = |keys: &str| format!("[realms.shop.auth.dynamic.main]\nmethods = [\"ticket\"]\n{keys}\n");
    let https = "http = \"https://id.example/wamp\"\n";
    let settings = loaded(&realm(&text(&format!("{https}token = {{ env = \"OPS_TICKET\" }}"))));
    assert_eq!(settings.warnings, []);
    let Asked::Address { address, token } = &settings.realms[0].auth.dynamic[0].asked else { panic!("{settings:?}") };
    assert_eq!((address.to_string().as_str(), token.is_some()), ("https://id.example/wamp", true));
    assert!(!format!("{settings:?}").contains("hush-OPS_TICKET"));
    for (keys, expected) in [
        (String::new(), "E004 main"),
        (format!("{https}procedure = \"com.app.ask\""), "E005 http"),
        (format!("{https}realm = \"users\""), "E005 realm"),
        (format!("{https}ca = \"none.pem\""), "E043 ca"),
        (format!("{https}token = \"literal\""), "E020 token"),
        (format!("{https}token = {{ env = \"SPACED\" }}"), "E013 token"),
        (format!("{https}token = {{ env = \"NONE\" }}"), "E022 token"),
        ("http = \"http://id.example/wamp\"".to_owned(), "E040 http"),
        ("http = \"id.example\"".to_owned(), "E013 http"),
        ("procedure = \"com.app.ask\"\nca = \"ca.pem\"".to_owned(), "E005 ca"),
        ("procedure = \"com.app.ask\"\ntoken = { env = \"OPS_TICKET\" }".to_owned(), "E005 token"),
    ] {
        let mut options = realm(&format!("{}[realms.shop.auth.anonymous]\nrole = \"guest\"\n", text(&keys)));
        options.environment.insert("SPACED".to_owned(), "hush two".to_owned());
        let errors = refused(&options);
        let last = |problem: &Problem| problem.path.rsplit('.').next().unwrap().to_owned();
        let got: Vec<String> =
            errors.problems.iter().map(|problem| format!("{} {}", problem.code(), last(problem))).collect();
        assert_eq!(got, [expected], "{keys}\n{errors}");
        assert!(!errors.to_string().contains("hush"), "{errors}");
    }
}

const ASKING: &str = "[realms.shop.roles.asking.authorizer]\nprocedure = \"com.app.authorize\"\n";

/// config.md, section 5.
#[test]
fn an_authorizer_lands_in_its_role_with_its_place() {
    use wharf::authz::{OnFailure, Scope};
    let settings = loaded(&realm(&format!(
        "[realms.shop.roles.asking]\ndeny = [\"com.x\"]\n{ASKING}\
         [realms.shop.roles.other.authorizer]\nprocedure = \"com.app.other\"\ncache = \"61s\"\ncache_scope = \"role\"\n\
         timeout = \"62ms\"\non_failure = \"allow\"\n"
    )));
    let of = |role: &str| settings.realms[0].roles[role].authorizer.clone().unwrap();
    let (asking, other) = (of("asking"), of("other"));
    assert_eq!((&*asking.procedure, asking.cache, asking.timeout.as_secs()), ("com.app.authorize", None, 5));
    assert_eq!((asking.cache_scope, asking.on_failure), (Scope::Session, OnFailure::Deny));
    assert!(asking.source.ends_with(":7"), "{}", asking.source);
    assert_eq!((other.cache.unwrap().as_secs(), other.timeout.as_millis()), (61, 62));
    assert_eq!(
        (&*other.procedure, other.cache_scope, other.on_failure),
        ("com.app.other", Scope::Role, OnFailure::Allow)
    );
    assert!(settings.realms[0].roles["guest"].authorizer.is_none());
}

/// A role has rules or an authorizer, and nobody has somebody else's.
#[test]
fn an_authorizer_excludes_what_allows_and_is_not_inherited() {
    for (more, expected) in [
        ("", &[][..]),
        ("[realms.shop.roles.asking]\ncall = [\"com.x\"]\n", &["E005 authorizer"]),
        ("[realms.shop.roles.asking]\npermissions = [{ uri = \"com.x\", allow = [\"call\"] }]\n", &["E005 authorizer"]),
        (
            "[realms.shop.roles.asking]\ninherit = [\"other\"]\n[realms.shop.roles.other]\ncall = [\"com.x\"]\n",
            &["E005 authorizer"],
        ),
        ("[realms.shop.roles.asking]\ninherit = [\"other\"]\n[realms.shop.roles.other]\ndeny = [\"com.x\"]\n", &[]),
        ("[realms.shop.roles.other]\ninherit = [\"asking\"]\n", &["E005 inherit[0]"]),
    ] {
        let got = match load(&realm(&format!("{more}{ASKING}"))) {
            Ok(_) => Vec::new(),
            Err(errors) => {
                let last = |problem: &Problem| problem.path.rsplit('.').next().unwrap().to_owned();
                errors.problems.iter().map(|problem| format!("{} {}", problem.code(), last(problem))).collect()
            }
        };
        assert_eq!(got, expected, "{more}");
    }
    let reserved = ASKING.replace("com.app.authorize", "wamp.session.count");
    assert!(refused(&realm(&reserved)).problems.iter().all(|problem| problem.code() == "E013"));
}

/// A1: who is switched off stands in no table, so that nothing tells him from a name that nobody has; what is written about
/// him must be right all the same.
#[test]
fn a_user_who_is_not_enabled_stands_in_no_table() {
    let keys = [
        ("ticket", "hash = { env = \"HASH\" }".to_owned()),
        ("wampcra", "secret = { env = \"TEXT\" }".to_owned()),
        ("scram", "verifier = { env = \"BOTH\" }".to_owned()),
        ("cryptosign", format!("keys = [\"{PUBLIC}\"]")),
    ];
    let all =
        |more: &str| keys.iter().map(|(method, keys)| user(method, &format!("{keys}\n{more}"))).collect::<String>();
    let dialect = "[realms.shop.auth.scram]\nautobahn_dialect = true\n";
    let has_joe = |more: &str| {
        let settings = loaded(&realm(&format!("{}{dialect}", all(more))));
        let auth = &settings.realms[0].auth;
        [
            auth.ticket.as_ref().unwrap().get("joe").is_some(),
            auth.wampcra.as_ref().unwrap().get("joe").is_some(),
            auth.scram.as_ref().unwrap().get("joe").is_some(),
            auth.scram_dialect.as_ref().unwrap().get("joe").is_some(),
            auth.cryptosign.as_ref().unwrap().users().get("joe").is_some(),
        ]
    };
    assert_eq!(has_joe("enabled = true"), [true; 5]);
    assert_eq!(has_joe("enabled = false"), [false; 5]);
    assert_eq!(mistakes("ticket", "enabled = false"), ["E004 joe"]);
    assert_eq!(mistakes("cryptosign", "enabled = false\nkeys = [\"x\"]"), ["E013 keys[0]"]);
    assert_eq!(mistakes("ticket", "enabled = \"no\"\nhash = { env = \"HASH\" }"), ["E010 enabled"]);
}
