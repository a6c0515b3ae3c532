//! The signature of the page about Crossbar, and what may be wrong with one.

use super::*;
use crate::auth::webhook::CrossbarKey;
use crate::http::crossbar::tests::section;

const BODY: &[u8] = b"{\"topic\": \"com.test.messages\", \"args\": [1]}";
const SIGNATURE: &str = "LZULkOrFsf2myvBkHVvAksPdZPTVNfJ534j1gPp6ENM=";

fn signed() -> CrossbarSection {
    let signing = CrossbarKey { key: "myapp1".to_owned(), secret: Secret::new("s3cr3t".to_owned()) };
    CrossbarSection { signing: Some(signing), ..section() }
}

fn query(signature: &str) -> String {
    format!("key=myapp1&timestamp=2026-01-02T03:04:05.678Z&seq=1&nonce=12345&signature={signature}")
}

fn at(seconds: i64) -> WallTime {
    WallTime(WallTime::parse("2026-01-02T03:04:05.678Z").unwrap().0 + seconds * 1_000_000)
}

fn checked(section: &CrossbarSection, query: &str, seconds: i64) -> Result<Option<Duration>, Rejection> {
    check(section, Some(query), BODY, at(seconds)).map(|once| once.map(|once| once.good_for))
}

/// Section 1.4 of the page about Crossbar, X3 and X10.
#[test]
fn the_known_signature_is_right_with_and_without_padding_for_as_long_as_its_timestamp_is() {
    let (section, encoded) = (signed(), SIGNATURE.replace('=', "%3D"));
    let minute = Duration::from_secs(60) + Duration::from_micros(1);
    assert_eq!(checked(&section, &query(&encoded), 0), Ok(Some(minute)));
    assert_eq!(checked(&section, &query(SIGNATURE.trim_end_matches('=')), 0), Ok(Some(minute)));
    assert_eq!(checked(&section, &query(&encoded), 60), Ok(Some(Duration::from_micros(1))));
    assert_eq!(checked(&section, &query(&encoded), 61), Err(Rejection::Expired));
    assert_eq!(checked(&section, &query(&encoded), -60), Ok(Some(minute + Duration::from_secs(60))));
    assert_eq!(checked(&section, &query(&encoded), -61), Err(Rejection::Expired));
    let anytime = CrossbarSection { timestamp_window: None, ..signed() };
    assert_eq!(checked(&anytime, &query(&encoded), 1_000_000), Ok(None));
    let exact = CrossbarSection { exact: vec![Difference::Padding], ..signed() };
    assert_eq!(checked(&exact, &query(SIGNATURE.trim_end_matches('=')), 0), Err(Rejection::Signature));
    assert!(checked(&exact, &query(&encoded), 0).is_ok());
}

/// Checks 7 to 9.
#[test]
fn each_field_is_missed_and_looked_at_in_order() {
    let (section, right) = (signed(), query(SIGNATURE));
    let without = |field: &str| right.split('&').filter(|pair| !pair.starts_with(field)).collect::<Vec<_>>().join("&");
    for field in ["key", "timestamp", "seq", "nonce", "signature"] {
        assert_eq!(checked(&section, &without(field), 0), Err(Rejection::Missing(field)), "{field}");
    }
    for (from, to, text) in [
        ("seq=1", "seq=one", "invalid sequence number 'one'"),
        ("nonce=12345", "nonce=", "invalid nonce ''"),
        ("05.678Z", "05Z", "invalid timestamp '2026-01-02T03:04:05Z'"),
        ("05.678Z", "05.678%2B00:00", "invalid timestamp"),
    ] {
        let rejection = checked(&section, &right.replace(from, to), 0).unwrap_err();
        let body = String::from_utf8(rejection.body()).unwrap();
        assert!(body.contains(text), "{body}");
    }
    for (from, to) in
        [("seq=1", "seq=2"), ("nonce=12345", "nonce=012345"), (".678Z", ".679Z"), ("=LZ", "=MZ"), ("NM=", "NM=!")]
    {
        assert_eq!(checked(&section, &right.replace(from, to), 0), Err(Rejection::Signature), "{to}");
    }
    assert_eq!(checked(&section, &right.replace("myapp1", "other"), 0), Err(Rejection::Key));
    assert_eq!(check(&section, Some(&right), b"{}", at(0)), Err(Rejection::Signature));
}

/// As in Crossbar: what is there must be readable, signed or not.
#[test]
fn without_a_secret_nothing_is_asked_for_and_what_is_there_must_be_readable() {
    let section = section();
    assert_eq!(check(&section, None, BODY, at(0)), Ok(None));
    assert_eq!(checked(&section, &query("anything"), 0), Ok(None));
    assert_eq!(checked(&section, &query("anything"), 600), Err(Rejection::Expired));
    assert!(matches!(checked(&section, "nonce=x", 0), Err(Rejection::Unreadable { .. })));
}

/// X2: each section, key and nonce has its own mark.
#[test]
fn a_mark_tells_apart_what_it_is_made_of() {
    let marks = [["a", "b", "c"], ["ab", "", "c"], ["a", "bc", ""], ["a", "b", "d"]].map(|texts| mark(&texts));
    for (number, first) in marks.iter().enumerate() {
        assert!(marks.iter().skip(number + 1).all(|other| other != first));
    }
    let exact = CrossbarSection { exact: vec![Difference::Nonce], ..signed() };
    assert_eq!(checked(&exact, &query(SIGNATURE), 0), Ok(None));
}

/// X9, and check 6.
#[test]
fn hooks_of_github_are_signed_with_either_hash_and_the_newer_one_decides() {
    let secret = Secret::new("s3cr3t".to_owned());
    let older = "sha1=1c75dbe2d7b7b9e3a1e1e0a9e6f1c1a0d0b9c8f7";
    let mac = Hmac::<Sha1>::new_from_slice(b"s3cr3t").unwrap().chain_update(BODY).finalize().into_bytes();
    let right_older: String = format!("sha1={}", mac.iter().map(|octet| format!("{octet:02X}")).collect::<String>());
    let mac = Hmac::<Sha256>::new_from_slice(b"s3cr3t").unwrap().chain_update(BODY).finalize().into_bytes();
    let right: String = format!("sha256={}", mac.iter().map(|octet| format!("{octet:02x}")).collect::<String>());
    assert!(is_of_github(&secret, Some(&right_older), None, BODY));
    assert!(is_of_github(&secret, None, Some(&right), BODY) && is_of_github(&secret, Some(older), Some(&right), BODY));
    assert!(!is_of_github(&secret, Some(&right_older), Some("sha256=00"), BODY));
    assert!(!is_of_github(&secret, Some(older), None, BODY) && !is_of_github(&secret, None, None, BODY));
}
