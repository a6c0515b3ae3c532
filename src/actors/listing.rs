//! What somebody may use of a realm: lists of procedures and topics, and what may be meant by a URI that nobody has registered.
//!
//! A realm is asked for a bounded part with each question, so that no list holds it up; permissions are asked here, on the thread
//! of whoever wants to know. What no rule allows is not looked at, and what a rule denies ends no list.

use super::clock;
use super::realm::{RealmActor, RealmHandle};
use super::RealmShared;
use crate::auth::Identity;
use crate::routing::{Beginnings, Name, Permit, Registered, Slice, Subscribed, TopicRule};
use crate::wamp::{InvocationPolicy, MatchPolicy, Uri};
use actix::{Addr, Handler, MailboxError, Message, MessageResult};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Names that a realm looks at for one question.
const LOOKS: usize = 256;

/// Searches of a realm each second for what may have been meant; beyond that nothing is found. Each takes less than a tenth of a
/// millisecond.
const SEARCHES_PER_SECOND: u32 = 500;

/// How many of them there were in the second under way.
#[derive(Default)]
pub(super) struct Searches {
    second: Option<Instant>,
    begun: u32,
}

impl Searches {
    /// Whether there may be one more now, which there is then.
    fn begin(&mut self, now: Instant) -> bool {
        if self.second.is_none_or(|since| now.saturating_duration_since(since) >= Duration::from_secs(1)) {
            *self = Self { second: Some(now), begun: 0 };
        }
        self.begun += 1;
        self.begun <= SEARCHES_PER_SECOND
    }
}

/// What is registered that begins so, from one on? One question under way for each list that is asked for.
#[derive(Debug, Message)]
#[rtype(result = "Slice<Registered>")]
struct AskRegistered {
    beginnings: Arc<Beginnings>,
    from: Bound<Name>,
}

impl Handler<AskRegistered> for RealmActor {
    type Result = MessageResult<AskRegistered>;

    fn handle(&mut self, AskRegistered { beginnings, from }: AskRegistered, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.realm.registered(&beginnings, from, LOOKS))
    }
}

/// Which topics are subscribed to, or kept, that begin so, from one on? As [`AskRegistered`].
#[derive(Debug, Message)]
#[rtype(result = "Slice<Subscribed>")]
struct AskSubscribed {
    beginnings: Arc<Beginnings>,
    from: Bound<Name>,
}

impl Handler<AskSubscribed> for RealmActor {
    type Result = MessageResult<AskSubscribed>;

    fn handle(&mut self, AskSubscribed { beginnings, from }: AskSubscribed, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.realm.subscribed(&beginnings, from, LOOKS))
    }
}

/// Which registration would serve a call? One for each request that asks.
#[derive(Debug, Message)]
#[rtype(result = "Option<Registered>")]
struct AskReached(Uri);

impl Handler<AskReached> for RealmActor {
    type Result = MessageResult<AskReached>;

    fn handle(&mut self, AskReached(procedure): AskReached, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.realm.reached_by(&procedure))
    }
}

/// What may somebody have meant who asked for a procedure that is not there? At most one for each answer that says so.
#[derive(Debug, Message)]
#[rtype(result = "Vec<Uri>")]
struct AskNear {
    procedure: Uri,
    /// Whoever asked.
    permit: Permit,
}

impl Handler<AskNear> for RealmActor {
    type Result = MessageResult<AskNear>;

    fn handle(&mut self, AskNear { procedure, permit }: AskNear, _: &mut Self::Context) -> Self::Result {
        let found = self.searches.begin(clock::now()).then(|| self.realm.near(&procedure, &permit));
        MessageResult(found.unwrap_or_default())
    }
}

/// A registration of which somebody may call all procedures, or one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ListedProcedure {
    /// `None`: a pattern that matches more than may be called. What it reads belongs to all of it.
    pub(crate) uri: Option<Uri>,
    pub(crate) policy: MatchPolicy,
    pub(crate) invoke: InvocationPolicy,
    /// Likewise.
    pub(crate) summary: Option<String>,
}

/// A topic or pattern that somebody may subscribe to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ListedTopic {
    pub(crate) uri: Uri,
    pub(crate) policy: MatchPolicy,
    /// Whether anybody is subscribed.
    pub(crate) is_subscribed: bool,
    /// Whether its events are kept.
    pub(crate) has_history: bool,
}

/// Whoever asks what it may use. Who is asked about anew with each request, by an authorizer, may use nothing as far as is known.
pub(crate) struct Asker {
    realm: Addr<RealmActor>,
    shared: Arc<RealmShared>,
    permit: Permit,
}

impl Asker {
    pub(crate) fn new(handle: &RealmHandle, identity: &Identity) -> Self {
        Self::with_permit(handle, handle.shared.permit(identity))
    }

    pub(super) fn with_permit(handle: &RealmHandle, permit: Permit) -> Self {
        Self { realm: handle.realm.clone(), shared: Arc::clone(&handle.shared), permit }
    }

