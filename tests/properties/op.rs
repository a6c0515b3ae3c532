//! The commands, as generated. Sessions and things are named by a number that is taken modulo what there is, so that most
//! commands mean something and some mean what is gone or somebody else's.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::strategy::Union;
use wharf::wamp::{CancelMode, InvocationPolicy, MatchPolicy};

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Join {
        authid: usize,
        authrole: usize,
        features: usize,
    },
    Leave {
        who: usize,
    },
    Subscribe {
        who: usize,
        topic: String,
        policy: MatchPolicy,
    },
    Unsubscribe {
        who: usize,
        nth: usize,
    },
    Register {
        who: usize,
        procedure: String,
        policy: MatchPolicy,
        invoke: InvocationPolicy,
        disclose: bool,
        forward: bool,
    },
    Unregister {
        who: usize,
        nth: usize,
    },
    Publish {
        who: usize,
        topic: String,
        ack: bool,
        exclude_me: bool,
        disclose: bool,
        lists: Lists,
    },
    Call {
        who: usize,
        procedure: String,
        receive_progress: bool,
        timeout_ms: Option<u64>,
        disclose: bool,
        reuse: bool,
    },
    Cancel {
        by_caller: bool,
        who: usize,
        nth: usize,
        mode: CancelMode,
    },
    Answer {
        nth: usize,
        how: How,
    },
    Forge {
        who: usize,
        invocation: u64,
        how: How,
    },
    Undeliverable {
        nth: usize,
    },
    Pass {
        ms: u64,
    },
    Kill {
        who: usize,
        victim: usize,
    },
    KillByAuthrole {
        who: usize,
        authrole: usize,
    },
    KillAll {
        who: usize,
    },
    Count {
        who: usize,
    },
}

/// How a callee answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum How {
    Final,
    Partial,
    Error,
}

/// The six lists, by numbers.
#[derive(Clone, Debug)]
pub(crate) struct Lists {
    pub(crate) eligible: Option<Vec<usize>>,
    pub(crate) exclude: Option<Vec<usize>>,
    pub(crate) eligible_authid: Option<Vec<usize>>,
    pub(crate) exclude_authid: Option<Vec<usize>>,
    pub(crate) eligible_authrole: Option<Vec<usize>>,
    pub(crate) exclude_authrole: Option<Vec<usize>>,
}

pub(crate) const AUTHIDS: [&str; 3] = ["ann", "bob", "eve"];
pub(crate) const AUTHROLES: [&str; 2] = ["staff", "guest"];

/// What the registrations of a run have in common, so that they overlap and are shared often enough.
#[derive(Clone, Copy)]
struct Flavour {
    policy: Option<MatchPolicy>,
    invoke: Option<InvocationPolicy>,
}

/// A run begins with some sessions, so that there is something to do.
pub(crate) fn ops() -> impl Strategy<Value = Vec<Op>> {
    let invokes = std::iter::once(None).chain(InvocationPolicy::ALL.iter().copied().map(Some));
    let policies = [None, Some(MatchPolicy::Exact), Some(MatchPolicy::Wildcard)];
    let flavours = invokes.flat_map(|invoke| policies.map(|policy| Flavour { policy, invoke }));
    Union::new(flavours.map(|flavour| {
        (vec(join(), 3..6), vec(op(flavour), 1..90)).prop_map(|(mut ops, rest)| {
            ops.extend(rest);
            ops
        })
    }))
}

fn op(flavour: Flavour) -> impl Strategy<Value = Op> {
    let who = || 0..16_usize;
    let nth = || 0..6_usize;
    prop_oneof![
        6 => join(),
        3 => who().prop_map(|who| Op::Leave { who }),
        14 => (who(), pattern()).prop_map(|(who, (policy, topic))| Op::Subscribe { who, topic, policy }),
        5 => (who(), nth()).prop_map(|(who, nth)| Op::Unsubscribe { who, nth }),
        16 => (who(), registered(flavour.policy), invoke(flavour.invoke), any::<bool>(), any::<bool>()).prop_map(
            |(who, (policy, procedure), invoke, disclose, forward)| {
                Op::Register { who, procedure, policy, invoke, disclose, forward }
            }
        ),
        5 => (who(), nth()).prop_map(|(who, nth)| Op::Unregister { who, nth }),
        18 => (who(), uri(), any::<bool>(), any::<bool>(), any::<bool>(), lists()).prop_map(
            |(who, topic, ack, exclude_me, disclose, lists)| {
                Op::Publish { who, topic, ack, exclude_me, disclose, lists }
            }
        ),
        30 => (who(), uri(), any::<bool>(), weighted(0.5, 0..120_u64), any::<bool>(), prop::bool::weighted(0.02)).prop_map(
            |(who, procedure, receive_progress, timeout_ms, disclose, reuse)| {
                Op::Call { who, procedure, receive_progress, timeout_ms, disclose, reuse }
            }
        ),
        10 => (prop::bool::weighted(0.8), who(), nth(), mode()).prop_map(
            |(by_caller, who, nth, mode)| Op::Cancel { by_caller, who, nth, mode }
        ),
        20 => (nth(), how()).prop_map(|(nth, how)| Op::Answer { nth, how }),
        5 => (who(), 1..6_u64, how()).prop_map(|(who, invocation, how)| Op::Forge { who, invocation, how }),
        2 => nth().prop_map(|nth| Op::Undeliverable { nth }),
        12 => (0..80_u64).prop_map(|ms| Op::Pass { ms }),
        1 => Just(Op::Pass { ms: 10_000 }),
        2 => (who(), who()).prop_map(|(who, victim)| Op::Kill { who, victim }),
        1 => (who(), 0..AUTHROLES.len()).prop_map(|(who, authrole)| Op::KillByAuthrole { who, authrole }),
        1 => who().prop_map(|who| Op::KillAll { who }),
        1 => who().prop_map(|who| Op::Count { who }),
    ]
}

