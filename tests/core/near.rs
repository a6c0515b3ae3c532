//! `wharf.registration.near`: what may have been meant by a procedure that nobody has registered.

use crate::test_realm::{args, TestRealm, PREFIX};
use std::sync::Arc;
use wharf::routing::{Permit, Refusal, Rights, SessionKey};
use wharf::wamp::options::{PublishOptions, RegisterOptions};
use wharf::wamp::role::CalleeFeatures;
use wharf::wamp::{MatchPolicy, Uri, Value};

const NEAR: &str = "wharf.registration.near";

/// May call what begins so, and ask.
struct Only(&'static str);

impl Rights for Only {
    fn judge_publish(&self, _: &Uri, _: &mut PublishOptions) -> Result<(), Refusal> {
        Ok(())
    }

    fn may_subscribe(&self, _: &Uri, _: MatchPolicy) -> bool {
        true
    }

    fn may_call(&self, procedure: &Uri) -> bool {
        procedure.starts_with(self.0)
    }

    fn may_register(&self, _: &Uri, _: MatchPolicy) -> bool {
        true
    }
}

fn near(realm: &mut TestRealm, from: SessionKey, procedure: &str) -> Vec<String> {
    let result = realm.meta(from, NEAR, vec![Value::from(procedure)], vec![]).result_to(from);
    let told = args(&result.payload);
    let [Value::List(found)] = told.as_slice() else { panic!("{told:?}") };
    found.iter().map(|uri| uri.as_text().unwrap().to_owned()).collect()
}

#[test]
fn a_session_is_told_what_it_may_have_meant_of_what_it_may_call() {
    let mut realm = TestRealm::new();
    let (callee, other) = (realm.join(), realm.join());
    for procedure in ["com.shop.get", "com.shop.got", "com.secret.get"] {
        realm.register(callee, procedure);
    }
    let mut member = realm.member("joe", "user", CalleeFeatures::default());
    member.permit = Permit::new(Arc::new(Only("com.shop.")));
    let (joe, _) = realm.joining(member);
    assert_eq!(near(&mut realm, joe, "com.shop.gte"), ["com.shop.get"]);
    assert_eq!(near(&mut realm, joe, "com.secret.gte"), Vec::<String>::new());
    assert_eq!(near(&mut realm, other, "com.secret.gte"), ["com.secret.get"]);
    // What is there was meant, and so was what a pattern serves.
    assert_eq!(near(&mut realm, other, "com.shop.get"), Vec::<String>::new());
    let options = RegisterOptions { match_policy: PREFIX, ..RegisterOptions::default() };
    realm.register_with(callee, "com.secret.", options);
    assert_eq!(near(&mut realm, other, "com.secret.gte"), Vec::<String>::new());
    let (_, error) = realm.meta(joe, NEAR, vec![], vec![]).refused(joe);
    assert_eq!(error, "wamp.error.invalid_argument");
}

#[test]
fn what_is_no_longer_registered_is_not_meant() {
    let mut realm = TestRealm::new();
    let (callee, other) = (realm.join(), realm.join());
    let first = realm.register(callee, "com.shop.get");
    realm.register(callee, "com.shop.got");
    realm.unregister(callee, first);
    assert_eq!(near(&mut realm, other, "com.shop.gat"), ["com.shop.got"]);
    realm.leave(callee);
    assert_eq!(near(&mut realm, other, "com.shop.gat"), Vec::<String>::new());
}
