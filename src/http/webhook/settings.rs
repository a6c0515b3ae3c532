//! The settings of webhooks. `config` fills them.

use crate::auth::webhook::{AddressGuard, SigningKey, Verifier};
use crate::auth::WebAddress;
use crate::wamp::{MatchPolicy, Uri};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// `[webhooks]`, by name.
#[derive(Clone, Debug, Default)]
pub struct WebhookSettings {
    /// `out`.
    pub out: BTreeMap<String, Arc<HookOut>>,
    /// `in`.
    pub inward: BTreeMap<String, Arc<HookIn>>,
    /// `call`.
    pub call: BTreeMap<String, Arc<HookCall>>,
}

/// Where something is posted, and how.
#[derive(Clone, PartialEq, Debug)]
pub struct Target {
    /// The address.
    pub address: Arc<WebAddress>,
    /// All of them sign.
    pub keys: Vec<SigningKey>,
    /// For one request. 15 s.
    pub timeout: Duration,
    /// Where the router may connect.
    pub guard: AddressGuard,
}

/// How an event is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Format {
    /// As Standard Webhooks recommends: type, timestamp, data.
    #[default]
    Standard,
    /// Args and kwargs alone.
    Crossbar,
}

/// `[webhooks.out.NAME]`.
#[derive(Clone, PartialEq, Debug)]
pub struct HookOut {
    /// The realm's name.
    pub realm: String,
    /// The role of its session.
    pub role: String,
    /// What it subscribes to.
    pub topics: Vec<(MatchPolicy, Uri)>,
    /// Where events go.
    pub target: Target,
    /// How they are written.
    pub format: Format,
    /// Deliveries at a time; with 1 they keep their order. 8.
    pub concurrency: usize,
    /// Deliveries that wait. 10,000.
    pub queue_max: usize,
    /// Attempts of one delivery. 10.
    pub attempts: u32,
}

/// What is made of a hook's body.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum HookPayload {
    /// Headers and text.
    #[default]
    Raw,
    /// The arguments.
    Json,
}

/// What a hook does.
#[derive(Clone, PartialEq, Debug)]
pub enum HookAction {
    /// Publishes to this topic.
    Publish(Uri),
    /// Calls this procedure.
    Call(Uri),
}

/// `[webhooks.in.NAME]`.
#[derive(Clone, Debug)]
pub struct HookIn {
    /// The realm's name.
    pub realm: String,
    /// The role of its session.
    pub role: String,
    /// How senders prove themselves.
    pub verifier: Verifier,
    /// What it does.
    pub action: HookAction,
    /// With what.
    pub payload: HookPayload,
}

/// `[webhooks.call.NAME]`.
#[derive(Clone, PartialEq, Debug)]
pub struct HookCall {
    /// The realm's name.
    pub realm: String,
    /// The role of its session.
    pub role: String,
    /// What it registers.
    pub procedure: Uri,
    /// How the procedure is compared.
    pub match_policy: MatchPolicy,
    /// What answers.
    pub target: Target,
    /// Calls at a time. 64.
    pub concurrency: usize,
}
