//! `[realms.NAME]`: one realm, who may enter it and what they may do.

use super::{Auth, Grant, Group, Procedure, Source, Topic};
use crate::actors::settings::{Disclose, OnOverflow, OutboxSettings};
use crate::authz::{Action, OnFailure, Scope};
use crate::config::read::table;
use crate::config::values::{
    choice, Count, Items, ListPattern, Named, NoneOr, ProcedureUri, Rate, RealmUri, Size, Time,
};
use crate::routing::{ForwardTimeout, RealmLimits, RetainedFull, Takeover};
use crate::wamp::role::Feature;
use crate::wamp::MatchPolicy;
use std::time::Duration;

/// The largest share of memory that a realm may be given for what it keeps.
const OCTETS_MAX: u64 = 1 << 40;

table! {
    /// One realm.
    Realm {
        /// The name on the wire; if absent, that of the table.
        uri: Option<RealmUri> = optional("\"com.example.main\"");
        /// Keys that realm_defaults has too.
        common: RealmCommon = flatten;
        /// Who may enter. A method that is absent is not offered.
        auth: Auth = default(Auth::default());
        /// What they may do, by the name of the role.
        roles: Named<Role> = default(Named::default());
        /// Groups of users, by name.
        groups: Named<Group> = default(Named::default());
        /// What users and groups may do beyond their role, by name.
        grants: Named<Grant> = default(Named::default());
        /// From where and how who may log in, by name; without any, everybody from everywhere.
        sources: Named<Source> = default(Named::default());
        /// Settings of topics, by pattern.
        topics: Named<Topic> = default(Named::default());
        /// Settings of procedures, by pattern.
        procedures: Named<Procedure> = default(Named::default());
    }
}

table! {
    /// What every realm starts from.
    RealmCommon {
        /// A text for people.
        description: String = default(String::new());
        /// Whether the realm is open.
        enabled: bool = default(true);
        /// Whether components of URIs are lower-case letters, digits and the underscore only.
        strict_uri: bool = default(false);
        /// Whether each request id must be the one before plus 1.
        strict_request_ids: bool = default(false), new_connections;
        /// The timeout of calls that carry none.
        call_timeout: NoneOr<Time<1>> = default(NoneOr(RealmLimits::default().call_timeout.map(Time)));
        /// The longest timeout; a longer wish is cut to it.
        call_timeout_max: NoneOr<Time<1>> = default(NoneOr(RealmLimits::default().call_timeout_max.map(Time)));
        /// Whether callers and publishers are named: never, request (when they ask for it) or always.
        disclose: Disclose = default(Disclose::default());
        /// What becomes of a REGISTER that conflicts only with registrations of the same authid: off (refused) or suspect (their
        /// holder is asked for a sign of life, and ended if it gives none in 2s).
        takeover: Takeover = default(Takeover::default());
        /// Who keeps the time of a call whose callee can: request (the callee, if it registered with forward_timeout), always
        /// (the callee) or never (the router).
        forward_timeout: ForwardTimeout = default(ForwardTimeout::default());
        /// Features of the protocol that this realm has not; they are not announced.
        features_off: Items<Feature> = default(Items::default()), restart;
        /// The bounds of the realm.
        limits: RealmBounds = default(RealmBounds::default());
        /// Whether a reload takes back the subscriptions and registrations that its rules forbid.
        revoke_on_reload: bool = default(true);
        /// What may wait for one session.
        queue: Queue = default(Queue::default());
    }
}

