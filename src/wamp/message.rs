//! The 25 messages. One struct each, with its wire shape; the first element, the code, is [`MessageKind::code`].
//!
//! Source: section 1 of the reference; Basic Profile, "Messages".

use super::id::{InvocationId, PublicationId, RegistrationId, RequestId, SessionId, SubscriptionId};
use super::options::{
    CallOptions, CancelOptions, CloseDetails, ErrorDetails, EventDetails, HelloDetails, InterruptOptions,
    InvocationDetails, PublishOptions, RegisterOptions, ResultOptions, SubscribeOptions, UnregisteredDetails,
    UnsubscribedDetails, WelcomeDetails,
};
use super::payload::Payload;
use super::uri::Uri;
use super::value::Dict;

macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $upper:literal { $($(#[$fdoc:meta])* $field:ident: $type:ty,)* })+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, PartialEq, Debug)]
            pub struct $name { $($(#[$fdoc])* pub $field: $type,)* }

            impl From<$name> for Message {
                fn from(message: $name) -> Self { Self::$name(message) }
            }
        )+

        /// Any WAMP message.
        #[derive(Clone, PartialEq, Debug)]
        pub enum Message { $(#[doc = $upper] $name($name),)+ }

        impl Message {
            /// Which message it is.
            pub const fn kind(&self) -> MessageKind {
                match self { $(Self::$name(_) => MessageKind::$name,)+ }
            }
        }

        /// The kinds of message.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum MessageKind { $(#[doc = $upper] $name,)+ }

        impl MessageKind {
            /// Every kind, by code.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The first element on the wire.
            pub const fn code(self) -> u64 {
                match self { $(Self::$name => $code,)+ }
            }

            /// The kind with this code, if there is one.
            pub const fn from_code(code: u64) -> Option<Self> {
                match code { $($code => Some(Self::$name),)+ _ => None }
            }

            /// The place in [`ALL`](Self::ALL), for tables with one place per kind.
            pub const fn index(self) -> usize {
                self as usize
            }

            /// The name in upper case, as in the specification.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $upper,)+ }
            }
        }
    };
}

messages! {
    /// A client opens a session.
    ///
    /// ```text
    /// [1, Realm|uri, Details|dict]
    /// ```
    Hello = 1, "HELLO" {
        /// The realm to join; `None` for null (D28).
        realm: Option<Uri>,
        /// Who, and what it can do. Boxed, like WELCOME's, so that the many messages are not as large as the few.
        details: Box<HelloDetails>,
    }
    /// The router accepts.
    ///
    /// ```text
    /// [2, Session|id, Details|dict]
    /// ```
    Welcome = 2, "WELCOME" {
        /// The new session.
        session: SessionId,
        /// The effective identity, and what the router can do.
        details: Box<WelcomeDetails>,
    }
    /// Either side refuses or breaks off. Never answered.
    ///
    /// ```text
    /// [3, Details|dict, Reason|uri]
    /// [3, Details|dict, Reason|uri, Arguments|list]
    /// [3, Details|dict, Reason|uri, Arguments|list, ArgumentsKw|dict]
    /// ```
    Abort = 3, "ABORT" {
        /// A text for people.
        details: CloseDetails,
        /// Why.
        reason: Uri,
        /// More about it.
        payload: Payload,
    }
    /// The router asks for a proof.
    ///
    /// ```text
    /// [4, AuthMethod|string, Extra|dict]
    /// ```
    Challenge = 4, "CHALLENGE" {
        /// The method chosen.
        method: String,
        /// Per method.
        extra: Dict,
    }
    /// The client gives it.
    ///
    /// ```text
    /// [5, Signature|string, Extra|dict]
    /// ```
    Authenticate = 5, "AUTHENTICATE" {
        /// A secret: never logged.
        signature: String,
        /// Per method.
        extra: Dict,
    }
    /// Either side leaves; the other answers with its own.
    ///
    /// ```text
    /// [6, Details|dict, Reason|uri]
    /// ```
    Goodbye = 6, "GOODBYE" {
        /// A text for people.
        details: CloseDetails,
        /// Why.
        reason: Uri,
    }
    /// A request failed.
    ///
    /// ```text
    /// [8, REQUEST.Type|int, REQUEST.Request|id, Details|dict, Error|uri]
    /// [8, REQUEST.Type|int, REQUEST.Request|id, Details|dict, Error|uri, Arguments|list]
    /// [8, REQUEST.Type|int, REQUEST.Request|id, Details|dict, Error|uri, Arguments|list, ArgumentsKw|dict]
    /// ```
    Error = 8, "ERROR" {
        /// The kind of the request that failed. A router receives INVOCATION only.
        request_kind: MessageKind,
        /// Its id; an invocation's id where `request_kind` is INVOCATION.
        request: RequestId,
        /// Attributes of an opaque payload.
        details: ErrorDetails,
        /// What went wrong.
        error: Uri,
        /// More about it.
        payload: Payload,
    }
    /// A client publishes an event.
    ///
    /// ```text
    /// [16, Request|id, Options|dict, Topic|uri]
    /// [16, Request|id, Options|dict, Topic|uri, Arguments|list]
    /// [16, Request|id, Options|dict, Topic|uri, Arguments|list, ArgumentsKw|dict]
    /// ```
    Publish = 16, "PUBLISH" {
        /// The request.
        request: RequestId,
        /// How, and to whom.
        options: PublishOptions,
        /// About what.
        topic: Uri,
        /// The event.
        payload: Payload,
    }
    /// The broker has taken the event.
    ///
    /// ```text
    /// [17, PUBLISH.Request|id, Publication|id]
    /// ```
    Published = 17, "PUBLISHED" {
        /// The PUBLISH.
        request: RequestId,
        /// The publication's id, the same in every EVENT.
        publication: PublicationId,
    }
    /// A client wants the events of a topic or pattern.
    ///
    /// ```text
    /// [32, Request|id, Options|dict, Topic|uri]
    /// ```
    Subscribe = 32, "SUBSCRIBE" {
        /// The request.
        request: RequestId,
        /// How the topic is compared.
        options: SubscribeOptions,
        /// The topic or pattern.
        topic: Uri,
    }
    /// It will get them.
    ///
    /// ```text
    /// [33, SUBSCRIBE.Request|id, Subscription|id]
    /// ```
    Subscribed = 33, "SUBSCRIBED" {
        /// The SUBSCRIBE.
        request: RequestId,
        /// Shared by all subscribers of the same topic and match.
        subscription: SubscriptionId,
    }
    /// It no longer wants them.
    ///
    /// ```text
    /// [34, Request|id, SUBSCRIBED.Subscription|id]
    /// ```
    Unsubscribe = 34, "UNSUBSCRIBE" {
        /// The request.
        request: RequestId,
        /// Which subscription.
        subscription: SubscriptionId,
    }
    /// It will no longer get them, on request or by revocation.
    ///
    /// ```text
    /// [35, UNSUBSCRIBE.Request|id]
    /// [35, 0, Details|dict]
    /// ```
    Unsubscribed = 35, "UNSUBSCRIBED" {
        /// The UNSUBSCRIBE; `None` (0 on the wire) for a revocation.
        request: Option<RequestId>,
        /// Of a revocation.
        details: UnsubscribedDetails,
    }
    /// An event for a subscriber.
    ///
    /// ```text
    /// [36, SUBSCRIBED.Subscription|id, PUBLISHED.Publication|id, Details|dict]
    /// [36, SUBSCRIBED.Subscription|id, PUBLISHED.Publication|id, Details|dict, PUBLISH.Arguments|list]
    /// [36, SUBSCRIBED.Subscription|id, PUBLISHED.Publication|id, Details|dict, PUBLISH.Arguments|list, PUBLISH.ArgumentsKw|dict]
    /// ```
    Event = 36, "EVENT" {
        /// Which subscription it is for.
        subscription: SubscriptionId,
        /// Which publication it is.
        publication: PublicationId,
        /// Topic, publisher, trust level.
        details: EventDetails,
        /// As published.
        payload: Payload,
    }
    /// A client calls a procedure.
    ///
    /// ```text
    /// [48, Request|id, Options|dict, Procedure|uri]
    /// [48, Request|id, Options|dict, Procedure|uri, Arguments|list]
    /// [48, Request|id, Options|dict, Procedure|uri, Arguments|list, ArgumentsKw|dict]
    /// ```
    Call = 48, "CALL" {
        /// The request.
        request: RequestId,
        /// How.
        options: CallOptions,
        /// What.
        procedure: Uri,
        /// The arguments.
        payload: Payload,
    }
    /// The caller wants the call ended.
    ///
    /// ```text
    /// [49, CALL.Request|id, Options|dict]
    /// ```
    Cancel = 49, "CANCEL" {
        /// The CALL.
        request: RequestId,
        /// How.
        options: CancelOptions,
    }
    /// The call's result, or a part of it.
    ///
    /// ```text
    /// [50, CALL.Request|id, Details|dict]
    /// [50, CALL.Request|id, Details|dict, YIELD.Arguments|list]
    /// [50, CALL.Request|id, Details|dict, YIELD.Arguments|list, YIELD.ArgumentsKw|dict]
    /// ```
    Result = 50, "RESULT" {
        /// The CALL.
        request: RequestId,
        /// Whether more follows.
        details: ResultOptions,
        /// As yielded.
        payload: Payload,
    }
    /// A client offers a procedure.
    ///
    /// ```text
    /// [64, Request|id, Options|dict, Procedure|uri]
    /// ```
    Register = 64, "REGISTER" {
        /// The request.
        request: RequestId,
        /// How the procedure is compared and shared.
        options: RegisterOptions,
        /// The procedure or pattern.
        procedure: Uri,
    }
    /// It is registered.
    ///
    /// ```text
    /// [65, REGISTER.Request|id, Registration|id]
    /// ```
    Registered = 65, "REGISTERED" {
        /// The REGISTER.
        request: RequestId,
        /// Shared by all callees of one shared registration.
        registration: RegistrationId,
    }
    /// A client no longer offers a procedure.
    ///
    /// ```text
    /// [66, Request|id, REGISTERED.Registration|id]
    /// ```
    Unregister = 66, "UNREGISTER" {
        /// The request.
        request: RequestId,
        /// Which registration.
        registration: RegistrationId,
    }
    /// It is no longer registered, on request or by revocation.
    ///
    /// ```text
    /// [67, UNREGISTER.Request|id]
    /// [67, 0, Details|dict]
    /// ```
    Unregistered = 67, "UNREGISTERED" {
        /// The UNREGISTER; `None` (0 on the wire) for a revocation.
        request: Option<RequestId>,
        /// Of a revocation.
        details: UnregisteredDetails,
    }
    /// The dealer tells the callee to run a procedure.
    ///
    /// ```text
    /// [68, Request|id, REGISTERED.Registration|id, Details|dict]
    /// [68, Request|id, REGISTERED.Registration|id, Details|dict, CALL.Arguments|list]
    /// [68, Request|id, REGISTERED.Registration|id, Details|dict, CALL.Arguments|list, CALL.ArgumentsKw|dict]
    /// ```
    Invocation = 68, "INVOCATION" {
        /// Of the router's direction: sequential per callee session, from 1.
        request: InvocationId,
        /// Which registration.
        registration: RegistrationId,
        /// Procedure, caller, wishes.
        details: InvocationDetails,
        /// As called.
        payload: Payload,
    }
    /// The dealer tells the callee to stop.
    ///
    /// ```text
    /// [69, INVOCATION.Request|id, Options|dict]
    /// ```
    Interrupt = 69, "INTERRUPT" {
        /// The INVOCATION.
        request: InvocationId,
        /// How.
        options: InterruptOptions,
    }
    /// The callee's result, or a part of it.
    ///
    /// ```text
    /// [70, INVOCATION.Request|id, Options|dict]
    /// [70, INVOCATION.Request|id, Options|dict, Arguments|list]
    /// [70, INVOCATION.Request|id, Options|dict, Arguments|list, ArgumentsKw|dict]
    /// ```
    Yield = 70, "YIELD" {
        /// The INVOCATION.
        request: InvocationId,
        /// Whether more follows.
        options: ResultOptions,
        /// The result.
        payload: Payload,
    }
}

impl MessageKind {
    /// Whether a router may receive it from a client (R17).
    pub const fn is_from_client(self) -> bool {
        match self {
            Self::Hello
            | Self::Authenticate
            | Self::Abort
            | Self::Goodbye
            | Self::Error
            | Self::Publish
            | Self::Subscribe
            | Self::Unsubscribe
            | Self::Call
            | Self::Cancel
            | Self::Register
            | Self::Unregister
            | Self::Yield => true,
            Self::Welcome
            | Self::Challenge
            | Self::Published
            | Self::Subscribed
            | Self::Unsubscribed
            | Self::Event
            | Self::Result
            | Self::Registered
            | Self::Unregistered
            | Self::Invocation
            | Self::Interrupt => false,
        }
    }
}

impl std::fmt::Display for MessageKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Error {
    /// An ERROR that the router itself answers a request with, with a text for people as its only argument.
    pub fn reply(
        request_kind: MessageKind,
        request: RequestId,
        error: super::ErrorUri,
        text: impl Into<String>,
    ) -> Self {
        let payload = Payload::args(vec![super::Value::Text(text.into())]);
        Self { request_kind, request, details: ErrorDetails::default(), error: error.to_uri(), payload }
    }
}

impl Abort {
    /// An ABORT with a text for people.
    pub fn because(reason: super::ErrorUri, message: impl Into<String>) -> Self {
        Self {
            details: CloseDetails { message: Some(message.into()) },
            reason: reason.to_uri(),
            payload: Payload::Empty,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R18: the codes are those of the table.
    #[test]
    fn every_kind_is_found_by_its_code() {
        for kind in MessageKind::ALL {
            assert_eq!(MessageKind::from_code(kind.code()), Some(*kind));
        }
        assert_eq!(MessageKind::from_code(337), None);
        assert_eq!(MessageKind::ALL.len(), 25 - 1);
    }
}
