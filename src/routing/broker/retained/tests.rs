//! The retained events beside a plain list of all that was kept.

use super::*;
use crate::routing::Permit;
use crate::wamp::role::Announced;
use crate::wamp::{Dict, Payload, PublicationId, SessionId, WallTime};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// R44, as the index of subscriptions has it.
#[test]
fn a_wildcard_begins_at_its_first_literals_and_fits_component_by_component() {
    for (pattern, head) in [("a.b", "a.b"), ("a..c", "a."), (".b", ""), ("", ""), ("a.b.", "a.b."), ("..", "")] {
        assert_eq!(head_of_wildcard(pattern), head, "{pattern}");
    }
    for (pattern, topic, fits) in [
        ("a..c", "a.b.c", true),
        ("a..c", "a.b.d", false),
        ("a.", "a.b", true),
        ("a.", "a.b.c", false),
        ("", "a", true),
        ("", "a.b", false),
    ] {
        assert_eq!(fits_wildcard(pattern, topic), fits, "{pattern} {topic}");
    }
}

/// All that was kept and has not been replaced, in the order of routing.
#[derive(Default)]
struct Plain(Vec<(Arc<KeptEvent>, Option<Instant>)>);

impl Plain {
    fn octets(&self) -> usize {
        self.0.iter().map(|(event, _)| octets_of(event)).sum()
    }

    fn of_topic(&self, topic: &Uri) -> impl Iterator<Item = &(Arc<KeptEvent>, Option<Instant>)> {
        let topic = topic.clone();
        self.0.iter().filter(move |(event, _)| event.topic == topic)
    }

    /// The topic whose newest event is the oldest.
    fn oldest_but(&self, spared: &Uri) -> Option<Uri> {
        let is_newest = |at: usize, topic: &Uri| self.0.iter().skip(at + 1).all(|(later, _)| later.topic != *topic);
        let mut newest = self.0.iter().enumerate().filter(|(at, (event, _))| is_newest(*at, &event.topic));
        newest.find(|(_, (event, _))| event.topic != *spared).map(|(_, (event, _))| event.topic.clone())
    }

    fn keep(&mut self, event: &Arc<KeptEvent>, until: Option<Instant>, limits: &RealmLimits) -> bool {
        let mut after = Self(self.0.clone());
        if event.listing.is_none() {
            after.0.retain(|(earlier, _)| earlier.topic != event.topic);
        } else if after.of_topic(&event.topic).filter(|(earlier, _)| earlier.listing.is_some()).count()
            == LISTED_RETAINED_MAX
        {
            let is_it = |(earlier, _): &(Arc<KeptEvent>, _)| earlier.topic == event.topic && earlier.listing.is_some();
            let at = after.0.iter().position(is_it).unwrap();
            after.0.remove(at);
        }
        after.0.push((Arc::clone(event), until));
        while after.octets() > limits.retained_octets_max {
            let oldest = after.oldest_but(&event.topic);
            let Some(oldest) = oldest.filter(|_| limits.retained_full == RetainedFull::Evict) else { return false };
            after.0.retain(|(event, _)| event.topic != oldest);
        }
        *self = after;
        true
    }

    fn replay(&self, policy: MatchPolicy, pattern: &str, member: &Member, now: Instant) -> Vec<Arc<KeptEvent>> {
        let fits = |topic: &str| match policy {
            MatchPolicy::Exact => topic == pattern,
            MatchPolicy::Prefix => topic.starts_with(pattern),
            MatchPolicy::Wildcard => fits_wildcard(pattern, topic),
        };
        let given = |(event, until): &&(Arc<KeptEvent>, Option<Instant>)| {
            until.is_none_or(|until| now < until) && event.listing.as_ref().is_none_or(|lists| admits(lists, member))
        };
        let all: Vec<_> = self.0.iter().filter(given).map(|(event, _)| event).collect();
        let is_newest = |at: usize, topic: &Uri| all.iter().skip(at + 1).all(|later| later.topic != *topic);
        let newest = all.iter().enumerate().filter(|(at, event)| fits(&event.topic) && is_newest(*at, &event.topic));
        newest.map(|(_, event)| Arc::clone(event)).collect()
    }
}

fn member(authrole: &str) -> Member {
    Member {
        session: SessionId::FIRST,
        authid: Arc::from("ann"),
        authrole: Arc::from(authrole),
        authmethod: Arc::from("ticket"),
        authprovider: Arc::from("static"),
        announced: Announced::default(),
        entrance: crate::wamp::Entrance::default(),
        transport: Dict::new(),
        permit: Permit::default(),
    }
}

fn event(rng: &mut StdRng, step: u64) -> KeptEvent {
    let role = |role: &str| Box::new(Listing { eligible_authrole: Some(vec![role.to_owned()]), ..Listing::default() });
    let listing = [None, None, Some(role("one")), Some(role("two"))][rng.random_range(0..4)].clone();
    let topic = ["a", "a.b", "a.c", "b.b", "ab"][rng.random_range(0..5)];
    KeptEvent {
        publication: PublicationId::wrapping(step),
        time: WallTime::default(),
        topic: topic.into(),
        publisher: None,
        excluded: None,
        trustlevel: None,
        ppt: None,
        listing,
        payload: Payload::Empty,
    }
}

/// Section 8.6, X3: events are kept, replaced, evicted, expired and cleared as a plain list of them would have it.
#[test]
fn the_indexes_answer_as_a_plain_list_does_while_events_come_and_end() {
    for (seed, retained_full) in (0..).zip([RetainedFull::Refuse, RetainedFull::Evict].repeat(4)) {
        let mut rng = StdRng::seed_from_u64(seed);
        let limits = RealmLimits { retained_octets_max: 9_000, retained_full, ..RealmLimits::default() };
        let (mut retained, mut plain) = (Retained::default(), Plain::default());
        let mut now = Instant::now();
        let members = ["one", "two", "three"].map(member);
        for step in 0..1_000 {
            let event = Arc::new(event(&mut rng, step));
            let until = rng.random_bool(0.5).then(|| now + Duration::from_secs(rng.random_range(1..100)));
            let is_kept = retained.keep(&event, until, &limits, &mut Vec::new());
            assert_eq!(is_kept, plain.keep(&event, until, &limits), "{seed} {step}");
            now += Duration::from_secs(rng.random_range(0..5));
            for (policy, pattern) in [
                (MatchPolicy::Exact, "a.b"),
                (MatchPolicy::Prefix, "a"),
                (MatchPolicy::Prefix, ""),
                (MatchPolicy::Wildcard, ".b"),
            ] {
                let member = &members[rng.random_range(0..3)];
                let given: Vec<_> = retained.replay(policy, pattern, member, now).cloned().collect();
                assert_eq!(given, plain.replay(policy, pattern, member, now), "{seed} {step} {pattern}");
            }
            if rng.random_bool(0.1) {
                retained.sweep(now);
                plain.0.retain(|(_, until)| until.is_none_or(|until| now < until));
            }
            if rng.random_bool(0.02) {
                retained.clear(MatchPolicy::Prefix, "a.");
                plain.0.retain(|(event, _)| !event.topic.starts_with("a."));
            }
            assert_eq!((retained.octets(), retained.broken_invariant()), (plain.octets(), None), "{seed} {step}");
        }
    }
}
