//! `[rest.crossbar]`: paths for clients of Crossbar's HTTP bridge that cannot be changed.

use crate::auth::webhook::CrossbarKey;
use crate::auth::{PeerRange, Secret};
use crate::wamp::Uri;
use std::sync::Arc;
use std::time::Duration;

/// One section.
#[derive(Clone, PartialEq, Debug)]
pub struct CrossbarSection {
    /// The name in the configuration.
    pub name: Arc<str>,
    /// The path, as it stands in a request.
    pub path: String,
    /// What is done there.
    pub kind: CrossbarKind,
    /// The name of the realm.
    pub realm: String,
    /// The role of all who ask.
    pub role: Arc<str>,
    /// The name of all who ask.
    pub authid: Arc<str>,
    /// What requests are signed with; `None`: they are not.
    pub signing: Option<CrossbarKey>,
    /// Whether they must come within TLS.
    pub require_tls: bool,
    /// From where they may come; empty: from everywhere.
    pub require_ip: Vec<PeerRange>,
    /// Octets of a body.
    pub body_max: usize,
    /// How far a timestamp may be off; `None`: as far as it likes.
    pub timestamp_window: Option<Duration>,
    /// Differences to Crossbar that are given up.
    pub exact: Vec<Difference>,
}

impl CrossbarSection {
    /// Whether who asks must prove himself.
    pub fn is_signed(&self) -> bool {
        match &self.kind {
            CrossbarKind::Webhook(hook) => hook.github_secret.is_some(),
            CrossbarKind::Publisher | CrossbarKind::Caller => self.signing.is_some(),
        }
    }

    /// Whether it behaves as Crossbar does, and not better.
    pub fn is_exact(&self, difference: Difference) -> bool {
        self.exact.contains(&difference)
    }
}

/// What a section does.
#[derive(Clone, PartialEq, Debug)]
pub enum CrossbarKind {
    /// Publishes.
    Publisher,
    /// Calls.
    Caller,
    /// Publishes whatever it is sent.
    Webhook(Hook),
}

/// A webhook.
#[derive(Clone, PartialEq, Debug)]
pub struct Hook {
    /// Where its events go.
    pub topic: Uri,
    /// What is answered when one was published.
    pub success_response: String,
    /// What is answered when one could not be published.
    pub error_response: String,
    /// What GitHub signs with; `None`: no signature is asked for.
    pub github_secret: Option<Secret>,
}

/// A difference to Crossbar that has a name. Source: section 15 of the HTTP design, X1 to X9.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Difference {
    /// X1: a malformed URI is 400, and not 500.
    MalformedUri,
    /// X2: a nonce is good once.
    Nonce,
    /// X3: a signature may be without padding.
    Padding,
    /// X6: the options of calls are honoured.
    Options,
    /// X7: 405 says what is allowed.
    AllowHeader,
    /// X9: GitHub's newer signature is taken.
    HubSha256,
}
