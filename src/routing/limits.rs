//! The bounds of one realm's routing core.

use std::time::Duration;

/// The bounds of one realm. `config` fills it.
#[derive(Clone, PartialEq, Debug)]
pub struct RealmLimits {
    /// Sessions. 100,000.
    pub sessions_max: usize,
    /// Subscriptions. 1,000,000.
    pub subscriptions_max: usize,
    /// Registrations. 1,000,000.
    pub registrations_max: usize,
    /// Subscriptions of one session. 10,000.
    pub subscriptions_per_session_max: usize,
    /// Registrations of one session. 10,000.
    pub registrations_per_session_max: usize,
    /// Calls under way of one caller. 10,000.
    pub pending_calls_per_session_max: usize,
    /// Invocations open at one callee. 10,000.
    pub open_invocations_per_session_max: usize,
    /// For calls that carry no timeout.
    pub call_timeout: Option<Duration>,
    /// Longer wishes are cut to this.
    pub call_timeout_max: Option<Duration>,
    /// Entries of a list in an answer. 10,000.
    pub meta_list_max: usize,
    /// Meta calls per second and session. 50.
    pub meta_calls_per_second: u32,
    /// Meta calls at once. 100.
    pub meta_burst: u32,
}

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
            call_timeout: None,
            call_timeout_max: None,
            meta_list_max: 10_000,
            meta_calls_per_second: 50,
            meta_burst: 100,
        }
    }
}
