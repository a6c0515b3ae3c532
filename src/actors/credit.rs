//! The brake between a session and its realm: one batch under way per session.
//!
//! A session takes the credit when it sends a batch and reads its socket again when the realm has given it back. So a
//! realm's mailbox holds at most one batch per session, a busy realm slows the sockets, and memory stays flat (S2). Unlike an
//! answer to each batch, a credit costs no allocation and wakes the session only if it waits.

use futures_util::task::AtomicWaker;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::task::Waker;

/// Shared by one session and its realm.
#[derive(Debug, Default)]
pub(crate) struct Credit {
    taken: AtomicBool,
    waiting: AtomicWaker,
}

impl Credit {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Takes it for a batch that is about to be sent.
    pub(crate) fn take(&self) {
        self.taken.store(true, Ordering::Release);
    }

    /// The realm has handled the batch.
    pub(crate) fn give_back(&self) {
        self.taken.store(false, Ordering::Release);
        self.waiting.wake();
    }

    /// Whether a batch may be sent; if not, `waker` is woken when it may.
    pub(crate) fn is_free_or_wake(&self, waker: &Waker) -> bool {
        if !self.taken.load(Ordering::Acquire) {
            return true;
        }
        self.waiting.register(waker);
        // Given back between the look and the registration: nobody would wake us.
        !self.taken.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// S2.
    #[test]
    fn a_credit_given_back_wakes_the_session_that_waits_for_it() {
        let (credit, count) = (Credit::new(), Arc::new(Count::default()));
        let waker = Waker::from(Arc::clone(&count));
        assert!(credit.is_free_or_wake(&waker));
        credit.take();
        assert!(!credit.is_free_or_wake(&waker));
        credit.give_back();
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        assert!(credit.is_free_or_wake(&waker));
        credit.give_back();
        assert_eq!(count.0.load(Ordering::SeqCst), 1, "nobody waited");
    }
}
