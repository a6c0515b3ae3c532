//! One webhook's deliveries: what waits, what is under way, what was given up. A state machine without clock, socket or store.
//!
//! ```text
//! add -> Waiting --take--> UnderWay --2xx--> gone
//!           ^                 |
//!           |--- next due ----+---- no attempt left, 410, or an answer that means no ----> Dead --send again--> Waiting
//!           +---- over the bound: the oldest -----------------------------------------------^
//! ```
//! Times are milliseconds since 1970, so that they mean the same after a restart.

mod changes;

use super::schedule;
use crate::wamp::TraceContext;
use bytes::Bytes;
use changes::Changes;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Octets of bodies that wait or are under way, for each webhook.
const OCTETS_MAX: usize = 64 << 20;

/// Deliveries that were given up and are kept, for each webhook, and the octets of their bodies; the oldest go.
pub(super) const DEAD_MAX: usize = 1000;
const DEAD_OCTETS_MAX: usize = 16 << 20;

/// Octets of an answer's beginning that are kept.
pub(super) const ANSWER_MAX: usize = 1024;

/// A delivery's place in its queue: later ones are larger. Never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Number(pub(super) u64);

impl Number {
    /// Before all deliveries: whether the webhook is off.
    pub(super) const STATE: Self = Self(0);
}

/// What came of an attempt, for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Last {
    /// Milliseconds since 1970.
    pub(super) at: u64,
    /// The status, if there was an answer.
    pub(super) status: Option<u16>,
    /// The beginning of the answer, or why there is none.
    pub(super) text: String,
}

/// One event on its way out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Delivery {
    /// `webhook-id`: the same over all attempts.
    pub(super) id: String,
    /// For people.
    pub(super) topic: String,
    /// The body.
    pub(super) body: Bytes,
    /// What the event belongs to: the same over all attempts.
    pub(super) trace: Option<Arc<TraceContext>>,
    /// When it came.
    pub(super) since: u64,
    /// Attempts that have ended.
    pub(super) attempts: u32,
    /// What came of the last one.
    pub(super) last: Option<Last>,
}

/// What came of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// 2xx.
    Done,
    /// Nothing, or another answer.
    Failed,
    /// 429, 502, 503, 504.
    Slow(Option<Duration>),
    /// 410.
    Gone,
}

impl Outcome {
    /// What a status means.
    pub(super) fn of(status: u16, retry_after: Option<Duration>) -> Self {
        match status {
            200..=299 => Self::Done,
            410 => Self::Gone,
            429 | 502 | 503 | 504 => Self::Slow(retry_after),
            _ => Self::Failed,
        }
    }
}

/// What became of a delivery.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    Delivered,
    /// It will be tried again.
    Again,
    /// It was given up.
    Dead,
}

/// The bounds of one webhook.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Bounds {
    pub(super) queue_max: usize,
    pub(super) concurrency: usize,
    pub(super) attempts: u32,
}

/// What is written down under one number. What is under way counts as waiting: whether it arrives is not known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kept<'a> {
    Waiting {
        due: u64,
        delivery: &'a Delivery,
    },
    Dead(&'a Delivery),
    /// Under [`Number::STATE`]: the webhook is off.
    Off,
    Nothing,
}

/// The queue.
#[derive(Debug)]
pub(super) struct Queue {
    bounds: Bounds,
    waiting: BTreeMap<Number, (u64, Delivery)>,
    /// Each waiting delivery once.
    dues: BTreeSet<(u64, Number)>,
    under_way: BTreeMap<Number, Delivery>,
    dead: VecDeque<(Number, Delivery)>,
    octets: usize,
    dead_octets: usize,
    last: Number,
    is_off: bool,
    /// How long the endpoint is left alone, and until when.
    pace: Option<(Duration, u64)>,
    changes: Changes,
}

