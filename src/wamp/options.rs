//! Options and Details as typed values, parsed once, when a message is decoded.
//!
//! Unknown keys are ignored and not passed on; null counts as absent; a wrong type or an unknown enumeration value is a
//! protocol violation. Source: section 2 of the reference.

use super::id::{SessionId, SubscriptionId};
use super::policy::{CancelMode, InvocationPolicy, MatchPolicy};
use super::role::Roles;
use super::trace::TraceContext;
use super::uri::Uri;
use super::value::Dict;
use std::sync::Arc;

/// HELLO.Details.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct HelloDetails {
    /// Mandatory on the wire; empty if it was not there.
    pub roles: Roles,
    /// The client's software.
    pub agent: Option<String>,
    /// Methods that the client can do, in its order of preference.
    pub authmethods: Vec<String>,
    /// Who the client says it is.
    pub authid: Option<String>,
    /// The role that the client wishes for. Never grants anything.
    pub authrole: Option<String>,
    /// Per method.
    pub authextra: Dict,
}

/// WELCOME.Details.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct WelcomeDetails {
    /// The router's roles with the features that the realm has enabled.
    pub roles: Roles,
    /// The router's software.
    pub agent: Option<String>,
    /// The realm joined.
    pub realm: Option<Uri>,
    /// The effective identity.
    pub authid: Option<String>,
    /// The effective role.
    pub authrole: Option<String>,
    /// How it was authenticated.
    pub authmethod: Option<String>,
    /// The source of the identity.
    pub authprovider: Option<String>,
    /// Per method.
    pub authextra: Dict,
}

/// ABORT.Details and GOODBYE.Details.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CloseDetails {
    /// Text for people.
    pub message: Option<String>,
}

/// SUBSCRIBE.Options.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SubscribeOptions {
    /// `match`.
    pub match_policy: MatchPolicy,
    /// Wants the retained event.
    pub get_retained: bool,
}

/// PUBLISH.Options.
#[derive(Clone, PartialEq, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "one per option of the specification")]
pub struct PublishOptions {
    /// Wants PUBLISHED or ERROR.
    pub acknowledge: bool,
    /// Does not want its own event. Default true.
    pub exclude_me: bool,
    /// Wants to be named in the events.
    pub disclose_me: bool,
    /// Wants the event kept for late subscribers.
    pub retain: bool,
    /// The black and white lists, if any was given.
    pub listing: Option<Box<Listing>>,
    /// Payload passthru attributes, if a scheme was given.
    pub ppt: Option<Box<Ppt>>,
    /// The trace that it belongs to: `_traceparent` and `_tracestate`.
    pub trace: Option<Arc<TraceContext>>,
}

impl Default for PublishOptions {
    fn default() -> Self {
        Self {
            acknowledge: false,
            exclude_me: true,
            disclose_me: false,
            retain: false,
            listing: None,
            ppt: None,
            trace: None,
        }
    }
}

/// The black and white lists of a PUBLISH. An absent list restricts nothing; an empty `eligible` list means nobody (D6).
/// Source: Advanced Profile, "Subscriber Black- and Whitelisting".
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Listing {
    /// Sessions that do not get it. Any non-negative integer: one that is no session's id fits nobody.
    pub exclude: Option<Vec<u64>>,
    /// Authids that do not get it.
    pub exclude_authid: Option<Vec<String>>,
    /// Roles that do not get it.
    pub exclude_authrole: Option<Vec<String>>,
    /// The only sessions that get it.
    pub eligible: Option<Vec<u64>>,
    /// The only authids that get it.
    pub eligible_authid: Option<Vec<String>>,
    /// The only roles that get it.
    pub eligible_authrole: Option<Vec<String>>,
    /// The option with more entries than [`LIST_ENTRIES_MAX`], if one has: the request is refused (C3).
    pub too_long: Option<&'static str>,
}

impl Listing {
    /// Octets that the lists keep in memory, about.
    pub fn octets(&self) -> usize {
        let ids = [&self.exclude, &self.eligible].into_iter().flatten();
        let ids = ids.map(|list| list.len() * size_of::<u64>()).sum::<usize>();
        let Self { exclude_authid, exclude_authrole, eligible_authid, eligible_authrole, .. } = self;
        let texts = [exclude_authid, exclude_authrole, eligible_authid, eligible_authrole].into_iter().flatten();
        let texts = texts.flatten().map(|text| size_of::<String>() + text.len()).sum::<usize>();
        size_of::<Self>() + ids + texts
    }
}

