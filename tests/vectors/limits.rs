//! C1 to C3: nesting, lying lengths, amplification.

use crate::data::{read, read_json};
use bytes::Bytes;
use std::process::Command;
use std::time::{Duration, Instant};
use wharf::codec::{decode, DecodeError, Fault, Limits};
use wharf::wamp::options::{DICT_KEYS_MAX, LIST_ENTRIES_MAX};
use wharf::wamp::{Message, Serialization};

const TOO_DEEP: DecodeError = DecodeError::Malformed(Fault::TooDeep { limit: 126 });

/// A PUBLISH whose Arguments are so many lists inside each other, in every form that a list may have.
fn nested(levels: usize) -> Vec<(Serialization, Vec<u8>)> {
    let around = |head: &[u8], open: &[u8], inner: &[u8], close: &[u8], end: &[u8]| {
        [head, &open.repeat(levels - 1), inner, &close.repeat(levels - 1), end].concat()
    };
    let cbor_head: &[u8] = b"\x85\x10\x01\xa0\x61a";
    vec![
        (Serialization::Json, around(b"[16,1,{},\"a\",", b"[", b"[]", b"]", b"]")),
        (Serialization::Json, around(b"[16,1,{},\"a\",[", b"{\"a\":", b"{}", b"}", b"]]")),
        (Serialization::MessagePack, around(b"\x95\x10\x01\x80\xa1a", b"\x91", b"\x90", b"", b"")),
        (Serialization::MessagePack, around(b"\x95\x10\x01\x80\xa1a\x91", b"\x81\xa1k", b"\x80", b"", b"")),
        (Serialization::Cbor, around(cbor_head, b"\x81", b"\x80", b"", b"")),
        (Serialization::Cbor, around(cbor_head, b"\x9f", b"\x9f\xff", b"\xff", b"")),
        (Serialization::Cbor, around(&[cbor_head, b"\x81"].concat(), b"\xc1", b"\x80", b"", b"")),
        (Serialization::Cbor, around(&[cbor_head, b"\x81"].concat(), b"\xbf\x61k", b"\x80", b"\xff", b"")),
    ]
}

/// C1: a message is one level and its Arguments the next, so 126 levels of Arguments make 127.
#[test]
fn a_message_of_128_levels_is_refused_and_one_of_127_read() {
    for (serialization, bytes) in nested(125) {
        assert!(read(serialization, bytes).is_ok(), "{serialization:?}");
    }
    for (index, (serialization, bytes)) in nested(127).into_iter().enumerate() {
        assert_eq!(read(serialization, bytes), Err(TOO_DEEP), "{serialization:?} {index}");
    }
    let plain =
        |levels: usize| [b"[16,1,{},\"a\",".to_vec(), b"[".repeat(levels), b"]".repeat(levels), b"]".to_vec()].concat();
    assert!(read(Serialization::Json, plain(126)).is_ok());
    assert_eq!(read(Serialization::Json, plain(127)), Err(TOO_DEEP));
}

/// C1: the stack of a test thread is 2 MiB, so recursion would end the process.
#[test]
fn a_million_levels_are_refused_quickly_and_without_recursion() {
    let mut all = nested(100_000);
    for octet in [b'[', 0x91, 0x81, 0x9f, 0xc1, 0xbf] {
        for serialization in Serialization::ALL {
            all.push((serialization, vec![octet; 1_000_000]));
            let head: &[u8] = match serialization {
                Serialization::Json => b"[16,1,{\"x\":",
                Serialization::MessagePack => b"\x95\x10\x01\x81\xa1x",
                Serialization::Cbor => b"\x85\x10\x01\xa1\x61x",
            };
            all.push((serialization, [head, &[octet; 1_000_000]].concat()));
        }
    }
    for (serialization, bytes) in all {
        let bytes = Bytes::from(bytes);
        // The best of a few, so that a busy machine does not fail the test.
        let quickest = (0..8).map(|_| {
            let start = Instant::now();
            assert!(read(serialization, bytes.clone()).is_err());
            start.elapsed()
        });
        assert!(quickest.min() < Some(Duration::from_millis(50)), "{serialization:?}");
    }
}

/// Section 6: 32 levels in the message's own dicts, the dict itself counted.
#[test]
fn options_nested_deeper_than_32_levels_are_refused() {
    let json = |inner: usize| format!("[16,1,{{\"x\":{}{}}},\"a\"]", "[".repeat(inner), "]".repeat(inner));
    assert!(read_json(&json(31)).is_ok());
    assert_eq!(read_json(&json(32)), Err(DecodeError::Malformed(Fault::TooDeep { limit: 32 })));
    let extra = |inner: usize| format!("[5,\"s\",{{\"x\":{}{}}}]", "[".repeat(inner), "]".repeat(inner));
    assert!(read_json(&extra(31)).is_ok());
    assert_eq!(read_json(&extra(32)), Err(DecodeError::Malformed(Fault::TooDeep { limit: 32 })));
}

#[test]
fn the_limits_are_the_callers() {
    let limits = Limits { depth_max: 4, dict_depth_max: 1 };
    let read = |json: &'static str| decode(Serialization::Json, &json.into(), &limits);
    assert!(read("[16,1,{\"x\":1},\"a\",[[]]]").is_ok());
    assert!(read("[16,1,{},\"a\",[[[]]]]").is_err());
    assert!(read("[16,1,{\"x\":[]},\"a\"]").is_err());
    assert!(read("[16,1,{},\"a\",[],{\"k\":[]}]").is_ok());
    assert!(read("[16,1,{},\"a\",[],{\"k\":[[]]}]").is_err());
}

