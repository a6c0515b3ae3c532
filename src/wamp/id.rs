//! WAMP ids as types, so that the compiler tells a session from a subscription.
//!
//! An id is an integer from 1 to 2^53, the last one that every JSON reader holds exactly. The range is checked once, in the
//! constructor. Source: Basic Profile, "IDs".

use std::fmt;
use std::num::NonZeroU64;

/// A number that is no WAMP id.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an id must be 1..=2^53, got {0}")]
pub struct IdOutOfRange(pub u64);

/// The largest id, 2^53.
pub const ID_MAX: u64 = 1 << 53;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(NonZeroU64);

        impl $name {
            /// The smallest id, 1: where every sequence starts.
            pub const FIRST: Self = Self(NonZeroU64::MIN);

            /// Checks the range.
            ///
            /// # Errors
            /// [`IdOutOfRange`] for 0 and for anything above 2^53.
            pub const fn new(id: u64) -> Result<Self, IdOutOfRange> {
                match NonZeroU64::new(id) {
                    Some(inner) if id <= ID_MAX => Ok(Self(inner)),
                    Some(_) | None => Err(IdOutOfRange(id)),
                }
            }

            /// The id whose place in 1..=2^53 is `number` modulo the range: turns a random number into an id, uniformly.
            pub const fn wrapping(number: u64) -> Self {
                // 2^53 divides 2^64, so no id is likelier than another; the sum is never zero.
                match NonZeroU64::new((number & (ID_MAX - 1)) + 1) {
                    Some(inner) => Self(inner),
                    None => Self::FIRST,
                }
            }

            /// The number on the wire.
            pub const fn get(self) -> u64 {
                self.0.get()
            }

            /// The id after this one; 1 after 2^53.
            #[must_use]
            pub const fn next(self) -> Self {
                Self::wrapping(self.get())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// One session: global scope, random, new for every session.
    SessionId
}
id! {
    /// A request of a client: session scope, counted from 1 in the client's direction.
    RequestId
}
id! {
    /// One publication: global scope, random, the same on every subscription that it reaches.
    PublicationId
}
id! {
    /// A topic or pattern that somebody is subscribed to: router scope, shared by all its subscribers.
    SubscriptionId
}
id! {
    /// A procedure or pattern that somebody is registered for: router scope, shared by all its callees.
    RegistrationId
}
id! {
    /// A request of the router to a callee: session scope, counted from 1 per callee session.
    InvocationId
}

impl From<RequestId> for InvocationId {
    /// ERROR names an invocation in the same place where it names a request.
    fn from(request: RequestId) -> Self {
        Self(request.0)
    }
}

impl From<InvocationId> for RequestId {
    fn from(invocation: InvocationId) -> Self {
        Self(invocation.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R3, section 5.1.
    #[test]
    fn an_id_is_from_1_to_2_to_the_53() {
        for good in [1, 2, ID_MAX - 1, ID_MAX] {
            assert_eq!(SessionId::new(good).map(SessionId::get), Ok(good));
        }
        for bad in [0, ID_MAX + 1, u64::MAX] {
            assert_eq!(SessionId::new(bad), Err(IdOutOfRange(bad)));
        }
    }

    /// R26.
    #[test]
    fn the_id_after_2_to_the_53_is_1() {
        let last = RequestId::new(ID_MAX).unwrap();
        assert_eq!(last.next(), RequestId::FIRST);
        assert_eq!(RequestId::FIRST.next().get(), 2);
    }

    #[test]
    fn random_numbers_cover_both_ends_of_the_range() {
        assert_eq!(SessionId::wrapping(0).get(), 1);
        assert_eq!(SessionId::wrapping(u64::MAX).get(), ID_MAX);
    }
}
