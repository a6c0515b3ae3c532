//! Authorization: may this role do this action on this URI or pattern?
//!
//! Pure. A [`Policy`] is an immutable set of rules, replaced whole and never edited in place.

mod dynamic;
mod explain;
mod grants;
mod pattern;
mod policy;

pub use dynamic::{args, Authorizer, Misjudged, OnFailure, Petition, Petitioner, Ruling, Scope, Verdicts};
pub use explain::{Considered, Explanation, Reason, Relation};
pub use grants::{Decider, Grant, GrantSet, Grants, United};
pub use pattern::{Pattern, PatternFault};
pub use policy::{Actions, Policy, PolicyFlags, PolicyRules, Rule, Verdict};

/// What a client may want to do to a URI.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Action {
    /// CALL.
    Call,
    /// REGISTER.
    Register,
    /// PUBLISH.
    Publish,
    /// SUBSCRIBE.
    Subscribe,
}

impl Action {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Call, Self::Register, Self::Publish, Self::Subscribe];

    /// The name in settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Register => "register",
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
        }
    }
}
