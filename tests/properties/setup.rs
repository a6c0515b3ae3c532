//! How the realm of a run is set up: the bounds are small, some topics and procedures have settings, some features are off.

use crate::ask::{Lists, PublishWish};
use crate::model::best;
use std::sync::Arc;
use std::time::Duration;
use wharf::routing::{
    ForwardTimeout, HistoryRule, MetaCalls, ProcedureRule, RealmLimits, RealmRules, RetainRule, Takeover, TopicRule,
    TrustLevels, UriTable,
};
use wharf::wamp::role::{Feature, Features};
use wharf::wamp::{MatchPolicy, Uri, WallTime};

pub(crate) const SUBSCRIPTIONS_PER_SESSION: usize = 5;
pub(crate) const REGISTRATIONS_PER_SESSION: usize = 5;
pub(crate) const PENDING_CALLS: usize = 3;
pub(crate) const OPEN_INVOCATIONS: usize = 3;
pub(crate) const QUEUED_CALLS: usize = 2;
pub(crate) const TESTAMENTS: usize = 3;
pub(crate) const TIMEOUT_MAX_MS: u64 = 100;
pub(crate) const AUTHIDS: [&str; 3] = ["ann", "bob", "eve"];
pub(crate) const AUTHROLES: [&str; 2] = ["staff", "guest"];

/// 2026-11-23T00:00:00Z, in microseconds.
const START: i64 = 1_795_392_000_000_000;

#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    pub(crate) off: Vec<Feature>,
    pub(crate) takeover: bool,
    pub(crate) forward: ForwardTimeout,
    pub(crate) retained_durable: bool,
    /// What the store gives back at the start, topic by topic.
    pub(crate) restored: Vec<Restored>,
}

/// A retained event from before the start.
#[derive(Clone, Debug)]
pub(crate) struct Restored {
    pub(crate) topic: String,
    /// Less than nothing, where the clock has been set back.
    pub(crate) age_ms: i64,
    /// Without session ids.
    pub(crate) lists: Lists,
    /// A disclosed publisher.
    pub(crate) publisher: Option<u64>,
    pub(crate) trust: Option<u64>,
    pub(crate) ppt: bool,
    pub(crate) tag: u64,
}

impl Restored {
    /// The PUBLISH that it came of.
    pub(crate) fn wish(&self) -> PublishWish {
        PublishWish {
            topic: self.topic.clone(),
            ack: false,
            exclude_me: true,
            disclose: self.publisher.is_some(),
            retain: true,
            ppt: self.ppt,
            lists: self.lists.clone(),
            tag: self.tag,
            testament: false,
        }
    }
}

/// Settings of a topic.
#[derive(Clone, Copy, Default)]
pub(crate) struct TopicSettings {
    /// How many, and whether on disk.
    pub(crate) history: Option<(usize, bool)>,
    pub(crate) retain: bool,
    pub(crate) retained_ms: Option<u64>,
    trust: Option<u64>,
    /// For the role `guest`.
    trust_guest: Option<u64>,
}

/// Settings of a procedure.
#[derive(Clone, Copy, Default)]
pub(crate) struct ProcedureSettings {
    pub(crate) timeout_ms: Option<u64>,
    trust: Option<u64>,
    trust_guest: Option<u64>,
}

impl TopicSettings {
    pub(crate) fn trust(&self, authrole: usize) -> Option<u64> {
        self.trust_guest.filter(|_| AUTHROLES[authrole] == "guest").or(self.trust)
    }
}

impl ProcedureSettings {
    pub(crate) fn trust(&self, authrole: usize) -> Option<u64> {
        self.trust_guest.filter(|_| AUTHROLES[authrole] == "guest").or(self.trust)
    }
}

const KEEP: TopicSettings =
    TopicSettings { history: None, retain: true, retained_ms: None, trust: None, trust_guest: None };

