//! Opaque payloads: the keys say whose they are, and the tag in the payload says whether there are any, so that what is lost,
//! made up or mixed up on the way is seen.

use crate::client::{read_tag, Tag};
use wharf::wamp::options::Ppt;
use wharf::wamp::{Dict, Payload, Value};

/// Added to the part in the tag of an opaque payload.
pub(crate) const OPAQUE: u64 = 1 << 20;

/// The keys that go with a payload of this tag. All parts of a call have those of the first.
pub(crate) fn keys((name, number, part): Tag) -> Option<Box<Ppt>> {
    let text = |text: &str| Some(text.to_owned());
    let keyid = Some(format!("{name}.{number}"));
    let keys = Ppt { scheme: "x_test".to_owned(), serializer: text("cbor"), cipher: text("aes256gcm"), keyid };
    (part >= OPAQUE).then(|| Box::new(keys))
}

/// The same, as a testament has them.
pub(crate) fn key_dict(tag: Tag) -> Dict {
    let Some(Ppt { scheme, serializer, cipher, keyid }) = keys(tag).map(|keys| *keys) else { return Dict::new() };
    let entry = |key: &str, text: Option<String>| text.map(|text| (key.to_owned(), Value::Text(text)));
    let entries = [
        entry("ppt_scheme", Some(scheme)),
        entry("ppt_serializer", serializer),
        entry("ppt_cipher", cipher),
        entry("ppt_keyid", keyid),
    ];
    entries.into_iter().flatten().collect()
}

/// What came must have the keys that it was sent with. `may`: it may have any.
pub(crate) fn check(payload: &Payload, got: &Option<Box<Ppt>>, may: bool) {
    assert_eq!(*got, read_tag(payload).and_then(keys), "the keys of a payload go with it");
    assert!(may || got.is_none(), "an opaque payload only to who has announced it");
}
