//! The store: one list of promises, kept by memory and by the file; then what happens when the file's disk does not.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod both;
mod damage;
mod disk;
mod faults;
mod figures;
mod kill;
mod ledger;
mod properties;
mod realm;
mod recent;
mod service;
mod support;
mod trouble;
mod work;
