//! Whole floats where integers are due: JavaScript's MessagePack and CBOR libraries write integers beyond 32 bits so.

use bytes::Bytes;
use wharf::codec::{decode, Limits};
use wharf::wamp::message::Unsubscribe;
use wharf::wamp::{Message, RequestId, Serialization, SubscriptionId};

const BEYOND_32_BITS: u64 = (1 << 32) + 5;

/// UNSUBSCRIBE of this subscription, whose id is written as a 64-bit float.
fn unsubscribe(serialization: Serialization, subscription: f64) -> Option<Message> {
    let mut octets = match serialization {
        Serialization::Json => {
            return decode(serialization, &format!("[34,1,{subscription:?}]").into(), &Limits::default()).ok()
        }
        Serialization::MessagePack => vec![0x93, 34, 1, 0xcb],
        Serialization::Cbor => vec![0x83, 0x18, 34, 1, 0xfb],
    };
    octets.extend_from_slice(&subscription.to_be_bytes());
    decode(serialization, &Bytes::from(octets), &Limits::default()).ok()
}

/// Decision 5 of the project.
#[test]
fn a_whole_float_beyond_32_bits_is_an_id_in_the_binary_serializations() {
    let subscription = SubscriptionId::new(BEYOND_32_BITS).unwrap();
    let expected = Message::from(Unsubscribe { request: RequestId::FIRST, subscription });
    for serialization in [Serialization::MessagePack, Serialization::Cbor] {
        assert_eq!(unsubscribe(serialization, BEYOND_32_BITS as f64), Some(expected.clone()));
        for no_id in [1.0, 0.5 + BEYOND_32_BITS as f64, -(BEYOND_32_BITS as f64), 1e17, f64::NAN, f64::INFINITY] {
            assert_eq!(unsubscribe(serialization, no_id), None, "{no_id}");
        }
    }
}

/// D50.
#[test]
fn a_whole_float_is_no_id_in_json() {
    assert_eq!(unsubscribe(Serialization::Json, 1.0), None);
    assert_eq!(unsubscribe(Serialization::Json, BEYOND_32_BITS as f64), None);
}
