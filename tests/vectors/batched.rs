//! Batched framing.

use bytes::Bytes;
use wharf::codec::batched::{BatchError, Batched};
use wharf::wamp::Serialization;

fn split(serialization: Serialization, batch: &[u8]) -> Result<Vec<Bytes>, BatchError> {
    Batched::new(serialization, 4).split(&Bytes::copy_from_slice(batch))
}

/// R111.
#[test]
fn what_is_framed_is_split_into_the_same_messages() {
    for serialization in Serialization::ALL {
        let mut batched = Batched::new(serialization, 4);
        let mut out = Vec::new();
        batched.append(b"[1]", &mut out);
        assert_eq!(out.len(), 3 + batched.overhead());
        let appended: Result<(), ()> = batched.append_with(&mut out, |out| {
            out.extend_from_slice(b"[2,3]");
            Ok(())
        });
        assert_eq!(appended, Ok(()));
        let failed: Result<(), &str> = batched.append_with(&mut out, |out| {
            out.push(0);
            Err("no")
        });
        assert_eq!(failed, Err("no"));
        assert_eq!(batched.split(&out.into()), Ok(vec![Bytes::from("[1]"), Bytes::from("[2,3]")]));
    }
}

/// R111, D57.
#[test]
fn an_empty_or_cut_batch_fails() {
    for serialization in Serialization::ALL {
        assert_eq!(split(serialization, b""), Err(BatchError::Empty));
    }
    assert_eq!(split(Serialization::Json, b"[1]\x1e[2]"), Err(BatchError::Truncated));
    assert_eq!(split(Serialization::Json, b"[1]"), Err(BatchError::Truncated));
    for cut in [&b"\0\0\0\x02a"[..], b"\0\0\0\x01ab", b"\0\0\0\x01a\0\0\0", b"\xff\xff\xff\xff", b"\0"] {
        assert_eq!(split(Serialization::Cbor, cut), Err(BatchError::Truncated), "{cut:x?}");
    }
}

#[test]
fn a_batch_holds_a_bounded_number_of_messages() {
    assert_eq!(split(Serialization::Json, &b"1\x1e".repeat(4)).unwrap().len(), 4);
    assert_eq!(split(Serialization::Json, &b"1\x1e".repeat(5)), Err(BatchError::TooMany { limit: 4 }));
    assert_eq!(split(Serialization::MessagePack, &[0; 20]), Err(BatchError::TooMany { limit: 4 }));
}

/// D24: 0x1e is sent, 0x18 accepted, and mirrored once it was seen.
#[test]
fn the_separator_of_autobahn_is_mirrored() {
    let mut batched = Batched::new(Serialization::Json, 4);
    let framed = |batched: &Batched| {
        let mut out = Vec::new();
        batched.append(b"[]", &mut out);
        out
    };
    assert!(batched.split(&Bytes::from_static(b"1\x1e2\x1e")).is_ok());
    assert_eq!(framed(&batched), b"[]\x1e");
    assert_eq!(batched.split(&Bytes::from_static(b"1\x182\x18")).map(|messages| messages.len()), Ok(2));
    assert_eq!(framed(&batched), b"[]\x18");
    assert!(batched.split(&Bytes::from_static(b"1\x1e")).is_ok());
    assert_eq!(framed(&batched), b"[]\x18");
}
