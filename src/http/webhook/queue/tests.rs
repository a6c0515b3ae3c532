//! The laws of the queue, on a clock of the test's own.

use super::*;
use proptest::prelude::*;

const BOUNDS: Bounds = Bounds { queue_max: 3, concurrency: 2, attempts: 3 };

fn delivery(id: &str) -> Delivery {
    let (topic, body) = ("com.a".to_owned(), Bytes::from_static(b"{}"));
    Delivery { id: id.to_owned(), topic, body, trace: None, since: 0, attempts: 0, last: None }
}

fn last(at: u64) -> Last {
    Last { at, status: Some(500), text: String::new() }
}

fn with(bounds: Bounds, ids: &[&str]) -> Queue {
    let mut queue = Queue::new(bounds);
    for id in ids {
        queue.add(0, delivery(id));
    }
    queue
}

/// Takes the next one, and gives it this outcome.
fn attempt(queue: &mut Queue, now: u64, outcome: Outcome) -> Option<Fate> {
    let (number, _) = queue.take(now)?;
    queue.answered(now, number, outcome, last(now), 0.0)
}

fn dead(queue: &Queue) -> Vec<&str> {
    queue.dead().map(|delivery| delivery.id.as_str()).collect()
}

/// Section 12.1.
#[test]
fn a_delivery_is_tried_on_schedule_until_no_attempt_is_left() {
    let mut queue = with(BOUNDS, &["a"]);
    assert_eq!(attempt(&mut queue, 0, Outcome::Failed), Some(Fate::Again));
    assert_eq!(queue.next_due(), Some(5_000));
    assert_eq!(attempt(&mut queue, 4_999, Outcome::Failed), None);
    assert_eq!(attempt(&mut queue, 5_000, Outcome::Failed), Some(Fate::Again));
    assert_eq!(queue.next_due(), Some(305_000));
    assert_eq!(attempt(&mut queue, 305_000, Outcome::Failed), Some(Fate::Dead));
    assert_eq!((dead(&queue), queue.len(), queue.next_due()), (vec!["a"], 0, None));
    assert_eq!(queue.dead().map(|delivery| delivery.attempts).collect::<Vec<_>>(), [3]);
    assert_eq!(queue.send_again(400_000, Some("b")), 0);
    assert_eq!(queue.send_again(400_000, Some("a")), 1);
    assert_eq!(attempt(&mut queue, 400_000, Outcome::Done), Some(Fate::Delivered));
    assert_eq!((queue.len(), queue.octets, queue.dead_octets), (0, 0, 0));
}

#[test]
fn no_more_are_under_way_than_may_be() {
    let mut queue = with(BOUNDS, &["a", "b", "c"]);
    let (first, _) = queue.take(0).unwrap();
    assert!(queue.take(0).is_some());
    assert_eq!((queue.take(0), queue.next_due()), (None, None));
    queue.answered(0, first, Outcome::Done, last(0), 0.0);
    assert_eq!(queue.take(0).unwrap().1.id, "c");
}

#[test]
fn with_one_at_a_time_the_order_is_kept_and_all_wait_for_the_one_that_fails() {
    let mut queue = with(Bounds { concurrency: 1, ..BOUNDS }, &["a", "b"]);
    assert_eq!(attempt(&mut queue, 0, Outcome::Failed), Some(Fate::Again));
    assert_eq!(queue.take(4_999), None);
    assert_eq!(queue.take(5_000).unwrap().1.id, "a");
    let mut queue = with(BOUNDS, &["a", "b"]);
    assert_eq!(attempt(&mut queue, 0, Outcome::Failed), Some(Fate::Again));
    assert_eq!(queue.take(0).unwrap().1.id, "b", "with more, the others go on");
}

/// Section 12.1: over the bound the oldest waiting delivery is given up.
#[test]
fn a_full_queue_gives_the_oldest_up() {
    let mut queue = with(BOUNDS, &["a", "b", "c"]);
    assert_eq!(queue.add(0, delivery("d")), 1);
    assert_eq!((dead(&queue), queue.len()), (vec!["a"], 3));
    assert_eq!(queue.use_bounds(Bounds { queue_max: 1, ..BOUNDS }), 2);
    assert_eq!(dead(&queue), ["a", "b", "c"]);
    let mut queue = Queue::new(Bounds { queue_max: 1000, ..BOUNDS });
    for _ in 0..5 {
        queue.add(0, Delivery { body: vec![b'x'; OCTETS_MAX / 4].into(), ..delivery("large") });
    }
    assert_eq!((queue.len(), queue.octets), (4, OCTETS_MAX));
    assert!(queue.dead_octets <= DEAD_OCTETS_MAX, "and what was given up has its own bound");
}

