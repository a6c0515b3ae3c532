//! What the roles of a run may do. It can change while their sessions are there, as permissions can that are read anew.

use std::sync::atomic::{AtomicU8, Ordering};
use wharf::routing::{Refusal, Rights};
use wharf::wamp::options::PublishOptions;
use wharf::wamp::{ErrorUri, MatchPolicy, Uri};

/// What a role may not do with the URIs that begin with a b. It may do all else.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "one per action")]
pub(crate) struct Denied {
    call: bool,
    publish: bool,
    subscribe: bool,
    register: bool,
    /// No denial: its publications name it, whether or not it asks for that.
    pub(crate) named: bool,
}

impl Denied {
    pub(crate) fn from_bits(bits: u8) -> Self {
        let bit = |nth: u8| bits & (1 << nth) != 0;
        Self { call: bit(0), publish: bit(1), subscribe: bit(2), register: bit(3), named: bit(4) }
    }

    pub(crate) fn may_call(self, procedure: &str) -> bool {
        !(self.call && procedure.starts_with('b'))
    }

    pub(crate) fn may_publish(self, topic: &str) -> bool {
        !(self.publish && topic.starts_with('b'))
    }

    pub(crate) fn may_subscribe(self, topic: &str) -> bool {
        !(self.subscribe && topic.starts_with('b'))
    }

    pub(crate) fn may_register(self, procedure: &str) -> bool {
        !(self.register && procedure.starts_with('b'))
    }
}

/// The same, as the realm asks for it.
#[derive(Default)]
pub(crate) struct Role(AtomicU8);

impl Role {
    pub(crate) fn set(&self, bits: u8) {
        self.0.store(bits, Ordering::Relaxed);
    }

    fn denied(&self) -> Denied {
        Denied::from_bits(self.0.load(Ordering::Relaxed))
    }
}

impl Rights for Role {
    fn judge_publish(&self, topic: &Uri, options: &mut PublishOptions) -> Result<(), Refusal> {
        let denied = self.denied();
        if !denied.may_publish(topic) {
            return Err(Refusal::NotPermitted { error: ErrorUri::NOT_AUTHORIZED, text: "no".to_owned() });
        }
        options.disclose_me |= denied.named;
        Ok(())
    }

    fn may_subscribe(&self, topic: &Uri, _policy: MatchPolicy) -> bool {
        self.denied().may_subscribe(topic)
    }

    fn may_call(&self, procedure: &Uri) -> bool {
        self.denied().may_call(procedure)
    }

    fn may_register(&self, procedure: &Uri, _policy: MatchPolicy) -> bool {
        self.denied().may_register(procedure)
    }
}
