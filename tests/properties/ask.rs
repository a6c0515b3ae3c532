//! What a session asks of its realm, in the words of the model: sessions by their number, payloads by a number unlike any other
//! of the run.

use wharf::routing::Described;
use wharf::wamp::options::Ppt;
use wharf::wamp::{CancelMode, InvocationPolicy, MatchPolicy, MessageKind};

#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Subscribe { request: u64, topic: String, policy: MatchPolicy, get_retained: bool },
    Unsubscribe { request: u64, subscription: u64 },
    Register { request: u64, procedure: String, policy: MatchPolicy, wish: RegisterWish },
    Unregister { request: u64, registration: u64 },
    Publish { request: u64, wish: PublishWish },
    Call { request: u64, wish: CallWish },
    Cancel { request: u64, mode: CancelMode },
    Answer { invocation: u64, how: How, ppt: bool, tag: u64 },
    Meta { request: u64, meta: Meta },
}

impl Ask {
    /// The id and kind, if it is one of the six requests.
    pub(crate) fn request(&self) -> Option<(MessageKind, u64)> {
        match self {
            Self::Subscribe { request, .. } => Some((MessageKind::Subscribe, *request)),
            Self::Unsubscribe { request, .. } => Some((MessageKind::Unsubscribe, *request)),
            Self::Register { request, .. } => Some((MessageKind::Register, *request)),
            Self::Unregister { request, .. } => Some((MessageKind::Unregister, *request)),
            Self::Publish { request, .. } => Some((MessageKind::Publish, *request)),
            Self::Call { request, .. } | Self::Meta { request, .. } => Some((MessageKind::Call, *request)),
            Self::Cancel { .. } | Self::Answer { .. } => None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct RegisterWish {
    pub(crate) invoke: InvocationPolicy,
    pub(crate) disclose: bool,
    pub(crate) forward: bool,
    pub(crate) concurrency: Option<u64>,
    pub(crate) force: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct CallWish {
    pub(crate) procedure: String,
    pub(crate) receive_progress: bool,
    pub(crate) progress: bool,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) disclose: bool,
    pub(crate) ppt: bool,
    pub(crate) tag: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct PublishWish {
    pub(crate) topic: String,
    pub(crate) ack: bool,
    pub(crate) exclude_me: bool,
    pub(crate) disclose: bool,
    pub(crate) retain: bool,
    pub(crate) ppt: bool,
    pub(crate) lists: Lists,
    pub(crate) tag: u64,
    /// Its payload came as values.
    pub(crate) testament: bool,
}

/// The keys of an opaque payload.
pub(crate) fn passed(is_opaque: bool) -> Option<Box<Ppt>> {
    let text = |text: &str| Some(text.to_owned());
    let (serializer, cipher, keyid) = (text("cbor"), text("aes256gcm"), text("k"));
    is_opaque.then(|| Box::new(Ppt { scheme: "x_test".to_owned(), serializer, cipher, keyid }))
}

/// A call of one of the router's own procedures.
#[derive(Clone, Debug)]
pub(crate) enum Meta {
    Count,
    Kill {
        victim: usize,
    },
    KillByAuthrole {
        authrole: usize,
    },
    KillAll,
    RemoveCallee {
        registration: u64,
        victim: usize,
    },
    RemoveSubscriber {
        subscription: u64,
        victim: usize,
    },
    ClearRetained {
        topic: String,
        policy: MatchPolicy,
    },
    AddTestament {
        detached: bool,
        wish: PublishWish,
    },
    FlushTestaments {
        detached: bool,
    },
    ListRegistrations,
    ListSubscriptions,
    MatchProcedure {
        procedure: String,
    },
    MatchTopic {
        topic: String,
    },
    ListCallees {
        registration: u64,
    },
    ListSubscribers {
        subscription: u64,
    },
    GetEvents {
        subscription: u64,
        limit: Option<u64>,
    },
    /// `None`: with a description that is no lawful one.
    Define {
        thing: Thing,
        tag: Option<u64>,
    },
    Undefine {
        thing: Thing,
    },
    DescribeAll {
        uri: String,
    },
    Describe {
        thing: Thing,
    },
    ListDescribed {
        kind: Described,
        policy: MatchPolicy,
        limit: Option<u64>,
        after: Option<String>,
    },
}

/// What a description is of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Thing {
    pub(crate) kind: Described,
    pub(crate) policy: MatchPolicy,
    pub(crate) uri: String,
}

/// How a callee answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum How {
    Final,
    Partial,
    Error,
    /// `wamp.error.unavailable`.
    Unavailable,
}

/// The six lists, by numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Lists {
    pub(crate) eligible: Option<Vec<usize>>,
    pub(crate) exclude: Option<Vec<usize>>,
    pub(crate) eligible_authid: Option<Vec<usize>>,
    pub(crate) exclude_authid: Option<Vec<usize>>,
    pub(crate) eligible_authrole: Option<Vec<usize>>,
    pub(crate) exclude_authrole: Option<Vec<usize>>,
}
