//! The promises that every log keeps.

use crate::support::*;
use std::time::Duration;
use wharf::routing::{Query, StoreFault, LISTED_RETAINED_MAX};
use wharf::storage::{octets, Change, Entry, Seq};
use wharf::wamp::options::Listing;
use wharf::wamp::{MatchPolicy, Payload, Uri, WallTime};

const MUCH: u64 = 1 << 30;

/// Store, section 1: history keeps the order of routing.
#[test]
fn events_come_back_in_the_order_in_which_they_were_put_in() {
    for mut log in Log::all() {
        let realm = realm(MUCH);
        // Publication ids are random: their order says nothing.
        let numbers = [50, 3, 99, 7, 20];
        for (seq, number) in (1..).zip(numbers) {
            log.append(&[keep(&realm, seq, event(number, "com.a"), rule(100))]);
        }
        log.reopen();
        assert_eq!(log.ids(&exact("com.a")), numbers);
        assert_eq!(log.ids(&Query { reverse: true, ..exact("com.a") }), [20, 7, 99, 3, 50]);
        assert_eq!(log.ids(&Query { reverse: true, limit: Some(2), ..exact("com.a") }), [20, 7]);
        assert!(log.ids(&exact("com.b")).is_empty());
    }
}

/// Section 8.7: pages by `after_publication` and by `before_publication` with `reverse`.
#[test]
fn pages_meet_without_overlap_or_hole_while_appends_go_on() {
    for mut log in Log::all() {
        let realm = realm(MUCH);
        let topic = |number: u64| ["com.a", "com.b", "com.c"][number as usize % 3];
        let add = |log: &mut Log, number: u64| {
            log.append(&[keep(&realm, number, event(number, topic(number)), rule(1000))]);
        };
        (1..=100).for_each(|number| add(&mut log, number));
        let (mut forward, mut next) = (Vec::new(), 101);
        loop {
            let after_publication = forward.last().copied().map(id);
            let page = log.ids(&Query { after_publication, limit: Some(7), ..query(MatchPolicy::Prefix, "com.") });
            if page.is_empty() {
                break;
            }
            forward.extend(page);
            if next <= 120 {
                add(&mut log, next);
                next += 1;
            }
        }
        assert_eq!(forward, (1..next).collect::<Vec<_>>());
        let mut backward = Vec::new();
        loop {
            let before_publication = backward.last().copied().map(id);
            let asked =
                Query { before_publication, reverse: true, limit: Some(7), ..query(MatchPolicy::Wildcard, "com.") };
            let page = log.ids(&asked);
            if page.is_empty() {
                break;
            }
            backward.extend(page);
            add(&mut log, next);
            next += 1;
        }
        backward.reverse();
        assert_eq!(backward, forward);
    }
}

/// Section 8.7.
#[test]
fn a_publication_that_is_not_kept_gives_an_empty_page() {
    for mut log in Log::all() {
        let realm = realm(MUCH);
        log.append(&[keep(&realm, 1, event(1, "com.a"), rule(10)), keep(&realm, 2, event(2, "com.b"), rule(10))]);
        for number in [77, 2] {
            let unknown = Some(id(number));
            for asked in [
                Query { from_publication: unknown, ..exact("com.a") },
                Query { after_publication: unknown, ..exact("com.a") },
                Query { before_publication: unknown, ..exact("com.a") },
                Query { until_publication: unknown, ..exact("com.a") },
            ] {
                assert!(log.ids(&asked).is_empty(), "{asked:?}");
            }
        }
    }
}

/// R56.
#[test]
fn lists_by_authid_and_authrole_are_applied_to_the_asker() {
    let some = |text: &str| Some(vec![text.to_owned()]);
    let lists = [
        Listing { exclude_authid: some("joe"), ..Listing::default() },
        Listing { exclude_authrole: some("user"), ..Listing::default() },
        Listing { eligible_authid: some("joe"), ..Listing::default() },
        Listing { eligible_authrole: some("admin"), ..Listing::default() },
        Listing { eligible_authid: Some(Vec::new()), ..Listing::default() },
    ];
    for mut log in Log::all() {
        let realm = realm(MUCH);
        for (number, listing) in (1..).zip(lists.clone()) {
            let event = wharf::routing::KeptEvent { listing: Some(Box::new(listing)), ..event(number, "com.a") };
            log.append(&[keep(&realm, number, event, rule(10))]);
        }
        assert_eq!(log.ids(&exact("com.a")), [3]);
        let admin = Query { authid: "ann".into(), authrole: "admin".into(), ..exact("com.a") };
        assert_eq!(log.ids(&admin), [1, 2, 4]);
    }
}

