//! What is counted, at the edge, from effects and outbox results. The core counts nothing here.
//!
//! Counters lie in one shard per worker thread, so that threads do not fight over cache lines on the way of every message;
//! a scrape adds the shards up.

use crate::wamp::MessageKind;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::Arc;

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// Why something was refused: the closed list of section 12 of the limits, as far as it is built.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Refusal { $($(#[$doc])* $name,)+ }

        impl Refusal {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The label's value.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

refusals! {
    /// S1.
    SlowConsumer = "slow_consumer",
    /// S3.
    Overload = "overload",
    /// T1.
    HandshakeTimeout = "handshake_timeout",
    /// T2.
    ConnLimit = "conn_limit",
    /// T3.
    HeaderLimit = "header_limit",
    /// T4, S5.
    MessageTooBig = "message_too_big",
    /// T5.
    WsProtocol = "ws_protocol",
    /// T6.
    DeflateBomb = "deflate_bomb",
    /// T7.
    ControlFlood = "control_flood",
    /// T7a.
    PingTimeout = "ping_timeout",
    /// T8.
    Origin = "origin",
    /// T9.
    Subprotocol = "subprotocol",
    /// R1, R2.
    RawSocket = "rawsocket",
    /// U1, H1.
    Http = "http",
    /// A PROXY header that is missing, broken, or not a proxy's.
    Proxy = "proxy",
    /// A TLS handshake that came to nothing.
    Tls = "tls",
    /// C1 to C8.
    Decode = "decode",
    /// P1, P3.
    Protocol = "protocol",
    /// P2.
    ForgedId = "forged_id",
    /// P4.
    Uri = "uri",
    /// P5, P7, P10.
    Authz = "authz",
    /// P6.
    NoSuchRealm = "no_such_realm",
    /// A1, A4.
    AuthFailed = "auth_failed",
    /// A2: the pool of costly proofs was full.
    AuthBusy = "auth_busy",
    /// A2: too many wrong proofs.
    AuthThrottled = "auth_throttled",
    /// X1 to X4.
    Limit = "limit",
    /// X6.
    RateLimited = "rate_limited",
}

/// What became of a reload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReloadOutcome {
    /// The new settings hold.
    Done,
    /// The settings that were read have mistakes, or need a restart; the old ones hold.
    Refused,
    /// They could not be put into effect; the old ones hold.
    Failed,
}

impl ReloadOutcome {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Done, Self::Refused, Self::Failed];

    /// The label's value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// Which kind of actor panicked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Panicked {
    /// A session.
    Session,
    /// A realm.
    Realm,
}

const KINDS: usize = MessageKind::ALL.len();
const REFUSALS: usize = Refusal::ALL.len();

#[derive(Debug)]
struct Shard {
    messages_in: [AtomicU64; KINDS],
    messages_out: [AtomicU64; KINDS],
    refused: [AtomicU64; REFUSALS],
    reloads: [AtomicU64; ReloadOutcome::ALL.len()],
    key_fetches: [AtomicU64; 2],
    connections: AtomicI64,
    sessions: AtomicI64,
    calls_under_way: AtomicI64,
    calls_queued: AtomicI64,
    retained_topics: AtomicI64,
    retained_octets: AtomicI64,
    subscriptions: AtomicI64,
    registrations: AtomicI64,
    outbox_overflows: AtomicU64,
    outbox_dropped: AtomicU64,
    calls_rerouted: AtomicU64,
    reroutes_without_room: AtomicU64,
    retained_refused: AtomicU64,
    late_answers: AtomicU64,
    progress_dropped: AtomicU64,
    transcode_lossy: AtomicU64,
    undeliverable: AtomicU64,
    session_panics: AtomicU64,
    realm_panics: AtomicU64,
    realm_restarts: AtomicU64,
    read_paused_us: AtomicU64,
    accept_paused_us: AtomicU64,
    busy_us: AtomicU64,
    tls_reload_failed: AtomicU64,
    authenticator_faults: AtomicU64,
    authorizer_faults: AtomicU64,
    answers_recalled: AtomicU64,
    tls_valid_until: AtomicI64,
}

