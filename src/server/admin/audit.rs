//! Who changed what, and who tried: one line of the log for each, and the last of them in memory.

use super::values::from_json;
use crate::actors::admin::{AdminRefusal, Question};
use crate::actors::clock;
use crate::observe::shown;
use crate::wamp::Value;
use serde_json::{json, Value as Json};
use std::collections::VecDeque;

/// Entries that are kept; the oldest goes.
const ENTRIES_MAX: usize = 1_000;

/// The last changes and refused attempts, the newest last. Holds no argument but names.
#[derive(Debug, Default)]
pub(in crate::server) struct Audit {
    kept: VecDeque<Json>,
    /// Of the newest entry.
    number: u64,
}

impl Audit {
    /// Notes what became of a question: a change, or an attempt that was refused.
    pub(super) fn note(&mut self, question: &Question, target: &str, refused: Option<&AdminRefusal>) {
        let peer = question.transport.iter().find(|(key, _)| key == "peer").and_then(|(_, peer)| peer.as_text());
        let (peer, operation) = (peer.unwrap_or_default(), shown(&question.procedure).to_string());
        let result = refused.map_or_else(|| "done".to_owned(), |refusal| refusal.error.to_uri().to_string());
        let text = refused.map(|refusal| refusal.text.as_str()).unwrap_or_default();
        let session = question.session.get();
        tracing::info!(
            target: "audit",
            authid = %shown(&question.authid), role = %shown(&question.authrole), session, peer = %shown(peer),
            operation, on = %shown(target), result, why = %shown(text),
            "administration"
        );
        if self.kept.len() >= ENTRIES_MAX {
            self.kept.pop_front();
        }
        self.number += 1;
        self.kept.push_back(json!({
            "number": self.number,
            "time": clock::time_of_day().to_string(),
            "authid": &*question.authid,
            "authrole": &*question.authrole,
            "session": session,
            "peer": peer,
            "operation": operation,
            "on": target,
            "result": result,
            "why": text,
        }));
    }

    /// All entries, the newest first.
    pub(super) fn list(&self) -> Value {
        Value::List(self.kept.iter().rev().cloned().map(from_json).collect())
    }
}
