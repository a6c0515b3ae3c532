//! When a set of keys is fetched from its address: at once, as its issuer says, and for a token whose key is not known; never
//! more often than every [`BETWEEN`], however many such tokens there are. Is told the time.

use std::time::{Duration, Instant};

/// Between two fetches that somebody's token has caused (those that are due by themselves do not count): random kids must not
/// make a load generator of the router.
const BETWEEN: Duration = Duration::from_secs(30);

/// How long a set is good where its issuer says nothing, and the bounds of what it may say.
const USUAL: Duration = Duration::from_secs(600);
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// The longest time between two tries where nothing comes.
const PATIENCE_MAX: Duration = Duration::from_secs(600);

/// How long the last good set is used beyond its time, where no newer one comes.
const GOOD_FOR: Duration = Duration::from_secs(24 * 3600);

/// What comes of the wish for newer keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wish {
    /// A fetch is to begin; its end is to be waited for.
    Begin,
    /// One is under way.
    Join,
    /// There was one just now.
    Vain,
}

/// What is known of one address.
#[derive(Clone, Debug)]
pub struct Freshness {
    due: Instant,
    /// When a token caused the last fetch.
    wished: Option<Instant>,
    /// When the last good set came.
    came: Option<Instant>,
    /// When the time of the last good set was over, or will be.
    good: Option<Instant>,
    under_way: bool,
    /// In a row.
    failures: u32,
}

impl Freshness {
    /// Nothing was fetched yet: it is due now.
    pub fn new(now: Instant) -> Self {
        Self { due: now, wished: None, came: None, good: None, under_way: false, failures: 0 }
    }

    /// When something is to be done; `None` while a fetch is under way.
    pub fn next_deadline(&self) -> Option<Instant> {
        (!self.under_way).then_some(self.due)
    }

    /// A fetch begins.
    pub fn begin(&mut self) {
        self.under_way = true;
    }

    /// Somebody has shown a token whose key was not known at `missed`.
    pub fn wish(&mut self, now: Instant, missed: Instant) -> Wish {
        if self.under_way {
            Wish::Join
        } else if self.came.is_some_and(|came| came >= missed) {
            // While this wish was on its way.
            Wish::Vain
        } else if self.due <= now {
            Wish::Begin
        } else if self.wished.is_some_and(|wished| now.duration_since(wished) < BETWEEN) {
            Wish::Vain
        } else {
            self.wished = Some(now);
            Wish::Begin
        }
    }

    /// It brought keys, good for as long as the issuer says.
    pub fn succeeded(&mut self, now: Instant, max_age: Option<Duration>) {
        self.under_way = false;
        self.failures = 0;
        self.due = now + max_age.unwrap_or(USUAL).clamp(SHORTEST, LONGEST);
        self.came = Some(now);
        self.good = Some(self.due);
    }

    /// It brought nothing. Whether the last good keys are too old to be used any longer.
    pub fn failed(&mut self, now: Instant) -> bool {
        self.under_way = false;
        self.due = now + PATIENCE_MAX.min(BETWEEN * 2_u32.saturating_pow(self.failures.min(16)));
        self.failures = self.failures.saturating_add(1);
        self.good.take_if(|good| now.duration_since(*good) >= GOOD_FOR).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn fetched(freshness: &mut Freshness, at: Instant, max_age: Option<Duration>) -> Duration {
        freshness.begin();
        freshness.succeeded(at, max_age);
        freshness.next_deadline().unwrap() - at
    }

    #[test]
    fn a_set_is_fetched_at_once_and_then_as_its_issuer_says_within_bounds() {
        let now = Instant::now();
        let mut freshness = Freshness::new(now);
        assert_eq!(freshness.next_deadline(), Some(now));
        for (said, after) in [
            (None, 600),
            (Some(0), 60),
            (Some(59), 60),
            (Some(300), 300),
            (Some(86_400), 86_400),
            (Some(u64::MAX), 86_400),
        ] {
            let said = said.map(Duration::from_secs);
            assert_eq!(fetched(&mut freshness, now, said), Duration::from_secs(after), "{said:?}");
        }
    }

    #[test]
    fn unknown_keys_cause_one_fetch_in_thirty_seconds_however_many_there_are() {
        let now = Instant::now();
        let mut freshness = Freshness::new(now);
        let (mut caused, mut due) = (0, 0);
        // An hour of a hundred tokens each second.
        for step in 0..360_000_u32 {
            let at = now + step * SECOND / 100;
            if freshness.next_deadline().is_some_and(|deadline| deadline <= at) {
                assert_eq!(freshness.wish(at, at), Wish::Begin, "it is due anyway");
                due += 1;
            } else if freshness.wish(at, at) == Wish::Begin {
                caused += 1;
            } else {
                assert_eq!(freshness.wish(at, at), Wish::Vain, "none is under way");
                continue;
            }
            freshness.begin();
            assert_eq!((freshness.wish(at, at), freshness.next_deadline()), (Wish::Join, None));
            if step % 2 == 0 {
                freshness.succeeded(at, None);
            } else {
                freshness.failed(at);
            }
        }
        assert!(caused <= 120 && due <= 120, "{caused} and {due}");
        assert!(caused >= 100);
    }

    #[test]
    fn a_wish_that_a_fetch_has_met_on_its_way_causes_none() {
        let start = Instant::now();
        let mut freshness = Freshness::new(start);
        fetched(&mut freshness, start + SECOND, None);
        assert_eq!(freshness.wish(start + 2 * SECOND, start), Wish::Vain);
        assert_eq!(freshness.wish(start + 3 * SECOND, start + 2 * SECOND), Wish::Begin);
    }

    #[test]
    fn an_address_that_fails_is_tried_less_and_less_often_and_the_last_good_keys_end() {
        let start = Instant::now();
        let mut freshness = Freshness::new(start);
        fetched(&mut freshness, start, None);
        let mut now = start;
        for seconds in [30, 60, 120, 240, 480, 600, 600] {
            freshness.begin();
            assert!(!freshness.failed(now));
            assert_eq!(freshness.next_deadline().unwrap() - now, seconds * SECOND);
            now += seconds * SECOND;
        }
        freshness.begin();
        let over = start + USUAL + GOOD_FOR;
        assert!(!freshness.failed(over - SECOND));
        assert!(freshness.failed(over), "said once");
        assert!(!freshness.failed(over + SECOND));
        assert_eq!(fetched(&mut freshness, now, None), 600 * SECOND, "as if nothing had been");
        freshness.begin();
        freshness.failed(now);
        assert_eq!(freshness.next_deadline().unwrap() - now, 30 * SECOND);
    }
}
