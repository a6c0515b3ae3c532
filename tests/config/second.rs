//! `[realms.NAME.auth.second]`, and rates of logins.

use super::*;
use wharf::auth::Method;

const PUBLIC: &str = "af626673c0e68d5066a9f59fa22495406ee2a1c4ced7704897310416bff2c048";

/// A realm with two roles, joe with a ticket and a key, and these tables.
fn realm(tables: &str) -> LoadOptions {
    let mut options = of_text(&format!(
        "[listeners.main]\nbind = \"127.0.0.1:1\"\nserve = [\"websocket\"]\n[realms.shop.roles.admin]\n[realms.shop.roles.guest]\n\
         [realms.shop.auth.ticket.users.joe]\nticket = {{ env = \"TEXT\" }}\nrole = \"admin\"\n\
         [realms.shop.auth.ticket.users.ann]\nticket = {{ env = \"TEXT\" }}\nrole = \"guest\"\n\
         [realms.shop.auth.cryptosign.users.joe]\nkeys = [\"{PUBLIC}\"]\nrole = \"admin\"\n{tables}"
    ));
    options.environment.insert("TEXT".to_owned(), "hunter2".to_owned());
    options
}

fn second(keys: &str) -> LoadOptions {
    realm(&format!("[realms.shop.auth.second]\n{keys}\n"))
}

#[test]
fn which_logins_take_two_proofs_lands_in_the_settings() {
    let keys = "after = [\"wampcra\", \"scram\", \"ticket\", \"jwt\"]\nmethod = \"cryptosign\"\nroles = [\"admin\"]";
    let settings = loaded(&second(keys));
    assert_eq!(settings.warnings, []);
    let second = settings.realms[0].auth.second.as_ref().unwrap();
    let after = [Method::WampCra, Method::WampScram, Method::Scram, Method::Ticket, Method::Jwt];
    assert_eq!((second.after.as_slice(), second.methods.as_slice()), (&after[..], &[Method::Cryptosign][..]));
    assert_eq!(second.roles, ["admin"]);
    assert_eq!(loaded(&realm("")).realms[0].auth.second, None);
}

#[test]
fn two_proofs_that_nobody_can_give_are_a_mistake() {
    for (keys, expected) in [
        ("", &["E004 second", "E004 second"][..]),
        ("after = []\nmethod = \"cryptosign\"", &["E013 after"]),
        ("after = [\"ticket\", \"cryptosign\"]\nmethod = \"cryptosign\"\nroles = [\"admin\"]", &["E005 after[1]"]),
        ("after = [\"ticket\"]\nmethod = \"scram\"", &["E004 method"]),
        ("after = [\"ticket\"]\nmethod = \"tls\"", &["E004 method"]),
        ("after = [\"tls\"]\nmethod = \"cryptosign\"", &["E012 after[0]"]),
        ("after = [\"ticket\"]\nmethod = \"jwt\"", &["E012 method"]),
        ("after = [\"ticket\"]\nmethod = \"cryptosign\"\nroles = [\"boss\"]", &["E030 roles[0]"]),
    ] {
        let errors = refused(&second(keys));
        let last = |problem: &Problem| problem.path.rsplit('.').next().unwrap().to_owned();
        let found: Vec<String> =
            errors.problems.iter().map(|problem| format!("{} {}", problem.code(), last(problem))).collect();
        assert_eq!(found, expected, "{keys}");
    }
    let asked = "[realms.shop.auth.dynamic.main]\nmethods = [\"scram\"]\nprocedure = \"com.app.ask\"\n\
                 [realms.shop.auth.second]\nafter = [\"ticket\"]\nmethod = \"scram\"\n";
    assert_eq!(loaded(&realm(asked)).warnings, [], "an authenticator may know them");
}

/// Who has one of the two only is locked out: better to be told before.
#[test]
fn a_user_without_the_second_secret_is_told_of() {
    let settings = loaded(&second("after = [\"ticket\"]\nmethod = \"cryptosign\""));
    let [warning] = &settings.warnings[..] else { panic!("{:?}", settings.warnings) };
    let text = warning.to_string();
    assert!(text.contains("`ann` cannot log in: `cryptosign` knows no such user"), "{text}");
    assert!(text.contains("give this user both, or limit `roles`"), "{text}");
}

/// X6.
#[test]
fn a_role_may_have_a_rate_of_logins_alone() {
    let settings = loaded(&realm("[realms.shop.roles.device]\nrate = { connects = \"10/s\", burst = 5 }\n"));
    let rate = settings.realms[0].roles["device"].rate.unwrap();
    assert_eq!((rate.connects, rate.calls, rate.publishes, rate.burst), (Some(10), None, None, 5));
}