pub(crate) const TOPICS: [(MatchPolicy, &str, TopicSettings); 5] = [
    (MatchPolicy::Exact, "a", TopicSettings { history: Some((3, false)), trust: Some(1), ..KEEP }),
    (MatchPolicy::Exact, "a.b", TopicSettings { history: Some((2, true)), retained_ms: Some(150), ..KEEP }),
    (MatchPolicy::Prefix, "b", TopicSettings { history: Some((4, true)), trust_guest: Some(2), ..KEEP }),
    (MatchPolicy::Exact, "ab", TopicSettings { retain: false, trust: Some(0), trust_guest: Some(7), ..KEEP }),
    (MatchPolicy::Wildcard, "a.", TopicSettings { retained_ms: Some(60), ..KEEP }),
];

pub(crate) const PROCEDURES: [(MatchPolicy, &str, ProcedureSettings); 2] = [
    (MatchPolicy::Exact, "a", ProcedureSettings { timeout_ms: Some(70), trust: Some(3), trust_guest: None }),
    (MatchPolicy::Prefix, "b", ProcedureSettings { timeout_ms: None, trust: None, trust_guest: Some(4) }),
];

impl Setup {
    pub(crate) fn features(&self) -> Features {
        self.off.iter().fold(Features::default(), |features, off| features.without(*off))
    }

    pub(crate) fn time_of_day(&self, now_ms: u64) -> WallTime {
        WallTime(START).plus(Duration::from_millis(now_ms))
    }

    pub(crate) fn topic(&self, topic: &str) -> TopicSettings {
        let place = best(TOPICS.iter().map(|(policy, pattern, _)| (*policy, *pattern)), topic);
        place.map_or(KEEP, |place| TOPICS[place].2)
    }

    pub(crate) fn procedure(&self, procedure: &str) -> ProcedureSettings {
        let place = best(PROCEDURES.iter().map(|(policy, pattern, _)| (*policy, *pattern)), procedure);
        place.map_or(ProcedureSettings::default(), |place| PROCEDURES[place].2)
    }

    /// The same for the realm.
    pub(crate) fn rules(&self) -> RealmRules {
        let trust = |level, guest: Option<u64>| TrustLevels {
            level,
            by_role: guest.into_iter().map(|level| ("guest".to_owned(), level)).collect(),
        };
        let topic = |(policy, uri, topic): &(MatchPolicy, &str, TopicSettings)| {
            let history = |(limit, durable)| HistoryRule { limit, max_age: None, durable };
            let rule = TopicRule {
                history: topic.history.map(history),
                retain: RetainRule { allow: topic.retain, max_age: topic.retained_ms.map(Duration::from_millis) },
                trust: trust(topic.trust, topic.trust_guest),
            };
            (*policy, Uri::from(*uri), rule)
        };
        let procedure = |(policy, uri, procedure): &(MatchPolicy, &str, ProcedureSettings)| {
            let call_timeout = procedure.timeout_ms.map(Duration::from_millis);
            let rule = ProcedureRule { call_timeout, trust: trust(procedure.trust, procedure.trust_guest) };
            (*policy, Uri::from(*uri), rule)
        };
        let limits = RealmLimits {
            subscriptions_per_session_max: SUBSCRIPTIONS_PER_SESSION,
            registrations_per_session_max: REGISTRATIONS_PER_SESSION,
            pending_calls_per_session_max: PENDING_CALLS,
            open_invocations_per_session_max: OPEN_INVOCATIONS,
            queued_calls_per_registration_max: QUEUED_CALLS,
            testaments_per_session_max: TESTAMENTS,
            call_timeout_max: Some(Duration::from_millis(TIMEOUT_MAX_MS)),
            meta_calls: MetaCalls { per_second: 1_000_000, burst: 1_000_000 },
            ..RealmLimits::default()
        };
        RealmRules {
            limits,
            features: self.features(),
            topics: Arc::new(UriTable::new(TOPICS.iter().map(topic).collect())),
            procedures: Arc::new(UriTable::new(PROCEDURES.iter().map(procedure).collect())),
            takeover: if self.takeover { Takeover::Suspect } else { Takeover::Off },
            forward_timeout: self.forward,
            retained_durable: self.retained_durable,
            hands_on_trace: true,
            administers: false,
        }
    }
}
