//! What passes between the requests of one long-poll transport and its session: messages in, and out what the one request
//! that receives takes. Whatever nobody receives stays in the session's outbox, whose bounds hold.
//!
//! Plain state: no lock, no clock, no I/O.

use super::protocol::{Framing, Protocol};
use crate::actors::connection::{Arrival, Fault};
use crate::actors::lengths;
use crate::codec::batched::{BatchError, Batched};
use bytes::Bytes;
use std::collections::VecDeque;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

/// Octets that one batched answer, or what waits for an event stream to take it, grows to; one message more may be in it.
const ANSWER_SOFT_MAX: usize = 256 << 10;

/// Messages of one batch, as on a WebSocket.
const BATCH_MESSAGES_MAX: usize = 1 << 16;

/// What a receiving request is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Received {
    /// The answer's body, or a part of the event stream.
    Octets(Bytes),
    /// Another request receives now.
    Superseded,
    /// The session is over.
    Ended,
}

/// Which receiving request; the newest holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Turn(u64);

/// Both directions of one transport.
#[derive(Debug)]
pub(super) struct Exchange {
    framing: Framing,
    batched: Option<Batched>,
    inbox: VecDeque<Result<Arrival, Fault>>,
    session: Option<Waker>,
    turn: Turn,
    /// Whether the request of `turn` is there.
    is_receiving: bool,
    receiver: Option<Waker>,
    /// Requests that send and are not answered yet.
    sending: usize,
    answer: Vec<u8>,
    /// Whether the answer may be taken.
    is_complete: bool,
    used: Instant,
    ended: bool,
}

impl Exchange {
    pub(super) fn new(protocol: Protocol, now: Instant) -> Self {
        let is_batched = protocol.framing == Framing::Batched;
        Self {
            framing: protocol.framing,
            batched: is_batched.then(|| Batched::new(protocol.serialization, BATCH_MESSAGES_MAX)),
            inbox: VecDeque::new(),
            session: None,
            turn: Turn(0),
            is_receiving: false,
            receiver: None,
            sending: 0,
            answer: Vec::new(),
            is_complete: false,
            used: now,
            ended: false,
        }
    }

    /// The messages of a body.
    ///
    /// # Errors
    /// It is no batch.
    pub(super) fn split(&mut self, body: Bytes) -> Result<Vec<Bytes>, BatchError> {
        match &mut self.batched {
            Some(batched) => batched.split(&body),
            None => Ok(vec![body]),
        }
    }

    /// Hands something to the session. When that is over nobody reads it, and the transport may be remembered for long.
    pub(super) fn arrive(&mut self, arrival: Result<Arrival, Fault>) {
        if self.ended {
            return;
        }
        self.inbox.push_back(arrival);
        wake(&mut self.session);
    }

    /// Whether the session has read all that came.
    pub(super) fn is_read(&self) -> bool {
        self.inbox.is_empty()
    }

    /// What the session reads next; the waker is called when there is more.
    pub(super) fn next(&mut self, waker: &Waker) -> Option<Result<Arrival, Fault>> {
        let next = self.inbox.pop_front();
        if next.is_none() {
            self.session = Some(waker.clone());
        }
        next
    }

    /// A request has come.
    pub(super) fn touch(&mut self, now: Instant) {
        self.used = now;
    }

    /// When the transport is lost if no request comes; `None` while one receives or sends.
    pub(super) fn lost_at(&self, session_timeout: Duration) -> Option<Instant> {
        (!self.is_receiving && self.sending == 0).then(|| self.used + session_timeout)
    }

    /// A request sends from now on, until [`Self::sent`].
    pub(super) fn send(&mut self) {
        self.sending += 1;
    }

    /// A request that sent has its end.
    pub(super) fn sent(&mut self, now: Instant) {
        self.sending = self.sending.saturating_sub(1);
        self.touch(now);
        // It begins to count the time.
        wake(&mut self.session);
    }

    /// A request receives from now on; one before it has had its time.
    pub(super) fn receive(&mut self, now: Instant) -> Turn {
        self.touch(now);
        self.turn = Turn(self.turn.0 + 1);
        self.is_receiving = true;
        wake(&mut self.receiver);
        wake(&mut self.session);
        self.turn
    }

    /// What the request of this turn is told.
    pub(super) fn poll_received(&mut self, turn: Turn, waker: &Waker) -> Poll<Received> {
        if turn != self.turn {
            return Poll::Ready(Received::Superseded);
        }
        if self.is_complete {
            self.is_complete = false;
            if self.framing == Framing::Events {
                // There is room again.
                wake(&mut self.session);
            } else {
                self.is_receiving = false;
            }
            return Poll::Ready(Received::Octets(std::mem::take(&mut self.answer).into()));
        }
        if self.ended {
            return Poll::Ready(Received::Ended);
        }
        self.receiver = Some(waker.clone());
        Poll::Pending
    }

