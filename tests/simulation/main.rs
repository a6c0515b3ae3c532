//! Many sessions on one realm, virtual time, seeded order, connections that drop at any point. No sockets, no actors.
//!
//! 200 seeds; `WHARF_SEEDS` sets another number, `WHARF_SEED` runs that one alone. A failure names its seed.

#![expect(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test that is surprised has failed")]

mod acts;
mod client;
mod described;
mod ledger;
mod passthru;
mod reflect;
mod setup;
mod store;
mod tally;
mod world;

#[path = "../support/test_realm.rs"]
mod test_realm;

use std::collections::BTreeMap;
use world::World;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Testing, section 4.
#[test]
fn whatever_the_order_every_session_sees_what_was_promised_and_everything_comes_to_rest() {
    let seeds = variable("WHARF_SEED").map_or(0..variable("WHARF_SEEDS").unwrap_or(200), |seed| seed..seed + 1);
    let many = seeds.end - seeds.start >= 50;
    let mut counts = BTreeMap::new();
    for seed in seeds {
        match std::panic::catch_unwind(|| World::new(seed).run()) {
            Ok(log) => tally::count(&log, &mut counts),
            Err(_) => panic!("run again with WHARF_SEED={seed}"),
        }
    }
    assert!(!many || tally::missing(&counts).is_empty(), "every kind of thing happens: {counts:?}");
}

/// Architecture, section 12, number 2.
#[test]
fn the_same_seed_gives_the_same_effects() {
    for seed in 0..10 {
        let (first, again) = (World::new(seed).run(), World::new(seed).run());
        assert!(first.len() > 100, "something happens");
        assert_eq!(first, again, "seed {seed}");
    }
    assert_ne!(World::new(1).run(), World::new(2).run());
}
