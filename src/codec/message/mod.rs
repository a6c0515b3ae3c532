//! The shape of every message, once for all serializations: which elements, in which order, of which type.

mod dict;
mod options_read;
mod options_write;
mod read;
mod shapes;
mod write;

pub(super) use read::read;
pub(super) use write::write;

use crate::wamp::MessageKind;

/// The least and the most elements of a message, its code included.
pub(super) const fn lengths(kind: MessageKind) -> (u64, u64) {
    match kind {
        MessageKind::Hello
        | MessageKind::Welcome
        | MessageKind::Challenge
        | MessageKind::Authenticate
        | MessageKind::Goodbye
        | MessageKind::Published
        | MessageKind::Subscribed
        | MessageKind::Unsubscribe
        | MessageKind::Cancel
        | MessageKind::Registered
        | MessageKind::Unregister
        | MessageKind::Interrupt => (3, 3),
        MessageKind::Unsubscribed | MessageKind::Unregistered => (2, 3),
        MessageKind::Subscribe | MessageKind::Register => (4, 4),
        MessageKind::Abort | MessageKind::Result | MessageKind::Yield => (3, 5),
        MessageKind::Publish | MessageKind::Event | MessageKind::Call | MessageKind::Invocation => (4, 6),
        MessageKind::Error => (5, 7),
    }
}
