//! Slows those who call faster than a callee reads.
//!
//! A callee is cut when more waits for it than its outbox may hold. Left alone, one caller in a hurry would have a callee cut
//! that reads all the time, and all other callers would lose their calls with it. So the realm lets the batch of such a caller
//! wait, and does not give its credit back, until the callee has caught up: the caller's socket is not read meanwhile, and TCP
//! slows the caller.
//!
//! Only for so long, since nobody waits for a peer that does not read; and never for a session that has calls to answer
//! itself, since others may wait for what it has to say.
//! Source: sections 2 (S2) and 3 of the limits.

use super::delivery::Delivery;
use super::realm::Commands;
use crate::routing::SessionKey;
use std::time::{Duration, Instant};

/// How long callers wait for one callee, from when it fell behind until it has caught up. One that reads a quarter of its
/// outbox in this time, 1 MiB by default, is never without the brake.
pub(super) const BRAKE_MAX: Duration = Duration::from_secs(1);

/// A caller's batch whose last command went to a callee that is behind; what is left of it comes later.
struct Held {
    callee: SessionKey,
    batch: Commands,
}

/// The batches that wait for callees to catch up: at most one per session.
#[derive(Default)]
pub(super) struct Brake {
    held: Vec<Held>,
}

impl Brake {
    /// Lets the rest of a batch wait for a callee.
    pub(super) fn hold(&mut self, callee: SessionKey, batch: Commands) {
        self.held.push(Held { callee, batch });
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The batches that go on now, in the order in which they came.
    pub(super) fn release(&mut self, delivery: &mut Delivery, now: Instant) -> Vec<Commands> {
        let waits_no_longer = |held: &mut Held| !delivery.is_behind(held.callee, now);
        self.held.extract_if(.., waits_no_longer).map(|held| held.batch).collect()
    }

    /// The batch of a session that leaves: what it asked for comes before its end.
    pub(super) fn release_session(&mut self, session: SessionKey) -> Option<Commands> {
        let at = self.held.iter().position(|held| held.batch.from == session)?;
        Some(self.held.remove(at).batch)
    }
}
