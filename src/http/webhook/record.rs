//! How a delivery lies in the store.
//!
//! ```text
//! version (1) | length of the head (4) | head: JSON | body
//! ```
//! Numbers are little-endian. Never trusts a length that it reads.

use super::queue::{Delivery, Kept, Last};
use crate::wamp::TraceContext;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

const VERSION: u8 = 1;

/// What lies under one number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Record {
    Waiting { due: u64, delivery: Delivery },
    Dead(Delivery),
    Off,
}

/// It is damaged, or of a newer version.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a record of version {VERSION} was expected, and this is none")]
pub(super) struct Unreadable;

#[derive(Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum Head {
    Waiting {
        due: u64,
        #[serde(flatten)]
        delivery: Of,
    },
    Dead {
        #[serde(flatten)]
        delivery: Of,
    },
    Off,
}

/// A delivery without its body.
#[derive(Serialize, Deserialize)]
struct Of {
    id: String,
    topic: String,
    /// What earlier builds have written has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<OfTrace>,
    since: u64,
    attempts: u32,
    last: Option<OfLast>,
}

#[derive(Serialize, Deserialize)]
struct OfLast {
    at: u64,
    status: Option<u16>,
    text: String,
}

#[derive(Serialize, Deserialize)]
struct OfTrace {
    parent: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<String>,
}

impl OfTrace {
    fn new(trace: &TraceContext) -> Self {
        Self { parent: trace.parent().to_owned(), state: trace.state().map(ToOwned::to_owned) }
    }
}

impl Of {
    fn new(delivery: &Delivery) -> Self {
        let Delivery { id, topic, body: _, trace, since, attempts, last } = delivery.clone();
        let (trace, last) =
            (trace.as_deref().map(OfTrace::new), last.map(|Last { at, status, text }| OfLast { at, status, text }));
        Self { id, topic, trace, since, attempts, last }
    }

    fn with(self, body: &[u8]) -> Delivery {
        let Self { id, topic, trace, since, attempts, last } = self;
        let trace = trace.and_then(|trace| TraceContext::read(&trace.parent, trace.state.as_deref()));
        let last = last.map(|OfLast { at, status, text }| Last { at, status, text });
        Delivery { id, topic, body: Bytes::copy_from_slice(body), trace, since, attempts, last }
    }
}

/// What is to lie in the store; `None`: nothing.
pub(super) fn write(kept: &Kept<'_>) -> Option<Vec<u8>> {
    let (head, body) = match kept {
        Kept::Waiting { due, delivery } => {
            (Head::Waiting { due: *due, delivery: Of::new(delivery) }, &delivery.body[..])
        }
        Kept::Dead(delivery) => (Head::Dead { delivery: Of::new(delivery) }, &delivery.body[..]),
        Kept::Off => (Head::Off, &[][..]),
        Kept::Nothing => return None,
    };
    // Strings and numbers alone: there is nothing that JSON could not say.
    let head = serde_json::to_vec(&head).ok()?;
    let length = u32::try_from(head.len()).ok()?.to_le_bytes();
    Some([&[VERSION], &length[..], &head, body].concat())
}

/// What lies there.
///
/// # Errors
/// [`Unreadable`].
pub(super) fn read(octets: &[u8]) -> Result<Record, Unreadable> {
    let Some((&VERSION, rest)) = octets.split_first() else { return Err(Unreadable) };
    let (length, rest) = rest.split_first_chunk::<4>().ok_or(Unreadable)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Unreadable)?;
    let (head, body) = rest.split_at_checked(length).ok_or(Unreadable)?;
    match serde_json::from_slice(head).map_err(|_| Unreadable)? {
        Head::Waiting { due, delivery } => Ok(Record::Waiting { due, delivery: delivery.with(body) }),
        Head::Dead { delivery } => Ok(Record::Dead(delivery.with(body))),
        Head::Off => Ok(Record::Off),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn delivery() -> impl Strategy<Value = Delivery> {
        let last = (any::<u64>(), any::<Option<u16>>(), any::<String>()).prop_map(|(at, status, text)| Last {
            at,
            status,
            text,
        });
        let last = proptest::option::of(last);
        let trace = proptest::option::of((1..=u64::MAX, proptest::option::of("[a-z]=[a-z]{1,9}")));
        let trace = trace.prop_map(|trace| {
            let (trace, state) = trace?;
            TraceContext::read(&format!("00-{trace:032x}-{trace:016x}-01"), state.as_deref())
        });
        let parts = (any::<String>(), any::<String>(), any::<Vec<u8>>(), trace, any::<u64>(), any::<u32>(), last);
        parts.prop_map(|(id, topic, body, trace, since, attempts, last)| Delivery {
            id,
            topic,
            body: body.into(),
            trace,
            since,
            attempts,
            last,
        })
    }

    proptest! {
        #[test]
        fn a_delivery_is_read_as_it_was_written(delivery in delivery(), due: u64) {
            let written = write(&Kept::Waiting { due, delivery: &delivery }).unwrap();
            prop_assert_eq!(read(&written), Ok(Record::Waiting { due, delivery: delivery.clone() }));
            let head = written.len() - delivery.body.len();
            prop_assert_eq!(read(&written[..head - 1]), Err(Unreadable));
            let written = write(&Kept::Dead(&delivery)).unwrap();
            prop_assert_eq!(read(&written), Ok(Record::Dead(delivery)));
        }

        #[test]
        fn whatever_lies_there_is_read_or_not_and_nothing_else_happens(octets: Vec<u8>) {
            let _ = read(&octets);
            let _ = read(&[&[VERSION], &octets[..]].concat());
        }
    }

    #[test]
    fn a_record_of_an_earlier_build_has_no_trace() {
        let head = br#"{"state":"dead","id":"msg_1","topic":"a.b","since":1,"attempts":2,"last":null}"#;
        let length = u32::try_from(head.len()).unwrap().to_le_bytes();
        let read = read(&[&[VERSION], &length[..], &head[..], b"{}"].concat());
        assert!(matches!(read, Ok(Record::Dead(Delivery { trace: None, attempts: 2, .. }))), "{read:?}");
    }

    #[test]
    fn that_a_webhook_is_off_is_written_down_and_what_is_gone_is_not() {
        assert_eq!(write(&Kept::Off).as_deref().map(read), Some(Ok(Record::Off)));
        assert_eq!(write(&Kept::Nothing), None);
        assert_eq!(read(&[]), Err(Unreadable));
        assert_eq!(read(&[VERSION + 1, 0, 0, 0, 0]), Err(Unreadable));
    }
}