#[test]
fn of_what_was_given_up_the_newest_are_kept() {
    let mut queue = with(Bounds { queue_max: 0, ..BOUNDS }, &[]);
    for number in 0..DEAD_MAX + 5 {
        queue.add(0, delivery(&number.to_string()));
    }
    assert_eq!((queue.dead().count(), queue.dead().next().unwrap().id.as_str()), (DEAD_MAX, "5"));
}

#[test]
fn what_somebody_switches_off_sends_nothing_until_it_is_switched_on() {
    let mut queue = with(BOUNDS, &["a", "b"]);
    let (number, under_way) = queue.take(0).unwrap();
    queue.switch_off();
    assert_eq!((queue.is_off(), queue.take(u64::MAX), queue.next_due()), (true, None, None));
    assert_eq!(under_way.id, "a");
    assert_eq!(queue.answered(1, number, Outcome::Done, last(1), 0.0), Some(Fate::Delivered));
    queue.switch_on(5);
    assert_eq!(queue.take(5).unwrap().1.id, "b");
}

/// Section 12.1.
#[test]
fn a_410_switches_off_until_somebody_switches_on() {
    let mut queue = with(BOUNDS, &["a", "b"]);
    assert_eq!(attempt(&mut queue, 0, Outcome::of(410, None)), Some(Fate::Again));
    assert!(queue.is_off());
    assert_eq!((queue.take(u64::MAX), queue.next_due(), queue.len()), (None, None, 2));
    queue.add(1, delivery("c"));
    queue.switch_on(5);
    assert_eq!(queue.take(5).unwrap().1.id, "a");
}

/// Section 12.1.
#[test]
fn an_endpoint_that_is_overloaded_is_left_alone_and_then_asked_one_by_one() {
    let mut queue = with(BOUNDS, &["a", "b", "c"]);
    let wish = Some(Duration::from_secs(30));
    assert_eq!(attempt(&mut queue, 0, Outcome::of(503, wish)), Some(Fate::Again));
    assert_eq!((queue.take(29_999), queue.next_due()), (None, Some(30_000)));
    let (number, _) = queue.take(30_000).unwrap();
    assert_eq!((queue.take(30_000), queue.next_due()), (None, None));
    queue.answered(30_000, number, Outcome::of(429, None), last(0), 0.0);
    assert_eq!(queue.next_due(), Some(90_000), "twice as long, a minute at most");
    let (number, _) = queue.take(90_000).unwrap();
    queue.answered(90_000, number, Outcome::Done, last(0), 0.0);
    assert!(queue.take(90_000).is_some() && queue.pace.is_none());
}

#[test]
fn statuses_mean_what_the_design_says() {
    for (status, expected) in [
        (200, Outcome::Done),
        (204, Outcome::Done),
        (302, Outcome::Failed),
        (400, Outcome::Failed),
        (410, Outcome::Gone),
        (429, Outcome::Slow(None)),
        (500, Outcome::Failed),
        (502, Outcome::Slow(None)),
        (503, Outcome::Slow(None)),
        (504, Outcome::Slow(None)),
    ] {
        assert_eq!(Outcome::of(status, None), expected, "{status}");
    }
}

#[test]
fn what_is_written_down_comes_back_as_it_was() {
    let mut queue = with(BOUNDS, &["a", "b", "c", "d"]);
    attempt(&mut queue, 0, Outcome::Failed);
    queue.take(0);
    let mut again = Queue::new(BOUNDS);
    attempt(&mut queue, 0, Outcome::Gone);
    for (number, kept) in changed(&mut queue) {
        match kept {
            Some(Written::Waiting(due, delivery)) => again.restore(number, Some(due), delivery),
            Some(Written::Dead(delivery)) => again.restore(number, None, delivery),
            Some(Written::Off) => again.restore_off(),
            None => {}
        }
    }
    assert_eq!((again.len(), again.octets, dead(&again), again.is_off()), (3, 6, vec!["a"], true));
    assert!(changed(&mut again).is_empty(), "it is written down already");
    again.switch_on(0);
    again.add(0, delivery("e"));
    let numbers: Vec<Number> = changed(&mut again).into_keys().collect();
    assert_eq!((numbers.first(), numbers.last()), (Some(&Number::STATE), Some(&Number(5))));
    again.give_up(Number(9));
    assert_eq!(
        changed(&mut again),
        BTreeMap::from([(Number(9), None)]),
        "what cannot be read goes, its number with it"
    );
    again.add(0, delivery("f"));
    assert_eq!(changed(&mut again).into_keys().last(), Some(Number(10)));
}

