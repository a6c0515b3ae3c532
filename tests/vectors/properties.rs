//! Laws for any value and any damage: transcoding there and back, and agreement with independent decoders.

use crate::data::{read, write};
use bytes::Bytes;
use proptest::prelude::*;
use serde::de::IgnoredAny;
use wharf::codec::{payload_args, Fidelity};
use wharf::wamp::message::Yield;
use wharf::wamp::options::ResultOptions;
use wharf::wamp::{Dict, InvocationId, Message, Payload, Serialization, Value};

fn text() -> impl Strategy<Value = String> {
    // A text that begins with U+0000 may be read back from JSON as a byte string, so none does.
    prop_oneof![".{0,40}", "[a-z]{0,12}", "[\\x01-\\x7f\"\\\\\u{80}-\u{10ffff}]{0,24}"]
        .prop_filter("U+0000", |text: &String| !text.starts_with('\0'))
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<u64>().prop_map(Value::Unsigned),
        (0_u32..64, any::<bool>()).prop_map(|(bit, below)| Value::Unsigned((1 << bit) - u64::from(below))),
        (i64::MIN..0).prop_map(Value::Negative),
        (0_u32..63, any::<bool>()).prop_map(|(bit, below)| Value::Negative((-1_i64 << bit) - i64::from(below))),
        any::<f64>()
            .prop_filter("JSON has none that is not finite", |number| number.is_finite())
            .prop_map(Value::Float),
        text().prop_map(Value::Text),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(5, 64, 20, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Value::List),
            prop::collection::vec((text(), inner), 0..20).prop_map(|entries| Value::Dict(unique(entries))),
        ]
    })
}

fn unique(entries: Dict) -> Dict {
    let mut dict = Dict::new();
    for (key, value) in entries {
        if dict.iter().all(|(other, _)| *other != key) {
            dict.push((key, value));
        }
    }
    dict
}

fn yielding(args: Vec<Value>) -> Message {
    Yield { request: InvocationId::FIRST, options: ResultOptions::default(), payload: Payload::args(args) }.into()
}

fn args(message: &Message) -> Vec<Value> {
    match message {
        Message::Yield(yielded) => payload_args(&yielded.payload).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Damage: the place, the octet to put there, and whether it replaces, is inserted, or the rest is cut off.
fn damaged(mut frame: Vec<u8>, damage: &[(prop::sample::Index, u8, u8)]) -> Bytes {
    for (place, octet, how) in damage {
        if frame.is_empty() {
            break;
        }
        let place = place.index(frame.len());
        match how % 4 {
            0 | 1 => frame[place] = *octet,
            2 => frame.insert(place, *octet),
            _ => {
                frame.remove(place);
            }
        }
    }
    frame.into()
}

fn damage() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, u8)>> {
    let octet = prop_oneof![any::<u8>(), prop::sample::select(b"[]{},:\"\\0-1eEu. \n".to_vec())];
    prop::collection::vec((any::<prop::sample::Index>(), octet, any::<u8>()), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// C7, R117: what every serialization can hold comes back as it was, by any road.
    #[test]
    fn values_survive_every_road_between_serializations(values in prop::collection::vec(value(), 1..6)) {
        for first in Serialization::ALL {
            let (frame, fidelity) = write(&yielding(values.clone()), first).unwrap();
            prop_assert_eq!(fidelity, Fidelity::Exact);
            let message = read(first, frame.clone()).unwrap();
            prop_assert_eq!(&args(&message), &values);
            for second in Serialization::ALL {
                let (there, _) = write(&message, second).unwrap();
                let there = read(second, there).unwrap();
                prop_assert_eq!(&args(&there), &values);
                prop_assert_eq!(&write(&there, first).unwrap().0, &frame);
            }
        }
    }

    /// The scanner accepts what serde_json accepts, and no more, but for the size of floats.
    #[test]
    fn json_is_accepted_as_by_serde_json(values in prop::collection::vec(value(), 0..4), damage in damage()) {
        // Nothing of the head is damaged, so only the payload decides.
        let (frame, _) = write(&yielding(vec![Value::List(values)]), Serialization::Json).unwrap();
        let (head, payload) = frame.split_at(9);
        let frame: Bytes = [head, &damaged(payload.to_vec(), &damage)].concat().into();
        let ours = read(Serialization::Json, frame.clone()).is_ok();
        let theirs = serde_json::from_slice::<serde_json::Value>(&frame);
        let expected = match &theirs {
            Ok(serde_json::Value::Array(elements)) => match elements.as_slice() {
                [_, _, _, args] => args.is_array(),
                [_, _, _, args, kwargs] => args.is_array() && kwargs.is_object(),
                elements => elements.len() == 3,
            },
            Ok(_) => false,
            Err(error) => ours && error.to_string().contains("number out of range"),
        };
        prop_assert_eq!(ours, expected, "{:?} {:?}", String::from_utf8_lossy(&frame), theirs);
    }

    /// What we accept, an independent decoder of MessagePack accepts.
    #[test]
    fn message_pack_that_we_accept_others_accept(values in prop::collection::vec(value(), 0..4), damage in damage()) {
        let (frame, _) = write(&yielding(values), Serialization::MessagePack).unwrap();
        let frame = damaged(frame, &damage);
        if read(Serialization::MessagePack, frame.clone()).is_ok() {
            prop_assert!(rmp_serde::from_slice::<IgnoredAny>(&frame).is_ok(), "{frame:x?}");
        }
    }

    /// What we accept, an independent decoder of CBOR accepts, but for the simple values that nobody has given a meaning.
    #[test]
    fn cbor_that_we_accept_others_accept(values in prop::collection::vec(value(), 0..4), damage in damage()) {
        let (frame, _) = write(&yielding(values), Serialization::Cbor).unwrap();
        let frame = damaged(frame, &damage);
        if read(Serialization::Cbor, frame.clone()).is_ok_and(|message| write(&message, Serialization::Json).is_ok()) {
            prop_assert!(cbor4ii::serde::from_slice::<IgnoredAny>(&frame).is_ok(), "{frame:x?}");
        }
    }

    /// Damage never makes anything panic, and what is still read can be written.
    #[test]
    fn damaged_messages_are_refused_or_read(
        values in prop::collection::vec(value(), 0..4),
        damage in damage(),
        serialization in prop::sample::select(Serialization::ALL.to_vec()),
    ) {
        let (frame, _) = write(&yielding(values), serialization).unwrap();
        for (_, body) in crate::corpora::bodies::TARGETS {
            body(&damaged(frame.clone(), &damage));
        }
    }
}
