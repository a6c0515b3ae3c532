//! The lane between a session and the HTTP side.

use super::lane::TAKEN_MAX;
use super::*;
use crate::actors::lengths::LENGTH;
use std::task::Waker;

fn framed(messages: &[&str]) -> Vec<u8> {
    let mut octets = Vec::new();
    for message in messages {
        octets.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
        octets.extend_from_slice(message.as_bytes());
    }
    octets
}

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn written(lane: &mut Lane, octets: &[u8]) -> Option<usize> {
    match lane.poll_write(&mut cx(), octets) {
        Poll::Ready(taken) => Some(taken.unwrap()),
        Poll::Pending => None,
    }
}

fn text(lane: &mut Lane) -> Option<String> {
    match lane.poll_read(&mut cx()) {
        Poll::Ready(octets) => octets.map(|octets| String::from_utf8(octets.to_vec()).unwrap()),
        Poll::Pending => None,
    }
}

/// What is not read stays in the session's outbox.
#[test]
fn a_lane_takes_more_only_when_all_that_it_had_taken_is_read() {
    let mut lane = Lane::default();
    let octets = framed(&["[36,1]", "[36,2]"]);
    assert_eq!(written(&mut lane, &octets), Some(octets.len()));
    assert_eq!(written(&mut lane, &framed(&["[36,3]"])), None);
    assert_eq!(text(&mut lane).as_deref(), Some("[36,1]"));
    assert_eq!(written(&mut lane, &framed(&["[36,3]"])), None);
    assert_eq!(text(&mut lane).as_deref(), Some("[36,2]"));
    assert!(written(&mut lane, &framed(&["[36,3]"])).is_some());
    assert_eq!(text(&mut lane).as_deref(), Some("[36,3]"));
    assert_eq!(text(&mut lane), None);
}

#[test]
fn a_lane_takes_whole_messages_up_to_its_bound_or_one_that_is_longer() {
    let long = format!("[36,\"{}\"]", "x".repeat(2 * TAKEN_MAX));
    let mut lane = Lane::default();
    let octets = framed(&["[36,1]", &long]);
    assert_eq!(written(&mut lane, &octets), Some(LENGTH + 6));
    assert_eq!(text(&mut lane).as_deref(), Some("[36,1]"));
    assert_eq!(written(&mut lane, &octets[LENGTH + 6..]), Some(LENGTH + long.len()));
    assert_eq!(text(&mut lane), Some(long));
}

/// A session that was ended is not kept by a reader that does not read.
#[test]
fn a_goodbye_closes_the_sessions_end_before_it_is_read() {
    let mut lane = Lane::default();
    let goodbye = r#"[6,{"message":"enough"},"com.out"]"#;
    let octets = framed(&["[36,1]", goodbye, "[36,2]"]);
    assert_eq!(written(&mut lane, &octets), Some(octets.len() - LENGTH - 6));
    assert_eq!(lane.leaving, Leaving::Wanted);
    // What follows is thrown away, so that the session is never held up.
    assert_eq!(written(&mut lane, &framed(&["[36,2]"])), Some(LENGTH + 6));
    assert_eq!(text(&mut lane).as_deref(), Some("[36,1]"));
    let ended = read(&Bytes::from(text(&mut lane).unwrap())).unwrap_err();
    assert_eq!(ended, Ended { reason: "com.out".to_owned(), detail: "enough".to_owned() });
    lane.is_over = true;
    assert!(matches!(lane.poll_read(&mut cx()), Poll::Ready(None)));
}

/// S1: a reader that was cut hears why when it reads again.
#[test]
fn the_last_words_fit_into_a_lane_that_is_full() {
    let mut lane = Lane::default();
    let abort = r#"[3,{},"wharf.error.slow_consumer"]"#;
    assert!(written(&mut lane, &framed(&["[36,1]"])).is_some());
    assert_eq!(written(&mut lane, &framed(&["[36,2]"])), None);
    let octets = framed(&["[36,2]", abort]);
    assert_eq!(written(&mut lane, &octets), Some(octets.len()));
    let heard: Vec<String> = std::iter::from_fn(|| text(&mut lane)).collect();
    assert_eq!(heard, ["[36,1]", "[36,2]", abort]);
}

#[test]
fn streams_are_counted_up_to_their_bound() {
    let streams = Streams::default();
    streams.set_max(1);
    let one = streams.count().unwrap();
    assert_eq!(streams.count().unwrap_err().reason, ErrorUri::OVERLOADED.as_str());
    drop(one);
    assert_eq!(streams.open(), 0);
    assert!(streams.count().is_ok());
}

impl Own {
    /// One without a session that hears these messages, in JSON.
    pub(in crate::http) fn hearing(messages: &[&str]) -> Self {
        let mut lane = Lane::default();
        assert!(written(&mut lane, &framed(messages)).is_some());
        Self { lane: Rc::new(RefCell::new(lane)), session: SessionId::wrapping(1), last: None }
    }
}
