//! How events are written: as server-sent events and as JSON. Pure.
//!
//! Payload octets are passed on as they were published, but for line ends between values, which would end a line of the
//! stream. An event that many streams of a thread tell is written once for all of them.
//! Source: section 10.1 of the HTTP design.

use super::mark::Mark;
use crate::codec;
use crate::http::problem::{parts, quoted};
use crate::wamp::message::{Event, Message};
use crate::wamp::{Payload, PublicationId, Serialization, Uri, WallTime};
use bytes::Bytes;
use std::hash::BuildHasher;

/// What becomes of one EVENT.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Told {
    pub(super) publication: PublicationId,
    /// The text of the stream, whole lines.
    pub(super) text: Bytes,
}

/// An EVENT as an object: `{"topic","publication","args","kwargs","details"}` on one line. `topic` is the subscription's, for
/// events that name none.
pub(super) fn object(event: Event, topic: Option<&Uri>, out: &mut Vec<u8>) {
    let Event { subscription, publication, mut details, payload } = event;
    let named = details.topic.take();
    details.missed = None;
    let topic = named.as_ref().or(topic).map_or("", Uri::as_str);
    let (args, kwargs) = parts(&payload);
    let bare = Event { subscription, publication, details, payload: Payload::Empty };
    out.reserve(args.len() + kwargs.len() + topic.len() + 96);
    for (name, json) in [
        (&b"{\"topic\":"[..], quoted(topic).as_bytes()),
        (b",\"publication\":", publication.get().to_string().as_bytes()),
        (b",\"args\":", &args),
        (b",\"kwargs\":", &kwargs),
        (b",\"details\":", &details_of(bare)),
    ] {
        out.extend_from_slice(name);
        one_line(json, out);
    }
    out.push(b'}');
}

/// EVENT.Details in JSON.
fn details_of(event: Event) -> Vec<u8> {
    let mut text = Vec::new();
    if codec::encode(&Message::Event(event), Serialization::Json, &mut text).is_err() {
        return Vec::from(*b"{}");
    }
    // [36,Subscription,Publication,Details]: three numbers stand before it.
    let at = text.iter().enumerate().filter(|(_, octet)| **octet == b',').nth(2).map(|(at, _)| at + 1);
    text.pop();
    at.map(|at| text.split_off(at)).unwrap_or_else(|| Vec::from(*b"{}"))
}

/// An EVENT as text of the stream: what was missed before it, its id, and itself.
pub(super) fn event(event: Event, topic: Option<&Uri>, told_until: WallTime) -> Told {
    let publication = event.publication;
    let mut out = Vec::new();
    if let Some(missed) = event.details.missed {
        let named = event.details.topic.as_ref().or(topic).map_or("", Uri::as_str);
        gap(named, &missed.to_string(), &mut out);
    }
    out.extend_from_slice(b"id: ");
    Mark { publication, time: told_until }.write(&mut out);
    out.extend_from_slice(b"\nevent: message\ndata: ");
    object(event, topic, &mut out);
    out.extend_from_slice(b"\n\n");
    Told { publication, text: out.into() }
}

/// Says that events of a topic were missed: so many, or `"unknown"`.
pub(super) fn gap(topic: &str, missed: &str, out: &mut Vec<u8>) {
    let data = format!("{{\"topic\":{},\"missed\":{missed}}}", quoted(topic));
    named("gap", data.as_bytes(), out);
}

