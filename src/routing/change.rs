//! What a step has changed about subscriptions and registrations: the stuff of the meta events.
//!
//! Broker and dealer note each change as it happens, in the order of the reference (create before subscribe, unsubscribe before
//! delete); the realm publishes them when the step is done.

use crate::wamp::{InvocationPolicy, MatchPolicy, RegistrationId, SessionId, SubscriptionId, Uri, WallTime};

/// What the details of the meta API say of a subscription or registration (R98).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Named<Id> {
    pub(crate) id: Id,
    pub(crate) created: WallTime,
    pub(crate) uri: Uri,
    pub(crate) policy: MatchPolicy,
    /// Of a registration.
    pub(crate) invoke: Option<InvocationPolicy>,
}

/// One change. Those of reserved URIs are not noted: watching does not feed itself (D45).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    SubscriptionCreated(SessionId, Box<Named<SubscriptionId>>),
    Subscribed(SessionId, SubscriptionId),
    Unsubscribed(SessionId, SubscriptionId),
    SubscriptionDeleted(SessionId, SubscriptionId),
    RegistrationCreated(SessionId, Box<Named<RegistrationId>>),
    Registered(SessionId, RegistrationId),
    Unregistered(SessionId, RegistrationId),
    RegistrationDeleted(SessionId, RegistrationId),
}
