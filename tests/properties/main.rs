//! Whatever the order: random commands to a realm and to a naive model, which must agree at every step.
//!
//! 512 cases with a fixed seed and 512 with a fresh one; `PROPTEST_CASES` sets another number, `WHARF_SEED` the fresh seed. A
//! failure is shrunk and printed with its seed.

#![expect(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test that is surprised has failed")]

mod ask;
mod draw;
mod model;
mod op;
mod out;
mod read;
mod rights;
mod run;
mod setup;
mod tally;

#[path = "../support/test_realm.rs"]
mod test_realm;

use op::Op;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use setup::Setup;
use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};
use tally::Tally;

fn check(seed: u64) -> Tally {
    let tally = RefCell::new(Tally::default());
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(512);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let mut octets = [0; 32];
    octets[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &octets);
    let outcome = TestRunner::new_with_rng(config, rng).run(&op::runs(), |(setup, ops): (Setup, Vec<Op>)| {
        run::agree(&setup, &ops, &mut tally.borrow_mut());
        Ok(())
    });
    match outcome {
        Ok(()) => tally.into_inner(),
        Err(TestError::Fail(reason, (setup, ops))) => {
            let steps: Vec<String> = ops.iter().map(|op| format!("  {op:?}\n")).collect();
            panic!("WHARF_SEED={seed}: {reason}\n  {setup:?}\n{}", steps.concat());
        }
        Err(other) => panic!("WHARF_SEED={seed}: {other}"),
    }
}

/// Testing, section 3: all invariants, at every step.
#[test]
fn a_realm_does_what_the_model_does_with_a_fixed_seed() {
    let tally = check(1);
    assert_eq!(tally.missing(), Vec::<&str>::new(), "every kind of thing happens: {tally:?}");
}

/// The same, another way each time.
#[test]
fn a_realm_does_what_the_model_does_with_a_fresh_seed() {
    let drawn = || RandomState::new().hash_one(0_u8);
    check(std::env::var("WHARF_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(drawn));
}
