//! Testaments: what a session wants published when it is gone.
//!
//! Two buckets per session, each in order; on every end of the session but `kill_all` the detached bucket is published and then
//! the destroyed one, as if the session had published them. Whether it may is asked when a testament is added and again when
//! it is published. Source: section 10.2 of the reference, R92, R93, D46, D68.

use super::directory::Member;
use super::effect::Effects;
use super::key::{PerSession, SessionKey};
use super::limits::RealmLimits;
use super::refusal::Refusal;
use super::Realm;
use crate::wamp::options::{Listing, PublishOptions};
use crate::wamp::{Payload, Uri};
use std::time::Instant;

/// The bucket of a testament.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TestamentScope {
    /// Published first.
    Detached,
    /// Published last.
    #[default]
    Destroyed,
}

/// One publication to come.
#[derive(Debug)]
struct Testament {
    topic: Uri,
    options: PublishOptions,
    payload: Payload,
}

impl Testament {
    /// Octets that it keeps in memory, about.
    fn octets(&self) -> usize {
        let lists = self.options.listing.as_deref().map_or(0, Listing::octets);
        let ppt = self.options.ppt.as_deref().map_or(0, |ppt| {
            let others = [&ppt.serializer, &ppt.cipher, &ppt.keyid].into_iter().flatten();
            ppt.scheme.len() + others.map(String::len).sum::<usize>()
        });
        self.topic.len() + self.payload.len() + lists + ppt
    }
}

/// The testaments of one session.
#[derive(Debug, Default)]
struct Buckets {
    detached: Vec<Testament>,
    destroyed: Vec<Testament>,
}

impl Buckets {
    fn all(&self) -> impl Iterator<Item = &Testament> {
        self.detached.iter().chain(&self.destroyed)
    }

    fn bucket(&mut self, scope: TestamentScope) -> &mut Vec<Testament> {
        match scope {
            TestamentScope::Detached => &mut self.detached,
            TestamentScope::Destroyed => &mut self.destroyed,
        }
    }
}

/// The testaments of all sessions of one realm.
#[derive(Debug, Default)]
pub(super) struct Testaments {
    by_session: PerSession<Buckets>,
}

impl Testaments {
    fn add(
        &mut self,
        session: SessionKey,
        scope: TestamentScope,
        testament: Testament,
        limits: &RealmLimits,
    ) -> Result<(), Refusal> {
        let known = self.by_session.get(session);
        let max = limits.testaments_per_session_max;
        if known.map_or(0, |known| known.all().count()) >= max {
            return Err(Refusal::LimitExceeded { limit: "max_testaments_per_session", max });
        }
        let held: usize = known.map_or(0, |known| known.all().map(Testament::octets).sum());
        let max = limits.testament_octets_max;
        if held + testament.octets() > max {
            return Err(Refusal::LimitExceeded { limit: "max_testament_bytes", max });
        }
        self.by_session.entry(session).bucket(scope).push(testament);
        Ok(())
    }

    fn flush(&mut self, session: SessionKey, scope: TestamentScope) {
        let Some(buckets) = self.by_session.get_mut(session) else { return };
        buckets.bucket(scope).clear();
        if buckets.all().next().is_none() {
            self.by_session.remove(session);
        }
    }

    /// Takes out all testaments of a session, in the order in which they are to be published.
    fn take(&mut self, session: SessionKey) -> Vec<Testament> {
        let Buckets { mut detached, destroyed } = self.by_session.remove(session).unwrap_or_default();
        detached.extend(destroyed);
        detached
    }

    /// The first rule that does not hold, if any.
    pub(super) fn broken_invariant(&self, alive: impl Fn(SessionKey) -> bool) -> Option<&'static str> {
        self.by_session.keys().any(|session| !alive(session)).then_some("a session that is gone has no testament")
    }
}

impl Realm {
    /// Adds a testament of a session that is there. `options.acknowledge` is ignored.
    ///
    /// # Errors
    /// What a PUBLISH of it would be refused with now; [`Refusal::LimitExceeded`]; [`Refusal::Overloaded`].
    pub fn add_testament(
        &mut self,
        session: SessionKey,
        scope: TestamentScope,
        topic: &Uri,
        options: PublishOptions,
        payload: &Payload,
    ) -> Result<(), Refusal> {
        let member = self.directory.member(session).ok_or(Refusal::NoSuchSession)?;
        // Judged on a copy: what was asked for is what is judged again when it is published.
        member.permit.judge_publish(topic, &mut options.clone())?;
        if let Some(option) = options.listing.as_ref().and_then(|listing| listing.too_long) {
            return Err(Refusal::ListTooLong(option));
        }
        if self.broker.is_short_of_memory() {
            return Err(Refusal::Overloaded);
        }
        let options = PublishOptions { acknowledge: false, ..options };
        let testament = Testament { topic: topic.detached(), options, payload: payload.detached() };
        self.testaments.add(session, scope, testament, &self.rules.limits)
    }

    /// Drops the session's testaments of one bucket.
    pub fn flush_testaments(&mut self, session: SessionKey, scope: TestamentScope) {
        self.testaments.flush(session, scope);
    }

    /// Publishes the testaments of a session that is gone.
    pub(super) fn publish_testaments(
        &mut self,
        now: Instant,
        session: SessionKey,
        gone: &Member,
        effects: &mut Effects,
    ) {
        for mut testament in self.testaments.take(session) {
            if gone.permit.judge_publish(&testament.topic, &mut testament.options).is_ok() {
                let Testament { topic, options, payload } = testament;
                let (broker, _, mut turn) = self.turn(now, effects);
                broker.publish_for(&mut turn, gone, &options, &topic, payload);
            }
        }
    }

    /// Drops the testaments of a session that is gone: nobody is told.
    pub(super) fn drop_testaments(&mut self, session: SessionKey) {
        self.testaments.take(session);
    }
}
