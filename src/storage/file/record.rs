//! How an event lies in the file.
//!
//! ```text
//! check (8 octets) | length of the head (4) | head: MessagePack [version, ..] | payload, as it came
//! ```
//! The check covers everything behind it and the record's place, so that what a broken disk gives back is never taken for an
//! event. Never trusts a length that it reads.

use crate::codec::{self, Limits};
use crate::routing::KeptEvent;
use crate::wamp::message::{Event, Message};
use crate::wamp::options::{Disclosed, EventDetails, Listing, Ppt};
use crate::wamp::{Payload, PublicationId, RawPayload, Serialization, SessionId, SubscriptionId, Uri, WallTime};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

const VERSION: u8 = 1;
const CHECK: usize = 8;
const LENGTH: usize = 4;

/// Why a record cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a record of the store is damaged")]
pub(super) struct Damaged;

/// What is known of a record without its payload.
#[derive(Serialize, Deserialize, Debug)]
pub(super) struct Head<'a> {
    version: u8,
    /// The number of its topic; 0 for a retained event.
    pub(super) topic_number: u64,
    /// What it is counted with.
    pub(super) octets: u64,
    pub(super) publication: u64,
    /// Microseconds since 1970.
    pub(super) time: i64,
    pub(super) topic: &'a str,
    publisher: Option<(u64, Option<String>, Option<String>)>,
    excluded: Option<u64>,
    trustlevel: Option<u64>,
    listing: Option<Lists>,
    ppt: Option<Passthru>,
    /// The serialization's index, the length of Arguments, where ArgumentsKw begins.
    payload: Option<(u8, u32, Option<u32>)>,
}

/// Scheme, serializer, cipher, key id.
type Passthru = (String, Option<String>, Option<String>, Option<String>);

#[derive(Serialize, Deserialize, Debug)]
struct Lists {
    exclude: Option<Vec<u64>>,
    exclude_authid: Option<Vec<String>>,
    exclude_authrole: Option<Vec<String>>,
    eligible: Option<Vec<u64>>,
    eligible_authid: Option<Vec<String>>,
    eligible_authrole: Option<Vec<String>>,
}

/// Writes an event into `out`, which is emptied first. `place` is where it will lie.
pub(super) fn write(event: &KeptEvent, topic_number: u64, octets: u64, place: u64, out: &mut Vec<u8>) {
    out.clear();
    out.resize(CHECK + LENGTH, 0);
    let made;
    let payload = match &event.payload {
        Payload::Empty => None,
        Payload::Raw(raw) => Some(raw),
        Payload::Values(_) => {
            made = in_message_pack(&event.payload);
            made.as_ref()
        }
    };
    let head = Head {
        version: VERSION,
        topic_number,
        octets,
        publication: event.publication.get(),
        time: event.time.0,
        topic: &event.topic,
        publisher: event.publisher.as_deref().map(|publisher| {
            let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(str::to_owned);
            (publisher.session.get(), text(&publisher.authid), text(&publisher.authrole))
        }),
        excluded: event.excluded.map(SessionId::get),
        trustlevel: event.trustlevel,
        listing: event.listing.as_deref().map(|listing| Lists {
            exclude: listing.exclude.clone(),
            exclude_authid: listing.exclude_authid.clone(),
            exclude_authrole: listing.exclude_authrole.clone(),
            eligible: listing.eligible.clone(),
            eligible_authid: listing.eligible_authid.clone(),
            eligible_authrole: listing.eligible_authrole.clone(),
        }),
        ppt: event
            .ppt
            .as_deref()
            .map(|ppt| (ppt.scheme.clone(), ppt.serializer.clone(), ppt.cipher.clone(), ppt.keyid.clone())),
        payload: payload.map(|raw| {
            let kwargs_at = raw.kwargs().map(|kwargs| (raw.tail().len() - kwargs.len()) as u32);
            (raw.serialization().index() as u8, raw.args().len() as u32, kwargs_at)
        }),
    };
    // Writing plain data into memory does not fail; a head that did would be refused when it is read.
    let _ = rmp_serde::encode::write(out, &head);
    let head_len = (out.len() - CHECK - LENGTH) as u32;
    if let Some(raw) = payload {
        out.extend_from_slice(raw.tail());
    }
    if let Some(length) = out.get_mut(CHECK..CHECK + LENGTH) {
        length.copy_from_slice(&head_len.to_le_bytes());
    }
    let check = check(place, out.get(CHECK..).unwrap_or_default());
    if let Some(place) = out.get_mut(..CHECK) {
        place.copy_from_slice(&check.to_le_bytes());
    }
}

/// A payload that the router made, as octets. Nothing is lost: MessagePack carries every value.
fn in_message_pack(payload: &Payload) -> Option<RawPayload> {
    let event = Event {
        subscription: SubscriptionId::FIRST,
        publication: PublicationId::FIRST,
        details: EventDetails::default(),
        payload: payload.clone(),
    };
    let mut frame = Vec::new();
    codec::encode(&Message::Event(event), Serialization::MessagePack, &mut frame).ok()?;
    let message = codec::decode(Serialization::MessagePack, &Bytes::from(frame), &Limits::default()).ok()?;
    if let Message::Event(Event { payload: Payload::Raw(raw), .. }) = message {
        Some(raw)
    } else {
        None
    }
}