table! {
    /// The bounds of one realm.
    RealmBounds {
        /// Sessions at a time.
        max_sessions: Count = default(Count::of(RealmLimits::default().sessions_max));
        /// Subscriptions.
        max_subscriptions: Count = default(Count::of(RealmLimits::default().subscriptions_max));
        /// Registrations.
        max_registrations: Count = default(Count::of(RealmLimits::default().registrations_max));
        /// Subscriptions of one session.
        max_subscriptions_per_session: Count = default(Count::of(RealmLimits::default().subscriptions_per_session_max));
        /// Registrations of one session.
        max_registrations_per_session: Count = default(Count::of(RealmLimits::default().registrations_per_session_max));
        /// Calls under way of one caller.
        max_pending_calls_per_session: Count = default(Count::of(RealmLimits::default().pending_calls_per_session_max));
        /// Invocations open at one callee; then the next callee is asked.
        max_open_invocations_per_session: Count = default(Count::of(RealmLimits::default().open_invocations_per_session_max));
        /// Calls that wait for one registration while each of its callees is at its concurrency.
        max_queued_calls_per_registration: Count = default(Count::of(RealmLimits::default().queued_calls_per_registration_max));
        /// Testaments of one session.
        max_testaments_per_session: Count = default(Count::of(RealmLimits::default().testaments_per_session_max));
        /// Octets of one session's testaments together.
        max_testament_bytes: Size<1024, { 64 << 20 }> = default(Size::of(RealmLimits::default().testament_octets_max));
        /// Octets of all retained events.
        max_retained_bytes: Size<1024, OCTETS_MAX> = default(Size::of(RealmLimits::default().retained_octets_max));
        /// What happens to an event that is to be retained beyond that: refuse (it is routed, not kept) or evict (the oldest
        /// retained events make room).
        retained_full: RetainedFull = default(RealmLimits::default().retained_full);
        /// Octets of event history in memory; beyond it the oldest goes.
        max_history_bytes: Size<1024, OCTETS_MAX> = default(Size::of(RealmLimits::default().history_octets_max));
        /// Calls of meta procedures, per session.
        meta_calls: Rate = default(Rate(RealmLimits::default().meta_calls.per_second));
        /// Calls of meta procedures at once.
        meta_burst: Count = default(Count(RealmLimits::default().meta_calls.burst));
        /// The longest list that a meta procedure gives.
        meta_list_max: Count = default(Count::of(RealmLimits::default().meta_list_max));
    }
}

table! {
    /// The outbox: what waits for one session.
    Queue {
        /// Octets that may wait.
        max_bytes: Size<{ 16 << 10 }, { 1 << 32 }> = default(Size::of(OutboxSettings::default().bytes_max));
        /// Messages that may wait.
        max_messages: Count = default(Count::of(OutboxSettings::default().messages_max));
        /// A session whose queue is not empty and does not move for this long is cut.
        stall: Time<100> = default(Time(OutboxSettings::default().stall));
        /// What happens when it is full: disconnect, drop_oldest or drop_newest. Only EVENTs are ever dropped.
        on_overflow: OnOverflow = default(OutboxSettings::default().on_overflow);
        /// Whether wharf.session.on_overflow is published.
        notify: bool = default(OutboxSettings::default().notify);
    }
}

table! {
    /// What the sessions of a role may do: nothing unless a rule allows it. Patterns: "com.shop.get" is exact, "com.shop.*" a
    /// prefix, "com.*.status" a wildcard, "*" everything.
    Role {
        /// Roles whose rules hold here too, and whose allow_ keys, rate and on_overflow hold where this role has none.
        inherit: Items<String> = default(Items::default());
        /// Keys that grants have too.
        lists: RuleLists = flatten;
        /// A procedure that is asked in place of rules; beside it only `deny` and the allow_ keys hold.
        authorizer: Option<AuthorizerTable> = optional("{ procedure = \"com.example.authorize\" }");
        /// How often each of its sessions may call and publish; if absent, as inherited, else as often as it can.
        rate: Option<RoleRate> = optional("{ calls = \"50/s\", publishes = \"20/s\" }");
        /// What happens when the queue of one of its sessions is full; if absent, what the realm says.
        on_overflow: Option<OnOverflow> = optional("\"drop_oldest\"");
        /// May subscribe and register with the empty prefix and with wildcards of empty components only; if absent, as inherited, else false.
        allow_match_all: Option<bool> = optional("false");
        /// May register with match prefix or wildcard; if absent, as inherited, else false.
        allow_pattern_register: Option<bool> = optional("false");
        /// May register with force_reregister; if absent, as inherited, else false.
        allow_force_reregister: Option<bool> = optional("false");
        /// May register with disclose_caller; if absent, as inherited, else false.
        allow_disclose_caller: Option<bool> = optional("false");
        /// May publish with retain; if absent, as inherited, else true.
        allow_retain: Option<bool> = optional("false");
        /// May cancel its calls; if absent, as inherited, else true. What is called runs on if it may not.
        allow_cancel: Option<bool> = optional("false");
    }
}