/// The most entries of a list option (C3).
pub const LIST_ENTRIES_MAX: usize = 10_000;

/// The most keys of an Options or Details dict (C3).
pub const DICT_KEYS_MAX: usize = 64;

/// Payload passthru attributes. Read from the wire, used by a later feature.
/// Source: Advanced Profile, "Payload Passthru Mode".
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ppt {
    /// `ppt_scheme`.
    pub scheme: String,
    /// `ppt_serializer`.
    pub serializer: Option<String>,
    /// `ppt_cipher`.
    pub cipher: Option<String>,
    /// `ppt_keyid`.
    pub keyid: Option<String>,
}

/// Who published or called, where that is disclosed: `publisher*` in EVENT, `caller*` in INVOCATION.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Disclosed {
    /// The session.
    pub session: SessionId,
    /// Its authid.
    pub authid: Option<Arc<str>>,
    /// Its role.
    pub authrole: Option<Arc<str>>,
}

/// EVENT.Details.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EventDetails {
    /// The concrete topic, on pattern subscriptions.
    pub topic: Option<Uri>,
    /// The publisher, where disclosed.
    pub publisher: Option<Box<Disclosed>>,
    /// The trust level, where configured.
    pub trustlevel: Option<u64>,
    /// Whether this is a retained event, replayed.
    pub retained: bool,
    /// EVENTs that this subscriber lost to its full outbox since the last one it got: `_wharf_missed`.
    pub missed: Option<u64>,
    /// Payload passthru attributes.
    pub ppt: Option<Box<Ppt>>,
    /// The trace that it belongs to: `_traceparent` and `_tracestate`.
    pub trace: Option<Arc<TraceContext>>,
}

/// UNSUBSCRIBED.Details of a revocation.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UnsubscribedDetails {
    /// The subscription taken away.
    pub subscription: Option<SubscriptionId>,
    /// Why.
    pub reason: Option<String>,
}

/// UNREGISTERED.Details of a revocation.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UnregisteredDetails {
    /// The registration taken away.
    pub registration: Option<super::id::RegistrationId>,
    /// Why.
    pub reason: Option<String>,
}

/// REGISTER.Options.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RegisterOptions {
    /// `match`.
    pub match_policy: MatchPolicy,
    /// `invoke`.
    pub invoke: InvocationPolicy,
    /// Wants every caller named.
    pub disclose_caller: bool,
    /// Wants to keep the time of calls itself.
    pub forward_timeout: bool,
    /// At most so many open invocations at this callee (an extension of Crossbar's).
    pub concurrency: Option<u64>,
    /// Wants the former callees removed (an extension of Crossbar's).
    pub force_reregister: bool,
}

/// CALL.Options.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CallOptions {
    /// Takes progressive results.
    pub receive_progress: bool,
    /// More input follows.
    pub progress: bool,
    /// Milliseconds; 0 is none.
    pub timeout_ms: Option<u64>,
    /// Wants to be named in the invocation.
    pub disclose_me: bool,
    /// Payload passthru attributes.
    pub ppt: Option<Box<Ppt>>,
    /// The trace that it belongs to: `_traceparent` and `_tracestate`.
    pub trace: Option<Arc<TraceContext>>,
}

/// CANCEL.Options.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CancelOptions {
    /// `mode`.
    pub mode: CancelMode,
}

/// INVOCATION.Details.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct InvocationDetails {
    /// The concrete procedure, on pattern registrations.
    pub procedure: Option<Uri>,
    /// The caller, where disclosed.
    pub caller: Option<Box<Disclosed>>,
    /// The trust level, where configured.
    pub trustlevel: Option<u64>,
    /// Progressive results are welcome.
    pub receive_progress: bool,
    /// More input follows.
    pub progress: bool,
    /// Milliseconds, where the callee keeps the time.
    pub timeout_ms: Option<u64>,
    /// Payload passthru attributes.
    pub ppt: Option<Box<Ppt>>,
    /// The trace that it belongs to: `_traceparent` and `_tracestate`.
    pub trace: Option<Arc<TraceContext>>,
}

/// INTERRUPT.Options.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct InterruptOptions {
    /// `mode`; the router always sends it (D70).
    pub mode: Option<CancelMode>,
}

/// YIELD.Options and RESULT.Details, which have the same keys.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ResultOptions {
    /// This is a partial result.
    pub progress: bool,
    /// Payload passthru attributes.
    pub ppt: Option<Box<Ppt>>,
}

/// ERROR.Details.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ErrorDetails {
    /// Payload passthru attributes.
    pub ppt: Option<Box<Ppt>>,
}
