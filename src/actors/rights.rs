//! What routing may ask about a session's permissions, answered by the rules that it lives by.

use crate::authz::Action;
use crate::routing::{Beginnings, Permit, Refusal, Rights};
use crate::session::Rules;
use crate::wamp::options::PublishOptions;
use crate::wamp::{MatchPolicy, Uri};
use std::sync::Arc;

/// The rules of a role, and of what is granted beside it.
struct Living(Arc<Rules>);

/// The permissions of the sessions that live by these rules.
pub(super) fn permit(rules: Arc<Rules>) -> Permit {
    Permit::new(Arc::new(Living(rules)))
}

impl Living {
    fn beginnings(&self, action: Action) -> Beginnings {
        // Nothing is known of what an authorizer would allow.
        let allowing = Some(&self.0.policy).filter(|_| self.0.authorizer.is_none());
        let texts = allowing.map(|policy| policy.beginnings(action)).unwrap_or_default();
        Beginnings::new(texts.into_iter().map(ToOwned::to_owned).collect())
    }
}

impl Rights for Living {
    fn judge_publish(&self, topic: &Uri, options: &mut PublishOptions) -> Result<(), Refusal> {
        self.0.judge_publish(topic, options).map_err(|(_, error, text)| Refusal::NotPermitted { error, text })
    }

    fn may_subscribe(&self, topic: &Uri, policy: MatchPolicy) -> bool {
        self.0.allows(Action::Subscribe, topic, policy)
    }

    fn may_call(&self, procedure: &Uri) -> bool {
        self.0.allows(Action::Call, procedure, MatchPolicy::Exact)
    }

    fn may_call_all(&self, procedure: &Uri, policy: MatchPolicy) -> bool {
        self.0.allows(Action::Call, procedure, policy)
    }

    fn callable(&self) -> Beginnings {
        self.beginnings(Action::Call)
    }

    fn subscribable(&self) -> Beginnings {
        self.beginnings(Action::Subscribe)
    }

    fn may_register(&self, procedure: &Uri, policy: MatchPolicy) -> bool {
        self.0.allows(Action::Register, procedure, policy)
    }

    fn may_stay_subscribed(&self, topic: &Uri, policy: MatchPolicy) -> bool {
        !self.0.forbids(Action::Subscribe, topic, policy)
    }

    fn may_stay_registered(&self, procedure: &Uri, policy: MatchPolicy) -> bool {
        !self.0.forbids(Action::Register, procedure, policy)
    }
}
