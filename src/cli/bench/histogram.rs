//! Times, counted in classes that are at most 1/64 wide: a fixed amount of memory, however many there are.

use std::time::Duration;

/// Classes for each power of two.
const FINE: u64 = 64;
/// Enough for 2^40 microseconds, which is twelve days.
const CLASSES: usize = 64 * 36;

/// How many times were how long, in microseconds.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    min: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; CLASSES], total: 0, min: u64::MAX, max: 0 }
    }
}

impl Histogram {
    /// Counts one.
    pub(super) fn record(&mut self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let class = class(micros).min(CLASSES - 1);
        self.counts[class] += 1;
        self.total += 1;
        self.min = self.min.min(micros);
        self.max = self.max.max(micros);
    }

    /// Takes the counts of another in.
    pub(super) fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
        self.total += other.total;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// How many there are.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// The time that this share of all does not go beyond, in milliseconds; 0 where there are none.
    pub(super) fn percentile(&self, share: f64) -> f64 {
        let wanted = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (class, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return last_of(class).clamp(self.min, self.max) as f64 / 1000.0;
            }
        }
        0.0
    }
}

/// Exact below 64; from there on each power of two has 64 classes.
fn class(micros: u64) -> usize {
    let power = micros.max(1).ilog2().saturating_sub(FINE.ilog2());
    let class = u64::from(power) * FINE + (micros >> power);
    usize::try_from(class).unwrap_or(usize::MAX)
}

/// The longest time of a class.
fn last_of(class: usize) -> u64 {
    let class = class as u64;
    let power = (class / FINE).saturating_sub(1);
    let start = class - power * FINE;
    ((start + 1) << power) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn percentiles_of_none_are_nothing_and_of_one_are_that_one() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(0.99), 0.0);
        histogram.record(Duration::from_micros(1_234_567));
        for share in [0.0, 0.5, 1.0] {
            assert_eq!(histogram.percentile(share), 1234.567);
        }
    }

    proptest! {
        #[test]
        fn a_percentile_is_within_a_sixtieth_of_the_true_one(
            times in prop::collection::vec(0_u64..10_000_000, 1..200),
            share in 0.0_f64..=1.0,
        ) {
            let (mut histogram, mut half) = (Histogram::default(), Histogram::default());
            for (at, time) in times.iter().enumerate() {
                let into = if at % 2 == 0 { &mut histogram } else { &mut half };
                into.record(Duration::from_micros(*time));
            }
            histogram.add(&half);
            let mut sorted = times.clone();
            sorted.sort_unstable();
            let rank = ((sorted.len() as f64 * share).ceil() as usize).max(1);
            let truth = sorted[rank - 1] as f64 / 1000.0;
            let told = histogram.percentile(share);
            prop_assert!(told >= truth && told <= truth * (1.0 + 1.0 / 60.0) + 0.001, "{} for {}", told, truth);
            prop_assert_eq!(histogram.total(), times.len() as u64);
        }
    }
}