fn join() -> impl Strategy<Value = Op> {
    (0..AUTHIDS.len(), 0..AUTHROLES.len(), 0..5_usize).prop_map(|(authid, authrole, features)| Op::Join {
        authid,
        authrole,
        features,
    })
}

/// Concrete URIs of one to three components.
fn uri() -> impl Strategy<Value = String> {
    let count = prop_oneof![2 => Just(1), 4 => Just(2), 1 => Just(3)];
    let components = count.prop_flat_map(|count| vec(prop::sample::select(vec!["a", "b", "ab"]), count));
    components.prop_map(|components| components.join("."))
}

/// Wildcards of one to three components.
fn wildcard() -> impl Strategy<Value = String> {
    let count = prop_oneof![2 => Just(1), 6 => Just(2), 1 => Just(3)];
    let components = count.prop_flat_map(|count| vec(prop::sample::select(vec!["a", "b", "", ""]), count));
    components.prop_map(|components| components.join("."))
}

fn registered(policy: Option<MatchPolicy>) -> BoxedStrategy<(MatchPolicy, String)> {
    match policy {
        Some(MatchPolicy::Exact) => uri().prop_map(|uri| (MatchPolicy::Exact, uri)).boxed(),
        Some(MatchPolicy::Wildcard) => wildcard().prop_map(|pattern| (MatchPolicy::Wildcard, pattern)).boxed(),
        Some(MatchPolicy::Prefix) | None => pattern().boxed(),
    }
}

/// Patterns that overlap, and now and then one for the router's own topics.
fn pattern() -> impl Strategy<Value = (MatchPolicy, String)> {
    let reserved = prop::sample::select(vec![
        (MatchPolicy::Exact, "wamp.session.on_join"),
        (MatchPolicy::Exact, "wamp.session.on_leave"),
        (MatchPolicy::Prefix, "wamp."),
        (MatchPolicy::Prefix, "w"),
        (MatchPolicy::Wildcard, ".session."),
        (MatchPolicy::Wildcard, "wamp.."),
    ]);
    prop_oneof![
        8 => uri().prop_map(|uri| (MatchPolicy::Exact, uri)),
        6 => (uri(), 0..6_usize).prop_map(|(uri, cut)| (MatchPolicy::Prefix, uri[..cut.min(uri.len())].to_owned())),
        6 => wildcard().prop_map(|pattern| (MatchPolicy::Wildcard, pattern)),
        1 => reserved.prop_map(|(policy, pattern)| (policy, pattern.to_owned())),
    ]
}

fn lists() -> impl Strategy<Value = Lists> {
    let list = |to: usize| weighted(0.2, vec(0..to, 0..4));
    (list(16), list(16), list(3), list(3), list(2), list(2)).prop_map(
        |(eligible, exclude, eligible_authid, exclude_authid, eligible_authrole, exclude_authrole)| Lists {
            eligible,
            exclude,
            eligible_authid,
            exclude_authid,
            eligible_authrole,
            exclude_authrole,
        },
    )
}

fn invoke(always: Option<InvocationPolicy>) -> BoxedStrategy<InvocationPolicy> {
    match always {
        Some(invoke) => Just(invoke).boxed(),
        None => prop::sample::select(InvocationPolicy::ALL).boxed(),
    }
}

fn mode() -> impl Strategy<Value = CancelMode> {
    prop::sample::select(CancelMode::ALL)
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![2 => Just(How::Final), 2 => Just(How::Partial), 1 => Just(How::Error)]
}
