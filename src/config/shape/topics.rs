//! `[realms.NAME.topics]` and `[realms.NAME.procedures]`: settings by URI. The names of these tables are patterns.

use crate::config::read::table;
use crate::config::values::{choice, Count, Level, Named, NoneOr, Time};
use crate::routing::RetainRule;

/// Events of one topic that are kept where nothing else is said.
const HISTORY_LIMIT: u32 = 1000;

table! {
    /// Settings of the topics that a pattern covers: "com.shop.order" is exact, "com.shop.*" a prefix, "com.*.status" a
    /// wildcard. Of several patterns that fit a topic the most specific one decides.
    Topic {
        /// Keeps events for wamp.subscription.get_events; if absent, none are kept.
        history: Option<History> = optional("{ limit = 1000, durability = \"memory\" }");
        /// Whether and how long an event may be retained.
        retain: Retain = default(Retain::default());
        /// The trust level of its events; if absent, they carry none.
        trustlevel: Option<Level> = optional("1");
        /// The same by the name of the publisher's role.
        trustlevel_by_role: Named<Level> = default(Named::default());
    }
}

table! {
    /// How much of a topic's past is kept.
    History {
        /// Events of one topic; the oldest goes.
        limit: Count = default(Count(HISTORY_LIMIT));
        /// No event older than this is given out.
        max_age: NoneOr<Time<1000>> = default(NoneOr(None));
        /// What PUBLISHED means: fsync (the event is on disk; needs storage.kind) or memory (it was routed).
        durability: Durability = default(Durability::Fsync);
    }
}

table! {
    /// Whether and how long the events of a topic may be retained.
    Retain {
        /// If false, an event that asks for it is routed and not kept.
        allow: bool = default(RetainRule::default().allow);
        /// No retained event older than this is given out.
        max_age: NoneOr<Time<1000>> = default(NoneOr(RetainRule::default().max_age.map(Time)));
    }
}

table! {
    /// Settings of the procedures that a pattern covers, in the notation of topics.
    Procedure {
        /// The timeout of calls that carry none; if absent, the realm's.
        call_timeout: Option<Time<1>> = optional("\"2m\"");
        /// The trust level of its calls; if absent, they carry none.
        trustlevel: Option<Level> = optional("1");
        /// What they do, in a few words, for the OpenAPI description of the realm; if absent, what the callee says.
        summary: Option<String> = optional("\"Monthly figures\"");
        /// A file with a JSON Schema (2020-12) of the body of a request over HTTP, an object with args and kwargs.
        request_schema: Option<String> = optional("\"schemas/report.json\"");
        /// The same of the body of the answer.
        response_schema: Option<String> = optional("\"schemas/report-answer.json\"");
        /// The trust level by the name of the caller's role.
        trustlevel_by_role: Named<Level> = default(Named::default());
    }
}

/// `durability` of history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::config) enum Durability {
    Fsync,
    Memory,
}

choice!(Durability {
    "fsync" => Durability::Fsync,
    "memory" => Durability::Memory,
});
