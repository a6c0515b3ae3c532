//! Random operations: the file gives what memory gives, with closes and opens between; both give what a naive list gives.

use crate::support::*;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;
use wharf::routing::{HistoryRule, KeptEvent, Query};
use wharf::storage::{octets, Change, Entry, Seq};
use wharf::wamp::options::Listing;
use wharf::wamp::{MatchPolicy, Payload, PublicationId, Uri, WallTime};

const TOPICS: &[&str] = &["a", "a.b", "a.c", "a.b.c", "b", "b.b", "ab"];
const PATTERNS: &[&str] = &["a", "a.", "", ".b", "a.b", ".", "..c", "b"];

fn topics() -> impl Strategy<Value = Uri> {
    prop::sample::select(TOPICS).prop_map(Uri::from)
}

fn names() -> impl Strategy<Value = Option<Vec<String>>> {
    prop::option::weighted(
        0.3,
        prop::collection::vec(prop::sample::select(vec!["joe".to_owned(), "user".to_owned(), "ann".to_owned()]), 0..3),
    )
}

fn events() -> impl Strategy<Value = KeptEvent> {
    let lists = (names(), names(), names(), names()).prop_map(
        |(exclude_authid, exclude_authrole, eligible_authid, eligible_authrole)| {
            Box::new(Listing {
                exclude_authid,
                exclude_authrole,
                eligible_authid,
                eligible_authrole,
                ..Listing::default()
            })
        },
    );
    (topics(), -20_i64..20, prop::option::weighted(0.3, lists), 0_usize..40).prop_map(
        |(topic, seconds, listing, len)| {
            let payload = if len < 4 { Payload::Empty } else { payload(len) };
            KeptEvent { topic, time: WallTime(NOW.0 + seconds * 1_000_000), listing, payload, ..event(1, "a") }
        },
    )
}

fn times() -> impl Strategy<Value = Option<WallTime>> {
    prop::option::weighted(0.2, (-20_i64..20).prop_map(|seconds| WallTime(NOW.0 + seconds * 1_000_000)))
}

fn publications() -> impl Strategy<Value = Option<PublicationId>> {
    prop::option::weighted(0.2, (1_u64..60).prop_map(id))
}

prop_compose! {
    fn queries()(
        policy in prop::sample::select(MatchPolicy::ALL),
        topic in prop::sample::select(PATTERNS).prop_map(Uri::from),
        only_topic in prop::option::weighted(0.2, topics()),
        (from_time, after_time, before_time, until_time) in (times(), times(), times(), times()),
        (from_publication, after_publication) in (publications(), publications()),
        (before_publication, until_publication) in (publications(), publications()),
        reverse in any::<bool>(),
        limit in prop::option::weighted(0.3, 1_usize..6),
        authid in prop::sample::select(vec!["joe", "ann"]),
    ) -> Query {
        Query {
            policy, topic, only_topic, from_time, after_time, before_time, until_time, from_publication, after_publication,
            before_publication, until_publication, reverse, limit, authid: authid.into(), ..exact("")
        }
    }
}

#[derive(Clone, Debug)]
enum Op {
    Append(Vec<(KeptEvent, bool, bool)>),
    Forget(Uri),
    Ask(Box<Query>),
    Sweep(i64),
    Reopen,
}

fn ops() -> impl Strategy<Value = Op> {
    prop_oneof![
        5 => prop::collection::vec((events(), any::<bool>(), prop::bool::weighted(0.2)), 1..6).prop_map(Op::Append),
        1 => topics().prop_map(Op::Forget),
        6 => queries().prop_map(|query| Op::Ask(Box::new(query))),
        1 => (-10_i64..20).prop_map(Op::Sweep),
        1 => Just(Op::Reopen),
    ]
}

/// What the configuration would say of the topic.
fn rule_of(topic: &str) -> HistoryRule {
    let max_age = topic.starts_with('a').then_some(Duration::from_secs(15));
    HistoryRule { limit: if topic.len() > 2 { 3 } else { 8 }, max_age, durable: true }
}

/// Wildcard matching as the specification words it, written once more.
fn fits(policy: MatchPolicy, pattern: &str, topic: &str) -> bool {
    let (mine, theirs): (Vec<_>, Vec<_>) = (pattern.split('.').collect(), topic.split('.').collect());
    match policy {
        MatchPolicy::Exact => pattern == topic,
        MatchPolicy::Prefix => topic.starts_with(pattern),
        MatchPolicy::Wildcard => {
            mine.len() == theirs.len()
                && mine.iter().zip(&theirs).all(|(mine, theirs)| mine.is_empty() || mine == theirs)
        }
    }
}

