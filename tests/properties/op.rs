//! The commands, as generated. Sessions and things are named by a number that is taken modulo what there is, so that most
//! commands mean something and some mean what is gone or somebody else's.

use crate::ask::{How, Lists};
use crate::draw::{abilities, how, invoke, lists, mode, pattern, registered, scope_pattern, setup, uri, Flavour};
use crate::setup::{Setup, AUTHIDS, AUTHROLES};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::strategy::Union;
use wharf::routing::Described;
use wharf::wamp::{CancelMode, InvocationPolicy, MatchPolicy};

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Join {
        authid: usize,
        authrole: usize,
        anonymous: bool,
        /// One bit for each ability.
        can: u8,
    },
    Leave {
        who: usize,
    },
    Subscribe {
        who: usize,
        topic: String,
        policy: MatchPolicy,
        get_retained: bool,
        /// Instead, the topic or pattern of a subscription that there is.
        like: Option<usize>,
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
        concurrency: Option<u64>,
        force: bool,
        /// Instead, the procedure or pattern of a registration that there is.
        like: Option<usize>,
    },
    Unregister {
        who: usize,
        nth: usize,
    },
    Publish(Publishing),
    Call {
        who: usize,
        procedure: String,
        receive_progress: bool,
        progress: bool,
        timeout_ms: Option<u64>,
        disclose: bool,
        ppt: bool,
        reuse: bool,
        /// Instead, a procedure of a registration that there is.
        like: Option<usize>,
    },
    /// More input of a call under way.
    GoOn {
        nth: usize,
        progress: bool,
        /// Says another procedure than the call's.
        other: bool,
    },
    /// More input of a call that has ended.
    GoOnLate {
        who: usize,
        nth: usize,
        progress: bool,
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
        ppt: bool,
    },
    Forge {
        who: usize,
        invocation: u64,
        how: How,
    },
    Undeliverable {
        nth: usize,
        given_back: bool,
    },
    SignOfLife {
        who: usize,
    },
    /// The session does not read what is sent to it, or does again.
    Avoid {
        who: usize,
        avoided: bool,
    },
    /// The store has kept an event, or failed to.
    Kept {
        nth: usize,
        ok: bool,
    },
    /// The store has read, or failed to.
    HistoryRead {
        nth: usize,
        ok: bool,
    },
    Pass {
        ms: u64,
    },
    /// What a role may do changes.
    Permit {
        authrole: usize,
        /// One bit for each denial.
        denied: u8,
    },
    /// Memory is short, or is not any more.
    Memory {
        is_short: bool,
    },
    Reflect(Reflecting),
    Testament {
        publishing: Publishing,
        detached: bool,
    },
    Meta {
        who: usize,
        what: What,
        /// Whom or which it is about.
        nth: usize,
        /// The subscription or registration.
        of: usize,
        policy: MatchPolicy,
        uri: String,
        flag: bool,
    },
}

/// A question about descriptions, or a description.
#[derive(Clone, Debug)]
pub(crate) struct Reflecting {
    pub(crate) who: usize,
    pub(crate) reflect: Reflect,
    pub(crate) kind: Described,
    pub(crate) policy: MatchPolicy,
    pub(crate) uri: String,
    /// Instead, what is served or described.
    pub(crate) like: Option<usize>,
    /// The description is one.
    pub(crate) lawful: bool,
    pub(crate) limit: Option<u64>,
    /// From the URI on.
    pub(crate) after: bool,
}

/// What is called of reflection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reflect {
    Define,
    Undefine,
    DescribeAll,
    Describe,
    List,
}

/// What is called of the router's own procedures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum What {
    Count,
    Kill,
    KillByAuthrole,
    KillAll,
    RemoveCallee,
    RemoveSubscriber,
    ClearRetained,
    FlushTestaments,
    ListRegistrations,
    ListSubscriptions,
    MatchProcedure,
    MatchTopic,
    ListCallees,
    ListSubscribers,
    GetEvents,
}

