//! The rules of the routing core, one test each: a realm is called, its effects are compared. No socket, no actor, no sleep.

mod cancel;
mod ids;
mod limits;
mod meta;
mod patterns;
mod publish;
mod register_call;
mod subscribe;
mod timeouts;

#[path = "../support/test_realm.rs"]
mod test_realm;