table! {
    /// What is allowed and denied.
    RuleLists {
        /// What may be called. Procedures that end other sessions need a rule that begins with "wamp.".
        call: Items<ListPattern> = default(Items::default());
        /// What may be registered.
        register: Items<ListPattern> = default(Items::default());
        /// What may be published to.
        publish: Items<ListPattern> = default(Items::default());
        /// What may be subscribed to.
        subscribe: Items<ListPattern> = default(Items::default());
        /// What is denied, for all four, whatever else allows it.
        deny: Items<ListPattern> = default(Items::default());
        /// Rules in the long form.
        permissions: Items<Permission> = default(Items::default());
    }
}

table! {
    /// A procedure that decides what the sessions of a role may do: it is called with session, URI, action and options, and gives
    /// what Crossbar's dynamic authorizers give.
    AuthorizerTable {
        /// The procedure, in the same realm.
        procedure: ProcedureUri = required;
        /// How long an answer that asks for it is remembered.
        cache: NoneOr<Time<1>> = default(NoneOr(None));
        /// The widest sharing that an answer may ask for: session, authid or role.
        cache_scope: Scope = default(Scope::default());
        /// How long an answer may take.
        timeout: Time<1> = default(Time(Duration::from_secs(5)));
        /// What holds where no answer can be used: deny or allow.
        on_failure: OnFailure = default(OnFailure::default());
    }
}

choice!(Scope {
    "session" => Scope::Session,
    "authid" => Scope::Authid,
    "role" => Scope::Role,
});

choice!(OnFailure {
    "deny" => OnFailure::Deny,
    "allow" => OnFailure::Allow,
});

table! {
    /// How often a session may call and publish, and how many may log in. What comes beyond is refused with
    /// wharf.error.rate_limited, or dropped where no answer is asked for.
    RoleRate {
        /// Calls; if absent, they are not counted.
        calls: Option<Rate> = optional("\"50/s\"");
        /// Publications; if absent, they are not counted.
        publishes: Option<Rate> = optional("\"20/s\"");
        /// Logins of the role, one authid at most half of them; if absent, they are not counted.
        connects: Option<Rate> = optional("\"10/s\"");
        /// How many of each at once.
        burst: Count = default(Count(100));
    }
}

table! {
    /// A rule in the long form.
    Permission {
        /// The URI or pattern, taken literally: a star is a star.
        uri: String = required;
        /// How it is compared.
        match_policy as "match": MatchPolicy = default(MatchPolicy::Exact);
        /// What is allowed: call, register, publish, subscribe.
        allow: Items<Action> = required;
        /// What is denied, whatever else allows it.
        deny: Items<Action> = default(Items::default());
        /// Whose identity is handed on whatever the peers ask for: caller, publisher.
        disclose: Items<Party> = default(Items::default());
    }
}

/// Who is disclosed by a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::config) enum Party {
    Caller,
    Publisher,
}

choice!(Party {
    "caller" => Party::Caller,
    "publisher" => Party::Publisher,
});

choice!(Action {
    "call" => Action::Call,
    "register" => Action::Register,
    "publish" => Action::Publish,
    "subscribe" => Action::Subscribe,
});

choice!(MatchPolicy {
    "exact" => MatchPolicy::Exact,
    "prefix" => MatchPolicy::Prefix,
    "wildcard" => MatchPolicy::Wildcard,
});

choice!(Disclose {
    "never" => Disclose::Never,
    "request" => Disclose::Request,
    "always" => Disclose::Always,
});

choice!(OnOverflow {
    "disconnect" => OnOverflow::Disconnect,
    "drop_oldest" => OnOverflow::DropOldest,
    "drop_newest" => OnOverflow::DropNewest,
});

choice!(Takeover {
    "off" => Takeover::Off,
    "suspect" => Takeover::Suspect,
});

choice!(ForwardTimeout {
    "request" => ForwardTimeout::Request,
    "always" => ForwardTimeout::Always,
    "never" => ForwardTimeout::Never,
});

choice!(RetainedFull {
    "refuse" => RetainedFull::Refuse,
    "evict" => RetainedFull::Evict,
});
