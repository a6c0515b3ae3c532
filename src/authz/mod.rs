//! Authorization: may this role do this action on this URI or pattern?
//!
//! Pure. A [`Policy`] is an immutable set of rules, replaced whole and never edited in place.

mod pattern;
mod policy;

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
