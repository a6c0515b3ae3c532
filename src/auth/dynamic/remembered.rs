//! Answers of authenticators that are remembered: only where the settings and the answer want it, each for the very same proof
//! of the very same identity, never a refusal.
//!
//! A realm has one. Beyond [`ENTRIES_MAX`] the one whose time ends first makes room. Secrets in it are wiped when they go. An
//! answer that comes before the proof is held back for as long as asking takes, so that nobody learns by the time who is
//! known (A1). Is told the time.

use super::answer::Answer;
use super::{Bench, Fault, Inquiry, Judged, Judgement, CREDENTIALS};
use crate::auth::decoy::{Decoy, NodeSecret};
use crate::auth::Method;
use crate::wamp::{Dict, Value};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Entries of one realm.
const ENTRIES_MAX: usize = 10_000;

/// What a client draws anew for each login.
const FRESH: [&str; 2] = ["nonce", "challenge"];

/// What an answer is remembered under: a keyed hash of all that proves who asks. It tells nothing of it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Mark([u8; 32]);

/// An answer that is to be remembered, and how long.
#[derive(Clone, Debug)]
pub struct Memo {
    pub(super) answer: Answer,
    pub(super) time: Duration,
}

#[derive(Debug)]
struct Entry {
    /// As whom the client came, and as whom it was let in.
    authids: [String; 2],
    answer: Answer,
    until: Instant,
    serial: u64,
}

/// What is remembered in one realm.
#[derive(Debug, Default)]
pub struct Answers {
    entries: BTreeMap<Mark, Entry>,
    deadlines: BTreeMap<(Instant, u64), Mark>,
    serial: u64,
    /// How often something was forgotten before its time.
    epoch: u64,
}

impl Answers {
    /// What was said before under this mark.
    pub fn find(&self, mark: &Mark, now: Instant) -> Option<Answer> {
        self.entries.get(mark).filter(|entry| now < entry.until).map(|entry| entry.answer.clone())
    }

    /// What [`keep`](Self::keep) wants of the time when the question was asked.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Remembers an answer about `authid`, unless something was forgotten since it was asked for.
    pub fn keep(&mut self, mark: Mark, authid: &str, memo: Memo, epoch: u64, now: Instant) {
        let Some(until) = now.checked_add(memo.time).filter(|_| epoch == self.epoch) else { return };
        while let Some(((first, serial), _)) = self.deadlines.first_key_value() {
            if *first > now && self.entries.len() < ENTRIES_MAX {
                break;
            }
            let first = (*first, *serial);
            if let Some(mark) = self.deadlines.remove(&first) {
                self.entries.remove(&mark);
            }
        }
        self.serial += 1;
        let became = memo.answer.authid.clone().unwrap_or_default();
        let authids = [authid.to_owned(), became];
        let entry = Entry { authids, answer: memo.answer, until, serial: self.serial };
        if let Some(earlier) = self.entries.insert(mark.clone(), entry) {
            self.deadlines.remove(&(earlier.until, earlier.serial));
        }
        self.deadlines.insert((until, self.serial), mark);
    }

    /// Forgets what was said about one name.
    pub fn forget(&mut self, authid: &str) {
        self.epoch += 1;
        let deadlines = &mut self.deadlines;
        self.entries.retain(|_, entry| {
            let stays = !entry.authids.iter().any(|known| known == authid);
            if !stays {
                deadlines.remove(&(entry.until, entry.serial));
            }
            stays
        });
    }

