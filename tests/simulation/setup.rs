//! Each seed draws its bounds, settings and features, so that rare refusals come together.

use crate::client::{tag, Tag};
use crate::described::SECRET;
use crate::passthru::{keys, OPAQUE};
use rand::rngs::StdRng;
use rand::RngExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;
use wharf::routing::{
    ForwardTimeout, HistoryRule, KeptEvent, MetaCalls, ProcedureRule, RealmLimits, RealmRules, Refusal, RetainRule,
    Rights, Takeover, TopicRule, TrustLevels, UriTable,
};
use wharf::wamp::options::PublishOptions;
use wharf::wamp::role::{
    Announced, CalleeFeatures, CallerFeatures, Feature, Features, PublisherFeatures, SubscriberFeatures,
};
use wharf::wamp::{ErrorUri, MatchPolicy, PublicationId, Uri, WallTime};

/// The topic whose history is on disk.
pub(crate) const DURABLE: &str = "a.b";

/// Features that a realm may be without.
const OPTIONAL: [Feature; 9] = [
    Feature::CallReroute,
    Feature::EventHistory,
    Feature::EventRetention,
    Feature::PayloadPassthruMode,
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

/// How far whoever publishes is trusted.
pub(crate) fn topic_trust(topic: &str) -> Option<u64> {
    topic.starts_with("b.").then_some(2)
}

/// How far whoever calls is trusted.
pub(crate) fn procedure_trust(procedure: &str) -> Option<u64> {
    (procedure == SECRET).then_some(1)
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
    let trust = |level| TrustLevels { level, ..TrustLevels::default() };
    let topics = vec![
        // What is acknowledged here is looked for at the end, so nothing goes.
        (MatchPolicy::Exact, DURABLE.into(), TopicRule { history: history(100_000, true), ..TopicRule::default() }),
        (
            MatchPolicy::Prefix,
            "b.".into(),
            TopicRule { history: history(3, false), trust: trust(topic_trust("b.b")), ..TopicRule::default() },
        ),
        (
            MatchPolicy::Exact,
            SECRET.into(),
            TopicRule { retain: retain(Some(SECRET_RETAINED_MS)), ..TopicRule::default() },
        ),
    ];
    let call_timeout = Some(Duration::from_millis(100));
    let rule = ProcedureRule { call_timeout, trust: trust(procedure_trust(SECRET)) };
    let off = OPTIONAL.iter().filter(|_| rng.random_bool(0.08));
    RealmRules {
        limits,
        features: off.fold(Features::default(), |features, off| features.without(*off)),
        topics: Arc::new(UriTable::new(topics)),
        procedures: Arc::new(UriTable::new(vec![(MatchPolicy::Exact, SECRET.into(), rule)])),
        takeover: if rng.random_bool(0.8) { Takeover::Suspect } else { Takeover::Off },
        forward_timeout: ForwardTimeout::Request,
        retained_durable: rng.random_bool(0.5),
        hands_on_trace: true,
        administers: false,
    }
}

/// What a client's software can do.
pub(crate) fn announced(rng: &mut StdRng) -> Announced {
    Announced {
        publisher: true,
        subscriber: true,
        caller: true,
        callee: true,
        publisher_features: PublisherFeatures { payload_passthru_mode: rng.random_bool(0.8) },
        subscriber_features: SubscriberFeatures { subscription_revocation: rng.random_bool(0.5) },
        caller_features: CallerFeatures {
            progressive_call_invocations: rng.random_bool(0.8),
            payload_passthru_mode: rng.random_bool(0.8),
        },
        callee_features: CalleeFeatures {
            call_canceling: rng.random_bool(0.8),
            progressive_call_results: rng.random_bool(0.7),
            progressive_call_invocations: rng.random_bool(0.8),
            call_timeout: rng.random_bool(0.5),
            call_reroute: rng.random_bool(0.7),
            registration_revocation: rng.random_bool(0.5),
            payload_passthru_mode: rng.random_bool(0.8),
        },
    }
}

/// What guests may: all, but nothing that is secret; whether they may publish it changes.
#[derive(Default)]
pub(crate) struct Guest(AtomicBool);

impl Guest {
    pub(crate) fn deny(&self, is_denied: bool) {
        self.0.store(is_denied, Ordering::Relaxed);
    }
}

impl Rights for Guest {
    fn judge_publish(&self, topic: &Uri, _: &mut PublishOptions) -> Result<(), Refusal> {
        if self.0.load(Ordering::Relaxed) && topic.as_str() == SECRET {
            return Err(Refusal::NotPermitted { error: ErrorUri::NOT_AUTHORIZED, text: String::new() });
        }
        Ok(())
    }

    fn may_subscribe(&self, topic: &Uri, _: MatchPolicy) -> bool {
        topic.as_str() != SECRET
    }

    fn may_call(&self, procedure: &Uri) -> bool {
        procedure.as_str() != SECRET
    }

    fn may_register(&self, _: &Uri, _: MatchPolicy) -> bool {
        true
    }
}

/// How long what is secret is retained.
const SECRET_RETAINED_MS: u64 = 200;

/// What was retained before the start, and how many milliseconds of its time are left, if it has an end.
pub(crate) fn restored(rng: &mut StdRng) -> Vec<(Tag, KeptEvent, Option<u64>)> {
    let mut events = Vec::new();
    for (topic, id) in [("a.b", 1), (SECRET, 2), ("b.b", 3)] {
        let age = rng.random_range(0..300);
        let tag_of = (0, id, if rng.random_bool(0.5) { OPAQUE } else { 0 });
        let event = KeptEvent {
            publication: PublicationId::new(id).unwrap(),
            time: time_of_day(0).minus(Duration::from_millis(age)),
            topic: topic.into(),
            publisher: None,
            excluded: None,
            trustlevel: topic_trust(topic),
            ppt: keys(tag_of),
            listing: None,
            payload: tag(tag_of),
        };
        events.push((tag_of, event, (topic == SECRET).then(|| SECRET_RETAINED_MS.saturating_sub(age))));
    }
    events
}