impl Default for Shard {
    fn default() -> Self {
        Self {
            messages_in: [const { AtomicU64::new(0) }; KINDS],
            messages_out: [const { AtomicU64::new(0) }; KINDS],
            refused: [const { AtomicU64::new(0) }; REFUSALS],
            reloads: Default::default(),
            key_fetches: Default::default(),
            connections: AtomicI64::new(0),
            sessions: AtomicI64::new(0),
            calls_under_way: AtomicI64::new(0),
            calls_queued: AtomicI64::new(0),
            retained_topics: AtomicI64::new(0),
            retained_octets: AtomicI64::new(0),
            subscriptions: AtomicI64::new(0),
            registrations: AtomicI64::new(0),
            outbox_overflows: AtomicU64::new(0),
            outbox_dropped: AtomicU64::new(0),
            calls_rerouted: AtomicU64::new(0),
            reroutes_without_room: AtomicU64::new(0),
            retained_refused: AtomicU64::new(0),
            late_answers: AtomicU64::new(0),
            progress_dropped: AtomicU64::new(0),
            transcode_lossy: AtomicU64::new(0),
            undeliverable: AtomicU64::new(0),
            session_panics: AtomicU64::new(0),
            realm_panics: AtomicU64::new(0),
            realm_restarts: AtomicU64::new(0),
            read_paused_us: AtomicU64::new(0),
            accept_paused_us: AtomicU64::new(0),
            busy_us: AtomicU64::new(0),
            tls_reload_failed: AtomicU64::new(0),
            authenticator_faults: AtomicU64::new(0),
            authorizer_faults: AtomicU64::new(0),
            answers_recalled: AtomicU64::new(0),
            tls_valid_until: AtomicI64::new(0),
        }
    }
}

/// All counters of the node.
#[derive(Debug)]
pub struct Metrics {
    shards: Vec<Shard>,
}

/// One thread's view of the counters. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tally {
    metrics: Arc<Metrics>,
    shard: usize,
}

impl Metrics {
    /// Counters for `workers` worker threads and the main thread.
    pub fn new(workers: usize) -> Arc<Self> {
        Arc::new(Self { shards: (0..=workers).map(|_| Shard::default()).collect() })
    }

    /// The counters that thread `worker` moves; out of range is the main thread's.
    pub fn tally(self: &Arc<Self>, worker: usize) -> Tally {
        Tally { shard: worker.min(self.shards.len() - 1), metrics: Arc::clone(self) }
    }

    fn sum(&self, part: impl Fn(&Shard) -> &AtomicU64) -> u64 {
        self.shards.iter().map(|shard| part(shard).load(Ordering::Relaxed)).sum()
    }

    fn level(&self, part: impl Fn(&Shard) -> &AtomicI64) -> i64 {
        self.shards.iter().map(|shard| part(shard).load(Ordering::Relaxed)).sum()
    }

    /// Messages received, of one kind.
    pub fn messages_in(&self, kind: MessageKind) -> u64 {
        self.shards.iter().map(|shard| shard.messages_in[kind.index()].load(Ordering::Relaxed)).sum()
    }

    /// Messages sent, of one kind.
    pub fn messages_out(&self, kind: MessageKind) -> u64 {
        self.shards.iter().map(|shard| shard.messages_out[kind.index()].load(Ordering::Relaxed)).sum()
    }

    /// Reloads of the configuration that came to this.
    pub fn reloads(&self, outcome: ReloadOutcome) -> u64 {
        self.shards.iter().map(|shard| shard.reloads[outcome as usize].load(Ordering::Relaxed)).sum()
    }

    /// Fetches of keys of tokens that brought some, or that failed.
    pub fn key_fetches(&self, succeeded: bool) -> u64 {
        self.sum(|shard| &shard.key_fetches[usize::from(succeeded)])
    }