#[derive(Clone, Debug)]
pub(crate) struct Publishing {
    pub(crate) who: usize,
    pub(crate) topic: String,
    /// Instead, a topic of a subscription that there is.
    pub(crate) like: Option<usize>,
    pub(crate) ack: bool,
    pub(crate) exclude_me: bool,
    pub(crate) disclose: bool,
    pub(crate) retain: bool,
    pub(crate) ppt: bool,
    pub(crate) lists: Lists,
}

/// A run begins with some sessions, so that there is something to do.
pub(crate) fn runs() -> impl Strategy<Value = (Setup, Vec<Op>)> {
    let invokes =
        [None, Some(InvocationPolicy::Single)].into_iter().chain(InvocationPolicy::ALL.iter().copied().map(Some));
    let policies = [None, Some(MatchPolicy::Exact), Some(MatchPolicy::Wildcard)];
    let flavours = invokes.flat_map(|invoke| policies.map(|policy| Flavour { policy, invoke }));
    let runs = flavours.map(|flavour| {
        let (first, then) = (vec(join(), 3..6), vec(prop_oneof![register(flavour), events()], 0..6));
        let rest = prop_oneof![60 => op(flavour).prop_map(|op| vec![op]), 1 => takeover(flavour), 1 => late_roles(), 1 => held()];
        (first, then, vec(rest, 1..130))
            .prop_map(|(first, then, rest)| [first, then].into_iter().chain(rest).flatten().collect::<Vec<Op>>())
    });
    (setup(), Union::new(runs))
}

fn who() -> std::ops::Range<usize> {
    0..16
}

fn nth() -> std::ops::Range<usize> {
    0..6
}

/// Boxed, as all of them together are too large for the stack of a test.
fn op(flavour: Flavour) -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => around().boxed(),
        16 => events().boxed(),
        30 => calls(flavour).boxed(),
        22 => answers().boxed(),
        9 => time().boxed(),
        7 => meta().boxed(),
        9 => reflecting().prop_map(Op::Reflect).boxed(),
        2 => circumstances().boxed(),
    ]
}

/// Several want what somebody may have left behind, and the time runs out.
fn takeover(flavour: Flavour) -> impl Strategy<Value = Vec<Op>> {
    let like = |op, nth| match op {
        Op::Register { who, procedure, policy, invoke, disclose, forward, concurrency, .. } => {
            let (like, force) = (Some(nth), false);
            Op::Register { who, procedure, policy, invoke, disclose, forward, concurrency, force, like }
        }
        other => other,
    };
    let registers = move || (vec(register(flavour), 2..5), nth());
    (registers(), vec(prop_oneof![around(), answers()], 0..3)).prop_map(move |((registers, nth), between)| {
        let registers = registers.into_iter().map(|register| like(register, nth));
        registers.chain(between).chain([Op::Pass { ms: 2_000 }]).collect()
    })
}

/// More events with lists than are retained, and those who come late.
fn late_roles() -> impl Strategy<Value = Vec<Op>> {
    let listed =
        (publishing(), 0..AUTHROLES.len(), prop::bool::weighted(0.9)).prop_map(|(publishing, role, listed)| {
            let eligible_authrole = listed.then(|| vec![role]);
            let lists = Lists { eligible_authrole, ..Lists::default() };
            Op::Publish(Publishing { topic: "b".to_owned(), like: None, retain: true, lists, ..publishing })
        });
    let late = who().prop_map(|who| {
        let (topic, policy) = ("b".to_owned(), MatchPolicy::Exact);
        Op::Subscribe { who, topic, policy, get_retained: true, like: None }
    });
    (vec(listed, 2..14), vec(late, 1..4)).prop_map(|(listed, late)| [listed, late].concat())
}

