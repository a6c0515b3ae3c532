//! The small parts of the commands: URIs from a small alphabet, so that patterns overlap; lists, policies, abilities.

use crate::ask::{How, Lists};
use crate::setup::{Restored, Setup};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use wharf::routing::ForwardTimeout;
use wharf::wamp::role::Feature;
use wharf::wamp::{CancelMode, InvocationPolicy, MatchPolicy};

/// What the registrations of a run have in common, so that they overlap and are shared often enough.
#[derive(Clone, Copy)]
pub(crate) struct Flavour {
    pub(crate) policy: Option<MatchPolicy>,
    pub(crate) invoke: Option<InvocationPolicy>,
}

/// Features that a realm can be without.
const OPTIONAL: [Feature; 13] = [
    Feature::CallReroute,
    Feature::CallTrustlevels,
    Feature::EventHistory,
    Feature::EventRetention,
    Feature::PayloadPassthruMode,
    Feature::ProgressiveCallInvocations,
    Feature::ProgressiveCallResults,
    Feature::PublicationTrustlevels,
    Feature::RegistrationMetaApi,
    Feature::RegistrationRevocation,
    Feature::SubscriptionMetaApi,
    Feature::SubscriptionRevocation,
    Feature::TestamentMetaApi,
];

pub(crate) fn setup() -> impl Strategy<Value = Setup> {
    let off = prop_oneof![
        2 => Just(Vec::new()),
        1 => vec(prop::sample::select(OPTIONAL.to_vec()), 1..4),
    ];
    let forward = prop_oneof![
        4 => Just(ForwardTimeout::Request),
        1 => Just(ForwardTimeout::Always),
        1 => Just(ForwardTimeout::Never),
    ];
    (off, prop::bool::weighted(0.7), forward, any::<bool>(), restored()).prop_map(
        |(off, takeover, forward, retained_durable, mut restored)| {
            // Only what is on disk is there after a start.
            restored.truncate(if retained_durable { restored.len() } else { 0 });
            Setup { off, takeover, forward, retained_durable, restored }
        },
    )
}

fn restored() -> impl Strategy<Value = Vec<Restored>> {
    let event = (uri(), -20..170_i64, lists(), weighted(0.3, 1..9_u64), weighted(0.3, 0..9_u64), any::<bool>());
    vec(event, 0..8).prop_map(|mut events| {
        events.sort_by(|one, other| one.0.cmp(&other.0));
        let numbered = events.into_iter().zip(1_000_000..);
        numbered
            .map(|((topic, age_ms, lists, publisher, trust, ppt), tag)| {
                let lists = Lists { eligible: None, exclude: None, ..lists };
                Restored { topic, age_ms, lists, publisher, trust, ppt, tag }
            })
            .collect()
    })
}

/// All, none, or some.
pub(crate) fn abilities() -> impl Strategy<Value = u8> {
    prop_oneof![
        4 => Just(u8::MAX),
        1 => Just(0),
        4 => any::<u8>(),
    ]
}

/// Concrete URIs of one to three components.
pub(crate) fn uri() -> impl Strategy<Value = String> {
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

pub(crate) fn registered(policy: Option<MatchPolicy>) -> BoxedStrategy<(MatchPolicy, String)> {
    match policy {
        Some(MatchPolicy::Exact) => uri().prop_map(|uri| (MatchPolicy::Exact, uri)).boxed(),
        Some(MatchPolicy::Wildcard) => wildcard().prop_map(|pattern| (MatchPolicy::Wildcard, pattern)).boxed(),
        Some(MatchPolicy::Prefix) | None => scope_pattern().boxed(),
    }
}

/// Patterns that overlap.
pub(crate) fn scope_pattern() -> impl Strategy<Value = (MatchPolicy, String)> {
    prop_oneof![
        8 => uri().prop_map(|uri| (MatchPolicy::Exact, uri)),
        6 => (uri(), 0..6_usize).prop_map(|(uri, cut)| (MatchPolicy::Prefix, uri[..cut.min(uri.len())].to_owned())),
        6 => wildcard().prop_map(|pattern| (MatchPolicy::Wildcard, pattern)),
    ]
}

/// The same, and now and then one for the router's own topics.
pub(crate) fn pattern() -> impl Strategy<Value = (MatchPolicy, String)> {
    let reserved = prop::sample::select(vec![
        (MatchPolicy::Exact, "wamp.session.on_join"),
        (MatchPolicy::Exact, "wamp.session.on_leave"),
        (MatchPolicy::Prefix, "wamp."),
        (MatchPolicy::Prefix, "wamp.registration."),
        (MatchPolicy::Prefix, "wamp.reflect."),
        (MatchPolicy::Exact, "wamp.reflect.on_undefine"),
        (MatchPolicy::Exact, "wamp.subscription.on_create"),
        (MatchPolicy::Wildcard, "wamp.subscription."),
        (MatchPolicy::Prefix, "w"),
        (MatchPolicy::Wildcard, ".session."),
        (MatchPolicy::Wildcard, "wamp.."),
    ]);
    prop_oneof![
        12 => scope_pattern(),
        1 => reserved.prop_map(|(policy, pattern)| (policy, pattern.to_owned())),
    ]
}

pub(crate) fn lists() -> impl Strategy<Value = Lists> {
    let list = |to: usize| weighted(0.2, vec(0..to, 0..4));
    let some = (list(16), list(16), list(3), list(3), list(2), list(2)).prop_map(
        |(eligible, exclude, eligible_authid, exclude_authid, eligible_authrole, exclude_authrole)| Lists {
            eligible,
            exclude,
            eligible_authid,
            exclude_authid,
            eligible_authrole,
            exclude_authrole,
        },
    );
    prop_oneof![1 => Just(Lists::default()), 1 => some]
}

pub(crate) fn invoke(always: Option<InvocationPolicy>) -> BoxedStrategy<InvocationPolicy> {
    match always {
        Some(invoke) => Just(invoke).boxed(),
        None => prop::sample::select(InvocationPolicy::ALL).boxed(),
    }
}

pub(crate) fn mode() -> impl Strategy<Value = CancelMode> {
    prop::sample::select(CancelMode::ALL)
}

pub(crate) fn how() -> impl Strategy<Value = How> {
    prop_oneof![2 => Just(How::Final), 2 => Just(How::Partial), 1 => Just(How::Error), 1 => Just(How::Unavailable)]
}
