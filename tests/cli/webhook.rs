//! Webhooks of a running node that go out, with a real endpoint.

use crate::program::Client;
use crate::router::Router;
use serde_json::{json, Value};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[expect(dead_code, reason = "of a server that other tests need in TLS")]
#[path = "../support/site.rs"]
mod site;
use site::{json as answer, Site};

fn start(site: &Site) -> Router {
    Router::with(&format!(
        "[webhooks.out.erp]\nrealm = \"realm1\"\nrole = \"guest\"\ntopics = [\"com.shop.*\"]\nurl = \"{}\"\n\
         secret = {{ file = \"whsec\" }}\nallow_addresses = [\"127.0.0.1\"]\nattempts = 1\n",
        site.url("/hook")
    ))
}

/// Asks until it is as it should be.
fn until(root: &Client, arguments: &[&str], is_right: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let shown = root.run(arguments).json();
        if is_right(&shown) {
            return shown;
        }
        assert!(Instant::now() < end, "{shown}");
    }
}

#[test]
fn webhooks_are_listed_tested_switched_off_and_on_and_what_was_given_up_is_sent_again() {
    let is_up = Arc::new(AtomicBool::new(false));
    let up = Arc::clone(&is_up);
    let site = Site::start(move |_| answer(if up.load(Ordering::Relaxed) { 204 } else { 500 }, ""));
    let router = start(&site);
    let client = router.client();
    let root = client.clone().with("WHARF_AUTHID", "root").with("WHARF_TICKET", "file:secret");
    let listed = until(&root, &["webhook", "ls"], |listed| listed[0]["subscribed"] == 1);
    assert_eq!((&listed[0]["name"], &listed[0]["is_off"]), (&json!("erp"), &json!(false)));

    // One attempt, and then it is a dead letter.
    let id = root.run(&["webhook", "test", "erp"]).json()["id"].as_str().unwrap().to_owned();
    assert_eq!(site.next().header("webhook-id"), Some(id.as_str()));
    let dead = until(&root, &["webhook", "deliveries", "erp", "--dead"], |dead| dead[0].is_object());
    assert_eq!((&dead[0]["id"], &dead[0]["last"]["status"]), (&json!(id), &json!(500)));
    assert_eq!(root.run(&["webhook", "retry", "erp", "--id", "msg_of_nobody"]).json()["sent_again"], 0);

    // Switched off it waits, and what is sent again waits with it.
    assert_eq!(root.run(&["webhook", "disable", "erp"]).json()["was_off"], false);
    assert_eq!(root.run(&["webhook", "retry", "erp"]).json()["sent_again"], 1);
    client.run(&["publish", "com.shop.order", "7"]).ok();
    let waiting = until(&root, &["webhook", "deliveries", "erp"], |waiting| waiting[1].is_object());
    assert_eq!(waiting.as_array().unwrap().len(), 2);
    assert_eq!(site.more(), 0);
    is_up.store(true, Ordering::Relaxed);
    assert_eq!(root.run(&["webhook", "enable", "erp"]).json()["was_off"], true);
    let told = [site.next(), site.next()];
    assert!(told.iter().any(|seen| seen.header("webhook-id") == Some(id.as_str())));
    until(&root, &["webhook", "info", "erp"], |shown| shown["delivered"] == 2 && shown["waiting"] == 0);

    assert!(root.run(&["webhook", "test", "nobody"]).failed(6).starts_with("error: wharf.error.not_found\n"));
    client.run(&["webhook", "ls"]).failed(4);
}