/// A list, and the question's conditions one by one.
fn naive(kept: &[Arc<KeptEvent>], query: &Query) -> Vec<u64> {
    let shown = |event: &&Arc<KeptEvent>| {
        rule_of(&event.topic).max_age.is_none_or(|age| event.time >= NOW.minus(age))
            && fits(query.policy, &query.topic, &event.topic)
    };
    let all: Vec<_> = kept.iter().filter(shown).collect();
    let mut range = (0, all.len());
    for (publication, low, plus) in [
        (query.from_publication, true, 0),
        (query.after_publication, true, 1),
        (query.before_publication, false, 0),
        (query.until_publication, false, 1),
    ] {
        let Some(publication) = publication else { continue };
        let Some(at) = all.iter().position(|event| event.publication == publication) else { return Vec::new() };
        if low {
            range.0 = range.0.max(at + plus);
        } else {
            range.1 = range.1.min(at + plus);
        }
    }
    let listed = |list: &Option<Vec<String>>, name: &str| list.as_ref().map(|list| list.contains(&name.to_owned()));
    let mut found: Vec<u64> = all[range.0.min(range.1)..range.1]
        .iter()
        .filter(|event| query.only_topic.as_ref().is_none_or(|only| *only == event.topic))
        .filter(|event| query.from_time.is_none_or(|time| event.time >= time))
        .filter(|event| query.after_time.is_none_or(|time| event.time > time))
        .filter(|event| query.before_time.is_none_or(|time| event.time < time))
        .filter(|event| query.until_time.is_none_or(|time| event.time <= time))
        .filter(|event| {
            event.listing.as_ref().is_none_or(|lists| {
                listed(&lists.exclude_authid, &query.authid) != Some(true)
                    && listed(&lists.exclude_authrole, &query.authrole) != Some(true)
                    && listed(&lists.eligible_authid, &query.authid) != Some(false)
                    && listed(&lists.eligible_authrole, &query.authrole) != Some(false)
            })
        })
        .map(|event| event.publication.get())
        .collect();
    if query.reverse {
        found.reverse();
    }
    found.truncate(query.limit.unwrap_or(usize::MAX));
    found
}

/// Takes out of the list what the rules take out, at the end of a group or of a sweep.
fn trim(kept: &mut Vec<Arc<KeptEvent>>, newest: impl Fn(&Uri) -> Option<WallTime>, octets_max: u64) {
    for topic in TOPICS {
        let topic = Uri::from(*topic);
        let Some(newest) = newest(&topic) else { continue };
        loop {
            let rule = rule_of(&topic);
            let count = kept.iter().filter(|event| event.topic == topic).count();
            let Some(at) = kept.iter().position(|event| event.topic == topic) else { break };
            let too_old = rule.max_age.is_some_and(|age| kept[at].time < newest.minus(age));
            if count <= rule.limit && !too_old {
                break;
            }
            kept.remove(at);
        }
    }
    while kept.iter().map(|event| octets(event)).sum::<u64>() > octets_max {
        kept.remove(0);
    }
}

fn run(ops: Vec<Op>) -> Result<(), TestCaseError> {
    const OCTETS_MAX: u64 = 2500;
    let realm = realm(OCTETS_MAX);
    let (mut memory, mut file) = (Log::memory(), Log::file());
    let (mut kept, mut seq) = (Vec::new(), 0);
    for op in ops {
        match op {
            Op::Append(events) => {
                let mut group = Vec::new();
                for (event, history, retain) in events {
                    seq += 1;
                    let event = Arc::new(KeptEvent { publication: id(seq), ..event });
                    let history = history.then(|| rule_of(&event.topic));
                    if history.is_some() {
                        kept.push(Arc::clone(&event));
                    }
                    let change = Change::Keep { event, history, retain };
                    group.push(Entry { realm: Arc::clone(&realm), seq: Seq(seq), change });
                }
                memory.append(&group);
                file.append(&group);
                let newest = |topic: &Uri| {
                    let times = group.iter().filter_map(|entry| match &entry.change {
                        Change::Keep { event, history: Some(_), .. } if event.topic == *topic => Some(event.time),
                        Change::Keep { .. } | Change::Forget(_) => None,
                    });
                    times.max()
                };
                trim(&mut kept, newest, OCTETS_MAX);
            }
            Op::Forget(topic) => {
                seq += 1;
                let group = [Entry { realm: Arc::clone(&realm), seq: Seq(seq), change: Change::Forget(topic) }];
                memory.append(&group);
                file.append(&group);
            }
            Op::Ask(query) => {
                let (one, other) = (memory.read(&query), file.read(&query));
                prop_assert_eq!(&one, &other, "{:?}", &query);
                prop_assert_eq!(ids(&one), naive(&kept, &query), "{:?}", &query);
            }
            Op::Sweep(seconds) => {
                let now = WallTime(NOW.0 + seconds * 1_000_000);
                memory.log().sweep(now).unwrap();
                file.log().sweep(now).unwrap();
                trim(&mut kept, |_| Some(now), OCTETS_MAX);
            }
            Op::Reopen => file.reopen(),
        }
        prop_assert_eq!(memory.log().retained(REALM), file.log().retained(REALM));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Store, section 8, properties: all eleven filters, trimming, retained events.
    #[test]
    fn the_file_gives_what_memory_gives_and_both_what_a_list_gives(ops in prop::collection::vec(ops(), 1..60)) {
        run(ops)?;
    }
}
