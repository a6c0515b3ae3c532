//! How events lie in the file: those of one topic that were committed together, as many as fill two pages, in one value.
//!
//! ```text
//! check (8) | version (1) | events (4) | ordinal of the first (8) | ordinal of the topic's oldest (8)
//! per event: seq (8) | time (8) | publication (8) | counted octets (4) | length (4)
//! the events, each: excluded session (8) | flags (1) | Arguments' length (4) | where ArgumentsKw begins (4) | rest's length (4)
//!                   | rest: MessagePack | payload, as it came
//! ```
//! Numbers are little-endian. The rest is what few events have. The check covers everything behind it and the place, so that
//! what a broken disk gives back is never taken for an event. Never trusts a length that it reads.

use crate::codec::{self, Limits};
use crate::routing::KeptEvent;
use crate::storage::Seq;
use crate::wamp::message::{Event, Message};
use crate::wamp::options::{Disclosed, EventDetails, Listing, Ppt};
use crate::wamp::{Payload, PublicationId, RawPayload, Serialization, SessionId, SubscriptionId, Uri, WallTime};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::ops::Range;

const VERSION: u8 = 2;
const CHECK: usize = 8;
const HEAD: usize = CHECK + 1 + 4 + 8 + 8;
const SLOT: usize = 32;

/// A chunk is closed before it grows beyond this: with what the file adds it fills two pages. An event that is larger has a
/// chunk of its own.
pub(super) const CHUNK_OCTETS: usize = 8192 - 192;

const HAS_PAYLOAD: u8 = 1;
const HAS_KWARGS: u8 = 2;
const SERIALIZATION_SHIFT: u8 = 4;

/// Why a chunk cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a record of the store is damaged")]
pub(super) struct Damaged;

/// What few events have.
#[derive(Serialize, Deserialize, Debug, Default, PartialEq)]
struct Rest {
    publisher: Option<(u64, Option<String>, Option<String>)>,
    trustlevel: Option<u64>,
    listing: Option<Lists>,
    ppt: Option<Passthru>,
}

/// Scheme, serializer, cipher, key id.
type Passthru = (String, Option<String>, Option<String>, Option<String>);

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Lists {
    exclude: Option<Vec<u64>>,
    exclude_authid: Option<Vec<String>>,
    exclude_authrole: Option<Vec<String>>,
    eligible: Option<Vec<u64>>,
    eligible_authid: Option<Vec<String>>,
    eligible_authrole: Option<Vec<String>>,
}

/// Makes chunks; its room is used again.
#[derive(Debug, Default)]
pub(super) struct ChunkWriter {
    slots: Vec<u8>,
    events: Vec<u8>,
    out: Vec<u8>,
}

impl ChunkWriter {
    /// What an event takes beside its body.
    pub(super) const SLOT_OCTETS: usize = SLOT;

    /// What an event takes beside its payload, if it has nothing that few have.
    pub(super) const EVENT_OCTETS: usize = SLOT + 8 + 1 + 3 * 4;

    /// Puts an event behind the others.
    pub(super) fn push(&mut self, seq: Seq, octets: u64, event: &KeptEvent) {
        let before = self.events.len();
        write_event(event, &mut self.events);
        self.push_slot(seq, event.time, event.publication.get(), octets, self.events.len() - before);
    }

    /// Puts an event of another chunk behind the others, as it lies there.
    pub(super) fn copy(&mut self, chunk: &[u8], slot: &Slot) -> Result<(), Damaged> {
        let event = chunk.get(slot.at.clone()).ok_or(Damaged)?;
        self.events.extend_from_slice(event);
        self.push_slot(slot.seq, slot.time, slot.publication, slot.octets, event.len());
        Ok(())
    }

    fn push_slot(&mut self, Seq(seq): Seq, time: WallTime, publication: u64, octets: u64, length: usize) {
        self.slots.extend_from_slice(&seq.to_le_bytes());
        self.slots.extend_from_slice(&time.0.to_le_bytes());
        self.slots.extend_from_slice(&publication.to_le_bytes());
        self.slots.extend_from_slice(&short(octets as usize).to_le_bytes());
        self.slots.extend_from_slice(&short(length).to_le_bytes());
    }

