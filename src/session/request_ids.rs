//! The request ids of the client's direction.
//!
//! Strict realms want each one to be the last plus 1, over all six request types. Lenient ones take any id that no active
//! request has, which `routing` knows. The later CALLs of a progressive call carry the id of the first in both: they are no
//! new requests. Source: sections 5.1 and 9.6 of the reference, D3, D47.

use crate::wamp::{RequestId, Uri};
use std::collections::BTreeMap;

/// The most progressive calls of a session whose last CALL is remembered to be owed: as many as it may have under way. Beyond
/// it the one with the lowest id is forgotten.
const OWED_MAX: usize = 10_000;

/// The watermark W of a session, and the progressive calls that it has not come to the end of.
#[derive(Debug, Default)]
pub(super) struct RequestIds {
    last: Option<RequestId>,
    owed: BTreeMap<RequestId, First>,
    /// Of those, the ones about which an authorizer was asked.
    procedures: BTreeMap<RequestId, Uri>,
}

/// What became of the first CALL of a progressive call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum First {
    /// It went on to the realm.
    Forwarded,
    /// It was answered by an ERROR: what follows is for nobody.
    Refused,
}

/// What a CALL is, by its id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CallId {
    /// A request of its own, or the first CALL of a progressive call.
    New,
    /// A later CALL of a progressive call.
    Continuation,
    /// A later CALL of a progressive call that was refused.
    Refused,
}

impl RequestIds {
    /// Takes the next id of a strict realm.
    ///
    /// # Errors
    /// The id that was due.
    pub(super) fn take_strict(&mut self, id: RequestId) -> Result<(), RequestId> {
        let due = self.last.map_or(RequestId::FIRST, RequestId::next);
        if id == due {
            self.last = Some(id);
            Ok(())
        } else {
            Err(due)
        }
    }

    /// Takes the id of a CALL. `progress`: more input follows it.
    ///
    /// # Errors
    /// The id that was due, in a strict realm.
    pub(super) fn take_call(&mut self, strict: bool, id: RequestId, progress: bool) -> Result<CallId, RequestId> {
        if !self.owed.is_empty() {
            let first = if progress { self.owed.get(&id).copied() } else { self.owed.remove(&id) };
            match first {
                Some(First::Forwarded) => return Ok(CallId::Continuation),
                Some(First::Refused) => return Ok(CallId::Refused),
                None => {}
            }
        }
        if strict {
            self.take_strict(id)?;
        }
        if progress {
            self.owed.insert(id, First::Forwarded);
            if self.owed.len() > OWED_MAX {
                self.owed.pop_first();
            }
        }
        Ok(CallId::New)
    }

    /// An authorizer has allowed the first CALL of a progressive call; it is not asked about the others.
    pub(super) fn allowed(&mut self, id: RequestId, procedure: &Uri) {
        if self.owed.contains_key(&id) {
            self.procedures.insert(id, procedure.detached());
            if self.procedures.len() > OWED_MAX {
                self.procedures.pop_first();
            }
        }
    }

    /// Whether this later CALL is of the procedure that an authorizer has allowed; `None`: it was not asked.
    pub(super) fn is_allowed(&mut self, id: RequestId, procedure: &Uri, progress: bool) -> Option<bool> {
        let allowed = self.procedures.get(&id)? == procedure;
        if !progress {
            self.procedures.remove(&id);
        }
        Some(allowed)
    }

    /// The CALL with this id was refused: if more of it follows, that is refused with it.
    pub(super) fn refused(&mut self, id: RequestId) {
        if let Some(first) = self.owed.get_mut(&id) {
            *first = First::Refused;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wamp::id::ID_MAX;

    /// R25.
    #[test]
    fn strict_ids_start_at_1_and_count_by_1() {
        let mut ids = RequestIds::default();
        let id = |number| RequestId::new(number).unwrap();
        assert_eq!(ids.take_strict(id(7)), Err(id(1)));
        assert_eq!(ids.take_strict(id(1)), Ok(()));
        assert_eq!(ids.take_strict(id(1)), Err(id(2)));
        assert_eq!(ids.take_strict(id(2)), Ok(()));
    }

    /// R26.
    #[test]
    fn strict_ids_wrap_from_2_to_the_53_to_1() {
        let mut ids = RequestIds { last: RequestId::new(ID_MAX).ok(), ..RequestIds::default() };
        assert_eq!(ids.take_strict(RequestId::FIRST), Ok(()));
    }

    /// R77, D47: the later CALLs of a progressive call are no new requests, in a strict realm either.
    #[test]
    fn a_progressive_call_keeps_its_id_until_its_last_call() {
        let id = |number| RequestId::new(number).unwrap();
        for strict in [false, true] {
            let mut ids = RequestIds::default();
            assert_eq!(ids.take_call(strict, id(1), true), Ok(CallId::New));
            assert_eq!(ids.take_call(strict, id(2), false), Ok(CallId::New));
            assert_eq!(ids.take_call(strict, id(1), true), Ok(CallId::Continuation));
            assert_eq!(ids.take_call(strict, id(1), false), Ok(CallId::Continuation));
            let again = if strict { Err(id(3)) } else { Ok(CallId::New) };
            assert_eq!(ids.take_call(strict, id(1), false), again);
        }
    }

    /// Rule 1 of the limits: what a peer makes the router remember is bounded.
    #[test]
    fn so_many_progressive_calls_are_remembered_and_no_more() {
        let mut ids = RequestIds::default();
        for number in 1..=OWED_MAX as u64 + 10 {
            assert_eq!(ids.take_call(true, RequestId::new(number).unwrap(), true), Ok(CallId::New));
        }
        assert_eq!(ids.owed.len(), OWED_MAX);
    }
}
