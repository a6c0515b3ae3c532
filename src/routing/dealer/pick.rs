//! Which callee of a registration serves a call.
//!
//! Callees stand in the order of registration, each with its number. Round robin remembers the number that it goes on
//! from, not a position: callees that leave shift nothing, nobody is skipped and nobody served twice (D36).

use super::registrations::Callee;
use crate::wamp::InvocationPolicy;
use rand::rngs::StdRng;
use rand::RngExt;

/// Picks by `policy` among the callees that can take a call. `cursor` is round robin's memory, `load` how many calls a callee
/// serves. `None`: nobody can.
///
/// Where the one whose turn it is cannot, the next is asked: in order, for `last` backwards, at random for `random` (X2).
#[inline]
pub(super) fn pick<'a>(
    policy: InvocationPolicy,
    callees: &'a [Callee],
    cursor: &mut u64,
    rng: &mut StdRng,
    load: impl Fn(&Callee) -> usize,
    can_take: impl Fn(&Callee) -> bool,
) -> Option<&'a Callee> {
    match policy {
        InvocationPolicy::Single | InvocationPolicy::First => callees.iter().find(|callee| can_take(callee)),
        InvocationPolicy::Last => callees.iter().rev().find(|callee| can_take(callee)),
        // The first of several smallest is the oldest.
        InvocationPolicy::LeastLoaded => {
            callees.iter().filter(|callee| can_take(callee)).min_by_key(|callee| load(callee))
        }
        InvocationPolicy::RoundRobin => {
            let start = callees.partition_point(|callee| callee.number < *cursor);
            let (earlier, later) = callees.split_at_checked(start)?;
            let picked = later.iter().chain(earlier).find(|callee| can_take(callee))?;
            *cursor = picked.number + 1;
            Some(picked)
        }
        InvocationPolicy::Random => {
            if callees.is_empty() {
                return None;
            }
            let picked = callees.get(rng.random_range(0..callees.len()))?;
            if can_take(picked) {
                return Some(picked);
            }
            let free: Vec<&Callee> = callees.iter().filter(|callee| can_take(callee)).collect();
            if free.is_empty() {
                return None;
            }
            free.get(rng.random_range(0..free.len())).copied()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::key::SessionKey;
    use rand::SeedableRng;

    fn callees(numbers: &[u64]) -> Vec<Callee> {
        let callee = |number: &u64| Callee {
            session: SessionKey::new(*number as u32, 0),
            number: *number,
            disclose_caller: false,
            forward_timeout: false,
            concurrency: None,
        };
        numbers.iter().map(callee).collect()
    }

    fn next(policy: InvocationPolicy, callees: &[Callee], cursor: &mut u64, busy: &[u64]) -> Option<u64> {
        let mut rng = StdRng::seed_from_u64(7);
        pick(policy, callees, cursor, &mut rng, |_| 0, |callee| !busy.contains(&callee.number))
            .map(|callee| callee.number)
    }

    /// R70, D36.
    #[test]
    fn round_robin_skips_nobody_and_serves_nobody_twice_when_a_callee_leaves() {
        let mut cursor = 0;
        let robin = InvocationPolicy::RoundRobin;
        assert_eq!(next(robin, &callees(&[1, 2, 3, 4]), &mut cursor, &[]), Some(1));
        assert_eq!(next(robin, &callees(&[1, 2, 3, 4]), &mut cursor, &[]), Some(2));
        assert_eq!(next(robin, &callees(&[1, 3, 4]), &mut cursor, &[]), Some(3), "after an earlier one left");
        assert_eq!(next(robin, &callees(&[1, 3]), &mut cursor, &[]), Some(1), "after the next one left");
        assert_eq!(next(robin, &callees(&[1, 3, 5]), &mut cursor, &[]), Some(3), "after one came");
    }

    /// X2: the next callee, in the order of the policy.
    #[test]
    fn a_busy_callee_is_passed_over_in_the_order_of_the_policy() {
        let three = callees(&[1, 2, 3]);
        assert_eq!(next(InvocationPolicy::First, &three, &mut 0, &[1]), Some(2));
        assert_eq!(next(InvocationPolicy::Last, &three, &mut 0, &[3]), Some(2));
        assert_eq!(next(InvocationPolicy::RoundRobin, &three, &mut 2, &[2, 3]), Some(1));
        assert_eq!(next(InvocationPolicy::Random, &three, &mut 0, &[1, 3]), Some(2));
        for policy in InvocationPolicy::ALL {
            assert_eq!(next(*policy, &three, &mut 0, &[1, 2, 3]), None, "{policy:?}");
        }
    }

    /// U1, an extension: fewest calls, the oldest among equals.
    #[test]
    fn least_loaded_takes_the_oldest_of_those_with_the_fewest_calls() {
        let three = callees(&[1, 2, 3]);
        let least = |loads: [usize; 3], busy: u64| {
            let load = |callee: &Callee| loads[callee.number as usize - 1];
            let mut rng = StdRng::seed_from_u64(1);
            let picked = pick(InvocationPolicy::LeastLoaded, &three, &mut 0, &mut rng, load, |one| one.number != busy);
            picked.unwrap().number
        };
        assert_eq!([least([2, 1, 1], 0), least([0, 0, 0], 0), least([3, 0, 2], 2)], [2, 1, 3]);
    }

    /// R70: random is uniform over the callees.
    #[test]
    fn random_reaches_every_callee_about_as_often() {
        let mut rng = StdRng::seed_from_u64(1);
        let three = callees(&[0, 1, 2]);
        let mut counts = [0; 3];
        for _ in 0..3000 {
            let picked = pick(InvocationPolicy::Random, &three, &mut 0, &mut rng, |_| 0, |_| true).unwrap();
            counts[picked.number as usize] += 1;
        }
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    }
}