    /// The registrations all of whose procedures it may call, of those that begin so and come after one; at least `items`, if there
    /// are as many.
    ///
    /// # Errors
    /// The realm has ended.
    ///
    /// # Cost
    /// Asks the permission for each registration that begins as some rule that allows does, up to the last one that is given.
    pub(crate) async fn procedures(
        &self,
        prefix: &str,
        after: Option<Name>,
        items: usize,
    ) -> Result<Vec<ListedProcedure>, MailboxError> {
        let beginnings = Arc::new(self.permit.callable().within(prefix));
        let (mut told, mut from) = (Vec::new(), after.map_or(Bound::Unbounded, Bound::Excluded));
        loop {
            let asked = AskRegistered { beginnings: Arc::clone(&beginnings), from };
            let Slice { items: found, go_on } = self.realm.send(asked).await?;
            let listed = found.into_iter().map(|found| self.listed(found)).filter(|listed| listed.uri.is_some());
            told.extend(listed);
            match go_on.filter(|_| told.len() < items) {
                Some(next) => from = next,
                None => return Ok(told),
            }
        }
    }

    /// The topics and patterns all of which it may subscribe to, likewise: those that somebody is subscribed to, those that are
    /// kept, and those that the configuration names one by one.
    ///
    /// # Errors
    /// The realm has ended.
    ///
    /// # Cost
    /// As [`procedures`](Self::procedures).
    pub(crate) async fn topics(
        &self,
        prefix: &str,
        after: Option<Name>,
        items: usize,
    ) -> Result<Vec<ListedTopic>, MailboxError> {
        let beginnings = Arc::new(self.permit.subscribable().within(prefix));
        let mut told = self.configured(&beginnings, after.as_ref());
        let (mut found_here, mut from) = (0, after.map_or(Bound::Unbounded, Bound::Excluded));
        loop {
            let asked = AskSubscribed { beginnings: Arc::clone(&beginnings), from };
            let Slice { items: found, go_on } = self.realm.send(asked).await?;
            for Subscribed { uri, policy, is_subscribed } in found {
                if self.permit.may_subscribe(&uri, policy) {
                    found_here += 1;
                    told.insert((uri, policy), is_subscribed);
                }
            }
            // Whatever is configured lies among them: the first so many of both are among what is there.
            match go_on.filter(|_| found_here < items) {
                Some(next) => from = next,
                None => break,
            }
        }
        let listed = told.into_iter().map(|((uri, policy), is_subscribed)| {
            let has_history = self.has_history(&uri, policy);
            ListedTopic { uri, policy, is_subscribed, has_history }
        });
        Ok(listed.take(items).collect())
    }

    /// The topics that the configuration names one by one; nobody is known to be subscribed to them.
    fn configured(&self, beginnings: &Beginnings, after: Option<&Name>) -> BTreeMap<Name, bool> {
        let exact = self.rules().filter(|(policy, uri, _)| *policy == MatchPolicy::Exact && beginnings.admit(uri));
        let usable = exact.filter(|(policy, uri, _)| self.permit.may_subscribe(uri, *policy));
        let names = usable.map(|(policy, uri, _)| (uri.clone(), *policy));
        names.filter(|name| after.is_none_or(|after| name > after)).map(|name| (name, false)).collect()
    }

    fn has_history(&self, uri: &Uri, policy: MatchPolicy) -> bool {
        let rule = match policy {
            MatchPolicy::Exact => self.shared.settings.rules.topics.find(uri),
            MatchPolicy::Prefix | MatchPolicy::Wildcard => {
                self.rules().find(|(of, text, _)| *of == policy && text == uri).map(|(_, _, rule)| rule)
            }
        };
        rule.is_some_and(|rule| rule.history.is_some())
    }

    fn rules(&self) -> impl Iterator<Item = &(MatchPolicy, Uri, TopicRule)> {
        self.shared.settings.rules.topics.iter()
    }

    /// The registration that its call of this procedure would reach; `None`: it may not call the procedure, or nothing serves it.
    ///
    /// # Errors
    /// The realm has ended.
    pub(crate) async fn reached(&self, procedure: &Uri) -> Result<Option<ListedProcedure>, MailboxError> {
        if !self.permit.may_call(procedure) {
            return Ok(None);
        }
        let reached = self.realm.send(AskReached(procedure.clone())).await?;
        Ok(reached.map(|reached| self.listed(reached)))
    }

    fn listed(&self, Registered { uri, policy, invoke, summary }: Registered) -> ListedProcedure {
        if self.permit.may_call_all(&uri, policy) {
            ListedProcedure { uri: Some(uri), policy, invoke, summary }
        } else {
            ListedProcedure { uri: None, policy, invoke, summary: None }
        }
    }

    /// Procedures that it may call and that it may have meant by one that is not there; none where something serves the call.
    ///
    /// # Errors
    /// The realm has ended.
    ///
    /// # Cost
    /// Bounded, whatever is registered.
    pub(crate) async fn meant_by(&self, procedure: &Uri) -> Result<Vec<Uri>, MailboxError> {
        self.realm.send(AskNear { procedure: procedure.clone(), permit: self.permit.clone() }).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_realm_searches_so_often_in_a_second_and_no_more() {
        let (mut searches, now) = (Searches::default(), clock::now());
        assert!((0..SEARCHES_PER_SECOND).all(|_| searches.begin(now)));
        assert!(!searches.begin(now + Duration::from_millis(999)));
        assert!(searches.begin(now + Duration::from_secs(1)));
    }
}