/// Section 8.7: `topic`.
#[test]
fn a_pattern_is_narrowed_to_one_topic_that_fits_it() {
    for mut log in Log::all() {
        let realm = realm(MUCH);
        for (seq, topic) in (1..).zip(["com.a", "com.b", "org.a", "com.a"]) {
            log.append(&[keep(&realm, seq, event(seq, topic), rule(10))]);
        }
        let of = |topic: &str| Query { only_topic: Some(Uri::from(topic)), ..query(MatchPolicy::Prefix, "com") };
        assert_eq!(log.ids(&of("com.a")), [1, 4]);
        assert!(log.ids(&of("org.a")).is_empty());
        assert_eq!(log.ids(&query(MatchPolicy::Wildcard, ".a")), [1, 3, 4]);
    }
}

/// Store, section 9: the oldest of the topic goes.
#[test]
fn a_topic_keeps_as_many_events_as_its_rule_says() {
    for mut log in Log::all() {
        let realm = realm(MUCH);
        for seq in 1..=10 {
            let topic = if seq == 2 { "com.b" } else { "com.a" };
            log.append(&[keep(&realm, seq, event(seq, topic), rule(3))]);
        }
        assert_eq!(log.ids(&exact("com.a")), [8, 9, 10]);
        assert_eq!(log.ids(&exact("com.b")), [2]);
        let gone = Query { from_publication: Some(id(1)), ..exact("com.a") };
        assert!(log.ids(&gone).is_empty(), "a trimmed event is not known any more");
    }
}

/// Store, section 9: not shown from the moment at which it is too old, whenever its room is given back.
#[test]
fn an_event_that_is_too_old_is_not_shown() {
    for mut log in Log::all() {
        let realm = realm(MUCH);
        let minute = Duration::from_secs(60);
        for (seq, seconds) in [(1, 61), (2, 60), (3, 1)] {
            let event =
                wharf::routing::KeptEvent { time: NOW.minus(Duration::from_secs(seconds)), ..event(seq, "com.a") };
            log.append(&[keep(&realm, seq, event, aged(10, minute))]);
        }
        assert_eq!(log.ids(&exact("com.a")), [2, 3]);
        log.log().sweep(NOW).unwrap();
        assert_eq!(log.ids(&exact("com.a")), [2, 3]);
        // Seen from before, the first one were there, had the sweep not taken it.
        let page = log.log().read(REALM, NOW.minus(minute), &exact("com.a")).unwrap();
        assert_eq!(ids(&page), [2, 3]);
    }
}

/// Configuration, `max_history_bytes`: the realm's oldest goes, whatever its topic.
#[test]
fn a_realm_has_no_more_octets_than_it_may() {
    let one = octets(&event(1, "com.a"));
    for mut log in Log::all() {
        let realm = realm(3 * one);
        for seq in 1..=5 {
            let topic = ["com.a", "com.b"][seq as usize % 2];
            log.append(&[keep(&realm, seq, event(seq, topic), rule(10))]);
        }
        assert_eq!(log.ids(&query(MatchPolicy::Prefix, "")), [3, 4, 5]);
        let large = wharf::routing::KeptEvent { payload: payload(3 * one as usize), ..event(6, "com.a") };
        log.append(&[keep(&realm, 6, large, rule(10))]);
        assert!(log.ids(&query(MatchPolicy::Prefix, "")).is_empty(), "an event above the bound is not kept at all");
        log.append(&[keep(&realm, 7, event(7, "com.a"), rule(10))]);
        assert_eq!(log.ids(&query(MatchPolicy::Prefix, "")), [7]);
    }
}

/// Store, section 8, limits.
#[test]
fn empty_and_large_payloads_and_odd_topics_come_back_as_they_were() {
    let topics = ["a", "ünï.cödé", "com.\u{1f980}", "com..empty", &"x".repeat(1024), "\u{7f}", "com.", "."];
    for mut log in Log::all() {
        let realm = realm(MUCH);
        for (seq, topic) in (1..).zip(topics) {
            let payload = [Payload::Empty, payload(1 << 20)][seq as usize % 2].clone();
            let event = wharf::routing::KeptEvent { payload, ..event(seq, topic) };
            log.append(&[keep(&realm, seq, event.clone(), rule(10))]);
            log.reopen();
            let page = log.read(&exact(topic));
            assert_eq!(page.events.iter().map(|kept| &**kept).collect::<Vec<_>>(), [&event]);
        }
    }
}

