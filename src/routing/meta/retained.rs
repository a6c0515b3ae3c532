//! `wharf.retained.clear`: the administrative end of retained events (D62).

use super::arguments::Arguments;
use super::count;
use crate::routing::effect::Effects;
use crate::routing::refusal::Refusal;
use crate::routing::Realm;
use crate::wamp::{Payload, Uri};
use std::time::Instant;

impl Realm {
    /// `[topic, {"match": ...}?]` → `[count]`, the topics that had something retained. A pattern clears all topics that it fits.
    pub(super) fn clear_retained(
        &mut self,
        now: Instant,
        arguments: &Arguments,
        effects: &mut Effects,
    ) -> Result<Payload, Refusal> {
        let topic = Uri::from(arguments.text(0, "a topic, a string")?);
        let policy = arguments.lookup_policy()?;
        let (broker, _, mut turn) = self.turn(now, effects);
        Ok(count(broker.clear_retained(&mut turn, policy, &topic)))
    }
}
