//! What would become of a request, and why: for people who ask before or after the fact.
//!
//! The same rules as in `established`, told one by one: URI, permission, option.

use super::{Disclose, Rules};
use crate::authz::{Action, Authorizer, Explanation, Reason};
use crate::wamp::uri::{self, UriFault};
use crate::wamp::{MatchPolicy, Uri};

/// A request that somebody might make.
#[derive(Clone, Debug)]
pub struct Question {
    /// What would be done.
    pub action: Action,
    /// To which URI or pattern.
    pub uri: Uri,
    /// How it is compared; `Exact` for calls and publications.
    pub match_policy: MatchPolicy,
    /// With `disclose_me`, or `disclose_caller` for a REGISTER.
    pub disclose: bool,
    /// With `force_reregister`.
    pub force: bool,
    /// With `retain`.
    pub retain: bool,
}

/// What would become of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer<'a> {
    /// Whether it would go on to the realm.
    pub allowed: bool,
    /// What is wrong with the URI; then no rule is asked.
    pub unlawful: Option<UriFault>,
    /// What the role's rules say.
    pub permission: Explanation<'a>,
    /// Who would be asked, where nothing is refused unasked.
    pub asks: Option<&'a Authorizer>,
    /// The option that would be refused, as its key.
    pub refused_option: Option<&'static str>,
    /// The option that would be ignored, as its key.
    pub ignored_option: Option<&'static str>,
}

impl Rules {
    /// What would become of a request of this role, and why.
    pub fn explain(&self, question: &Question) -> Answer<'_> {
        let Question { action, uri: text, match_policy, disclose, force, retain } = question;
        let own = matches!(action, Action::Register | Action::Publish);
        let unlawful = uri::check(text, self.uri_rules, *match_policy)
            .err()
            .or_else(|| (own && uri::is_reserved(text)).then_some(UriFault::Reserved));
        let permission = self.policy.explain(*action, text, *match_policy);
        let flags = self.policy.flags();
        let refused_option = match action {
            Action::Register => (*disclose && !flags.allow_disclose_caller).then_some("disclose_caller"),
            Action::Call | Action::Publish if *disclose && self.disclose == Disclose::Never => Some("disclose_me"),
            Action::Publish => (*retain && flags.no_retain).then_some("retain"),
            Action::Call => None,
            Action::Subscribe => None,
        };
        let ignored = *action == Action::Register && *force && !flags.allow_force_reregister;
        let undecided = unlawful.is_none() && permission.reason == Reason::NothingAllows;
        Answer {
            asks: self.authorizer.as_deref().filter(|_| undecided && refused_option.is_none()),
            allowed: unlawful.is_none() && permission.allowed && refused_option.is_none(),
            unlawful,
            permission,
            refused_option,
            ignored_option: ignored.then_some("force_reregister"),
        }
    }
}

#[cfg(test)]
mod tests;