/// A publisher that waits for the store, and goes on talking.
fn held() -> impl Strategy<Value = Vec<Op>> {
    let said = |who: usize| {
        prop_oneof![
            3 => (0..3_usize).prop_map(move |nth| Op::Unsubscribe { who, nth }),
            2 => (nth(), who_else()).prop_map(move |(nth, victim)| {
                let (what, policy, uri) = (if victim % 2 == 0 { What::Kill } else { What::RemoveSubscriber }, MatchPolicy::Exact, "b".to_owned());
                Op::Meta { who, what, nth: victim, of: nth, policy, uri, flag: false }
            }),
            2 => publishing().prop_map(move |publishing| Op::Publish(Publishing { who, ..publishing })),
            2 => uri().prop_map(move |topic| Op::Subscribe { who, topic, policy: MatchPolicy::Exact, get_retained: true, like: None }),
            1 => Just(Op::Leave { who }),
        ]
    };
    let scene = move |who: usize| {
        (publishing(), vec(said(who), 1..5), any::<bool>()).prop_map(move |(publishing, said, ok)| {
            let (topic, policy) = ("b".to_owned(), MatchPolicy::Exact);
            let subscribe = Op::Subscribe { who, topic: topic.clone(), policy, get_retained: false, like: None };
            let lists = Lists::default();
            let publishing = Publishing { who, topic, like: None, ack: true, exclude_me: false, lists, ..publishing };
            let first = [subscribe, Op::Publish(publishing)];
            first.into_iter().chain(said).chain([Op::Kept { nth: usize::MAX, ok }]).collect()
        })
    };
    (0..15_usize).prop_flat_map(scene)
}

fn who_else() -> std::ops::Range<usize> {
    0..15
}

fn around() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => join(),
        2 => who().prop_map(|who| Op::Leave { who }),
    ]
}

fn join() -> impl Strategy<Value = Op> {
    (prop_oneof![1 => 0..AUTHIDS.len(), 1 => Just(0)], 0..AUTHROLES.len(), prop::bool::weighted(0.15), abilities())
        .prop_map(|(authid, authrole, anonymous, can)| Op::Join { authid, authrole, anonymous, can })
}

fn events() -> impl Strategy<Value = Op> {
    prop_oneof![
        14 => (who(), pattern(), any::<bool>(), weighted(0.3, nth())).prop_map(
            |(who, (policy, topic), get_retained, like)| Op::Subscribe { who, topic, policy, get_retained, like }
        ),
        6 => (who(), nth()).prop_map(|(who, nth)| Op::Unsubscribe { who, nth }),
        20 => publishing().prop_map(Op::Publish),
        3 => (publishing(), any::<bool>()).prop_map(|(publishing, detached)| Op::Testament { publishing, detached }),
    ]
}

fn publishing() -> impl Strategy<Value = Publishing> {
    let often = any::<bool>;
    let flags = (often(), often(), often(), often(), prop::bool::weighted(0.1));
    (who(), uri(), weighted(0.6, nth()), flags, lists()).prop_map(
        |(who, topic, like, (ack, exclude_me, disclose, retain, ppt), lists)| Publishing {
            who,
            topic,
            like,
            ack,
            exclude_me,
            disclose,
            retain,
            ppt,
            lists,
        },
    )
}

fn register(flavour: Flavour) -> impl Strategy<Value = Op> {
    let options = (any::<bool>(), any::<bool>(), weighted(0.35, 1..3_u64), prop::bool::weighted(0.06));
    (who(), registered(flavour.policy), invoke(flavour.invoke), options, weighted(0.5, nth())).prop_map(
        |(who, (policy, procedure), invoke, (disclose, forward, concurrency, force), like)| Op::Register {
            who,
            procedure,
            policy,
            invoke,
            disclose,
            forward,
            concurrency,
            force,
            like,
        },
    )
}

fn calls(flavour: Flavour) -> impl Strategy<Value = Op> {
    let often = any::<bool>;
    let seldom = prop::bool::weighted;
    prop_oneof![
        16 => register(flavour),
        5 => (who(), nth()).prop_map(|(who, nth)| Op::Unregister { who, nth }),
        34 => (who(), uri(), weighted(0.9, nth()), (often(), seldom(0.3), often(), seldom(0.1), seldom(0.02)), weighted(0.4, 0..120_u64)).prop_map(
            |(who, procedure, like, (receive_progress, progress, disclose, ppt, reuse), timeout_ms)| {
                Op::Call { who, procedure, receive_progress, progress, timeout_ms, disclose, ppt, reuse, like }
            }
        ),
        10 => (nth(), often(), seldom(0.02)).prop_map(|(nth, progress, other)| Op::GoOn { nth, progress, other }),
        2 => (who(), nth(), often()).prop_map(|(who, nth, progress)| Op::GoOnLate { who, nth, progress }),
        9 => (prop::bool::weighted(0.8), who(), nth(), mode()).prop_map(
            |(by_caller, who, nth, mode)| Op::Cancel { by_caller, who, nth, mode }
        ),
    ]
}

