//! What a realm's configuration says about its topics and procedures. `config` fills it; nothing here knows about files.

use super::limits::RealmLimits;
use super::pattern::{PatternMap, Place};
use crate::wamp::role::Features;
use crate::wamp::{MatchPolicy, Uri};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Everything that a realm is told when it is made.
#[derive(Clone, Debug, Default)]
pub struct RealmRules {
    /// Bounds and times.
    pub limits: RealmLimits,
    /// What the realm announces.
    pub features: Features,
    /// Settings of topics; of several that fit the most specific one decides.
    pub topics: Arc<UriTable<TopicRule>>,
    /// Settings of procedures; of several that fit the most specific one decides.
    pub procedures: Arc<UriTable<ProcedureRule>>,
    /// What becomes of a registration whose holder may be gone.
    pub takeover: Takeover,
    /// Who keeps the time of calls.
    pub forward_timeout: ForwardTimeout,
    /// Whether retained events outlive the process: what is retained is handed to the store.
    pub retained_durable: bool,
    /// Whether what a caller or publisher says of its trace is handed on.
    pub hands_on_trace: bool,
    /// Whether the procedures `wharf.admin.*` are here, by which the node is administered.
    pub administers: bool,
}

/// What becomes of a REGISTER that conflicts only with registrations of the same authid (U4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Takeover {
    /// It is refused.
    Off,
    /// The holder is asked for a sign of life; if it gives none in time, it is ended and the registration passes on.
    #[default]
    Suspect,
}

/// Who keeps the time of a call whose callee could (D67).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ForwardTimeout {
    /// The callee, if its registration asked for that.
    #[default]
    Request,
    /// Every callee that announces `call_timeout`.
    Always,
    /// The dealer.
    Never,
}

/// Settings of topics.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TopicRule {
    /// Whether and how long events are kept for `wamp.subscription.get_events`.
    pub history: Option<HistoryRule>,
    /// Whether and how long an event may be retained.
    pub retain: RetainRule,
    /// EVENT.Details.trustlevel.
    pub trust: TrustLevels,
}

/// How much of a topic's past is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HistoryRule {
    /// Events per topic.
    pub limit: usize,
    /// No older than this.
    pub max_age: Option<Duration>,
    /// On disk (`fsync`), not only in memory.
    pub durable: bool,
}

/// Whether a topic's event may be retained.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RetainRule {
    /// If not, the event is routed, and not kept.
    pub allow: bool,
    /// For how long it is given to late subscribers.
    pub max_age: Option<Duration>,
}

impl Default for RetainRule {
    fn default() -> Self {
        Self { allow: true, max_age: None }
    }
}

/// Settings of procedures.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ProcedureRule {
    /// For calls that carry no timeout; else the realm's.
    pub call_timeout: Option<Duration>,
    /// INVOCATION.Details.trustlevel.
    pub trust: TrustLevels,
}

/// Trust levels by the role of the publisher or caller. Source: section 8.5 of the reference.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TrustLevels {
    /// For roles that are not named; left out of messages if absent.
    pub level: Option<u64>,
    /// For these roles.
    pub by_role: BTreeMap<String, u64>,
}

impl TrustLevels {
    /// The level of a message from a session of this role.
    pub fn of(&self, authrole: &str) -> Option<u64> {
        self.by_role.get(authrole).copied().or(self.level)
    }
}

/// Settings by URI pattern.
#[derive(Debug)]
pub struct UriTable<T> {
    index: PatternMap,
    entries: Vec<(MatchPolicy, Uri, T)>,
}

impl<T> Default for UriTable<T> {
    fn default() -> Self {
        Self { index: PatternMap::default(), entries: Vec::new() }
    }
}

impl<T> UriTable<T> {
    /// A table of these. Of two with the same pattern the later one holds.
    pub fn new(entries: Vec<(MatchPolicy, Uri, T)>) -> Self {
        let mut index = PatternMap::default();
        for (place, (policy, uri, _)) in entries.iter().enumerate() {
            index.insert(*policy, uri, place as Place);
        }
        Self { index, entries }
    }

    /// The settings of this URI: of the exact entry, else of the longest prefix, else of the best wildcard (section 9.2 of the
    /// reference).
    #[inline]
    pub fn find(&self, uri: &str) -> Option<&T> {
        match self.entries.as_slice() {
            [] => return None,
            [(MatchPolicy::Prefix, start, settings)] => return uri.starts_with(start.as_str()).then_some(settings),
            [..] => {}
        }
        let place = self.index.best(uri)?;
        self.entries.get(place as usize).map(|(_, _, settings)| settings)
    }

    /// All entries, as they were given.
    pub fn iter(&self) -> impl Iterator<Item = &(MatchPolicy, Uri, T)> {
        self.entries.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Configuration, "settings by URI": exact, then longest prefix, then wildcard.
    #[test]
    fn the_most_specific_pattern_decides() {
        let entry = |policy, uri: &str, value: u8| (policy, Uri::from(uri), value);
        let table = UriTable::new(vec![
            entry(MatchPolicy::Prefix, "com.", 1),
            entry(MatchPolicy::Prefix, "com.app.", 2),
            entry(MatchPolicy::Exact, "com.app.x", 3),
            entry(MatchPolicy::Wildcard, "org..x", 4),
        ]);
        let found = |uri| table.find(uri).copied();
        assert_eq!([found("com.app.x"), found("com.app.y"), found("com.z")], [Some(3), Some(2), Some(1)]);
        assert_eq!([found("org.a.x"), found("org.a.y")], [Some(4), None]);
        let one = UriTable::new(vec![entry(MatchPolicy::Prefix, "com.", 1)]);
        assert_eq!([one.find("com.app.x"), one.find("org.x")], [Some(&1), None]);
    }
}
