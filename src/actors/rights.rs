//! What routing may ask about a session's permissions, answered by the rules of its role.

use crate::authz::Action;
use crate::routing::{Permit, Refusal, Rights};
use crate::session::Rules;
use crate::wamp::options::PublishOptions;
use crate::wamp::{MatchPolicy, Uri};
use std::sync::Arc;

/// The rules of one role.
struct OfRole(Arc<Rules>);

/// The permissions of the sessions that live by these rules; of none, where the realm lacks the role.
pub(super) fn permit(rules: Option<Arc<Rules>>) -> Permit {
    Permit::new(Arc::new(OfRole(rules.unwrap_or_default())))
}

impl Rights for OfRole {
    fn judge_publish(&self, topic: &Uri, options: &mut PublishOptions) -> Result<(), Refusal> {
        self.0.judge_publish(topic, options).map_err(|(_, error, text)| Refusal::NotPermitted { error, text })
    }

    fn may_subscribe(&self, topic: &Uri, policy: MatchPolicy) -> bool {
        self.0.allows(Action::Subscribe, topic, policy)
    }

    fn may_call(&self, procedure: &Uri) -> bool {
        self.0.allows(Action::Call, procedure, MatchPolicy::Exact)
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