    /// The request of this turn is gone. What was not taken is the next one's.
    pub(super) fn withdraw(&mut self, turn: Turn, now: Instant) {
        if turn == self.turn {
            self.is_receiving = false;
            self.receiver = None;
            self.drop_unheard();
            self.touch(now);
            // It begins to count the time.
            wake(&mut self.session);
        }
    }

    /// Takes whole messages, each behind its length, as many as the answer has room for: how many octets.
    pub(super) fn poll_take(&mut self, octets: &[u8], waker: &Waker) -> Poll<usize> {
        let mut rest = octets;
        while self.has_room() {
            let Some((message, after)) = lengths::first(rest) else { break };
            self.append(message);
            rest = after;
        }
        let taken = octets.len() - rest.len();
        if taken == 0 {
            self.session = Some(waker.clone());
            return Poll::Pending;
        }
        Poll::Ready(taken)
    }

    fn has_room(&self) -> bool {
        let fits = match self.framing {
            Framing::Single => self.answer.is_empty(),
            Framing::Batched => !self.is_complete && self.answer.len() < ANSWER_SOFT_MAX,
            Framing::Events => self.answer.len() < ANSWER_SOFT_MAX,
        };
        self.is_receiving && fits
    }

    fn append(&mut self, message: &[u8]) {
        match (&self.batched, self.framing) {
            (Some(batched), _) => batched.append(message, &mut self.answer),
            (None, Framing::Events) => {
                self.answer.extend_from_slice(b"event: wamp\ndata: ");
                let start = self.answer.len();
                self.answer.extend_from_slice(message);
                // A line's end inside of JSON stands between values only, where a space is as good; here it would end the data.
                for octet in self.answer.iter_mut().skip(start).filter(|octet| matches!(octet, b'\n' | b'\r')) {
                    *octet = b' ';
                }
                self.answer.extend_from_slice(b"\n\n");
            }
            (None, Framing::Single | Framing::Batched) => self.answer.extend_from_slice(message),
        }
    }

    /// The session has nothing more for now: what was taken goes.
    pub(super) fn flush(&mut self) {
        if !self.answer.is_empty() && !self.is_complete {
            self.is_complete = true;
            wake(&mut self.receiver);
        }
    }

    /// The session is over.
    pub(super) fn end(&mut self) {
        self.ended = true;
        self.inbox = VecDeque::new();
        self.drop_unheard();
        wake(&mut self.receiver);
    }

    /// After the end nobody comes to fetch what was not taken, and the transport may be remembered for long.
    fn drop_unheard(&mut self) {
        if self.ended && !self.is_receiving {
            self.answer = Vec::new();
            self.is_complete = false;
        }
    }