impl Queue {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            waiting: BTreeMap::new(),
            dues: BTreeSet::new(),
            under_way: BTreeMap::new(),
            dead: VecDeque::new(),
            octets: 0,
            dead_octets: 0,
            last: Number(0),
            is_off: false,
            pace: None,
            changes: Changes::default(),
        }
    }

    /// Other bounds hold from now on. How many were given up for want of room.
    pub(super) fn use_bounds(&mut self, bounds: Bounds) -> usize {
        self.bounds = bounds;
        self.shrink()
    }

    /// One more. How many were given up for want of room: the oldest of those that wait.
    pub(super) fn add(&mut self, now: u64, delivery: Delivery) -> usize {
        self.last.0 += 1;
        self.octets += delivery.body.len();
        self.wait(self.last, now, delivery);
        self.shrink()
    }

    /// As it was written down.
    pub(super) fn restore(&mut self, number: Number, due: Option<u64>, delivery: Delivery) {
        self.last = self.last.max(number);
        match due {
            Some(due) => {
                self.octets += delivery.body.len();
                self.wait(number, due, delivery);
            }
            None => self.bury(number, delivery),
        }
        self.changes.restored(number);
    }

    /// It was written down that the webhook is off.
    pub(super) fn restore_off(&mut self) {
        self.is_off = true;
        self.changes.restored(Number::STATE);
    }

    /// What was written down cannot be read, and goes.
    pub(super) fn give_up(&mut self, number: Number) {
        self.last = self.last.max(number);
        self.changes.restored(number);
        self.changes.gone(number);
    }

    fn wait(&mut self, number: Number, due: u64, delivery: Delivery) {
        self.dues.insert((due, number));
        self.waiting.insert(number, (due, delivery));
        self.changes.touch(number);
    }

    fn unwait(&mut self, number: Number) -> Option<Delivery> {
        let (due, delivery) = self.waiting.remove(&number)?;
        self.dues.remove(&(due, number));
        Some(delivery)
    }

    fn bury(&mut self, number: Number, delivery: Delivery) {
        self.changes.touch(number);
        self.dead_octets += delivery.body.len();
        self.dead.push_back((number, delivery));
        while self.dead.len() > DEAD_MAX || (self.dead_octets > DEAD_OCTETS_MAX && self.dead.len() > 1) {
            let Some((oldest, delivery)) = self.dead.pop_front() else { break };
            self.dead_octets -= delivery.body.len();
            self.changes.gone(oldest);
        }
    }

    fn shrink(&mut self) -> usize {
        let mut given_up = 0;
        while self.waiting.len() > self.bounds.queue_max || self.octets > OCTETS_MAX {
            let Some((&oldest, _)) = self.waiting.first_key_value() else { break };
            let Some(delivery) = self.unwait(oldest) else { break };
            self.octets -= delivery.body.len();
            self.bury(oldest, delivery);
            given_up += 1;
        }
        given_up
    }

    /// The next delivery to be sent, if one is due and there is room for it.
    pub(super) fn take(&mut self, now: u64) -> Option<(Number, Delivery)> {
        if self.next_due()? > now {
            return None;
        }
        let number = self.next_number()?;
        let delivery = self.unwait(number)?;
        self.under_way.insert(number, delivery.clone());
        Some((number, delivery))
    }

    /// Where the order is kept, the oldest one goes before all others, and they wait for it.
    fn next_number(&self) -> Option<Number> {
        if self.bounds.concurrency == 1 {
            self.waiting.first_key_value().map(|(number, _)| *number)
        } else {
            self.dues.first().map(|(_, number)| *number)
        }
    }

    /// When there is something to be sent, if nothing changes.
    pub(super) fn next_due(&self) -> Option<u64> {
        // One at a time while an endpoint is slowed down.
        let room = if self.pace.is_some() { 1 } else { self.bounds.concurrency };
        if self.is_off || self.under_way.len() >= room {
            return None;
        }
        let (due, _) = self.waiting.get(&self.next_number()?)?;
        Some(self.pace.map_or(*due, |(_, until)| until.max(*due)))
    }

    /// An attempt has ended. `draw` is from 0 to 1.
    pub(super) fn answered(
        &mut self,
        now: u64,
        number: Number,
        outcome: Outcome,
        last: Last,
        draw: f64,
    ) -> Option<Fate> {
        let mut delivery = self.under_way.remove(&number)?;
        delivery.attempts += 1;
        delivery.last = Some(last);
        let retry_after = match outcome {
            Outcome::Slow(retry_after) => {
                let pace = schedule::pace(self.pace.map(|(pace, _)| pace), retry_after);
                self.pace = Some((pace, now.saturating_add(schedule::milliseconds(pace))));
                retry_after
            }
            Outcome::Done | Outcome::Gone => {
                self.pace = None;
                None
            }
            Outcome::Failed => None,
        };
        match outcome {
            Outcome::Done => {
                self.changes.gone(number);
                self.octets -= delivery.body.len();
                Some(Fate::Delivered)
            }
            Outcome::Gone => {
                // Whether it counts is seen when somebody switches the webhook on again.
                self.switch_off();
                self.wait(number, now, delivery);
                Some(Fate::Again)
            }
            Outcome::Failed | Outcome::Slow(_) => {
                match schedule::next(now, delivery.attempts, self.bounds.attempts, retry_after, draw) {
                    Some(due) => {
                        self.wait(number, due, delivery);
                        Some(Fate::Again)
                    }
                    None => {
                        self.octets -= delivery.body.len();
                        self.bury(number, delivery);
                        Some(Fate::Dead)
                    }
                }
            }
        }
    }

    /// Whether a 410, or somebody, has switched it off.
    pub(super) fn is_off(&self) -> bool {
        self.is_off
    }

    /// Nothing is due until it is switched on; what is under way goes on.
    pub(super) fn switch_off(&mut self) {
        self.is_off = true;
        self.changes.touch(Number::STATE);
    }

    /// Switched on by somebody: what waits is due at once.
    pub(super) fn switch_on(&mut self, now: u64) {
        self.is_off = false;
        self.changes.gone(Number::STATE);
        self.pace = None;
        self.hurry(now);
    }

    fn hurry(&mut self, now: u64) {
        self.dues.clear();
        for (number, (due, _)) in &mut self.waiting {
            *due = now.min(*due);
            self.dues.insert((*due, *number));
            self.changes.touch(*number);
        }
    }

    /// What was given up is to be sent again, with as many attempts as a new one: one by its id, or all. How many that are.
    pub(super) fn send_again(&mut self, now: u64, id: Option<&str>) -> usize {
        let all = std::mem::take(&mut self.dead);
        let mut sent = 0;
        for (number, delivery) in all {
            let fits = id.is_none_or(|id| delivery.id == id) && self.waiting.len() < self.bounds.queue_max;
            if !fits || self.octets + delivery.body.len() > OCTETS_MAX {
                self.dead.push_back((number, delivery));
                continue;
            }
            self.dead_octets -= delivery.body.len();
            self.octets += delivery.body.len();
            self.wait(number, now, Delivery { attempts: 0, ..delivery });
            sent += 1;
        }
        sent
    }

    /// What waits and what is under way, by when it came.
    pub(super) fn pending(&self) -> impl Iterator<Item = (Option<u64>, &Delivery)> {
        let waiting = self.waiting.values().map(|(due, delivery)| (Some(*due), delivery));
        self.under_way.values().map(|delivery| (None, delivery)).chain(waiting)
    }

    /// What was given up, the oldest first.
    pub(super) fn dead(&self) -> impl Iterator<Item = &Delivery> {
        self.dead.iter().map(|(_, delivery)| delivery)
    }

    /// How many wait or are under way.
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.under_way.len()
    }

    /// The next number about which something has changed, for whoever writes it down.
    pub(super) fn next_changed(&mut self) -> Option<Number> {
        self.changes.next()
    }

    /// How many such numbers there are.
    pub(super) fn unwritten(&self) -> usize {
        self.changes.len()
    }

    /// Writing has failed: these are to be written down once more.
    pub(super) fn changed_again(&mut self, numbers: impl IntoIterator<Item = Number>) {
        numbers.into_iter().for_each(|number| self.changes.touch(number));
    }

    /// Nothing is written down of these any more.
    pub(super) fn erased(&mut self, numbers: impl IntoIterator<Item = Number>) {
        numbers.into_iter().for_each(|number| self.changes.erased(number));
    }

    /// What is to be written down under a number.
    pub(super) fn kept(&self, number: Number) -> Kept<'_> {
        if number == Number::STATE {
            return if self.is_off { Kept::Off } else { Kept::Nothing };
        }
        if let Some((due, delivery)) = self.waiting.get(&number) {
            return Kept::Waiting { due: *due, delivery };
        }
        if let Some(delivery) = self.under_way.get(&number) {
            return Kept::Waiting { due: delivery.since, delivery };
        }
        let dead = self.dead.iter().rev().find(|(dead, _)| *dead == number);
        dead.map_or(Kept::Nothing, |(_, delivery)| Kept::Dead(delivery))
    }
}

#[cfg(test)]
mod tests;
