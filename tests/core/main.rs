//! The rules of the routing core, one test each: a realm is called, its effects are compared. No socket, no actor, no sleep.

#![expect(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test that is surprised has failed")]

mod call_rules;
mod cancel;
mod ids;
mod limits;
mod meta;
mod meta_admin;
mod meta_api;
mod meta_events;
mod meta_history;
mod meta_testaments;
mod near;
mod passthru;
mod patterns;
mod progressive;
mod publish;
mod queue;
mod recording;
mod reflection;
mod register_call;
mod reroute;
mod retention;
mod storm;
mod subscribe;
mod swap;
mod takeover;
mod testaments;
mod timeouts;
mod traces;

#[path = "../support/test_realm.rs"]
mod test_realm;
