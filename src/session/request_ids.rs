//! The request ids of the client's direction.
//!
//! Strict realms want each one to be the last plus 1, over all six request types. Lenient ones take any id that no active
//! request has, which `routing` knows. Source: section 5.1 of the reference, D3.

use crate::wamp::RequestId;

/// The watermark W of a session.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RequestIds {
    last: Option<RequestId>,
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
        let mut ids = RequestIds { last: RequestId::new(ID_MAX).ok() };
        assert_eq!(ids.take_strict(RequestId::FIRST), Ok(()));
    }
}