/// Each announces far more than is there.
fn lies() -> Vec<(Serialization, Vec<u8>)> {
    let message_pack: &[&[u8]] = &[
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xdb\x40\x00\x00\x00",
        b"\xc6\x40\x00\x00\x00",
        b"\xc9\xff\xff\xff\xff\x01",
    ];
    let cbor: &[&[u8]] = &[
        b"\x9a\xff\xff\xff\xff",
        b"\x9b\x00\x00\x01\x00\x00\x00\x00\x00",
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xbb\x00\x00\x01\x00\x00\x00\x00\x00",
        b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x7b\x00\x00\x01\x00\x00\x00\x00\x00",
        b"\x7b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x5a\x40\x00\x00\x00",
        b"\x7f\x7a\x40\x00\x00\x00",
        b"\x5f\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
    ];
    let mut lies = Vec::new();
    for lie in message_pack {
        for head in [
            &b""[..],
            b"\x95\x10\x01\x81\xa7exclude",
            b"\x93\x05\xa1s\x81\xa1x",
            b"\x95\x10\x01\x80\xa1a\x91",
            b"\x93\x05",
        ] {
            lies.push((Serialization::MessagePack, [head, lie].concat()));
        }
    }
    for lie in cbor {
        for head in [
            &b""[..],
            b"\x85\x10\x01\xa1\x67exclude",
            b"\x83\x05\x61s\xa1\x61x",
            b"\x85\x10\x01\xa0\x61a\x81",
            b"\x83\x05",
        ] {
            lies.push((Serialization::Cbor, [head, lie].concat()));
        }
    }
    lies
}

/// C2.
#[test]
fn an_announced_length_that_is_not_there_is_refused() {
    for (serialization, bytes) in lies() {
        assert!(read(serialization, bytes.clone()).is_err(), "{bytes:x?}");
    }
}

const CHILD: &str = "WHARF_TEST_LYING_LENGTHS";

/// C2: in a process of its own, whose address space would show an allocation that is never touched.
#[test]
fn an_announced_length_is_never_allocated() {
    if std::env::var_os(CHILD).is_some() {
        let before = address_space_peak_kib();
        assert!(lies().into_iter().all(|(serialization, bytes)| read(serialization, bytes).is_err()));
        let grown = address_space_peak_kib() - before;
        assert!(grown <= 1024, "{grown} KiB");
        return;
    }
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "limits::an_announced_length_is_never_allocated", "--test-threads=1"])
        .env(CHILD, "1")
        .status()
        .unwrap();
    assert!(status.success());
}

fn address_space_peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// C3.
#[test]
fn options_have_at_most_64_keys() {
    let json = |keys: usize| {
        let keys: Vec<String> = (0..keys).map(|key| format!("\"k{key}\":{key}")).collect();
        format!("[16,1,{{{}}},\"a\"]", keys.join(","))
    };
    assert!(read_json(&json(DICT_KEYS_MAX)).is_ok());
    let error = DecodeError::TooManyKeys { field: "Options", limit: DICT_KEYS_MAX };
    assert_eq!(read_json(&json(DICT_KEYS_MAX + 1)), Err(error));
}

/// C3: refused by the broker, not a violation, so the rest of the message is read.
#[test]
fn of_a_list_with_more_than_10000_entries_nothing_is_kept() {
    for (option, entry) in [("exclude", "1"), ("eligible_authid", "\"a\"")] {
        for (entries, too_long) in
            [(LIST_ENTRIES_MAX, None), (LIST_ENTRIES_MAX + 1, Some(option)), (500_000, Some(option))]
        {
            let list = vec![entry; entries].join(",");
            match read_json(&format!("[16,1,{{\"{option}\":[{list}],\"acknowledge\":true}},\"a\"]")) {
                Ok(Message::Publish(publish)) => {
                    let listing = publish.options.listing.unwrap();
                    assert_eq!(listing.too_long, too_long);
                    let kept = listing.exclude.map_or(0, |list| list.len())
                        + listing.eligible_authid.map_or(0, |list| list.len());
                    assert_eq!(kept, if too_long.is_some() { 0 } else { entries });
                    assert!(publish.options.acknowledge);
                }
                other => panic!("{option}: {other:?}"),
            }
        }
    }
}

/// C3: what is built into values has a bound.
#[test]
fn authextra_and_extra_hold_at_most_4096_values() {
    let hello = |values: usize| format!("[1,\"r\",{{\"authextra\":{{\"x\":[{}]}}}}]", vec!["0"; values].join(","));
    assert!(read_json(&hello(4095)).is_ok());
    assert_eq!(read_json(&hello(4096)), Err(DecodeError::TooManyValues { field: "Details", limit: 4096 }));
    let extra = |values: usize| format!("[5,\"s\",{{\"x\":[{}]}}]", vec!["0"; values].join(","));
    assert!(read_json(&extra(4095)).is_ok());
    assert_eq!(read_json(&extra(4096)), Err(DecodeError::TooManyValues { field: "Extra", limit: 4096 }));
}

/// 200,000 keys are checked for repetition without comparing each with each.
#[test]
fn many_keyword_arguments_are_checked_quickly() {
    let mut keys: Vec<String> = (0..200_000).map(|key| format!("\"k{key}\":0")).collect();
    let start = Instant::now();
    assert!(read_json(&format!("[16,1,{{}},\"a\",[],{{{}}}]", keys.join(","))).is_ok());
    keys.push("\"\\u006b77777\":0".to_owned());
    let error = read_json(&format!("[16,1,{{}},\"a\",[],{{{}}}]", keys.join(","))).unwrap_err();
    assert!(matches!(error, DecodeError::DuplicateKey { field: "ArgumentsKw", .. }), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(5));
}
