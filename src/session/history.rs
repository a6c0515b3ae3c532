//! Questions about event history by those who read it for a stream: the HTTP side. They need the right to subscribe, which the
//! realm looks at, and none to call.

use super::established::Rules;
use super::request_ids::{CallId, RequestIds};
use crate::wamp::Message;

/// The one procedure.
pub const GET_EVENTS: &str = "wamp.subscription.get_events";

/// Whether this is one, with an id that is due.
pub(super) fn is_question(rules: &Rules, ids: &mut RequestIds, message: &Message) -> bool {
    let Message::Call(call) = message else { return false };
    !call.options.progress
        && call.procedure.as_str() == GET_EVENTS
        && matches!(ids.take_call(rules.strict_request_ids, call.request, false), Ok(CallId::New))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wamp::message::Call;
    use crate::wamp::options::CallOptions;
    use crate::wamp::{Payload, RequestId, Uri};

    fn call(procedure: &str, request: RequestId) -> Message {
        Call { request, options: CallOptions::default(), procedure: Uri::from(procedure), payload: Payload::Empty }
            .into()
    }

    #[test]
    fn only_a_question_about_history_whose_id_is_due_needs_no_right() {
        let rules = Rules { strict_request_ids: true, ..Rules::default() };
        let (mut ids, first) = (RequestIds::default(), RequestId::FIRST);
        assert!(!is_question(&rules, &mut ids, &call("wamp.session.kill", first)));
        assert!(!is_question(&rules, &mut ids, &call(GET_EVENTS, first.next())));
        assert!(is_question(&rules, &mut ids, &call(GET_EVENTS, first)));
        assert!(is_question(&rules, &mut ids, &call(GET_EVENTS, first.next())));
    }
}