/// However much comes and goes while nobody writes.
#[test]
fn what_was_never_written_down_and_is_gone_is_not_written_down() {
    let mut queue = with(BOUNDS, &[]);
    for _ in 0..10 {
        queue.add(0, delivery("a"));
        attempt(&mut queue, 0, Outcome::Done);
    }
    assert_eq!(changed(&mut queue), BTreeMap::new());
    queue.add(0, delivery("b"));
    assert_eq!(changed(&mut queue).len(), 1);
    attempt(&mut queue, 0, Outcome::Done);
    let gone = Number(11);
    assert_eq!(changed(&mut queue), BTreeMap::from([(gone, None)]));
    queue.changed_again([gone]);
    assert_eq!(changed(&mut queue), BTreeMap::from([(gone, None)]), "writing that failed is tried again");
    queue.erased([gone]);
    assert_eq!(changed(&mut queue), BTreeMap::new());
}

/// What is written down under a number.
#[derive(Clone, PartialEq, Debug)]
enum Written {
    Waiting(u64, Delivery),
    Dead(Delivery),
    Off,
}

/// Everything that is to be written down.
fn changed(queue: &mut Queue) -> BTreeMap<Number, Option<Written>> {
    let mut changed = BTreeMap::new();
    while let Some(number) = queue.next_changed() {
        let written = match queue.kept(number) {
            Kept::Waiting { due, delivery } => Some(Written::Waiting(due, delivery.clone())),
            Kept::Dead(delivery) => Some(Written::Dead(delivery.clone())),
            Kept::Off => Some(Written::Off),
            Kept::Nothing => None,
        };
        changed.insert(number, written);
    }
    changed
}

#[derive(Clone, Debug)]
enum Act {
    Add,
    Take,
    Answer(Outcome),
    Again,
    Switch,
    Time(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let outcome =
        prop_oneof![Just(Outcome::Done), Just(Outcome::Failed), Just(Outcome::Slow(None)), Just(Outcome::Gone)];
    prop_oneof![
        3 => Just(Act::Add),
        4 => Just(Act::Take),
        4 => outcome.prop_map(Act::Answer),
        1 => Just(Act::Again),
        1 => Just(Act::Switch),
        2 => (0..100_000u64).prop_map(Act::Time),
    ]
}

proptest! {
    /// Whatever the order: every delivery is in one place, the bounds hold, and what is written down is what is there.
    #[test]
    fn no_delivery_is_lost_or_doubled(acts in proptest::collection::vec(act(), 1..200)) {
        let mut queue = Queue::new(BOUNDS);
        let (mut now, mut added, mut delivered) = (0, 0usize, 0usize);
        let mut under_way = VecDeque::new();
        let mut written = BTreeMap::new();
        for act in acts {
            match act {
                Act::Add => {
                    added += 1;
                    queue.add(now, delivery(&added.to_string()));
                }
                Act::Take => under_way.extend(queue.take(now).map(|(number, _)| number)),
                Act::Answer(outcome) => if let Some(number) = under_way.pop_front() {
                    let fate = queue.answered(now, number, outcome, last(now), 0.5);
                    delivered += usize::from(fate == Some(Fate::Delivered));
                },
                Act::Again => { queue.send_again(now, None); }
                Act::Switch => queue.switch_on(now),
                Act::Time(time) => now += time,
            }
            prop_assert_eq!(queue.len() + queue.dead().count() + delivered, added);
            prop_assert!(queue.under_way.len() <= BOUNDS.concurrency);
            prop_assert!(queue.waiting.len() <= BOUNDS.queue_max + BOUNDS.concurrency);
            prop_assert_eq!(queue.dues.len(), queue.waiting.len());
            for (number, kept) in changed(&mut queue) {
                match kept {
                    None => { written.remove(&number); queue.erased([number]); }
                    Some(kept) => { written.insert(number, kept); }
                }
            }
            let is_off = usize::from(written.contains_key(&Number::STATE));
            prop_assert_eq!(is_off == 1, queue.is_off());
            prop_assert_eq!(written.len() - is_off, queue.len() + queue.dead().count());
        }
    }
}