    /// Octets of the chunk as it is.
    pub(super) fn len(&self) -> usize {
        HEAD + self.slots.len() + self.events.len()
    }

    /// The chunk that lies at this place; the writer is empty then. `ordinal` is that of the chunk's first event, `oldest` that
    /// of the first event that the topic still has.
    pub(super) fn finish(&mut self, place: (u64, Seq), ordinal: u64, oldest: u64) -> &[u8] {
        let Self { slots, events, out } = self;
        out.clear();
        out.reserve(HEAD + slots.len() + events.len());
        out.extend_from_slice(&[0; CHECK]);
        out.push(VERSION);
        out.extend_from_slice(&short(slots.len() / SLOT).to_le_bytes());
        out.extend_from_slice(&ordinal.to_le_bytes());
        out.extend_from_slice(&oldest.to_le_bytes());
        out.append(slots);
        out.append(events);
        if let Some((sum, checked)) = out.split_first_chunk_mut::<CHECK>() {
            *sum = check(place, checked).to_le_bytes();
        }
        out
    }
}

/// Lengths are bounded by what a message may have, far below.
pub(super) fn short(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn write_event(event: &KeptEvent, out: &mut Vec<u8>) {
    let made;
    let payload = match &event.payload {
        Payload::Empty => None,
        Payload::Raw(raw) => Some(raw),
        Payload::Values(_) => {
            made = in_message_pack(&event.payload);
            made.as_ref()
        }
    };
    let (mut flags, mut args_len, mut kwargs_at) = (0, 0, 0);
    if let Some(raw) = payload {
        flags = HAS_PAYLOAD | (raw.serialization().index() as u8) << SERIALIZATION_SHIFT;
        args_len = short(raw.args().len());
        if let Some(kwargs) = raw.kwargs() {
            flags |= HAS_KWARGS;
            kwargs_at = short(raw.tail().len() - kwargs.len());
        }
    }
    out.extend_from_slice(&event.excluded.map_or(0, SessionId::get).to_le_bytes());
    out.push(flags);
    out.extend_from_slice(&args_len.to_le_bytes());
    out.extend_from_slice(&kwargs_at.to_le_bytes());
    let length_at = out.len();
    out.extend_from_slice(&[0; 4]);
    let has_rest =
        event.publisher.is_some() || event.trustlevel.is_some() || event.listing.is_some() || event.ppt.is_some();
    if has_rest {
        // Writing plain data into memory does not fail; a rest that did would be refused when it is read.
        let _ = rmp_serde::encode::write(out, &rest(event));
        let length = short(out.len() - length_at - 4);
        if let Some(place) = out.get_mut(length_at..length_at + 4) {
            place.copy_from_slice(&length.to_le_bytes());
        }
    }
    if let Some(raw) = payload {
        out.extend_from_slice(raw.tail());
    }
}

fn rest(event: &KeptEvent) -> Rest {
    let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(str::to_owned);
    Rest {
        publisher: event
            .publisher
            .as_deref()
            .map(|publisher| (publisher.session.get(), text(&publisher.authid), text(&publisher.authrole))),
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

/// What is known of an event without its body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Slot {
    /// Its number within its topic, without holes.
    pub(super) ordinal: u64,
    pub(super) seq: Seq,
    pub(super) time: WallTime,
    /// Not an id yet: it was read.
    pub(super) publication: u64,
    /// What it is counted with.
    pub(super) octets: u64,
    /// Where in the chunk its body lies.
    at: Range<usize>,
}

/// A chunk that was read and is whole.
pub(super) struct Chunk<'a> {
    slots: &'a [u8],
    /// That of its first event.
    pub(super) ordinal: u64,
    /// That of the first event that the topic had when the chunk was written.
    pub(super) oldest: u64,
}

impl<'a> Chunk<'a> {
    /// Reads what lies at this place.
    pub(super) fn read(octets: &'a [u8], place: (u64, Seq)) -> Result<Self, Damaged> {
        let (expected, mut rest) = octets.split_first_chunk::<CHECK>().ok_or(Damaged)?;
        if u64::from_le_bytes(*expected) != check(place, rest) {
            return Err(Damaged);
        }
        let [version] = take::<1>(&mut rest)?;
        let events = u32::from_le_bytes(take::<4>(&mut rest)?) as usize;
        let (ordinal, oldest) = (number(&mut rest)?, number(&mut rest)?);
        let slots = events.checked_mul(SLOT).and_then(|length| rest.get(..length)).ok_or(Damaged)?;
        if version == VERSION && events > 0 {
            Ok(Self { slots, ordinal, oldest })
        } else {
            Err(Damaged)
        }
    }

    /// How many events it has.
    pub(super) fn len(&self) -> u64 {
        (self.slots.len() / SLOT) as u64
    }

    /// Its events, in order.
    pub(super) fn slots(&self) -> impl Iterator<Item = Result<Slot, Damaged>> + use<'a> {
        let mut start = HEAD + self.slots.len();
        let ordinals = self.ordinal..;
        self.slots.chunks_exact(SLOT).zip(ordinals).map(move |(mut slot, ordinal)| {
            let (seq, time, publication) = (number(&mut slot)?, number(&mut slot)?, number(&mut slot)?);
            let octets = u64::from(u32::from_le_bytes(take::<4>(&mut slot)?));
            let length = u32::from_le_bytes(take::<4>(&mut slot)?) as usize;
            let at = start..start.checked_add(length).ok_or(Damaged)?;
            start = at.end;
            Ok(Slot { ordinal, seq: Seq(seq), time: WallTime(time.cast_signed()), publication, octets, at })
        })
    }
}

