//! Ids of hooks that came in lately, so that a repeat is not published again: for as long as its signature is good, and no
//! longer; so many, and no more.

use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};

/// Ids of one hook that are remembered. Only what was signed gets here; one more is told to come back.
pub const SEEN_MAX: usize = 65_536;

type Mark = [u8; 32];

/// What is known of an id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Claim {
    /// It is new, and whoever asked is the one to act on it.
    Fresh,
    /// It was acted on.
    Repeat,
    /// Somebody is acting on it.
    UnderWay,
    /// As many are remembered as may be.
    Full,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Known {
    until: u64,
    is_done: bool,
}

/// The ids. Times are seconds since 1970.
#[derive(Debug, Default)]
pub struct SeenIds {
    known: HashMap<Mark, Known>,
    ends: BTreeSet<(u64, Mark)>,
}

fn mark(id: &str) -> Mark {
    Sha256::digest(id.as_bytes()).into()
}

impl SeenIds {
    /// Asks for an id, which is of interest until then.
    pub fn claim(&mut self, id: &str, now: u64, until: u64) -> Claim {
        while let Some((end, old)) = self.ends.first().copied().filter(|(end, _)| *end < now) {
            self.ends.remove(&(end, old));
            self.known.remove(&old);
        }
        let mark = mark(id);
        match self.known.get(&mark) {
            Some(Known { is_done: true, .. }) => Claim::Repeat,
            Some(Known { is_done: false, .. }) => Claim::UnderWay,
            None if self.known.len() >= SEEN_MAX => Claim::Full,
            None => {
                self.known.insert(mark, Known { until, is_done: false });
                self.ends.insert((until, mark));
                Claim::Fresh
            }
        }
    }

    /// It was acted on.
    pub fn done(&mut self, id: &str) {
        if let Some(known) = self.known.get_mut(&mark(id)) {
            known.is_done = true;
        }
    }

    /// It was not acted on after all: a repeat is welcome.
    pub fn release(&mut self, id: &str) {
        let mark = mark(id);
        if let Some(known) = self.known.remove(&mark) {
            self.ends.remove(&(known.until, mark));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_counts_once_while_its_signature_is_good_and_again_if_it_came_to_nothing() {
        let mut seen = SeenIds::default();
        assert_eq!(seen.claim("a", 100, 400), Claim::Fresh);
        assert_eq!(seen.claim("a", 101, 401), Claim::UnderWay);
        seen.done("a");
        assert_eq!(seen.claim("a", 400, 700), Claim::Repeat);
        assert_eq!(seen.claim("a", 401, 701), Claim::Fresh);
        seen.release("a");
        assert_eq!(seen.claim("a", 402, 702), Claim::Fresh);
        assert_eq!((seen.known.len(), seen.ends.len()), (1, 1));
    }

    #[test]
    fn no_more_ids_are_remembered_than_may_be_and_none_is_forgotten_before_its_time() {
        let mut seen = SeenIds::default();
        for number in 0..SEEN_MAX {
            assert_eq!(seen.claim(&number.to_string(), 0, 10), Claim::Fresh);
        }
        assert_eq!(seen.claim("more", 10, 20), Claim::Full);
        assert_eq!(seen.claim("0", 10, 20), Claim::UnderWay);
        assert_eq!(seen.claim("more", 11, 20), Claim::Fresh);
        assert_eq!((seen.known.len(), seen.ends.len()), (1, 1));
    }
}
