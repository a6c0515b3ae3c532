//! What a session may ask of its realm: the messages that are not the session's own business.

use crate::wamp::message::{Call, Cancel, Error, Publish, Register, Subscribe, Unregister, Unsubscribe, Yield};
use crate::wamp::{Message, MessageKind, RequestId};

macro_rules! commands {
    ($($name:ident,)+) => {
        /// A message of a session for its realm. Its URIs are lawful and its permission is given.
        #[derive(Clone, PartialEq, Debug)]
        pub enum Command { $(#[doc = concat!("A ", stringify!($name), ".")] $name($name),)+ }

        $(impl From<$name> for Command {
            fn from(message: $name) -> Self { Self::$name(message) }
        })+
    };
}

commands! { Publish, Subscribe, Unsubscribe, Call, Cancel, Register, Unregister, Yield, Error, }

impl Command {
    /// The command that a message is.
    ///
    /// # Errors
    /// The message itself, if it is not for the realm.
    #[expect(clippy::result_large_err, reason = "the message goes on to be handled, it is no failure")]
    pub fn from_message(message: Message) -> Result<Self, Message> {
        match message {
            Message::Publish(publish) => Ok(Self::Publish(publish)),
            Message::Subscribe(subscribe) => Ok(Self::Subscribe(subscribe)),
            Message::Unsubscribe(unsubscribe) => Ok(Self::Unsubscribe(unsubscribe)),
            Message::Call(call) => Ok(Self::Call(call)),
            Message::Cancel(cancel) => Ok(Self::Cancel(cancel)),
            Message::Register(register) => Ok(Self::Register(register)),
            Message::Unregister(unregister) => Ok(Self::Unregister(unregister)),
            Message::Yield(message) => Ok(Self::Yield(message)),
            Message::Error(error) => Ok(Self::Error(error)),
            Message::Hello(_)
            | Message::Welcome(_)
            | Message::Abort(_)
            | Message::Challenge(_)
            | Message::Authenticate(_)
            | Message::Goodbye(_)
            | Message::Published(_)
            | Message::Subscribed(_)
            | Message::Unsubscribed(_)
            | Message::Event(_)
            | Message::Result(_)
            | Message::Registered(_)
            | Message::Unregistered(_)
            | Message::Invocation(_)
            | Message::Interrupt(_) => Err(message),
        }
    }

    /// Kind and id, if it is one of the six requests; the others carry ids of other messages (section 5.1).
    pub(crate) fn new_request(&self) -> Option<(MessageKind, RequestId)> {
        match self {
            Self::Publish(publish) => Some((MessageKind::Publish, publish.request)),
            Self::Subscribe(subscribe) => Some((MessageKind::Subscribe, subscribe.request)),
            Self::Unsubscribe(unsubscribe) => Some((MessageKind::Unsubscribe, unsubscribe.request)),
            Self::Call(call) => Some((MessageKind::Call, call.request)),
            Self::Register(register) => Some((MessageKind::Register, register.request)),
            Self::Unregister(unregister) => Some((MessageKind::Unregister, unregister.request)),
            Self::Cancel(_) | Self::Yield(_) | Self::Error(_) => None,
        }
    }
}