impl Slot {
    /// Octets of its body.
    pub(super) fn len(&self) -> usize {
        self.at.len()
    }

    /// The event, from its chunk.
    pub(super) fn event(&self, chunk: &[u8], topic: &Uri) -> Result<KeptEvent, Damaged> {
        read_event(chunk.get(self.at.clone()).ok_or(Damaged)?, self, topic)
    }
}

pub(super) fn take<const N: usize>(from: &mut &[u8]) -> Result<[u8; N], Damaged> {
    let (taken, rest) = from.split_first_chunk::<N>().ok_or(Damaged)?;
    *from = rest;
    Ok(*taken)
}

pub(super) fn number(from: &mut &[u8]) -> Result<u64, Damaged> {
    take::<8>(from).map(u64::from_le_bytes)
}

fn read_event(mut from: &[u8], slot: &Slot, topic: &Uri) -> Result<KeptEvent, Damaged> {
    let session = |id: u64| SessionId::new(id).map_err(|_| Damaged);
    let excluded = Some(number(&mut from)?).filter(|id| *id != 0).map(session).transpose()?;
    let [flags] = take::<1>(&mut from)?;
    let args_len = u32::from_le_bytes(take::<4>(&mut from)?) as usize;
    let kwargs_at = u32::from_le_bytes(take::<4>(&mut from)?) as usize;
    let rest_len = u32::from_le_bytes(take::<4>(&mut from)?) as usize;
    let (rest, tail) = from.split_at_checked(rest_len).ok_or(Damaged)?;
    let rest: Rest =
        if rest.is_empty() { Rest::default() } else { rmp_serde::from_slice(rest).map_err(|_| Damaged)? };
    let payload = if flags & HAS_PAYLOAD == 0 {
        Payload::Empty
    } else {
        let serialization = *Serialization::ALL.get(usize::from(flags >> SERIALIZATION_SHIFT)).ok_or(Damaged)?;
        let kwargs_at = (flags & HAS_KWARGS != 0).then_some(kwargs_at);
        if args_len > kwargs_at.unwrap_or(tail.len()) || kwargs_at.is_some_and(|at| at > tail.len()) {
            return Err(Damaged);
        }
        Payload::Raw(RawPayload::new(serialization, Bytes::copy_from_slice(tail), args_len, kwargs_at))
    };
    let publisher = match rest.publisher {
        Some((id, authid, authrole)) => Some(Box::new(Disclosed {
            session: session(id)?,
            authid: authid.map(Into::into),
            authrole: authrole.map(Into::into),
        })),
        None => None,
    };
    Ok(KeptEvent {
        publication: PublicationId::new(slot.publication).map_err(|_| Damaged)?,
        time: slot.time,
        topic: topic.clone(),
        publisher,
        excluded,
        trustlevel: rest.trustlevel,
        ppt: rest.ppt.map(|(scheme, serializer, cipher, keyid)| Box::new(Ppt { scheme, serializer, cipher, keyid })),
        listing: rest.listing.map(|lists| {
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

/// A sum that no single damage leaves as it was: each step is undone by no other value. Four sums side by side, because each
/// step waits for the one before. Against accidents, not against attackers, who cannot write the file.
pub(super) fn check((topic, Seq(seq)): (u64, Seq), octets: &[u8]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |sum: u64, word: u64| (sum ^ word).wrapping_mul(ODD).rotate_left(29);
    let (words, rest) = octets.as_chunks::<8>();
    let (blocks, words) = words.as_chunks::<4>();
    let mut sums = [ODD, topic, seq, octets.len() as u64];
    for block in blocks {
        let [one, two, three, four] = block.map(u64::from_le_bytes);
        let [first, second, third, fourth] = sums;
        sums = [mix(first, one), mix(second, two), mix(third, three), mix(fourth, four)];
    }
    let sum = sums.into_iter().fold(ODD, mix);
    let sum = words.iter().fold(sum, |sum, word| mix(sum, u64::from_le_bytes(*word)));
    rest.iter().fold(sum, |sum, octet| mix(sum, u64::from(*octet)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wamp::Value;

    const PLACE: (u64, Seq) = (3, Seq(12));

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

    fn chunk(events: &[KeptEvent]) -> Vec<u8> {
        let mut writer = ChunkWriter::default();
        for (seq, event) in (12..).zip(events) {
            writer.push(Seq(seq), 99, event);
        }
        let len = writer.len();
        let octets = writer.finish(PLACE, 40, 38).to_vec();
        assert_eq!(octets.len(), len);
        octets
    }

    fn read(octets: &[u8], place: (u64, Seq)) -> Result<Vec<KeptEvent>, Damaged> {
        let chunk = Chunk::read(octets, place)?;
        chunk.slots().map(|slot| slot?.event(octets, &Uri::from("com.über.topic"))).collect()
    }

    /// Store, section 3: everything that an EVENT says later, the payload octet by octet.
    #[test]
    fn events_read_back_as_they_were_written() {
        let raw = RawPayload::new(Serialization::Json, Bytes::from_static(b"[1],{\"a\":2}"), 3, Some(4));
        let plain = KeptEvent {
            publisher: None,
            excluded: None,
            trustlevel: None,
            ppt: None,
            listing: None,
            ..event(Payload::Raw(RawPayload::new(Serialization::Cbor, Bytes::from_static(b"\x80"), 1, None)))
        };
        let events = [event(Payload::Empty), plain, event(Payload::Raw(raw))];
        let octets = chunk(&events);
        assert_eq!(read(&octets, PLACE), Ok(events.to_vec()));
        assert_eq!(read(&octets, (3, Seq(13))), Err(Damaged));
        assert_eq!(read(&octets, (4, Seq(12))), Err(Damaged));
        let chunk = Chunk::read(&octets, PLACE).unwrap();
        assert_eq!((chunk.ordinal, chunk.oldest, chunk.len()), (40, 38, 3));
        let slots: Vec<_> = chunk.slots().map(|slot| slot.map(|slot| (slot.ordinal, slot.seq, slot.octets))).collect();
        assert_eq!(slots, [Ok((40, Seq(12), 99)), Ok((41, Seq(13), 99)), Ok((42, Seq(14), 99))]);
    }

    /// Events of the router itself are kept as MessagePack.
    #[test]
    fn values_are_written_as_message_pack() {
        let values = vec![Value::from("a"), Value::from(7)];
        let octets = chunk(&[event(Payload::args(values.clone()))]);
        let events = read(&octets, PLACE).unwrap();
        assert_eq!(codec::payload_args(&events[0].payload).unwrap(), values);
    }

    /// Store, section 7, bit flips: detected wherever the bit is.
    #[test]
    fn a_flipped_bit_is_never_served() {
        let octets = chunk(&[event(Payload::Empty), event(Payload::Empty)]);
        for bit in 0..octets.len() * 8 {
            let mut hurt = octets.clone();
            hurt[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&hurt, PLACE), Err(Damaged), "{bit}");
        }
        for len in 0..octets.len() {
            assert_eq!(read(&octets[..len], PLACE), Err(Damaged), "{len}");
        }
    }
}