    /// Whether the session is over.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::super::protocol::choose;
    use super::*;
    use crate::actors::clock;
    use crate::actors::lengths::LENGTH;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::Arc;
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn exchange(protocol: &str) -> Exchange {
        let offer = format!(r#"{{"protocols":["{protocol}"]}}"#);
        Exchange::new(choose(offer.as_bytes()).unwrap(), clock::now())
    }

    fn framed(messages: &[&str]) -> Vec<u8> {
        let frame = |message: &&str| [&(message.len() as u32).to_be_bytes()[..], message.as_bytes()].concat();
        messages.iter().flat_map(frame).collect()
    }

    /// What the session writes is taken as far as there is room, and sent.
    fn write(exchange: &mut Exchange, messages: &[&str]) -> usize {
        let octets = framed(messages);
        let mut taken = 0;
        while let Poll::Ready(more) = exchange.poll_take(&octets[taken..], Waker::noop()) {
            taken += more;
        }
        exchange.flush();
        taken
    }

    fn received(exchange: &mut Exchange, turn: Turn) -> Option<String> {
        match exchange.poll_received(turn, Waker::noop()) {
            Poll::Ready(Received::Octets(octets)) => Some(String::from_utf8_lossy(&octets).into_owned()),
            Poll::Ready(other) => Some(format!("{other:?}")),
            Poll::Pending => None,
        }
    }

    /// Section 3 of the limits: the bounds are the outbox's.
    #[test]
    fn nothing_leaves_the_outbox_until_a_request_receives() {
        for protocol in ["wamp.2.json", "wamp.2.json.batched", "wamp.2.json.sse"] {
            let mut exchange = exchange(protocol);
            assert_eq!(write(&mut exchange, &["[1]"]), 0, "{protocol}");
            let turn = exchange.receive(clock::now());
            assert_eq!(received(&mut exchange, turn), None);
            assert!(write(&mut exchange, &["[1]"]) > 0, "{protocol}");
            assert!(received(&mut exchange, turn).unwrap().contains("[1]"), "{protocol}");
        }
    }

    /// R119.
    #[test]
    fn an_answer_holds_one_message_or_all_of_a_batch() {
        let mut single = exchange("wamp.2.json");
        let turn = single.receive(clock::now());
        assert_eq!(write(&mut single, &["[1]", "[22]"]), LENGTH + 3);
        assert_eq!(received(&mut single, turn).unwrap(), "[1]");
        assert_eq!(write(&mut single, &["[22]"]), 0, "the request was answered");
        let mut batched = exchange("wamp.2.json.batched");
        let turn = batched.receive(clock::now());
        write(&mut batched, &["[1]", "[22]"]);
        assert_eq!(received(&mut batched, turn).unwrap(), "[1]\u{1e}[22]\u{1e}");
        let mut binary = exchange("wamp.2.cbor.batched");
        let turn = binary.receive(clock::now());
        write(&mut binary, &["[1]"]);
        assert_eq!(received(&mut binary, turn).unwrap(), "\0\0\0\x03[1]");
    }

    #[test]
    fn an_event_is_one_line_of_data() {
        let mut events = exchange("wamp.2.json.sse");
        let turn = events.receive(clock::now());
        write(&mut events, &["[36,\r\n{}]", "[1]"]);
        assert_eq!(received(&mut events, turn).unwrap(), "event: wamp\ndata: [36,  {}]\n\nevent: wamp\ndata: [1]\n\n");
        write(&mut events, &["[2]"]);
        assert_eq!(received(&mut events, turn).unwrap(), "event: wamp\ndata: [2]\n\n");
    }

    /// U3: what a request that reads nothing holds is bounded.
    #[test]
    fn what_waits_for_a_stream_or_a_batch_is_bounded() {
        let message = "x".repeat(10_000);
        for protocol in ["wamp.2.json.sse", "wamp.2.msgpack.batched"] {
            let mut exchange = exchange(protocol);
            exchange.receive(clock::now());
            let taken = write(&mut exchange, &[message.as_str(); 100]);
            assert!(taken > ANSWER_SOFT_MAX / 2 && taken < ANSWER_SOFT_MAX + 20_000, "{protocol}: {taken}");
        }
    }

    /// R119; section 11 of the HTTP design.
    #[test]
    fn a_second_receive_ends_the_first_and_gets_what_it_did_not_take() {
        let mut exchange = exchange("wamp.2.json");
        let first = exchange.receive(clock::now());
        let woken = Arc::<Count>::default();
        assert!(exchange.poll_received(first, &Arc::clone(&woken).into()).is_pending());
        write(&mut exchange, &["[1]"]);
        let second = exchange.receive(clock::now());
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert_eq!(received(&mut exchange, first).unwrap(), "Superseded");
        exchange.withdraw(first, clock::now());
        assert_eq!(received(&mut exchange, second).unwrap(), "[1]");
    }

    #[test]
    fn what_a_lost_request_did_not_take_is_the_next_ones() {
        let mut exchange = exchange("wamp.2.json");
        let lost = exchange.receive(clock::now());
        write(&mut exchange, &["[1]"]);
        exchange.withdraw(lost, clock::now());
        let next = exchange.receive(clock::now());
        assert_eq!(received(&mut exchange, next).unwrap(), "[1]");
    }

    #[test]
    fn the_last_words_come_before_the_end() {
        let mut exchange = exchange("wamp.2.json");
        let turn = exchange.receive(clock::now());
        write(&mut exchange, &["[6]"]);
        exchange.end();
        assert_eq!(received(&mut exchange, turn).unwrap(), "[6]");
        assert_eq!(received(&mut exchange, turn).unwrap(), "Ended");
    }

    /// Memory: of a body that was still coming when the session ended.
    #[test]
    fn what_arrives_after_the_end_is_kept_by_nobody() {
        let mut exchange = exchange("wamp.2.json");
        exchange.arrive(Ok(Arrival::Message(Bytes::from_static(b"[1]"))));
        exchange.end();
        assert!(exchange.is_read());
        exchange.arrive(Ok(Arrival::Message(Bytes::from_static(b"[2]"))));
        assert!(exchange.is_read());
    }

    #[test]
    fn the_time_without_requests_counts_from_the_end_of_the_last_one() {
        let mut exchange = exchange("wamp.2.json");
        let (start, timeout) = (clock::now(), Duration::from_secs(30));
        exchange.touch(start);
        assert_eq!(exchange.lost_at(timeout), Some(start + timeout));
        let turn = exchange.receive(start);
        assert_eq!(exchange.lost_at(timeout), None);
        let later = start + Duration::from_secs(10);
        exchange.withdraw(turn, later);
        assert_eq!(exchange.lost_at(timeout), Some(later + timeout));
        exchange.send();
        exchange.send();
        exchange.sent(later);
        assert_eq!(exchange.lost_at(timeout), None, "another one sends");
        let last = later + Duration::from_secs(10);
        exchange.sent(last);
        assert_eq!(exchange.lost_at(timeout), Some(last + timeout));
    }
}
