//! Endpoints beside calls, publications and what is read of a realm: batches, events, hooks that come in, and the pages of the
//! documentation.

use super::schemas::Schema;
use super::table::{ok, page, read, rest, Answer, Endpoint, Part, JSON};

const EVENT_STREAM: &str = "text/event-stream";
const HTML: &str = "text/html; charset=utf-8";

/// What follows each other in a query for events. The sign says that `topic` may stand more than once, and must once.
const TOPICS: &[&str] = &["topic+", "match", "retained", "last_event_id", "ticket"];
const POLL: &[&str] = &["topic+", "match", "retained", "cursor", "wait", "ticket"];

const BATCHED: &[Answer] = &[ok("What became of each item, in order.", JSON, Schema::BatchResults)];
const STREAM: &[Answer] = &[ok("Events as they are published; it does not end by itself.", EVENT_STREAM, Schema::Text)];
const POLLED: &[Answer] =
    &[ok("The events since the last answer, and the cursor to ask with next.", JSON, Schema::Polled)];
const PAGE: &[Answer] = &[ok("A page to read.", HTML, Schema::Text)];
const ERROR_PAGE: &[Answer] = &[
    ok("Cause and cure.", HTML, Schema::Text),
    Answer { status: 404, what: "The router has no error of this name.", body: Some((HTML, Schema::Text)) },
];
const TAKEN: &[Answer] = &[
    ok("The answer of the procedure that the hook calls.", JSON, Schema::Result),
    Answer {
        status: 202,
        what: "It was published; or it came before, and the answer is empty.",
        body: Some((JSON, Schema::Published)),
    },
];

/// All of them.
pub(super) const ENDPOINTS: &[Endpoint] = &[
    rest("/api/v1/realms/{realm}/batch", "batch", "Calls and publishes many things at once", Schema::Batch, BATCHED),
    read("/api/v1/realms/{realm}/events", "events", "Subscribes, with server-sent events", TOPICS, STREAM),
    read("/api/v1/realms/{realm}/poll", "poll", "Subscribes, with answers to be asked for", POLL, POLLED),
    Endpoint {
        method: "post",
        path: "/hooks/{name}",
        part: Part::Hooks,
        id: "hook",
        summary: "Takes a hook that proves itself",
        takes: Some(Schema::Any),
        query: &[],
        answers: TAKEN,
        is_of_realm: true,
    },
    page("/docs", Part::Docs, "docs", "Shows what is described here, to people", PAGE),
    page("/docs/errors", Part::Docs, "errorPages", "All errors of the router", PAGE),
    page("/docs/errors/{uri}", Part::Docs, "errorPage", "What an error comes from, and what to do", ERROR_PAGE),
];
