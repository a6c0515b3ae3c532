//! What an authorizer has said, or what is refused before it is asked.

use super::{denied, Decision, Permission, Rules, Told};
use crate::authz::Action;
use crate::session::request_ids::RequestIds;
use crate::wamp::message::Message;
use crate::wamp::{ErrorUri, MatchPolicy, Uri};

/// Goes on with a message about which the authorizer was asked ([`Decision::Ask`]).
pub(in crate::session) fn resume(rules: &Rules, ids: &mut RequestIds, message: &mut Message, told: Told) -> Decision {
    if let Message::Call(call) = message {
        let decision = rules.call(call, Some(told));
        match decision {
            Decision::Forward => ids.allowed(call.request, &call.procedure),
            Decision::Refuse(..) => ids.refused(call.request),
            Decision::Ask | Decision::Discard | Decision::Goodbye | Decision::Abort => {}
        }
        decision
    } else if let Message::Publish(publish) = message {
        rules.publish(None, publish, Some(told))
    } else if let Message::Subscribe(subscribe) = message {
        rules.subscribe(subscribe, Some(told))
    } else if let Message::Register(register) = message {
        rules.register(register, Some(told))
    } else {
        // Nobody is asked about anything else.
        Decision::Discard
    }
}

impl Rules {
    pub(super) fn permission_of_authorizer(
        &self,
        action: Action,
        text: &Uri,
        policy: MatchPolicy,
        told: Option<Told>,
    ) -> Permission {
        match told {
            _ if self.policy.refuses_unasked(action, text, policy) => {
                Permission::No(ErrorUri::NOT_AUTHORIZED, denied(action))
            }
            None => Permission::Ask,
            Some(Told::Ruling(ruling)) if ruling.allow => Permission::Yes { disclose: ruling.disclose },
            Some(Told::Ruling(_)) => Permission::No(ErrorUri::NOT_AUTHORIZED, denied(action)),
            Some(Told::Failed) => {
                let text = "whoever decides about that could not be asked".to_owned();
                Permission::No(ErrorUri::AUTHORIZATION_FAILED, text)
            }
        }
    }
}