/// Store, section 9: 1 MiB of payload, and at least one event however large.
#[test]
fn a_page_has_a_bound_of_octets_and_says_so() {
    for mut log in Log::all() {
        let realm = realm(MUCH);
        for (seq, len) in [(1, 1 << 19), (2, 1 << 19), (3, 10), (4, 2 << 20), (5, 10)] {
            let event = wharf::routing::KeptEvent { payload: payload(len), ..event(seq, "com.a") };
            log.append(&[keep(&realm, seq, event, rule(10))]);
        }
        let mut pages = Vec::new();
        let mut after_publication = None;
        loop {
            let page = log.read(&Query { after_publication, ..exact("com.a") });
            pages.push(ids(&page));
            after_publication = page.events.last().map(|event| event.publication);
            if !page.is_limit_reached {
                break;
            }
        }
        assert_eq!(pages, [vec![1, 2], vec![3], vec![4], vec![5]]);
    }
}

/// Store, section 9: 10,000 records are read for one question that selects any.
#[test]
fn a_question_reads_at_most_10000_records_and_says_so() {
    for mut log in Log::all() {
        let realm = realm(MUCH);
        let group: Vec<_> = (1..=10_001).map(|seq| keep(&realm, seq, event(seq, "com.a"), rule(20_000))).collect();
        log.append(&group);
        let page = log.read(&exact("com.a"));
        assert_eq!((page.events.len(), page.is_limit_reached), (10_000, true));
        let rest = log.read(&Query { after_publication: Some(id(10_000)), ..exact("com.a") });
        assert_eq!((ids(&rest), rest.is_limit_reached), (vec![10_001], false));
        let none = log.read(&Query { after_time: Some(NOW), ..exact("com.a") });
        assert_eq!((none.events.len(), none.is_limit_reached), (0, false), "it goes on for one that it selects");
        let few = log.read(&Query { limit: Some(5), ..exact("com.a") });
        assert_eq!((ids(&few), few.is_limit_reached), (vec![1, 2, 3, 4, 5], false));
    }
}

/// A page with nothing in it comes only after 100,000 records.
#[test]
fn a_question_that_selects_nothing_reads_on_up_to_100000_records() {
    for mut log in Log::all() {
        let realm = realm(MUCH);
        let late = |seq| if seq == 15_000 || seq == 100_002 { WallTime(NOW.0 + 1) } else { NOW };
        let event = |seq| wharf::routing::KeptEvent { time: late(seq), ..event(seq, "com.a") };
        let group: Vec<_> = (1..=100_002).map(|seq| keep(&realm, seq, event(seq), rule(200_000))).collect();
        log.append(&group);
        let after =
            |number: u64| Query { after_time: Some(NOW), after_publication: Some(id(number)), ..exact("com.a") };
        let mut read = |number| {
            let page = log.log().read(REALM, WallTime(NOW.0 + 2), &after(number)).unwrap();
            (ids(&page), page.is_limit_reached)
        };
        assert_eq!(read(1), (vec![15_000], true));
        assert_eq!(read(15_000), (vec![100_002], false));
        let far = Query { from_time: Some(WallTime(NOW.0 + 2)), ..exact("com.a") };
        let page = log.read(&far);
        assert_eq!((page.events.len(), page.is_limit_reached), (0, true));
    }
}

/// Store, section 9.
#[test]
fn a_pattern_over_more_than_10000_topics_is_refused() {
    for mut log in Log::all() {
        let realm = realm(MUCH);
        let group: Vec<_> =
            (1..=10_001).map(|seq| keep(&realm, seq, event(seq, &format!("com.t{seq}")), rule(10))).collect();
        log.append(&group[..10_000]);
        assert_eq!(log.read(&query(MatchPolicy::Prefix, "com.")).events.len(), 10_000);
        log.append(&group[10_000..]);
        let refused = log.log().read(REALM, NOW, &query(MatchPolicy::Prefix, "com."));
        assert_eq!(refused, Err(StoreFault::TooManyTopics));
        let one = Query { only_topic: Some(Uri::from("com.t7")), ..query(MatchPolicy::Prefix, "com.") };
        assert_eq!(log.ids(&one), [7]);
    }
}

/// R107.
#[test]
fn realms_share_nothing() {
    for mut log in Log::all() {
        let here = realm(MUCH);
        let there =
            std::sync::Arc::new(wharf::storage::RealmLog { name: "realm2".to_owned(), history_octets_max: MUCH });
        log.append(&[
            keep(&here, 1, event(1, "com.a"), rule(1)),
            keep(&there, 2, event(2, "com.a"), rule(1)),
            retain(&there, 3, event(3, "com.a")),
        ]);
        assert_eq!(log.ids(&exact("com.a")), [1]);
        assert!(log.log().retained(REALM).unwrap().is_empty());
        assert_eq!(ids(&log.log().read("realm2", NOW, &exact("com.a")).unwrap()), [2]);
        assert!(log.log().read("realm3", NOW, &exact("com.a")).unwrap().events.is_empty());
    }
}