/// The head of a record, and its payload.
pub(super) fn head(record: &[u8], place: u64) -> Result<(Head<'_>, &[u8]), Damaged> {
    let (expected, checked) = record.split_first_chunk::<CHECK>().ok_or(Damaged)?;
    if u64::from_le_bytes(*expected) != check(place, checked) {
        return Err(Damaged);
    }
    let (length, rest) = checked.split_first_chunk::<LENGTH>().ok_or(Damaged)?;
    let (head, payload) = rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or(Damaged)?;
    let head: Head<'_> = rmp_serde::from_slice(head).map_err(|_| Damaged)?;
    if head.version == VERSION {
        Ok((head, payload))
    } else {
        Err(Damaged)
    }
}

/// Reads an event.
pub(super) fn read(record: &[u8], place: u64) -> Result<KeptEvent, Damaged> {
    let (head, tail) = head(record, place)?;
    let session = |id: u64| SessionId::new(id).map_err(|_| Damaged);
    let publisher = match head.publisher {
        Some((id, authid, authrole)) => Some(Box::new(Disclosed {
            session: session(id)?,
            authid: authid.map(Into::into),
            authrole: authrole.map(Into::into),
        })),
        None => None,
    };
    let payload = match head.payload {
        None => Payload::Empty,
        Some((index, args_len, kwargs_at)) => {
            let serialization = *Serialization::ALL.get(usize::from(index)).ok_or(Damaged)?;
            let kwargs_at = kwargs_at.map(|at| at as usize);
            let args_len = args_len as usize;
            if args_len > kwargs_at.unwrap_or(tail.len()) || kwargs_at.is_some_and(|at| at > tail.len()) {
                return Err(Damaged);
            }
            Payload::Raw(RawPayload::new(serialization, Bytes::copy_from_slice(tail), args_len, kwargs_at))
        }
    };
    Ok(KeptEvent {
        publication: PublicationId::new(head.publication).map_err(|_| Damaged)?,
        time: WallTime(head.time),
        topic: Uri::from(head.topic),
        publisher,
        excluded: head.excluded.map(session).transpose()?,
        trustlevel: head.trustlevel,
        ppt: head.ppt.map(|(scheme, serializer, cipher, keyid)| Box::new(Ppt { scheme, serializer, cipher, keyid })),
        listing: head.listing.map(|lists| {
            Box::new(Listing {
                exclude: lists.exclude,
                exclude_authid: lists.exclude_authid,
                exclude_authrole: lists.exclude_authrole,
                eligible: lists.eligible,
                eligible_authid: lists.eligible_authid,
                eligible_authrole: lists.eligible_authrole,
                too_long: None,
            })
        }),
        payload,
    })
}

/// A sum that no single damage leaves as it was: each step is undone by no other value. Against accidents, not against
/// attackers, who cannot write the file.
fn check(place: u64, octets: &[u8]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |sum: u64, word: u64| (sum ^ word).wrapping_mul(ODD).rotate_left(29);
    let mut sum = mix(mix(ODD, place), octets.len() as u64);
    let mut words = octets.chunks_exact(8);
    for word in &mut words {
        sum = mix(sum, word.try_into().map_or(0, u64::from_le_bytes));
    }
    words.remainder().iter().fold(sum, |sum, octet| mix(sum, u64::from(*octet)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wamp::Value;

    fn event(payload: Payload) -> KeptEvent {
        KeptEvent {
            publication: PublicationId::FIRST,
            time: WallTime(-5),
            topic: Uri::from("com.über.topic"),
            publisher: Some(Box::new(Disclosed {
                session: SessionId::FIRST,
                authid: Some("a".into()),
                authrole: None,
            })),
            excluded: Some(SessionId::FIRST),
            trustlevel: Some(7),
            ppt: Some(Box::new(Ppt { scheme: "x_s".to_owned(), keyid: Some("k".to_owned()), ..Ppt::default() })),
            listing: Some(Box::new(Listing {
                eligible_authid: Some(vec!["b".to_owned()]),
                exclude: Some(vec![1 << 60]),
                ..Listing::default()
            })),
            payload,
        }
    }

    /// Store, section 3: everything that an EVENT says later, the payload octet by octet.
    #[test]
    fn an_event_reads_back_as_it_was_written() {
        let tail = Bytes::from_static(b"[1],{\"a\":2}");
        let raw = RawPayload::new(Serialization::Json, tail, 3, Some(4));
        let mut out = Vec::new();
        for payload in [Payload::Empty, Payload::Raw(raw)] {
            let event = event(payload);
            write(&event, 3, 99, 12, &mut out);
            assert_eq!(read(&out, 12), Ok(event));
            assert_eq!(read(&out, 13), Err(Damaged));
        }
    }

    /// Events of the router itself are kept as MessagePack.
    #[test]
    fn values_are_written_as_message_pack() {
        let (mut out, values) = (Vec::new(), vec![Value::from("a"), Value::from(7)]);
        write(&event(Payload::args(values.clone())), 3, 99, 12, &mut out);
        assert_eq!(codec::payload_args(&read(&out, 12).unwrap().payload).unwrap(), values);
    }

    /// Store, section 7, bit flips: detected wherever the bit is.
    #[test]
    fn a_flipped_bit_is_never_served() {
        let mut out = Vec::new();
        write(&event(Payload::Empty), 3, 99, 12, &mut out);
        for bit in 0..out.len() * 8 {
            let mut hurt = out.clone();
            hurt[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&hurt, 12), Err(Damaged), "{bit}");
        }
        for len in 0..out.len() {
            assert_eq!(read(&out[..len], 12), Err(Damaged), "{len}");
        }
    }
}
