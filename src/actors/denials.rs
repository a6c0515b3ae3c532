//! The last requests of a realm's sessions that were not permitted, for those who mend permissions.
//!
//! Noted where a request is refused, so that what is permitted pays nothing. It outlives a change of the realm's settings, and
//! ends with the realm's actor or a restart. Source: section 2 of the console's page.

use crate::authz::{Petition, Petitioner};
use crate::wamp::{SessionId, WallTime};
use std::collections::VecDeque;
use std::fmt;
#[expect(clippy::disallowed_types, reason = "sessions of all threads write here, and only when they are refused")]
use std::sync::Mutex;
use std::sync::{Arc, PoisonError};

/// Refusals that are kept; the oldest goes.
const DENIALS_MAX: usize = 100;

/// One request that was not permitted.
#[derive(Clone, Debug)]
pub struct Denial {
    /// Counted from the opening of the realm.
    pub number: u64,
    /// When.
    pub time: WallTime,
    /// Whose.
    pub session: SessionId,
    /// Its name.
    pub authid: String,
    /// Its role.
    pub authrole: String,
    /// What it wanted to do, and to what.
    pub petition: Petition,
}

/// The last of them.
#[derive(Clone, Default)]
#[expect(clippy::disallowed_types, reason = "as above")]
pub(crate) struct Denials(Arc<Mutex<VecDeque<Denial>>>);

impl fmt::Debug for Denials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Denials").finish_non_exhaustive()
    }
}

impl Denials {
    /// Notes one.
    pub(crate) fn note(&self, time: WallTime, who: Petitioner<'_>, petition: Petition) {
        let (authid, authrole) = (who.authid.to_owned(), who.authrole.to_owned());
        // A copy: the URI would keep the frame that it came in.
        let petition = Petition { uri: petition.uri.detached(), ..petition };
        let mut denials = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if denials.len() >= DENIALS_MAX {
            denials.pop_front();
        }
        let number = denials.back().map_or(1, |last| last.number + 1);
        denials.push_back(Denial { number, time, session: who.session, authid, authrole, petition });
    }

    /// All of them, the newest first.
    pub(crate) fn list(&self) -> Vec<Denial> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authz::Action;
    use crate::wamp::{MatchPolicy, Uri};

    #[test]
    fn the_last_hundred_refusals_are_kept_the_newest_first() {
        let denials = Denials::default();
        for number in 0..150_i64 {
            let who = Petitioner {
                session: SessionId::wrapping(7),
                authid: "joe",
                authrole: "guest",
                authmethod: "ticket",
                authprovider: "static",
            };
            let uri = Uri::from(format!("com.topic.{number}"));
            let petition = Petition { action: Action::Publish, uri, match_policy: MatchPolicy::Exact };
            denials.note(WallTime(number), who, petition);
        }
        let kept: Vec<i64> = denials.list().iter().map(|denial| denial.time.0).collect();
        assert_eq!(kept, (50..150).rev().collect::<Vec<_>>());
    }
}
