//! What the configuration tells people of procedures: for descriptions of an API, beside what callees say of themselves. Changes
//! nothing about a call.

use std::sync::Arc;

/// What is told of one procedure, or of those of a pattern. `config` fills it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ProcedureTold {
    /// What it does, in a few words.
    pub summary: Option<String>,
    /// A JSON Schema (2020-12) of the body of a request over HTTP, as JSON text: an object. Its `$ref` lead into itself.
    pub request_schema: Option<Arc<str>>,
    /// The same of the body of the answer.
    pub response_schema: Option<Arc<str>>,
}
