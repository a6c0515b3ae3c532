//! Each seed draws its bounds, settings and features, so that rare refusals come together.

use rand::rngs::StdRng;
use rand::RngExt;
use std::sync::Arc;
use std::time::Duration;
use wharf::routing::{
    ForwardTimeout, HistoryRule, MetaCalls, ProcedureRule, RealmLimits, RealmRules, RetainRule, Takeover, TopicRule,
    TrustLevels, UriTable,
};
use wharf::wamp::role::{
    Announced, CalleeFeatures, CallerFeatures, Feature, Features, PublisherFeatures, SubscriberFeatures,
};
use wharf::wamp::{MatchPolicy, WallTime};

/// The topic whose history is on disk.
pub(crate) const DURABLE: &str = "a.b";

/// Features that a realm may be without.
const OPTIONAL: [Feature; 8] = [
    Feature::CallReroute,
    Feature::EventHistory,
    Feature::EventRetention,
    Feature::ProgressiveCallInvocations,
    Feature::ProgressiveCallResults,
    Feature::RegistrationMetaApi,
    Feature::SubscriptionMetaApi,
    Feature::TestamentMetaApi,
];

pub(crate) fn time_of_day(ms: u64) -> WallTime {
    // 2026-11-23T00:00:00Z.
    WallTime(1_795_392_000_000_000).plus(Duration::from_millis(ms))
}

pub(crate) fn rules(rng: &mut StdRng) -> RealmRules {
    let limits = RealmLimits {
        subscriptions_per_session_max: rng.random_range(2..9),
        registrations_per_session_max: rng.random_range(2..9),
        pending_calls_per_session_max: rng.random_range(1..9),
        open_invocations_per_session_max: rng.random_range(1..9),
        queued_calls_per_registration_max: rng.random_range(1..9),
        testaments_per_session_max: rng.random_range(1..5),
        call_timeout: rng.random_bool(0.5).then(|| Duration::from_millis(300)),
        meta_calls: MetaCalls { per_second: 1000, burst: 1000 },
        ..RealmLimits::default()
    };
    let history = |limit, durable| Some(HistoryRule { limit, max_age: None, durable });
    let retain = |ms: Option<u64>| RetainRule { allow: true, max_age: ms.map(Duration::from_millis) };
    let topics = vec![
        // What is acknowledged here is looked for at the end, so nothing goes.
        (MatchPolicy::Exact, DURABLE.into(), TopicRule { history: history(100_000, true), ..TopicRule::default() }),
        (MatchPolicy::Prefix, "b.".into(), TopicRule { history: history(3, false), ..TopicRule::default() }),
        (MatchPolicy::Exact, "c".into(), TopicRule { retain: retain(Some(200)), ..TopicRule::default() }),
    ];
    let trust = TrustLevels { level: Some(1), ..TrustLevels::default() };
    let rule = ProcedureRule { call_timeout: Some(Duration::from_millis(100)), trust };
    let off = OPTIONAL.iter().filter(|_| rng.random_bool(0.08));
    RealmRules {
        limits,
        features: off.fold(Features::default(), |features, off| features.without(*off)),
        topics: Arc::new(UriTable::new(topics)),
        procedures: Arc::new(UriTable::new(vec![(MatchPolicy::Exact, "c".into(), rule)])),
        takeover: if rng.random_bool(0.8) { Takeover::Suspect } else { Takeover::Off },
        forward_timeout: ForwardTimeout::Request,
        retained_durable: rng.random_bool(0.5),
    }
}

/// What a client's software can do.
pub(crate) fn announced(rng: &mut StdRng) -> Announced {
    Announced {
        publisher: true,
        subscriber: true,
        caller: true,
        callee: true,
        publisher_features: PublisherFeatures::default(),
        subscriber_features: SubscriberFeatures { subscription_revocation: rng.random_bool(0.5) },
        caller_features: CallerFeatures {
            progressive_call_invocations: rng.random_bool(0.8),
            payload_passthru_mode: false,
        },
        callee_features: CalleeFeatures {
            call_canceling: rng.random_bool(0.8),
            progressive_call_results: rng.random_bool(0.7),
            progressive_call_invocations: rng.random_bool(0.8),
            call_timeout: rng.random_bool(0.5),
            call_reroute: rng.random_bool(0.7),
            registration_revocation: rng.random_bool(0.5),
            payload_passthru_mode: false,
        },
    }
}