    /// Refusals for one reason.
    pub fn refused(&self, reason: Refusal) -> u64 {
        self.shards.iter().map(|shard| shard.refused[reason as usize].load(Ordering::Relaxed)).sum()
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $field:ident, $add:ident;)+) => {
        impl Metrics { $($(#[$doc])* pub fn $field(&self) -> u64 { self.sum(|shard| &shard.$field) })+ }
        impl Tally { $($(#[$doc])* pub fn $add(&self, more: u64) { self.shard().$field.fetch_add(more, Ordering::Relaxed); })+ }
    };
}

macro_rules! gauges {
    ($($(#[$doc:meta])* $field:ident, $add:ident;)+) => {
        impl Metrics { $($(#[$doc])* pub fn $field(&self) -> i64 { self.level(|shard| &shard.$field) })+ }
        impl Tally { $($(#[$doc])* pub fn $add(&self, more: i64) { self.shard().$field.fetch_add(more, Ordering::Relaxed); })+ }
    };
}

counters! {
    /// Times that an outbox was full.
    outbox_overflows, add_outbox_overflows;
    /// EVENTs dropped by outbox policies.
    outbox_dropped, add_outbox_dropped;
    /// YIELD and ERROR for invocations that had ended.
    late_answers, add_late_answers;
    /// Progressive results that nobody had asked for.
    progress_dropped, add_progress_dropped;
    /// Calls that went on to another callee.
    calls_rerouted, add_calls_rerouted;
    /// Calls that could not go on to another callee, for want of room to keep them.
    reroutes_without_room, add_reroutes_without_room;
    /// Events that were to be retained and are not, because there was no room.
    retained_refused, add_retained_refused;
    /// Payload values that lost something between two serializations.
    transcode_lossy, add_transcode_lossy;
    /// Messages that a receiver's serialization or limit could not carry.
    undeliverable, add_undeliverable;
    /// Session actors that panicked.
    session_panics, add_session_panics;
    /// Realm actors that panicked.
    realm_panics, add_realm_panics;
    /// Realms started again.
    realm_restarts, add_realm_restarts;
    /// Microseconds for which sockets were not read because their realm was busy.
    read_paused_us, add_read_paused_us;
    /// Microseconds for which nothing was accepted.
    accept_paused_us, add_accept_paused_us;
    /// Microseconds for which workers were busy.
    busy_us, add_busy_us;
    /// Times that changed certificates could not be used.
    tls_reload_failed, add_tls_reload_failed;
    /// Logins that were refused because an authenticator was away, late, or answered nonsense.
    authenticator_faults, add_authenticator_faults;
    /// Requests about which an authorizer was away, late, or answered nonsense.
    authorizer_faults, add_authorizer_faults;
    /// Logins about which an authenticator was not asked, as its answer was remembered.
    answers_recalled, add_answers_recalled;
}

gauges! {
    /// Connections open.
    connections, add_connections;
    /// Sessions open.
    sessions, add_sessions;
    /// Calls under way.
    calls_under_way, add_calls_under_way;
    /// Calls that wait for a callee whose `concurrency` is reached.
    calls_queued, add_calls_queued;
    /// Topics with a retained event.
    retained_topics, add_retained_topics;
    /// Octets that retained events hold.
    retained_octets, add_retained_octets;
    /// Subscriptions that exist.
    subscriptions, add_subscriptions;
    /// Registrations that exist.
    registrations, add_registrations;
    /// When the first certificate in use ends, in seconds since 1970; 0 without TLS.
    tls_valid_until, add_tls_valid_until;
}

impl Tally {
    fn shard(&self) -> &Shard {
        // `Metrics::tally` checked the index.
        &self.metrics.shards[self.shard]
    }

    /// All shards.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// The same counters, for another thread.
    #[must_use]
    pub fn for_worker(&self, worker: usize) -> Self {
        self.metrics.tally(worker)
    }

    /// One message received.
    pub fn message_in(&self, kind: MessageKind) {
        self.shard().messages_in[kind.index()].fetch_add(1, Ordering::Relaxed);
    }

    /// One message handed to an outbox.
    pub fn message_out(&self, kind: MessageKind) {
        self.shard().messages_out[kind.index()].fetch_add(1, Ordering::Relaxed);
    }

    /// One refusal.
    pub fn refused(&self, reason: Refusal) {
        self.shard().refused[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// One reload of the configuration.
    pub fn reloaded(&self, outcome: ReloadOutcome) {
        self.shard().reloads[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// One fetch of keys of tokens.
    pub fn fetched_keys(&self, succeeded: bool) {
        self.shard().key_fetches[usize::from(succeeded)].fetch_add(1, Ordering::Relaxed);
    }

    /// One panic.
    pub fn panicked(&self, actor: Panicked) {
        match actor {
            Panicked::Session => self.add_session_panics(1),
            Panicked::Realm => self.add_realm_panics(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_adds_up_the_threads() {
        let metrics = Metrics::new(2);
        for worker in 0..3 {
            metrics.tally(worker).message_in(MessageKind::Call);
            metrics.tally(worker).add_sessions(2);
        }
        metrics.tally(1).add_sessions(-1);
        metrics.tally(99).refused(Refusal::Decode);
        assert_eq!(metrics.messages_in(MessageKind::Call), 3);
        assert_eq!(metrics.sessions(), 5);
        assert_eq!(metrics.refused(Refusal::Decode), 1);
    }
}
