//! The enumerated option values: how URIs are compared, which callee is picked, how a call is canceled.
//!
//! An unknown value is never taken for the default: it is a protocol violation (decision D15 of the reference).

macro_rules! enumeration {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// Every value, in the order of the specification.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The text on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The value with this text on the wire, if there is one.
            pub fn from_wire(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text)
            }
        }
    };
}

enumeration! {
    /// How a subscription's or registration's URI is compared with a concrete one.
    /// Source: Advanced Profile, "Pattern-based Subscription", "Pattern-based Registration".
    MatchPolicy {
        /// Equal, character by character.
        #[default]
        Exact = "exact",
        /// The concrete URI starts with the pattern, by characters (decision D1).
        Prefix = "prefix",
        /// Same number of components; an empty one in the pattern stands for any one.
        Wildcard = "wildcard",
    }
}

enumeration! {
    /// Which callee of a shared registration serves a call.
    /// Source: Advanced Profile, "Shared Registration".
    InvocationPolicy {
        /// There is one callee only; a second registration is refused.
        #[default]
        Single = "single",
        /// Each in turn, the oldest first.
        RoundRobin = "roundrobin",
        /// Uniformly at random.
        Random = "random",
        /// The oldest that is still there.
        First = "first",
        /// The newest that is still there.
        Last = "last",
        /// The one that serves the fewest calls; the oldest of several. An extension: the specification has not got it.
        LeastLoaded = "least_loaded",
    }
}

enumeration! {
    /// What happens to the callee and its answer when a caller cancels.
    /// Source: Advanced Profile, "Call Canceling".
    CancelMode {
        /// The callee is not told; the caller is answered at once.
        Skip = "skip",
        /// The callee is told, and its answer decides.
        Kill = "kill",
        /// The callee is told; the caller is answered at once.
        #[default]
        KillNoWait = "killnowait",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// D15: no silent fall-back.
    #[test]
    fn every_text_reads_back_and_unknown_ones_do_not() {
        for policy in InvocationPolicy::ALL {
            assert_eq!(InvocationPolicy::from_wire(policy.as_str()), Some(*policy));
        }
        assert_eq!(MatchPolicy::from_wire("prefx"), None);
        assert_eq!(CancelMode::from_wire(""), None);
    }
}
