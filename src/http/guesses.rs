//! Signatures of requests are guessed at as passwords are: wrong ones are counted by whose they should be and from where they
//! come, answered later and later, and then refused unseen (A2). The rule is that of logins, with the same settings.

use crate::actors::RealmShared;
use crate::auth::{Attempt, Guess};
use std::net::SocketAddr;

/// A proof that may be looked at.
pub(super) struct Try<'a> {
    shared: &'a RealmShared,
    attempt: Attempt,
}

impl<'a> Try<'a> {
    /// By whoever says to be `authid`. `None`: too many were wrong.
    pub(super) fn begin(shared: &'a RealmShared, authid: &str, peer: Option<SocketAddr>) -> Option<Self> {
        let address = peer.map(|peer| peer.ip());
        let guess = Guess { realm: shared.settings.uri.as_str(), authid, address };
        let attempt = shared.logins.attempt(shared.settings.auth.throttle, &guess)?;
        Some(Self { shared, attempt })
    }

    /// It was wrong. Waits for as long as the answer is held back.
    pub(super) async fn was_wrong(self) {
        tokio::time::sleep(self.shared.logins.failed(self.attempt)).await;
    }
}