/// An event of the stream's own, without an id. `data` is JSON.
pub(super) fn named(event: &str, data: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(event.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    one_line(data, out);
    out.extend_from_slice(b"\n\n");
}

/// JSON without the line ends that may stand between its values; within texts there are none.
pub(super) fn one_line(json: &[u8], out: &mut Vec<u8>) {
    out.extend(json.iter().map(|octet| if matches!(octet, b'\n' | b'\r') { b' ' } else { *octet }));
}

/// Events that were written on this thread not long ago, so that the next stream need not write them again.
#[derive(Debug, Default)]
pub(super) struct Memo {
    places: Vec<Option<Kept>>,
    octets: usize,
    hasher: foldhash::fast::RandomState,
}

#[derive(Debug)]
struct Kept {
    realm: Uri,
    octets: Bytes,
    told: Told,
}

/// As many as a burst that streams tell one after the other.
const PLACES: usize = 64;

/// Octets that they hold; more, and all are forgotten.
const OCTETS_MAX: usize = 1 << 20;

impl Memo {
    /// What these octets, an EVENT of this realm, were written as.
    pub(super) fn find(&self, realm: &Uri, octets: &Bytes) -> Option<Told> {
        let kept = self.places.get(self.place(octets))?.as_ref()?;
        // One realm's octets may be another one's as well.
        (kept.octets == *octets && kept.realm == *realm).then(|| kept.told.clone())
    }

    /// Remembers it.
    pub(super) fn keep(&mut self, realm: &Uri, octets: &Bytes, told: &Told) {
        let size = octets.len() + told.text.len();
        if self.octets + size > OCTETS_MAX {
            *self = Self { hasher: self.hasher.clone(), ..Self::default() };
        }
        if size > OCTETS_MAX {
            return;
        }
        self.places.resize_with(PLACES, || None);
        let place = self.place(octets);
        let Some(kept) = self.places.get_mut(place) else { return };
        self.octets -= kept.as_ref().map_or(0, |kept| kept.octets.len() + kept.told.text.len());
        self.octets += size;
        // A slice would keep its neighbours.
        let octets = Bytes::copy_from_slice(octets);
        *kept = Some(Kept { realm: realm.clone(), octets, told: told.clone() });
    }

    fn place(&self, octets: &[u8]) -> usize {
        // Subscription and publication stand within.
        let head = octets.get(..48).unwrap_or(octets);
        (self.hasher.hash_one(head) % PLACES as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Limits;

    fn read(text: &str) -> Event {
        let message = codec::decode(Serialization::Json, &Bytes::copy_from_slice(text.as_bytes()), &Limits::default());
        let Ok(Message::Event(event)) = message else { panic!("{message:?}") };
        event
    }

    fn text(octets: &str) -> String {
        let topic = Uri::from("com.a");
        let told = event(read(octets), Some(&topic), WallTime(36_000));
        String::from_utf8(told.text.to_vec()).unwrap()
    }

    /// Section 10.1.
    #[test]
    fn an_event_has_its_topic_its_octets_and_details_without_the_topic() {
        assert_eq!(
            text(r#"[36,1,72,{"publisher":7,"topic":"com.b"},[1.50,"\n"],{"a":1e3}]"#),
            concat!(
                "id: 10-20\nevent: message\n",
                r#"data: {"topic":"com.b","publication":72,"args":[1.50,"\n"],"kwargs":{"a":1e3},"details":{"publisher":7}}"#,
                "\n\n"
            )
        );
        assert_eq!(
            text("[36,1,72,{}]"),
            concat!(
                "id: 10-20\nevent: message\n",
                r#"data: {"topic":"com.a","publication":72,"args":[],"kwargs":{},"details":{}}"#,
                "\n\n"
            )
        );
    }

    /// A line end in what was published would end the line of the stream.
    #[test]
    fn data_is_one_line_whatever_was_published() {
        let told = text("[36,1,72,{},[1,\n2,\r\n3],\n{\"a\":\n1}]");
        assert_eq!(told.lines().count(), 4, "{told}");
        assert!(told.contains("\"args\":[1, 2,  3],\"kwargs\":{\"a\": 1}"), "{told}");
    }

    /// Section 10.1: slow readers.
    #[test]
    fn what_was_missed_is_a_gap_before_the_event() {
        let told = text(r#"[36,1,72,{"_wharf_missed":17}]"#);
        assert!(told.starts_with("event: gap\ndata: {\"topic\":\"com.a\",\"missed\":17}\n\nid: "), "{told}");
        assert!(told.ends_with("\"details\":{}}\n\n"), "{told}");
    }

    #[test]
    fn what_is_remembered_is_found_by_its_octets_and_its_realm() {
        let (mut memo, a, b) = (Memo::default(), Uri::from("a"), Uri::from("b"));
        let octets = Bytes::from_static(b"[36,1,72,{}]");
        let told = event(read("[36,1,72,{}]"), None, WallTime(0));
        assert_eq!(memo.find(&a, &octets), None);
        memo.keep(&a, &octets, &told);
        assert_eq!(memo.find(&a, &octets), Some(told));
        assert_eq!(memo.find(&b, &octets), None);
        assert_eq!(memo.find(&a, &Bytes::from_static(b"[36,1,73,{}]")), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut memo = Memo::default();
        let realm = Uri::from("a");
        let told = Told { publication: PublicationId::FIRST, text: vec![0; OCTETS_MAX / 3].into() };
        for number in 0..100_u8 {
            memo.keep(&realm, &Bytes::from(vec![number]), &told);
            assert!(memo.octets <= OCTETS_MAX);
        }
        memo.keep(&realm, &Bytes::from_static(b"x"), &Told { text: vec![0; OCTETS_MAX].into(), ..told });
        assert_eq!(memo.octets, 0);
    }
}