fn answers() -> impl Strategy<Value = Op> {
    prop_oneof![
        18 => (nth(), how(), prop::bool::weighted(0.1)).prop_map(|(nth, how, ppt)| Op::Answer { nth, how, ppt }),
        2 => (who(), 0..64_u64, how()).prop_map(|(who, invocation, how)| Op::Forge { who, invocation, how }),
        2 => (nth(), any::<bool>()).prop_map(|(nth, given_back)| Op::Undeliverable { nth, given_back }),
        2 => who().prop_map(|who| Op::SignOfLife { who }),
        1 => (who(), any::<bool>()).prop_map(|(who, avoided)| Op::Avoid { who, avoided }),
        5 => (nth(), prop::bool::weighted(0.8)).prop_map(|(nth, ok)| Op::Kept { nth, ok }),
        3 => (nth(), prop::bool::weighted(0.8)).prop_map(|(nth, ok)| Op::HistoryRead { nth, ok }),
    ]
}

/// What the realm is told by others than its sessions.
fn circumstances() -> impl Strategy<Value = Op> {
    let denied = prop_oneof![1 => Just(0), 1 => 0..32_u8];
    prop_oneof![
        3 => (0..AUTHROLES.len(), denied).prop_map(|(authrole, denied)| Op::Permit { authrole, denied }),
        1 => any::<bool>().prop_map(|is_short| Op::Memory { is_short }),
    ]
}

fn reflecting() -> impl Strategy<Value = Reflecting> {
    let reflect = prop_oneof![
        12 => Just(Reflect::Define),
        2 => Just(Reflect::Undefine),
        2 => Just(Reflect::DescribeAll),
        3 => Just(Reflect::Describe),
        2 => Just(Reflect::List),
    ];
    let kind = prop_oneof![2 => Just(Described::Procedure), 1 => Just(Described::Topic), 1 => Just(Described::Error)];
    let thing = prop_oneof![
        16 => uri().prop_map(|uri| (MatchPolicy::Exact, uri)),
        3 => scope_pattern(),
        1 => Just((MatchPolicy::Exact, "wamp.b".to_owned())),
        1 => Just((MatchPolicy::Exact, "a.".to_owned())),
    ];
    let flags = (prop::bool::weighted(0.95), weighted(0.3, 1..3_u64), prop::bool::weighted(0.3));
    (who(), reflect, kind, thing, weighted(0.8, nth()), flags).prop_map(
        |(who, reflect, kind, (policy, uri), like, (lawful, limit, after))| Reflecting {
            who,
            reflect,
            kind,
            policy,
            uri,
            like,
            lawful,
            limit,
            after,
        },
    )
}

fn time() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => (0..80_u64).prop_map(|ms| Op::Pass { ms }),
        2 => Just(Op::Pass { ms: 2_000 }),
        1 => Just(Op::Pass { ms: 10_000 }),
    ]
}

fn meta() -> impl Strategy<Value = Op> {
    let what = prop_oneof![
        2 => Just(What::Count),
        4 => Just(What::Kill),
        1 => Just(What::KillByAuthrole),
        1 => Just(What::KillAll),
        8 => Just(What::RemoveCallee),
        10 => Just(What::RemoveSubscriber),
        3 => Just(What::ClearRetained),
        2 => Just(What::FlushTestaments),
        1 => Just(What::ListRegistrations),
        1 => Just(What::ListSubscriptions),
        2 => Just(What::MatchProcedure),
        2 => Just(What::MatchTopic),
        2 => Just(What::ListCallees),
        2 => Just(What::ListSubscribers),
        4 => Just(What::GetEvents),
    ];
    (who(), what, who(), nth(), scope_pattern(), any::<bool>())
        .prop_map(|(who, what, nth, of, (policy, uri), flag)| Op::Meta { who, what, nth, of, policy, uri, flag })
}
