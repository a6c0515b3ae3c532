//! `[realms.NAME.auth.cookie]` and `auth.order`.

use super::*;
use std::time::Duration;
use wharf::auth::{CookieSettings, Method, SameSite};

/// Two listeners, one of which reaches a realm only, and two realms with these keys of `auth`.
fn realms(shop: &str, lab: &str) -> LoadOptions {
    of_text(&format!(
        "[listeners.main]\nbind = \"127.0.0.1:1\"\nserve = [\"websocket\"]\n\
         [listeners.lab]\nbind = \"127.0.0.1:2\"\nserve = [\"websocket\"]\nrealms = [\"lab\"]\n\
         [realms.shop.auth]\n{shop}\n[realms.lab.auth]\n{lab}\n"
    ))
}

/// config.md, section 5: the listener gives what the realms that it reaches ask for.
#[test]
fn cookies_land_in_their_realm_and_in_the_listeners_that_reach_it() {
    let of = |options| {
        let settings = loaded(&options);
        assert_eq!(settings.warnings, []);
        let at = |name: &str| {
            let listener = settings.listeners.iter().find(|listener| listener.name == name).unwrap();
            listener.websocket.cookies.clone()
        };
        (at("main"), at("lab"))
    };
    let cookie = |name: &str, days: u64, same_site| CookieSettings {
        name: name.to_owned(),
        max_age: Duration::from_secs(days * 86_400),
        same_site,
    };
    assert_eq!(of(realms("", "")), (Vec::new(), Vec::new()));
    assert_eq!(of(realms("cookie = {}", "")), (vec![cookie("wharf", 7, SameSite::Strict)], Vec::new()));
    let of_lab = cookie("lab", 1, SameSite::Lax);
    let both = vec![of_lab.clone(), cookie("wharf", 7, SameSite::Strict)];
    let (mut main, lab) =
        of(realms("cookie = {}", "cookie = { name = \"lab\", max_age = \"1d\", same_site = \"lax\" }"));
    main.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!((main, lab), (both, vec![of_lab]));
    // One name for both: the longer life, the stricter rule.
    let (main, lab) =
        of(realms("cookie = { same_site = \"none\" }", "cookie = { max_age = \"8d\", same_site = \"lax\" }"));
    assert_eq!(main, [cookie("wharf", 8, SameSite::Lax)]);
    assert_eq!(lab, [cookie("wharf", 8, SameSite::Lax)]);
}

#[test]
fn a_cookie_that_could_not_be_set_and_one_for_any_page_are_mistakes() {
    let codes = |options: &LoadOptions| refused(options).problems.iter().map(Problem::code).collect::<Vec<_>>();
    for name in ["", "a b", "a=b", "a;b", "\\u00e4", "a\\r\\nSet-Cookie: x"] {
        assert_eq!(codes(&realms(&format!("cookie = {{ name = \"{name}\" }}"), "")), ["E013"], "{name}");
    }
    let mut options = realms("cookie = {}", "");
    options.environment.insert("WHARF__LISTENERS__MAIN__WEBSOCKET__ALLOWED_ORIGINS".to_owned(), "[\"*\"]".to_owned());
    assert_eq!(codes(&options), ["E005"]);
    let mut options = realms("cookie = {}", "");
    options.environment.insert("WHARF__LISTENERS__LAB__WEBSOCKET__ALLOWED_ORIGINS".to_owned(), "[\"*\"]".to_owned());
    assert_eq!(loaded(&options).warnings, []);
}

/// config.md, section 6.5.
#[test]
fn the_order_lands_with_both_kinds_of_scram_and_nothing_stands_twice() {
    let order = |keys: &str| {
        loaded(&realms(keys, "")).realms.iter().find(|realm| realm.name == "shop").unwrap().auth.order.0.clone()
    };
    assert_eq!(order(""), Method::ALL);
    assert_eq!(order("order = [\"anonymous\", \"scram\"]"), [Method::Anonymous, Method::WampScram, Method::Scram]);
    let errors = refused(&realms("order = [\"tls\", \"cookie\", \"tls\"]", ""));
    assert_eq!(errors.problems.iter().map(Problem::code).collect::<Vec<_>>(), ["E032"]);
    assert_eq!(errors.problems[0].path, "realms.shop.auth.order[2]");
    assert_eq!(refused(&realms("order = [\"digest\"]", "")).problems[0].code(), "E012");
}
