//! The bounds of one realm (chapter "Quotas" of the limits). `config` fills them; nothing here knows about files.
//!
//! What is beyond a bound is refused before anything is remembered for it.

use std::time::Duration;

/// The bounds and times of one realm. [`Default`] is what holds without a configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RealmLimits {
    /// Sessions in the realm (`max_sessions`).
    pub sessions_max: usize,
    /// Entries of all sessions in all subscriptions (`max_subscriptions`).
    pub subscriptions_max: usize,
    /// Entries of all callees in all registrations (`max_registrations`).
    pub registrations_max: usize,
    /// Subscriptions of one session (`max_subscriptions_per_session`).
    pub subscriptions_per_session_max: usize,
    /// Registrations of one session (`max_registrations_per_session`).
    pub registrations_per_session_max: usize,
    /// Calls under way of one caller (`max_pending_calls_per_session`).
    pub pending_calls_per_session_max: usize,
    /// Invocations under way at one callee (`max_open_invocations_per_session`); then the next callee is asked.
    pub open_invocations_per_session_max: usize,
    /// Calls that wait for a callee of one registration, where each is at its `concurrency`.
    pub queued_calls_per_registration_max: usize,
    /// Testaments of one session (`max_testaments_per_session`).
    pub testaments_per_session_max: usize,
    /// Octets of one session's testaments together (`max_testament_bytes`).
    pub testament_octets_max: usize,
    /// Octets of all retained events (`max_retained_bytes`).
    pub retained_octets_max: usize,
    /// What happens to an event that is to be retained beyond that.
    pub retained_full: RetainedFull,
    /// Octets of history in memory (`max_history_bytes`); beyond it the oldest goes.
    pub history_octets_max: usize,
    /// For calls that carry no timeout.
    pub call_timeout: Option<Duration>,
    /// Longer wishes are cut to this.
    pub call_timeout_max: Option<Duration>,
    /// The most entries of one answer of the meta API.
    pub meta_list_max: usize,
    /// Calls of meta procedures, per session (`meta_calls`).
    pub meta_calls: MetaCalls,
}

/// What happens to an event that is to be retained when there is no room.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RetainedFull {
    /// It is routed, and not kept.
    #[default]
    Refuse,
    /// The oldest retained events make room.
    Evict,
}

/// How often one session may call meta procedures (X4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MetaCalls {
    /// Per second, in the long run. 0 refuses all.
    pub per_second: u32,
    /// At once, after a pause.
    pub burst: u32,
}

/// A peer that has not answered a question for a sign of life for this long is suspect: calls pass it over where they can, and
/// another session of its authid may have its registrations.
pub const SUSPECT_AFTER: Duration = Duration::from_secs(2);

/// What the router waits beyond a timeout that the callee keeps itself, before it ends the call for a silent callee (D67).
pub(crate) const FORWARDED_TIMEOUT_SLACK: Duration = Duration::from_secs(10);

impl Default for RealmLimits {
    fn default() -> Self {
        Self {
            sessions_max: 100_000,
            subscriptions_max: 1_000_000,
            registrations_max: 1_000_000,
            subscriptions_per_session_max: 10_000,
            registrations_per_session_max: 10_000,
            pending_calls_per_session_max: 10_000,
            open_invocations_per_session_max: 10_000,
            queued_calls_per_registration_max: 1_000,
            testaments_per_session_max: 100,
            testament_octets_max: 64 << 10,
            retained_octets_max: 64 << 20,
            retained_full: RetainedFull::Refuse,
            history_octets_max: 256 << 20,
            call_timeout: None,
            call_timeout_max: None,
            meta_list_max: 10_000,
            meta_calls: MetaCalls { per_second: 50, burst: 100 },
        }
    }
}
