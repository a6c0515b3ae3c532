//! What waits in the outboxes of sessions that the HTTP side drives, for the guard of memory (S3): where memory is short the
//! largest is cut, and a stream or a webhook is no better than a connection.

use super::OwnSessions;
use crate::actors::pressure::{CutLargest, LargestOutbox};
use crate::actors::session::CutForMemory;
use crate::http::sessions::HttpSessions;
use actix::{Handler, ResponseFuture};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// The octets that wait for each session of one thread, by its number: from before it is adopted until it is gone.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting(Rc<RefCell<BTreeMap<usize, Rc<Cell<usize>>>>>);

impl Waiting {
    pub(super) fn insert(&self, number: usize, octets: Rc<Cell<usize>>) {
        self.0.borrow_mut().insert(number, octets);
    }

    pub(super) fn remove(&self, number: usize) {
        self.0.borrow_mut().remove(&number);
    }

    /// The session with the most, and how much that is.
    fn largest(&self) -> Option<(usize, usize)> {
        let waiting = self.0.borrow();
        waiting.iter().map(|(number, octets)| (*number, octets.get())).max_by_key(|(_, octets)| *octets)
    }

    /// Nothing is to be counted of it any more.
    fn forget(&self, number: usize) {
        if let Some(octets) = self.0.borrow().get(&number) {
            octets.set(0);
        }
    }
}

impl Handler<LargestOutbox> for OwnSessions {
    type Result = usize;

    fn handle(&mut self, _: LargestOutbox, _: &mut Self::Context) -> usize {
        self.waiting.largest().map_or(0, |(_, octets)| octets)
    }
}

impl Handler<CutLargest> for OwnSessions {
    type Result = ();

    #[expect(clippy::disallowed_methods, reason = "at most one every 10 ms")]
    fn handle(&mut self, _: CutLargest, _: &mut Self::Context) {
        let Some((number, _)) = self.waiting.largest() else { return };
        self.waiting.forget(number);
        if let Some((session, _)) = self.sessions.get(&number) {
            session.do_send(CutForMemory);
        }
    }
}

/// For those whom the guard does not know: the same thread's owner of streams.
impl Handler<LargestOutbox> for HttpSessions {
    type Result = ResponseFuture<usize>;

    fn handle(&mut self, _: LargestOutbox, _: &mut Self::Context) -> Self::Result {
        let own = self.own.clone();
        Box::pin(async move { own.send(LargestOutbox).await.unwrap_or(0) })
    }
}

impl Handler<CutLargest> for HttpSessions {
    type Result = ();

    #[expect(clippy::disallowed_methods, reason = "at most one every 10 ms")]
    fn handle(&mut self, _: CutLargest, _: &mut Self::Context) {
        self.own.do_send(CutLargest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S3.
    #[test]
    fn the_largest_is_found_until_it_is_cut_or_gone() {
        let waiting = Waiting::default();
        assert_eq!(waiting.largest(), None);
        let octets = [5, 9, 7].map(|octets| Rc::new(Cell::new(octets)));
        for (number, octets) in octets.iter().enumerate() {
            waiting.insert(number, Rc::clone(octets));
        }
        assert_eq!(waiting.largest(), Some((1, 9)));
        octets[0].set(10);
        assert_eq!(waiting.largest(), Some((0, 10)));
        waiting.forget(0);
        waiting.remove(1);
        assert_eq!(waiting.largest(), Some((2, 7)));
    }
}
