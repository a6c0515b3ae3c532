//! An open session one of whose messages waits for an authorizer: it takes nothing more until that is decided, so that all
//! it says keeps its order.

use super::established::{self, Decision, Told};
use super::{Action, Session, State};
use crate::authz::{self, Authorizer, Petition};
use crate::wamp::message::Message;
use crate::wamp::{Dict, MatchPolicy};
use std::sync::Arc;

/// What is waiting, and what an authorizer is told of the session.
#[derive(Debug, Default)]
pub(super) struct Held {
    message: Option<Message>,
    authextra: Dict,
}

impl Held {
    /// Nothing waits yet.
    pub(super) fn new(authextra: Dict) -> Self {
        Self { message: None, authextra }
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.message.is_some()
    }
}

impl Session {
    /// Keeps the message for which [`Action::Authorize`] was given.
    pub fn hold(&mut self, message: Message) {
        if let State::Established { held, .. } = &mut self.state {
            held.get_or_insert_default().message = Some(message);
        }
    }

    /// The message that waits, what of it is asked about, whom, and the session's authextra.
    pub fn petition(&self) -> Option<(&Message, Petition, Arc<Authorizer>, Dict)> {
        let State::Established { rules, held, .. } = &self.state else { return None };
        let held = held.as_ref()?;
        let message = held.message.as_ref()?;
        let petition = petition_of(message)?;
        Some((message, petition, Arc::clone(rules.authorizer.as_ref()?), held.authextra.clone()))
    }

    /// What the authorizer, or a failure of it, has decided about the message that waits.
    pub fn authorized(&mut self, told: Told) -> Action {
        let State::Established { rules, held, .. } = &mut self.state else { return Action::Nothing };
        let Some(mut message) = held.as_mut().and_then(|held| held.message.take()) else { return Action::Nothing };
        match established::resume(rules, &mut self.request_ids, &mut message, told) {
            Decision::Forward => Action::Forward(message),
            Decision::Refuse(refused, error) => Action::Refuse(refused, error),
            Decision::Ask | Decision::Discard | Decision::Goodbye | Decision::Abort => Action::Nothing,
        }
    }
}

/// What a request asks for, if it is one that permissions are about.
pub fn petition_of(message: &Message) -> Option<Petition> {
    let (action, uri, match_policy) = if let Message::Call(call) = message {
        (authz::Action::Call, &call.procedure, MatchPolicy::Exact)
    } else if let Message::Publish(publish) = message {
        (authz::Action::Publish, &publish.topic, MatchPolicy::Exact)
    } else if let Message::Subscribe(subscribe) = message {
        (authz::Action::Subscribe, &subscribe.topic, subscribe.options.match_policy)
    } else if let Message::Register(register) = message {
        (authz::Action::Register, &register.procedure, register.options.match_policy)
    } else {
        return None;
    };
    Some(Petition { action, uri: uri.clone(), match_policy })
}
