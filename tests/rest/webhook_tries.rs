//! A procedure on HTTP that cannot be registered. Section 12.3 of the HTTP design; `docs/WEBHOOKS.md`.

use crate::webhooks::start;
use serde_json::json;
use std::time::Instant;

/// Its sessions come ever more seldom, and the log says so once.
#[test]
fn a_procedure_that_cannot_be_registered_is_tried_ever_more_seldom_and_told_once() {
    let call = "[webhooks.call.secret]\nrealm = \"main\"\nrole = \"guest\"\nprocedure = \"com.secret.get\"\n\
                url = \"https://localhost:1/\"\nsecret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n";
    let mut router = start(call);
    let mut session = router.session();
    session.subscribe("wamp.session.on_join");
    let mut joined = || loop {
        if session.expect(36)[4][0]["authid"] == json!("webhook:secret") {
            return Instant::now();
        }
    };
    let [first, second, third] = [joined(), joined(), joined()];
    let (before, after) = (second - first, third - second);
    assert!(after > before.mul_f64(1.4), "{before:?} {after:?}");
    let log = router.log_to_the_end();
    assert_eq!(log.matches("a procedure on HTTP cannot be registered").count(), 1, "{log}");
}
