//! Webhooks: events that go out over HTTP, hooks that come in, and procedures that live on HTTP.
//!
//! | file | what it is |
//! |---|---|
//! | `settings` | the three tables of `[webhooks]` |
//! | `schedule` | when a delivery is tried again |
//! | `queue` | what waits, what is under way, what was given up: a state machine on a given clock |
//! | `record`, `book` | how the queue lies in the store, and when it is written there |
//! | `body` | what is sent, and how it is signed |
//! | `running` | starts, changes and ends what goes on |
//! | `out` | one webhook that goes out: a subscriber session and its queue |
//! | `call` | one procedure on HTTP: a callee session |
//! | `inward` | `POST /hooks/{name}` |
//!
//! Each webhook is a session of its realm with a role of its own. Source: section 12 of the HTTP design.

mod body;
mod book;
mod call;
pub(super) mod inward;
mod out;
mod queue;
mod record;
mod running;
mod schedule;
pub mod settings;

pub use out::{Order, Wish};
pub(super) use running::METHOD;
pub use running::{Deliver, WebhookFigures, Webhooks};
