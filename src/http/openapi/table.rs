//! The endpoints of this room, one row for each: what OpenAPI tells of them. Whoever adds an endpoint adds its row here; the rows of
//! `/admin/v1` are in `admin/table.rs`, of which they are made.

use super::schemas::Schema;
use crate::http::streams::history;
use crate::http::Served;

/// What of the room an endpoint belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    Rest,
    Health,
    Metrics,
    Hooks,
    /// The pages of the documentation.
    Docs,
}

impl Part {
    /// Whether a listener has it.
    pub(super) fn is_served(self, served: Served) -> bool {
        match self {
            Self::Rest => served.rest,
            Self::Health => served.health,
            Self::Metrics => served.metrics,
            Self::Hooks => served.hooks,
            Self::Docs => served.rest || served.admin,
        }
    }

    /// The tag that tools group by.
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::Rest => "realm",
            Self::Health => "health",
            Self::Metrics => "metrics",
            Self::Hooks => "hooks",
            Self::Docs => "documentation",
        }
    }
}

/// One answer of an endpoint. Several of one status differ in their media types.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) what: &'static str,
    /// Its media type, and the shape of its body.
    pub(super) body: Option<(&'static str, Schema)>,
}

/// One endpoint. What stands in braces in its path is a parameter of this name; failures are problems, whatever their status,
/// unless the row says otherwise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endpoint {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) part: Part,
    /// A name that no other has.
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    /// The shape of the request's body, in JSON.
    pub(super) takes: Option<Schema>,
    /// Parameters of the query, by the names of `parameters.rs`.
    pub(super) query: &'static [&'static str],
    pub(super) answers: &'static [Answer],
    /// Whether it asks who is there, and fails with problems.
    pub(super) is_of_realm: bool,
}

pub(super) const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

pub(super) const fn ok(what: &'static str, media: &'static str, schema: Schema) -> Answer {
    Answer { status: 200, what, body: Some((media, schema)) }
}

/// An endpoint of a realm that takes JSON and gives JSON.
pub(super) const fn rest(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    takes: Schema,
    answers: &'static [Answer],
) -> Endpoint {
    Endpoint {
        method: "post",
        path,
        part: Part::Rest,
        id,
        summary,
        takes: Some(takes),
        query: &[],
        answers,
        is_of_realm: true,
    }
}

/// A page that is read without credentials.
pub(super) const fn page(
    path: &'static str,
    part: Part,
    id: &'static str,
    summary: &'static str,
    answers: &'static [Answer],
) -> Endpoint {
    Endpoint { method: "get", path, part, id, summary, takes: None, query: &[], answers, is_of_realm: false }
}

const CALLED: &[Answer] = &[
    ok("The procedure's result.", JSON, Schema::Result),
    ok("", "text/event-stream", Schema::Text),
    ok("", "application/x-ndjson", Schema::Text),
];
const PUBLISHED: &[Answer] = &[
    ok("The realm has published it.", JSON, Schema::Published),
    Answer {
        status: 202,
        what: "The realm has taken it; with acknowledge false nothing more is told.",
        body: Some((JSON, Schema::Nothing)),
    },
];
const READY: &[Answer] = &[
    ok("It takes new work.", TEXT, Schema::Text),
    Answer {
        status: 503,
        what: "It does not: starting, stopping, or short of memory.",
        body: Some((TEXT, Schema::Text)),
    },
];
const HEALTH: &[Answer] = &[
    ok("It takes new work.", JSON, Schema::Health),
    Answer { status: 503, what: "It does not.", body: Some((JSON, Schema::Health)) },
];
const METRICS: &[Answer] =
    &[ok("The counters.", "application/openmetrics-text; version=1.0.0; charset=utf-8", Schema::Text)];
const TICKET: &[Answer] =
    &[Answer { status: 201, what: "The ticket, and for how many seconds.", body: Some((JSON, Schema::Ticket)) }];
const DESCRIBED: &[Answer] = &[ok("This description.", JSON, Schema::Document)];

/// An endpoint of a realm that is read.
pub(super) const fn read(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    query: &'static [&'static str],
    answers: &'static [Answer],
) -> Endpoint {
    Endpoint { method: "get", path, part: Part::Rest, id, summary, takes: None, query, answers, is_of_realm: true }
}

const HISTORY: &[Answer] = &[ok("Events that were kept, and whether there may be more.", JSON, Schema::History)];

/// All endpoints.
pub(super) fn all() -> impl Iterator<Item = &'static Endpoint> {
    ENDPOINTS.iter().chain(super::beside::ENDPOINTS)
}

const FOUND: &[Answer] = &[ok("What there is.", JSON, Schema::Document)];

/// What is called, published to and read.
const ENDPOINTS: &[Endpoint] = &[
    rest(
        "/api/v1/realms/{realm}/call/{procedure}",
        "call",
        "Calls the procedure that the path names",
        Schema::Arguments,
        CALLED,
    ),
    rest("/api/v1/realms/{realm}/call", "callNamed", "Calls the procedure that the body names", Schema::Call, CALLED),
    rest(
        "/api/v1/realms/{realm}/publish/{topic}",
        "publish",
        "Publishes to the topic that the path names",
        Schema::Event,
        PUBLISHED,
    ),
    rest(
        "/api/v1/realms/{realm}/publish",
        "publishNamed",
        "Publishes to the topic that the body names",
        Schema::Publish,
        PUBLISHED,
    ),
    Endpoint {
        method: "get",
        path: "/api/v1/realms/{realm}/openapi.json",
        part: Part::Rest,
        id: "describeRealm",
        summary: "Describes what whoever asks may call in the realm",
        takes: None,
        query: &[],
        answers: DESCRIBED,
        is_of_realm: true,
    },
    read(
        "/api/v1/realms/{realm}/history/{topic}",
        "history",
        "Events of a topic that were kept",
        history::PARAMETERS,
        HISTORY,
    ),
    rest(
        "/api/v1/realms/{realm}/tickets",
        "ticket",
        "Gives a one-time ticket for an event stream, a poll or a WebSocket",
        Schema::TicketWish,
        TICKET,
    ),
    read(
        "/api/v1/realms/{realm}/procedures",
        "procedures",
        "Registrations that whoever asks may call",
        &["prefix", "limit", "cursor"],
        FOUND,
    ),
    read(
        "/api/v1/realms/{realm}/procedures/{procedure}",
        "reached",
        "The registration that a call would reach",
        &[],
        FOUND,
    ),
    read(
        "/api/v1/realms/{realm}/topics",
        "topics",
        "Topics that whoever asks may subscribe to",
        &["prefix", "limit", "cursor"],
        FOUND,
    ),
    page("/api/v1/openapi.json", Part::Rest, "describe", "Describes what is served here", DESCRIBED),
    page("/livez", Part::Health, "livez", "Whether the process lives", &[ok("It does.", TEXT, Schema::Text)]),
    page("/readyz", Part::Health, "readyz", "Whether the node takes new work", READY),
    page("/healthz", Part::Health, "healthz", "Whether the node takes new work, for programs", HEALTH),
    page("/metrics", Part::Metrics, "metrics", "The node's counters", METRICS),
];
