//! What a member may do at a time when it does not ask for it itself: its testaments are published after it is gone, and the
//! history of a subscription is read by those who may subscribe to it.
//!
//! Routing knows no permissions; whoever lets a session in hands it this question to ask.

use super::names::Beginnings;
use super::refusal::Refusal;
use crate::wamp::options::PublishOptions;
use crate::wamp::{MatchPolicy, Uri};
use std::fmt;
use std::sync::Arc;

/// The permissions of one identity, as routing may ask for them.
pub trait Rights: Send + Sync {
    /// Judges a publication as if the session sent it now: URI, reserved names, permission, disclosure. `options.disclose_me`
    /// is set to whether the publisher is named.
    ///
    /// # Errors
    /// What a PUBLISH with `acknowledge` would be refused with.
    fn judge_publish(&self, topic: &Uri, options: &mut PublishOptions) -> Result<(), Refusal>;

    /// Whether it may subscribe to this topic or pattern.
    fn may_subscribe(&self, topic: &Uri, policy: MatchPolicy) -> bool;

    /// Whether it may call this procedure.
    fn may_call(&self, procedure: &Uri) -> bool;

    /// Whether it may call this procedure, or every one that this pattern matches.
    fn may_call_all(&self, procedure: &Uri, policy: MatchPolicy) -> bool {
        policy == MatchPolicy::Exact && self.may_call(procedure)
    }

    /// What all that it may call begins with: a bound for those who look, not a permission.
    fn callable(&self) -> Beginnings {
        Beginnings::of_all()
    }

    /// What all that it may subscribe to begins with, likewise.
    fn subscribable(&self) -> Beginnings {
        Beginnings::of_all()
    }

    /// Whether it may register this procedure or pattern.
    fn may_register(&self, procedure: &Uri, policy: MatchPolicy) -> bool;

    /// Whether a subscription that it was given may stay. Other than [`may_subscribe`](Self::may_subscribe), yes where only
    /// somebody who would have to be asked could say no.
    fn may_stay_subscribed(&self, topic: &Uri, policy: MatchPolicy) -> bool {
        self.may_subscribe(topic, policy)
    }

    /// The same for a registration.
    fn may_stay_registered(&self, procedure: &Uri, policy: MatchPolicy) -> bool {
        self.may_register(procedure, policy)
    }
}

/// A member's rights. [`Default`] allows all that is lawful: for tests, and for realms without permissions.
#[derive(Clone, Default)]
pub struct Permit(Option<Arc<dyn Rights>>);

impl Permit {
    /// These rights.
    pub fn new(rights: Arc<dyn Rights>) -> Self {
        Self(Some(rights))
    }

    /// As [`Rights::judge_publish`].
    ///
    /// # Errors
    /// As [`Rights::judge_publish`].
    pub fn judge_publish(&self, topic: &Uri, options: &mut PublishOptions) -> Result<(), Refusal> {
        self.0.as_ref().map_or(Ok(()), |rights| rights.judge_publish(topic, options))
    }

    /// As [`Rights::may_subscribe`].
    pub fn may_subscribe(&self, topic: &Uri, policy: MatchPolicy) -> bool {
        self.0.as_ref().is_none_or(|rights| rights.may_subscribe(topic, policy))
    }

    /// As [`Rights::may_call`].
    pub fn may_call(&self, procedure: &Uri) -> bool {
        self.0.as_ref().is_none_or(|rights| rights.may_call(procedure))
    }

    /// As [`Rights::may_call_all`].
    pub fn may_call_all(&self, procedure: &Uri, policy: MatchPolicy) -> bool {
        self.0.as_ref().is_none_or(|rights| rights.may_call_all(procedure, policy))
    }

    /// As [`Rights::callable`].
    pub fn callable(&self) -> Beginnings {
        self.0.as_ref().map_or_else(Beginnings::of_all, |rights| rights.callable())
    }

    /// As [`Rights::subscribable`].
    pub fn subscribable(&self) -> Beginnings {
        self.0.as_ref().map_or_else(Beginnings::of_all, |rights| rights.subscribable())
    }

    /// As [`Rights::may_register`].
    pub fn may_register(&self, procedure: &Uri, policy: MatchPolicy) -> bool {
        self.0.as_ref().is_none_or(|rights| rights.may_register(procedure, policy))
    }

    /// As [`Rights::may_stay_subscribed`].
    pub fn may_stay_subscribed(&self, topic: &Uri, policy: MatchPolicy) -> bool {
        self.0.as_ref().is_none_or(|rights| rights.may_stay_subscribed(topic, policy))
    }

    /// As [`Rights::may_stay_registered`].
    pub fn may_stay_registered(&self, procedure: &Uri, policy: MatchPolicy) -> bool {
        self.0.as_ref().is_none_or(|rights| rights.may_stay_registered(procedure, policy))
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Permit(asks)" } else { "Permit(all)" })
    }
}

impl PartialEq for Permit {
    /// Equal if it is the same one.
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(one), Some(two)) => Arc::ptr_eq(one, two),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}
