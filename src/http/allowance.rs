//! What is left of a role's rate, as an answer's head says it: `RateLimit-Policy` and `RateLimit`. Pure.
//!
//! A role without a rate costs one look. The bucket of `session/rate.rs` in the draft's words: the quota is the burst, the window
//! the time until a burst that was used is there again, and the reset the time until all of it is there.
//! Source: draft-ietf-httpapi-ratelimit-headers; section 5 of the HTTP design.

use super::sessions::Request;
use crate::session::{Allowance, Allowances};
use actix_web::http::header::{HeaderName, HeaderValue};
use std::time::Duration;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Which of a role's rates a request is counted by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Counted {
    Calls,
    Publishes,
    /// A batch.
    Both,
}

impl Counted {
    /// By which this one is.
    pub(super) fn of(asked: &Request) -> Self {
        match asked {
            Request::Call(_) => Self::Calls,
            Request::Publish(_) => Self::Publishes,
        }
    }
}

/// The two lines of a head, if anything is counted.
pub(super) fn lines(allowances: Option<Allowances>, counted: Counted) -> Option<[(HeaderName, HeaderValue); 2]> {
    let Allowances { calls, publishes } = allowances?;
    let (calls, publishes) = match counted {
        Counted::Calls => (calls, None),
        Counted::Publishes => (None, publishes),
        Counted::Both => (calls, publishes),
    };
    let named = [("calls", calls), ("publishes", publishes)];
    let list = |item: fn(&str, Allowance) -> String| {
        let items = named.iter().filter_map(|(name, left)| left.map(|left| item(name, left)));
        HeaderValue::try_from(items.collect::<Vec<_>>().join(", ")).ok().filter(|list| !list.is_empty())
    };
    let policy = list(|name, of| format!("\"{name}\";q={};w={}", of.burst, seconds(of.window)))?;
    let limit = list(|name, of| format!("\"{name}\";r={};t={}", of.left, seconds(of.full_after)))?;
    Some([(POLICY, policy), (LIMIT, limit)])
}

/// Whether a line is of its moment alone: a stored answer does not repeat it.
pub(super) fn is_of_the_moment(name: &HeaderName) -> bool {
    *name == LIMIT || *name == POLICY
}

/// Whoever waits for so many has waited long enough.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(allowances: Option<Allowances>, counted: Counted) -> Option<[String; 2]> {
        let lines = lines(allowances, counted)?;
        Some(lines.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())))
    }

    #[test]
    fn what_is_left_is_said_of_what_was_asked_for_and_of_both_for_a_batch() {
        let of = |burst, left, ms| {
            let window = Duration::from_secs(2);
            Some(Allowance { burst, window, left, full_after: Duration::from_millis(ms) })
        };
        let both = Some(Allowances { calls: of(100, 99, 20), publishes: of(40, 0, 2000) });
        let text = |text: [&str; 2]| Some(text.map(ToOwned::to_owned));
        let calls = text(["ratelimit-policy: \"calls\";q=100;w=2", "ratelimit: \"calls\";r=99;t=1"]);
        assert_eq!(said(both, Counted::Calls), calls);
        let publishes = text(["ratelimit-policy: \"publishes\";q=40;w=2", "ratelimit: \"publishes\";r=0;t=2"]);
        assert_eq!(said(both, Counted::Publishes), publishes);
        let batch = text([
            "ratelimit-policy: \"calls\";q=100;w=2, \"publishes\";q=40;w=2",
            "ratelimit: \"calls\";r=99;t=1, \"publishes\";r=0;t=2",
        ]);
        assert_eq!(said(both, Counted::Both), batch);
        let only = Some(Allowances { calls: of(100, 100, 0), publishes: None });
        let full = text(["ratelimit-policy: \"calls\";q=100;w=2", "ratelimit: \"calls\";r=100;t=0"]);
        assert_eq!(said(only, Counted::Both), full);
        assert_eq!(said(only, Counted::Publishes), None);
        assert_eq!(said(None, Counted::Both), None);
    }
}
