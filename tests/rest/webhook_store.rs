//! What waits for webhooks, over restarts of the router. Section 12.1 of the HTTP design; `docs/WEBHOOKS.md`.

use crate::router::Router;
use crate::webhooks::site::{json as answer, Site};
use crate::webhooks::{admin, out, publish, start, subscribed, until};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::Arc;

const STORE: &str = "\n[storage]\nkind = \"redb\"\n";

/// An endpoint that answers with the status that stands there.
fn site(status: &Arc<AtomicU16>) -> Site {
    let status = Arc::clone(status);
    Site::start(move |_| answer(status.load(Ordering::SeqCst), "{\"its\":\"answer\"}"))
}

/// Waits until it is so, and that is on disk.
fn on_disk(router: &Router, is_right: impl Fn(&Value) -> bool) -> Value {
    until(router, |shown| is_right(shown) && shown["unwritten"] == 0)
}

fn ids(router: &Router, list: &str) -> BTreeSet<String> {
    let items = admin(router, "GET", list)["items"].clone();
    items.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_waits_is_delivered_after_a_kill_under_its_id_and_what_was_delivered_is_not() {
    let status = Arc::new(AtomicU16::new(500));
    let site = site(&status);
    let mut router = start(&format!("{}{STORE}", out(&site.url("/"), "")));
    subscribed(&router);
    for number in 0..3 {
        publish(&router, "com.shop.order", &format!("{{\"args\":[{number}]}}"));
    }
    on_disk(&router, |shown| shown["waiting"] == 3 && shown["failed"] == 3);
    let before = admin(&router, "GET", "/erp/deliveries");
    let bodies: BTreeSet<String> = (0..3).map(|_| site.next().body).collect();
    status.store(503, Ordering::SeqCst);
    router.kill_and_start();
    // The attempts before, their answers, and when the next one is due.
    let after = admin(&router, "GET", "/erp/deliveries");
    let first = &after["items"][0];
    assert_eq!((&first["id"], &first["since"]), (&before["items"][0]["id"], &before["items"][0]["since"]));
    assert!(first["attempts"].as_u64() >= Some(1) && first["last"]["text"] == "{\"its\":\"answer\"}", "{first}");
    assert_eq!(ids(&router, "/erp/deliveries").len(), 3);
    status.store(200, Ordering::SeqCst);
    // What waits is due at once then.
    admin(&router, "POST", "/erp/switch_on");
    let mut arrived = BTreeSet::new();
    while arrived.len() < 3 {
        let seen = site.next();
        assert!(bodies.contains(&seen.body), "{}", seen.body);
        arrived.insert(seen.header("webhook-id").unwrap().to_owned());
    }
    on_disk(&router, |shown| shown["waiting"] == 0 && shown["delivered"] == 3);
    let known = before["items"].as_array().unwrap();
    assert!(known.iter().all(|item| arrived.contains(item["id"].as_str().unwrap())));
    router.kill_and_start();
    let shown = on_disk(&router, |shown| shown["subscribed"] == 1);
    assert_eq!((&shown["waiting"], &shown["delivered"], &shown["dead"]), (&0.into(), &0.into(), &0.into()));
}

#[test]
fn dead_letters_and_that_a_webhook_is_off_outlive_a_restart() {
    let status = Arc::new(AtomicU16::new(500));
    let site = site(&status);
    let mut router = start(&format!("{}{STORE}", out(&site.url("/"), "attempts = 1")));
    subscribed(&router);
    publish(&router, "com.shop.order", "");
    until(&router, |shown| shown["dead"] == 1);
    status.store(410, Ordering::SeqCst);
    publish(&router, "com.shop.order", "");
    until(&router, |shown| shown["is_off"] == true);
    publish(&router, "com.shop.order", "");
    until(&router, |shown| shown["waiting"] == 2);
    let dead = ids(&router, "/erp/dead_letters");
    // What is not on disk yet is written when it stops.
    router.restart();
    let shown = until(&router, |_| true);
    assert_eq!((&shown["dead"], &shown["waiting"], &shown["is_off"]), (&1.into(), &2.into(), &true.into()));
    assert_eq!(ids(&router, "/erp/dead_letters"), dead);
    status.store(200, Ordering::SeqCst);
    assert_eq!(admin(&router, "POST", "/erp/switch_on")["was_off"], true);
    assert_eq!(admin(&router, "POST", "/erp/send_again")["sent_again"], 1);
    on_disk(&router, |shown| shown["delivered"] == 3 && shown["dead"] == 0);
    router.restart();
    let shown = until(&router, |_| true);
    assert_eq!((&shown["dead"], &shown["waiting"], &shown["is_off"]), (&0.into(), &0.into(), &false.into()));
}

#[test]
fn a_webhook_that_is_not_configured_any_more_leaves_nothing_behind() {
    let status = Arc::new(AtomicU16::new(500));
    let site = site(&status);
    let mut router = start(&format!("{STORE}{}", out(&site.url("/"), "attempts = 1")));
    subscribed(&router);
    publish(&router, "com.shop.order", "");
    on_disk(&router, |shown| shown["dead"] == 1);
    let path = router.folder().join("wharf.toml");
    let with = std::fs::read_to_string(&path).unwrap();
    let (without, _) = with.split_once("[webhooks.out.erp]").unwrap();
    std::fs::write(&path, without).unwrap();
    router.restart();
    std::fs::write(&path, &with).unwrap();
    router.restart();
    assert_eq!(until(&router, |_| true)["dead"], 0);
}

#[test]
fn without_a_store_nothing_is_to_be_written() {
    let site = Site::start(|_| answer(500, ""));
    let mut router = start(&out(&site.url("/"), "attempts = 1"));
    subscribed(&router);
    publish(&router, "com.shop.order", "");
    assert_eq!(until(&router, |shown| shown["dead"] == 1)["unwritten"], Value::Null);
    router.kill_and_start();
    assert_eq!(until(&router, |_| true)["dead"], 0);
}
