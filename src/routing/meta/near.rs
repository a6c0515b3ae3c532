//! `wharf.registration.near`: for those who call what nobody has registered, and want to know what they may have meant.

use super::arguments::Arguments;
use crate::routing::key::SessionKey;
use crate::routing::refusal::Refusal;
use crate::routing::Realm;
use crate::wamp::{Payload, Uri, Value};

impl Realm {
    /// `[procedure]` → `[[uri, ...]]`: procedures that the session may call and that are a letter or two away, three at most.
    pub(super) fn answer_near(&self, from: SessionKey, arguments: &Arguments) -> Result<Payload, Refusal> {
        let procedure = Uri::from(arguments.text(0, "a procedure, a string")?);
        let found = self.directory.member(from).map(|member| self.near(&procedure, &member.permit)).unwrap_or_default();
        Ok(Payload::args(vec![Value::List(found.iter().map(|uri| Value::from(uri.as_str())).collect())]))
    }
}
