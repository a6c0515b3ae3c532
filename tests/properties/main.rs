//! Whatever the order: random commands to a realm and to a naive model, which must agree at every step.
//!
//! 512 cases with a fixed seed and 512 with a fresh one; `PROPTEST_CASES` sets another number, `WHARF_SEED` the fresh seed. A
//! failure is shrunk and printed with its seed.

#![expect(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test that is surprised has failed")]

mod model;
mod op;
mod out;
mod run;
mod told;

#[path = "../support/test_realm.rs"]
mod test_realm;

use op::Op;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::hash::{BuildHasher, RandomState};

fn check(seed: u64) {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(512);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let mut octets = [0; 32];
    octets[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &octets);
    let outcome = TestRunner::new_with_rng(config, rng).run(&op::ops(), |ops: Vec<Op>| {
        run::agree(&ops);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("WHARF_SEED={seed}: {failure}");
    }
}

/// Testing, section 3: all invariants, at every step.
#[test]
fn a_realm_does_what_the_model_does_with_a_fixed_seed() {
    check(1);
}

/// The same, another way each time.
#[test]
fn a_realm_does_what_the_model_does_with_a_fresh_seed() {
    let drawn = || RandomState::new().hash_one(0_u8);
    check(std::env::var("WHARF_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(drawn));
}
