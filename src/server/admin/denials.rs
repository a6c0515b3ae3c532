//! The last requests that were not permitted, as they are told.

use super::values::from_json;
use crate::actors::realm::RealmHandle;
use crate::wamp::Value;
use serde_json::{json, Value as Json};

/// Each with what `authz.explain` is asked with, the newest first.
pub(super) fn list(realm: &RealmHandle) -> Value {
    let told = realm.shared.denials().into_iter().map(|denial| {
        json!({
            "number": denial.number,
            "time": denial.time.to_string(),
            "session": denial.session.get(),
            "authid": denial.authid,
            "role": denial.authrole,
            "action": denial.petition.action.name(),
            "uri": denial.petition.uri.as_str(),
            "match": denial.petition.match_policy.as_str(),
        })
    });
    from_json(Json::Array(told.collect()))
}