/// The writer remembers topics, and does without where they are too many.
#[test]
fn topics_that_were_forgotten_are_looked_up() {
    for mut log in Log::all() {
        let realm = realm(MUCH);
        let group = |from: u64| -> Vec<_> {
            let entries = (0..17_000).map(|topic| (from + topic, format!("com.t{topic}")));
            entries.map(|(seq, topic)| keep(&realm, seq, event(seq, &topic), rule(2))).collect()
        };
        for round in 0..3 {
            log.append(&group(round * 17_000 + 1));
        }
        assert_eq!(log.ids(&exact("com.t0")), [17_001, 34_001]);
        assert_eq!(log.ids(&exact("com.t16999")), [34_000, 51_000]);
    }
}

/// Section 8.6, D62: the newest without lists, and newer than it some with lists.
#[test]
fn retained_events_are_kept_as_the_broker_keeps_them() {
    let listing = || Some(Box::new(Listing { eligible_authid: Some(Vec::new()), ..Listing::default() }));
    let listed = |number, topic| wharf::routing::KeptEvent { listing: listing(), ..event(number, topic) };
    for mut log in Log::all() {
        let realm = realm(MUCH);
        let retained = |log: &mut Log| -> Vec<u64> {
            log.reopen();
            log.log().retained(REALM).unwrap().iter().map(|event| event.publication.get()).collect()
        };
        log.append(&[retain(&realm, 1, listed(1, "com.b")), retain(&realm, 2, event(2, "com.b"))]);
        log.append(&[retain(&realm, 3, event(3, "com.a")), retain(&realm, 4, listed(4, "com.b"))]);
        assert_eq!(retained(&mut log), [3, 2, 4]);
        let more = 5 + LISTED_RETAINED_MAX as u64;
        (5..more).for_each(|seq| log.append(&[retain(&realm, seq, listed(seq, "com.b"))]));
        let expected: Vec<u64> = [3, 2].into_iter().chain(5..more).collect();
        assert_eq!(retained(&mut log), expected);
        let forget = Change::Forget(Uri::from("com.b"));
        log.append(&[Entry { realm: std::sync::Arc::clone(&realm), seq: Seq(more), change: forget }]);
        assert_eq!(retained(&mut log), [3]);
        assert!(log.ids(&exact("com.a")).is_empty(), "a retained event is no history");
    }
}

/// R55: `from` and `until` include the publication that they name, `after` and `before` do not; all are conditions together.
#[test]
fn publication_filters_bound_the_answer_on_both_sides() {
    for mut log in Log::all() {
        let realm = realm(MUCH);
        for (seq, number) in (1..).zip([50, 3, 99, 7, 20]) {
            log.append(&[keep(&realm, seq, event(number, "com.a"), rule(100))]);
        }
        let asked = |log: &mut Log, from, after, before, until| {
            let [from_publication, after_publication, before_publication, until_publication] =
                [from, after, before, until].map(|number: Option<u64>| number.map(id));
            let bounds =
                Query { from_publication, after_publication, before_publication, until_publication, ..exact("com.a") };
            log.ids(&bounds)
        };
        assert_eq!(asked(&mut log, Some(99), None, None, Some(99)), [99]);
        assert_eq!(asked(&mut log, Some(3), None, None, Some(7)), [3, 99, 7]);
        assert_eq!(asked(&mut log, None, Some(3), Some(20), None), [99, 7]);
        assert_eq!(asked(&mut log, None, Some(3), Some(7), None), [99]);
        assert!(asked(&mut log, None, Some(3), Some(99), None).is_empty(), "nothing lies between neighbours");
        assert!(asked(&mut log, Some(7), None, None, Some(3)).is_empty(), "the wrong way round");
        assert_eq!(asked(&mut log, Some(3), Some(3), Some(20), Some(20)), [99, 7], "the narrower one of each");
    }
}

/// Section 8.7: timestamps need be neither unique nor ascending.
#[test]
fn time_filters_are_by_time_and_positions_by_order() {
    for mut log in Log::all() {
        let realm = realm(MUCH);
        for (seq, time) in (1..).zip([5, 3, 5, 4]) {
            let event = wharf::routing::KeptEvent { time: WallTime(time), ..event(seq, "com.a") };
            log.append(&[keep(&realm, seq, event, rule(10))]);
        }
        let at = |time| Some(WallTime(time));
        assert_eq!(log.ids(&Query { from_time: at(5), ..exact("com.a") }), [1, 3]);
        assert_eq!(log.ids(&Query { after_time: at(3), ..exact("com.a") }), [1, 3, 4]);
        assert_eq!(log.ids(&Query { before_time: at(5), ..exact("com.a") }), [2, 4]);
        assert_eq!(log.ids(&Query { until_time: at(3), ..exact("com.a") }), [2]);
        let both = Query { from_time: at(5), after_publication: Some(id(1)), ..exact("com.a") };
        assert_eq!(log.ids(&both), [3]);
    }
}
