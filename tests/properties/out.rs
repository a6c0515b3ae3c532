//! What a step causes, in the words of the model: sessions by their number, messages reduced to what matters.
//!
//! The model names publications by labels of its own; [`Names`] learns which id of the realm each label is, and checks that no
//! two are the same.

use std::collections::BTreeMap;
use wharf::wamp::{CancelMode, Dict, MessageKind, Value};

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Out {
    Subscribed { to: usize, request: u64, subscription: u64 },
    Unsubscribed { to: usize, request: u64 },
    Registered { to: usize, request: u64, registration: u64 },
    Unregistered { to: usize, request: u64 },
    SubscriptionRevoked { to: usize, subscription: u64, reason: Option<String> },
    RegistrationRevoked { to: usize, registration: u64 },
    Published { to: usize, request: u64, publication: u64 },
    Event(EventOut),
    Invocation(InvocationOut),
    Result { to: usize, request: u64, progress: bool, ppt: bool, payload: Said },
    Error { to: usize, kind: MessageKind, request: u64, error: String, ppt: bool, payload: Said },
    Interrupt { to: usize, invocation: u64, mode: CancelMode },
    Violated { who: usize },
    Killed { who: usize, message: Option<String> },
    Probed { who: usize },
    Keep(KeepOut),
    Forget { topic: String },
    Read { topic: String, limit: Option<u64>, authrole: String },
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct EventOut {
    /// Sorted: there is no order among the receivers of one event.
    pub(crate) to: Vec<usize>,
    pub(crate) subscription: u64,
    pub(crate) publication: u64,
    pub(crate) topic: Option<String>,
    pub(crate) publisher: Option<u64>,
    pub(crate) trust: Option<u64>,
    pub(crate) retained: bool,
    pub(crate) ppt: bool,
    pub(crate) payload: Said,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct InvocationOut {
    pub(crate) to: usize,
    pub(crate) invocation: u64,
    pub(crate) registration: u64,
    pub(crate) procedure: Option<String>,
    pub(crate) caller: Option<u64>,
    pub(crate) receive_progress: bool,
    pub(crate) progress: bool,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) trust: Option<u64>,
    pub(crate) ppt: bool,
    pub(crate) payload: Said,
}

/// An order to keep an event.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct KeepOut {
    pub(crate) publication: u64,
    pub(crate) topic: String,
    pub(crate) publisher: Option<u64>,
    pub(crate) excluded: Option<u64>,
    pub(crate) trust: Option<u64>,
    pub(crate) ppt: bool,
    /// Whether it comes with lists.
    pub(crate) listed: bool,
    /// How many of the topic, and whether on disk.
    pub(crate) history: Option<(usize, bool)>,
    pub(crate) retain: bool,
    /// Who waits: the session and its PUBLISH.
    pub(crate) waiting: Option<(usize, u64)>,
    /// The time of day in microseconds.
    pub(crate) time: i64,
    pub(crate) payload: Said,
}

/// A payload.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Said {
    Empty,
    /// A session's own, which must pass untouched.
    Tag(u64),
    /// Made by the router.
    Values(Vec<Value>, Dict),
    /// Made by the router, and not compared.
    Any,
}

/// Which publication of the realm each label of the model is.
#[derive(Default)]
pub(crate) struct Names {
    id_by_label: BTreeMap<u64, u64>,
    label_by_id: BTreeMap<u64, u64>,
}

impl Out {
    /// Whether it is for the store.
    pub(crate) fn is_order(&self) -> bool {
        matches!(self, Self::Keep(_) | Self::Forget { .. } | Self::Read { .. })
    }
}

impl Names {
    /// The label is of this publication.
    pub(crate) fn know(&mut self, label: u64, id: u64) {
        self.id_by_label.insert(label, id);
        self.label_by_id.insert(id, label);
    }

    /// The id of the label, which is learnt at its first use.
    fn learn(&mut self, label: u64, observed: u64) -> u64 {
        if let Some(id) = self.id_by_label.get(&label) {
            return *id;
        }
        assert_eq!(self.label_by_id.insert(observed, label), None, "each publication has an id of its own");
        self.id_by_label.insert(label, observed);
        observed
    }

    /// What is expected in the ids of the realm, which are learnt from what is observed at the same place; and what is
    /// observed, without what is not compared. The events of one publication are put in one order.
    pub(crate) fn settle(&mut self, expected: Vec<Out>, observed: Vec<Out>) -> (Vec<Out>, Vec<Out>) {
        let mut there = observed.iter();
        let expected = expected.into_iter().map(|out| self.named(out, there.next())).collect();
        let (expected, mut observed) = (in_order(expected), in_order(observed));
        for (wanted, seen) in expected.iter().zip(&mut observed) {
            if let (Some(Said::Any), Some(payload)) = (payload_of(wanted), payload_mut(seen)) {
                *payload = Said::Any;
            }
        }
        (expected, observed)
    }

    fn named(&mut self, out: Out, there: Option<&Out>) -> Out {
        match (out, there) {
            (Out::Published { to, request, publication }, Some(Out::Published { publication: seen, .. })) => {
                Out::Published { to, request, publication: self.learn(publication, *seen) }
            }
            (Out::Keep(keep), Some(Out::Keep(seen))) => {
                let publication = self.learn(keep.publication, seen.publication);
                Out::Keep(KeepOut { publication, ..keep })
            }
            (Out::Event(event), Some(Out::Event(seen))) => {
                let publication = self.learn(event.publication, seen.publication);
                Out::Event(EventOut { publication, ..event })
            }
            (other, _) => other,
        }
    }
}

fn payload_of(out: &Out) -> Option<&Said> {
    match out {
        Out::Event(EventOut { payload, .. })
        | Out::Invocation(InvocationOut { payload, .. })
        | Out::Keep(KeepOut { payload, .. })
        | Out::Result { payload, .. }
        | Out::Error { payload, .. } => Some(payload),
        _ => None,
    }
}

fn payload_mut(out: &mut Out) -> Option<&mut Said> {
    match out {
        Out::Event(EventOut { payload, .. })
        | Out::Invocation(InvocationOut { payload, .. })
        | Out::Keep(KeepOut { payload, .. })
        | Out::Result { payload, .. }
        | Out::Error { payload, .. } => Some(payload),
        _ => None,
    }
}

/// The live events of one publication have no order among them.
fn in_order(mut outs: Vec<Out>) -> Vec<Out> {
    let publication = |out: &Out| match out {
        Out::Event(event) if !event.retained => Some(event.publication),
        _ => None,
    };
    for same in outs.chunk_by_mut(|one, next| publication(one).is_some() && publication(one) == publication(next)) {
        same.sort_by_key(|out| if let Out::Event(event) = out { Some(event.subscription) } else { None });
    }
    outs
}
