//! The bounds of an outbox, and each policy at them.

use super::*;

fn outbox(bytes_max: usize, messages_max: usize, on_overflow: OnOverflow) -> Outbox {
    Outbox::new(OutboxSettings { bytes_max, messages_max, on_overflow, ..OutboxSettings::default() })
}

fn stage(outbox: &mut Outbox, octets: &[u8]) -> bool {
    let Some(stage) = outbox.stage() else { return false };
    stage.extend_from_slice(octets);
    outbox.staged();
    true
}

fn event(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// Everything that leaves, in writes of at most `size` octets.
fn drain(outbox: &mut Outbox, size: usize) -> String {
    let mut all = Vec::new();
    loop {
        let octets = outbox.next(|out, encoded| out.extend_from_slice(encoded));
        if octets.is_empty() {
            return String::from_utf8(all).unwrap();
        }
        let taken = octets.len().min(size);
        all.extend_from_slice(&octets[..taken]);
        outbox.advance(taken);
    }
}

/// One write of at most so many octets. Gives back how many were offered.
fn write(outbox: &mut Outbox, max: usize) -> usize {
    let octets = outbox.next(|out, encoded| out.extend_from_slice(encoded)).len();
    outbox.advance(octets.min(max));
    octets
}

/// Fills the first stage, so that further messages queue.
fn filled(bytes_max: usize, messages_max: usize, on_overflow: OnOverflow) -> Outbox {
    let mut outbox = outbox(bytes_max, messages_max, on_overflow);
    assert!(stage(&mut outbox, &vec![b'.'; STAGE_SOFT_MAX]));
    assert!(outbox.stage().is_none());
    outbox
}

fn drained(outbox: &mut Outbox) -> String {
    drain(outbox, 1 << 20).trim_start_matches('.').to_owned()
}

#[test]
fn messages_leave_in_the_order_in_which_they_were_put_in_whatever_the_writes() {
    for size in [1, 3, 1 << 20] {
        let mut outbox = filled(1 << 20, 100, OnOverflow::Disconnect);
        assert_eq!(outbox.push(Class::Event, event("one ")), Pushed::Taken);
        assert!(!stage(&mut outbox, b"overtakes"), "what queues may not be overtaken");
        assert_eq!(outbox.push(Class::Answer, event("two")), Pushed::Taken);
        assert_eq!(drain(&mut outbox, size).trim_start_matches('.'), "one two");
        assert!(outbox.is_empty());
        assert_eq!((outbox.bytes(), outbox.messages()), (0, 0));
    }
}

/// S1.
#[test]
fn a_full_outbox_cuts_the_session_by_default() {
    let mut outbox = filled(1 << 20, 3, OnOverflow::Disconnect);
    assert_eq!(outbox.push(Class::Event, event("a")), Pushed::Taken);
    assert_eq!(outbox.push(Class::Event, event("b")), Pushed::Taken);
    assert_eq!(outbox.push(Class::Event, event("c")), Pushed::Full);
}

/// Section 3 of the limits: drop_oldest.
#[test]
fn drop_oldest_makes_room_for_the_newest_and_counts_what_is_missed() {
    let mut outbox = filled(1 << 20, 3, OnOverflow::DropOldest);
    for text in ["a", "b"] {
        outbox.push(Class::Event, event(text));
    }
    assert_eq!(outbox.push(Class::Event, event("c")), Pushed::Dropped(1));
    assert_eq!(outbox.missed(), 1);
    assert_eq!(drained(&mut outbox), "bc");
}

/// Section 3 of the limits: drop_newest.
#[test]
fn drop_newest_keeps_an_unbroken_beginning() {
    let mut outbox = filled(1 << 20, 3, OnOverflow::DropNewest);
    for text in ["a", "b"] {
        outbox.push(Class::Event, event(text));
    }
    assert_eq!(outbox.push(Class::Event, event("c")), Pushed::Dropped(1));
    assert_eq!(drained(&mut outbox), "ab");
}

/// Section 3 of the limits: there is no silent loss of an answer.
#[test]
fn answers_push_events_out_but_are_never_dropped_themselves() {
    for policy in [OnOverflow::DropOldest, OnOverflow::DropNewest] {
        let mut outbox = filled(1 << 20, 3, policy);
        outbox.push(Class::Answer, event("A"));
        outbox.push(Class::Event, event("e"));
        assert_eq!(outbox.push(Class::Answer, event("B")), Pushed::Dropped(1));
        assert_eq!(outbox.push(Class::Answer, event("C")), Pushed::Full);
        assert_eq!(drained(&mut outbox), "AB");
    }
}

/// Section 3 of the limits: the reserve.
#[test]
fn what_ends_something_still_fits_when_nothing_else_does() {
    let mut outbox = filled(1 << 20, 2, OnOverflow::Disconnect);
    outbox.push(Class::Answer, event("A"));
    assert_eq!(outbox.push(Class::Answer, event("B")), Pushed::Full);
    assert_eq!(outbox.push(Class::Ending, event("ABORT")), Pushed::Taken);
}

#[test]
fn octets_held_never_exceed_the_bound() {
    let mut outbox = outbox(200_000, 1_000_000, OnOverflow::DropOldest);
    for _ in 0..1000 {
        if !stage(&mut outbox, &[0; 999]) {
            outbox.push(Class::Event, Bytes::from(vec![0; 999]));
        }
        assert!(outbox.bytes() <= 200_000, "{}", outbox.bytes());
    }
}

/// S4.
#[test]
fn input_pauses_at_half_and_resumes_at_a_quarter() {
    let mut outbox = filled(1 << 20, 8, OnOverflow::Disconnect);
    for _ in 0..3 {
        outbox.push(Class::Answer, event("x"));
    }
    assert!(!outbox.is_above_pause_mark());
    outbox.push(Class::Answer, event("x"));
    assert!(outbox.is_above_pause_mark());
    assert!(!outbox.is_below_resume_mark());
    drained(&mut outbox);
    assert!(outbox.is_below_resume_mark());
}

#[test]
fn an_idle_outbox_holds_no_buffer() {
    let mut outbox = outbox(1 << 20, 8, OnOverflow::Disconnect);
    stage(&mut outbox, b"x");
    drained(&mut outbox);
    outbox.release();
    assert_eq!(outbox.staged.capacity(), 0);
}

/// U3: what waits for a socket that takes nothing more is not copied; one that goes on is given more and more again.
#[test]
fn a_socket_that_refuses_is_given_one_message_and_then_more_with_each_buffer_that_it_takes() {
    let mut outbox = filled(1 << 20, 1000, OnOverflow::Disconnect);
    for _ in 0..100 {
        outbox.push_shared(Bytes::from(vec![b'e'; 8 << 10]));
    }
    outbox.block();
    assert_eq!(write(&mut outbox, usize::MAX), 64 << 10, "what was in the buffer already");
    let sizes: Vec<usize> = (0..6).map(|_| write(&mut outbox, usize::MAX) >> 10).collect();
    assert_eq!(sizes, [8, 8, 16, 32, 64, 64]);
    // It takes 100 octets of 64 KiB, and is left with the rest of one message.
    assert_eq!(write(&mut outbox, 100), 64 << 10);
    outbox.block();
    assert_eq!((outbox.staged.len(), outbox.staged.capacity()), ((8 << 10) - 100, (8 << 10) - 100));
    let sizes: Vec<usize> = (0..3).map(|_| write(&mut outbox, usize::MAX)).collect();
    assert_eq!(sizes, [(8 << 10) - 100, 8 << 10, 8 << 10]);
}

/// U3: and what was copied already goes back to where it is shared, but for what has begun to leave.
#[test]
fn what_a_socket_refuses_waits_uncopied_and_leaves_in_order() {
    for taken in [0, 1, 999, 1000, 1001, 4500] {
        let mut outbox = outbox(1 << 20, 1000, OnOverflow::Disconnect);
        let mut all = String::new();
        for number in 0..60 {
            // Small ones among them, which are not taken back.
            let event = format!("{number:.>width$}", width = if number % 20 == 0 { 10 } else { 1000 });
            all.push_str(&event);
            outbox.push_shared(event.into());
        }
        let mut left = String::new();
        for _ in 0..8 {
            let octets = outbox.next(|out, encoded| out.extend_from_slice(encoded));
            let octets = &octets[..octets.len().min(taken)];
            left.push_str(std::str::from_utf8(octets).unwrap());
            let count = octets.len();
            outbox.advance(count);
            let (bytes, messages) = (outbox.bytes(), outbox.messages());
            outbox.block();
            assert_eq!((outbox.bytes(), outbox.messages()), (bytes, messages));
        }
        left.push_str(&drain(&mut outbox, 1 << 20));
        assert!(left == all, "order and octets are kept where {taken} are taken at a time");
        assert_eq!((outbox.bytes(), outbox.messages()), (0, 0));
    }
}

/// U3: what is put in meanwhile is not lost behind what goes back.
#[test]
fn a_message_behind_what_was_copied_stays_there() {
    let mut outbox = outbox(1 << 20, 1000, OnOverflow::Disconnect);
    for event in ["a", "b"] {
        outbox.push_shared(event.repeat(1000).into());
    }
    assert_eq!(write(&mut outbox, 1), 2000);
    assert!(stage(&mut outbox, b"last"));
    outbox.block();
    assert_eq!(drained(&mut outbox), "a".repeat(999) + &"b".repeat(1000) + "last");
}

/// U3: what is large is not copied before the socket was asked at all.
#[test]
fn large_events_queue_and_small_ones_are_copied() {
    let mut outbox = outbox(1 << 20, 1000, OnOverflow::Disconnect);
    assert!(outbox.stage_for_event(WORTH_SHARING).is_none());
    assert!(outbox.stage_for_event(WORTH_SHARING - 1).is_some());
    outbox.block();
    assert!(outbox.stage_for_event(1).is_none());
}

/// S3: only half of the bounds holds while the node is short of memory.
#[test]
fn a_halved_outbox_is_full_at_half_of_its_bounds() {
    let mut outbox = filled(1 << 20, 6, OnOverflow::Disconnect);
    outbox.set_halved(true);
    assert_eq!(outbox.push(Class::Event, event("a")), Pushed::Taken);
    assert_eq!(outbox.push(Class::Event, event("b")), Pushed::Taken);
    assert_eq!(outbox.push(Class::Event, event("c")), Pushed::Full);
    outbox.set_halved(false);
    assert_eq!(outbox.push(Class::Event, event("c")), Pushed::Taken);
}