    /// Forgets all.
    pub fn purge(&mut self) {
        self.epoch += 1;
        self.entries.clear();
        self.deadlines.clear();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Inquiry {
    /// What an answer to it is remembered under; `None` where none is. `headers` are as for [`args`](Self::args).
    pub fn mark(&self, node_secret: &NodeSecret, headers: &[(String, String)]) -> Option<Mark> {
        let entry = self.entries.front()?;
        entry.cache?;
        let mut proof = Zeroizing::new(Vec::new());
        let ticket = self.ticket.as_ref().map(|ticket| ticket.expose().as_bytes());
        let certificate = self.certificate.as_ref().map(|certificate| certificate.sha256.as_bytes());
        for part in [Some(entry.name.as_bytes()), Some(self.method.name().as_bytes()), ticket, certificate] {
            feed_part(&mut proof, part);
        }
        // No authid is another thing than an empty one.
        proof.push(u8::from(self.authid.is_some()));
        for (key, value) in self.authextra.iter().filter(|(key, _)| !FRESH.contains(&key.as_str())) {
            feed_part(&mut proof, Some(key.as_bytes()));
            feed(&mut proof, value);
        }
        let handed_on = |name: &str| CREDENTIALS.contains(&name) && entry.forward_headers.iter().any(|on| on == name);
        for (name, value) in headers.iter().filter(|(name, _)| handed_on(name)) {
            feed_part(&mut proof, Some(name.as_bytes()));
            feed_part(&mut proof, Some(value.as_bytes()));
        }
        Some(Mark(Decoy::new(node_secret, &self.realm, "remembered", self.authid()).mark(&proof)))
    }

    /// How long an answer that is remembered is held back: as long as the last asking has taken, where it would come before
    /// the proof.
    pub fn held_back(&self) -> Duration {
        let last = self.entries.front().map_or(0, |entry| entry.shapes.took_us.load(Ordering::Relaxed));
        if self.method == Method::Ticket {
            Duration::ZERO
        } else {
            Duration::from_micros(last)
        }
    }

    /// Asking has taken so long.
    pub fn note_taken(&self, took: Duration) {
        if let Some(entry) = self.entries.front() {
            entry.shapes.took_us.store(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    /// Judges what was said before, as if it came now.
    pub fn recall(mut self: Box<Self>, answer: Answer, bench: Bench<'_>) -> Judged {
        match self.entries.pop_front() {
            Some(entry) if (bench.has_role)(&answer.role) => self.accept(&entry.shapes, answer, bench),
            Some(_) => {
                let fault = Some(Fault::unknown_role(&answer.role));
                Judged { judgement: Judgement::Decided(Err(super::no_role())), fault, memo: None }
            }
            None => Judged { judgement: Judgement::Decided(Err(super::failed())), fault: None, memo: None },
        }
    }
}

/// Appends a part so that no other parts look alike.
fn feed_part(proof: &mut Vec<u8>, part: Option<&[u8]>) {
    let Some(part) = part else { return proof.push(0) };
    proof.push(1);
    proof.extend_from_slice(&(part.len() as u64).to_be_bytes());
    proof.extend_from_slice(part);
}

/// Appends a value, as deep as HELLO may be.
fn feed(proof: &mut Vec<u8>, value: &Value) {
    let mut number = |kind: u8, bits: u64| {
        proof.push(kind);
        proof.extend_from_slice(&bits.to_be_bytes());
    };
    match value {
        Value::Null => proof.push(2),
        Value::Bool(truth) => number(3, u64::from(*truth)),
        Value::Unsigned(unsigned) => number(4, *unsigned),
        Value::Negative(negative) => number(5, negative.cast_unsigned()),
        Value::Float(float) => number(6, float.to_bits()),
        Value::Text(text) => feed_part(proof, Some(text.as_bytes())),
        Value::Bytes(octets) => {
            proof.push(7);
            feed_part(proof, Some(octets));
        }
        Value::List(list) => {
            number(8, list.len() as u64);
            list.iter().for_each(|value| feed(proof, value));
        }
        Value::Dict(dict) => feed_dict(proof, dict),
    }
}

fn feed_dict(proof: &mut Vec<u8>, dict: &Dict) {
    proof.push(9);
    proof.extend_from_slice(&(dict.len() as u64).to_be_bytes());
    for (key, value) in dict {
        feed_part(proof, Some(key.as_bytes()));
        feed(proof, value);
    }
}

#[cfg(test)]
mod tests;
