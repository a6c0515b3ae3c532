//! Roles and features: what a peer announces, and what the router reads from it.
//!
//! Source: Basic Profile, "Role and Feature Announcement"; section 3 of the reference.

/// One role with its features, as announced in HELLO or WELCOME.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Role {
    /// `publisher`, `subscriber`, `caller`, `callee`; `broker`, `dealer`.
    pub name: String,
    /// Each announced feature and whether it is on, in the order received.
    pub features: Vec<(String, bool)>,
}

/// The roles of a HELLO or WELCOME, in the order received.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Roles(pub Vec<Role>);

impl Roles {
    /// Whether `role` is announced.
    pub fn has(&self, role: &str) -> bool {
        self.0.iter().any(|announced| announced.name == role)
    }

    /// Whether `role` is announced with `feature` on.
    pub fn supports(&self, role: &str, feature: &str) -> bool {
        self.0
            .iter()
            .filter(|announced| announced.name == role)
            .any(|announced| announced.features.iter().any(|(name, on)| *on && name == feature))
    }
}

/// What the router needs to know of a peer's roles, read once at HELLO.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Announced {
    /// Publishes.
    pub publisher: bool,
    /// Subscribes.
    pub subscriber: bool,
    /// Calls.
    pub caller: bool,
    /// Serves calls.
    pub callee: bool,
    /// What it can do as a callee.
    pub callee_features: CalleeFeatures,
}

/// The features of a callee that change what the dealer sends to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CalleeFeatures {
    /// Takes INTERRUPT.
    pub call_canceling: bool,
    /// Can send progressive results. Counts only together with `call_canceling` (section 3.3 of the reference).
    pub progressive_call_results: bool,
    /// Keeps a call's time itself if its registration asked for that.
    pub call_timeout: bool,
}

impl Announced {
    /// Reads what matters from the announcement. `call_cancelling` counts as `call_canceling` (D11).
    pub fn read(roles: &Roles) -> Self {
        let callee = |feature| roles.supports("callee", feature);
        let call_canceling = callee("call_canceling") || callee("call_cancelling");
        Self {
            publisher: roles.has("publisher"),
            subscriber: roles.has("subscriber"),
            caller: roles.has("caller"),
            callee: roles.has("callee"),
            callee_features: CalleeFeatures {
                call_canceling,
                progressive_call_results: call_canceling && callee("progressive_call_results"),
                call_timeout: callee("call_timeout"),
            },
        }
    }

    /// Whether at least one of the four client roles is there (R5).
    pub fn any(&self) -> bool {
        self.publisher || self.subscriber || self.caller || self.callee
    }
}

/// The broker features that are built, as announced in WELCOME.
pub const BROKER_FEATURES: &[&str] =
    &["pattern_based_subscription", "publisher_exclusion", "publisher_identification", "subscriber_blackwhite_listing"];

/// The dealer features that are built, as announced in WELCOME.
pub const DEALER_FEATURES: &[&str] = &[
    "call_canceling",
    "call_timeout",
    "caller_identification",
    "pattern_based_registration",
    "progressive_call_results",
    "shared_registration",
];
