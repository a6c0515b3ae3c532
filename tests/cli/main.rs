//! The command line client against the real program, as people and scripts use it: what is printed, and the exit codes.
//!
//! Each test starts a router in a folder of its own, on free ports. No test sleeps; what must happen is waited for.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod administration;
mod connections;
mod contexts;
mod docs;
mod exit_codes;
mod fake;
mod help;
mod hostile;
mod listing;
mod logins;
mod meta;
mod pages;
mod probe;
mod program;
mod readme;
mod reconnecting;
mod router;
mod secrets;
mod services;
mod tokens;
mod verbs;
mod webhook;
