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
#[expect(clippy::struct_excessive_bools, reason = "one per role of the specification")]
pub struct Announced {
    /// Publishes.
    pub publisher: bool,
    /// Subscribes.
    pub subscriber: bool,
    /// Calls.
    pub caller: bool,
    /// Serves calls.
    pub callee: bool,
    /// What it can do as a publisher.
    pub publisher_features: PublisherFeatures,
    /// What it can do as a subscriber.
    pub subscriber_features: SubscriberFeatures,
    /// What it can do as a caller.
    pub caller_features: CallerFeatures,
    /// What it can do as a callee.
    pub callee_features: CalleeFeatures,
}

/// The features of a publisher that change what the router takes from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PublisherFeatures {
    /// May publish opaque payloads (section 13 of the reference).
    pub payload_passthru_mode: bool,
}

/// The features of a subscriber that change what the broker sends to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SubscriberFeatures {
    /// Is told when a subscription is taken away.
    pub subscription_revocation: bool,
}

/// The features of a caller that change what the dealer takes from it and sends to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CallerFeatures {
    /// May send the input of one call in several CALLs.
    pub progressive_call_invocations: bool,
    /// Sends and takes opaque payloads.
    pub payload_passthru_mode: bool,
}

/// The features of a callee that change what the dealer sends to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "one per feature of the specification")]
pub struct CalleeFeatures {
    /// Takes INTERRUPT.
    pub call_canceling: bool,
    /// Can send progressive results. Counts only together with `call_canceling` (section 3.3 of the reference).
    pub progressive_call_results: bool,
    /// Takes the input of one call in several INVOCATIONs. Counts only together with `call_canceling`.
    pub progressive_call_invocations: bool,
    /// Keeps a call's time itself if its registration asked for that.
    pub call_timeout: bool,
    /// Its `wamp.error.unavailable` sends the call to another callee.
    pub call_reroute: bool,
    /// Is told when a registration is taken away.
    pub registration_revocation: bool,
    /// Sends and takes opaque payloads.
    pub payload_passthru_mode: bool,
}

impl Announced {
    /// Reads what matters from the announcement. `call_cancelling` counts as `call_canceling` (D11).
    pub fn read(roles: &Roles) -> Self {
        let callee = |feature| roles.supports("callee", feature);
        let caller = |feature| roles.supports("caller", feature);
        let passthru = Feature::PayloadPassthruMode.key();
        let call_canceling = callee("call_canceling") || callee("call_cancelling");
        Self {
            publisher: roles.has("publisher"),
            subscriber: roles.has("subscriber"),
            caller: roles.has("caller"),
            callee: roles.has("callee"),
            publisher_features: PublisherFeatures { payload_passthru_mode: roles.supports("publisher", passthru) },
            subscriber_features: SubscriberFeatures {
                subscription_revocation: roles.supports("subscriber", Feature::SubscriptionRevocation.key()),
            },
            caller_features: CallerFeatures {
                progressive_call_invocations: caller(Feature::ProgressiveCallInvocations.key()),
                payload_passthru_mode: caller(passthru),
            },
            callee_features: CalleeFeatures {
                call_canceling,
                progressive_call_results: call_canceling && callee(Feature::ProgressiveCallResults.key()),
                progressive_call_invocations: call_canceling && callee(Feature::ProgressiveCallInvocations.key()),
                call_timeout: callee(Feature::CallTimeout.key()),
                call_reroute: callee(Feature::CallReroute.key()),
                registration_revocation: callee(Feature::RegistrationRevocation.key()),
                payload_passthru_mode: callee(passthru),
            },
        }
    }

    /// Whether at least one of the four client roles is there (R5).
    pub fn any(&self) -> bool {
        self.publisher || self.subscriber || self.caller || self.callee
    }
}

macro_rules! features {
    ($($(#[$doc:meta])* $name:ident = $key:literal on $broker:literal, $dealer:literal;)+) => {
        /// A feature that the router announces. Source: section 3.1 of the reference.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Feature { $($(#[$doc])* $name,)+ }

        impl Feature {
            /// All, in the order of their keys.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its name in HELLO and WELCOME.
            pub const fn key(self) -> &'static str {
                match self { $(Self::$name => $key,)+ }
            }

            /// Whether the broker announces it, and whether the dealer does.
            const fn announcers(self) -> (bool, bool) {
                match self { $(Self::$name => ($broker, $dealer),)+ }
            }
        }
    };
}

features! {
    /// CANCEL and INTERRUPT.
    CallCanceling = "call_canceling" on false, true;
    /// Another callee is asked where one is not available.
    CallReroute = "call_reroute" on false, true;
    /// CALL.Options.timeout.
    CallTimeout = "call_timeout" on false, true;
    /// INVOCATION.Details.trustlevel.
    CallTrustlevels = "call_trustlevels" on false, true;
    /// `disclose_me` and `disclose_caller`.
    CallerIdentification = "caller_identification" on false, true;
    /// `wamp.subscription.get_events`.
    EventHistory = "event_history" on true, false;
    /// `retain` and `get_retained`.
    EventRetention = "event_retention" on true, false;
    /// REGISTER with `match`.
    PatternBasedRegistration = "pattern_based_registration" on false, true;
    /// SUBSCRIBE with `match`.
    PatternBasedSubscription = "pattern_based_subscription" on true, false;
    /// `ppt_*`.
    PayloadPassthruMode = "payload_passthru_mode" on true, true;
    /// The input of one call in several CALLs.
    ProgressiveCallInvocations = "progressive_call_invocations" on false, true;
    /// The result of one call in several RESULTs.
    ProgressiveCallResults = "progressive_call_results" on false, true;
    /// EVENT.Details.trustlevel.
    PublicationTrustlevels = "publication_trustlevels" on true, false;
    /// `exclude_me`.
    PublisherExclusion = "publisher_exclusion" on true, false;
    /// `disclose_me`.
    PublisherIdentification = "publisher_identification" on true, false;
    /// `wamp.registration.*`.
    RegistrationMetaApi = "registration_meta_api" on false, true;
    /// A registration is taken away.
    RegistrationRevocation = "registration_revocation" on false, true;
    /// `wamp.session.*`.
    SessionMetaApi = "session_meta_api" on true, true;
    /// REGISTER with `invoke`.
    SharedRegistration = "shared_registration" on false, true;
    /// `exclude`, `eligible` and their kin.
    SubscriberBlackwhiteListing = "subscriber_blackwhite_listing" on true, false;
    /// `wamp.subscription.*`.
    SubscriptionMetaApi = "subscription_meta_api" on true, false;
    /// A subscription is taken away.
    SubscriptionRevocation = "subscription_revocation" on true, false;
    /// `wamp.session.add_testament`.
    TestamentMetaApi = "testament_meta_api" on false, true;
}

/// The features of one realm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Features(u32);

impl Default for Features {
    /// All that are built.
    fn default() -> Self {
        Self(BUILT.iter().fold(0, |bits, feature| bits | 1 << *feature as u32))
    }
}

impl Features {
    /// Whether the realm has it.
    #[inline]
    pub const fn has(self, feature: Feature) -> bool {
        self.0 & (1 << feature as u32) != 0
    }

    /// The same without `feature`.
    #[must_use]
    pub const fn without(self, feature: Feature) -> Self {
        Self(self.0 & !(1 << feature as u32))
    }

    /// WELCOME.Details.roles: a feature that is off is left out (R4).
    pub fn roles(self) -> Roles {
        let role = |name: &str, announces: fn((bool, bool)) -> bool| {
            let announced =
                Feature::ALL.iter().filter(|feature| self.has(**feature) && announces(feature.announcers()));
            Role {
                name: name.to_owned(),
                features: announced.map(|feature| (feature.key().to_owned(), true)).collect(),
            }
        };
        Roles(vec![role("broker", |(broker, _)| broker), role("dealer", |(_, dealer)| dealer)])
    }
}

/// The features that a realm has where nothing else is said.
const BUILT: &[Feature] = &[
    Feature::CallCanceling,
    Feature::CallReroute,
    Feature::CallTimeout,
    Feature::CallTrustlevels,
    Feature::CallerIdentification,
    Feature::EventHistory,
    Feature::EventRetention,
    Feature::PatternBasedRegistration,
    Feature::PatternBasedSubscription,
    Feature::PayloadPassthruMode,
    Feature::ProgressiveCallInvocations,
    Feature::ProgressiveCallResults,
    Feature::PublicationTrustlevels,
    Feature::PublisherExclusion,
    Feature::PublisherIdentification,
    Feature::RegistrationMetaApi,
    Feature::RegistrationRevocation,
    Feature::SessionMetaApi,
    Feature::SharedRegistration,
    Feature::SubscriberBlackwhiteListing,
    Feature::SubscriptionMetaApi,
    Feature::SubscriptionRevocation,
    Feature::TestamentMetaApi,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn announced(role: &str, features: &[&str]) -> Announced {
        let features = features.iter().map(|key| ((*key).to_owned(), true)).collect();
        Announced::read(&Roles(vec![Role { name: role.to_owned(), features }]))
    }

    /// Section 3.3 of the reference: what each key of each role turns on.
    fn on(announced: &Announced) -> Vec<&'static str> {
        let Announced { publisher_features, subscriber_features, caller_features, callee_features, .. } = announced;
        let all = [
            ("publisher payload_passthru_mode", publisher_features.payload_passthru_mode),
            ("subscriber subscription_revocation", subscriber_features.subscription_revocation),
            ("caller progressive_call_invocations", caller_features.progressive_call_invocations),
            ("caller payload_passthru_mode", caller_features.payload_passthru_mode),
            ("callee call_canceling", callee_features.call_canceling),
            ("callee progressive_call_results", callee_features.progressive_call_results),
            ("callee progressive_call_invocations", callee_features.progressive_call_invocations),
            ("callee call_timeout", callee_features.call_timeout),
            ("callee call_reroute", callee_features.call_reroute),
            ("callee registration_revocation", callee_features.registration_revocation),
            ("callee payload_passthru_mode", callee_features.payload_passthru_mode),
        ];
        all.into_iter().filter(|(_, on)| *on).map(|(name, _)| name).collect()
    }

    /// Each feature is read under its own key and of its own role, and nothing else is turned on by it.
    #[test]
    fn each_feature_of_a_peer_is_read_under_its_own_key() {
        let needs_canceling = ["progressive_call_results", "progressive_call_invocations"];
        for (role, expected) in [
            ("publisher", &["payload_passthru_mode"][..]),
            ("subscriber", &["subscription_revocation"]),
            ("caller", &["progressive_call_invocations", "payload_passthru_mode"]),
            (
                "callee",
                &["call_canceling", "call_timeout", "call_reroute", "registration_revocation", "payload_passthru_mode"],
            ),
        ] {
            for feature in Feature::ALL {
                let read = announced(role, &[feature.key()]);
                let of_role = |name: &str| expected.contains(&name).then(|| format!("{role} {name}"));
                assert_eq!(on(&read), of_role(feature.key()).into_iter().collect::<Vec<_>>(), "{role} {feature:?}");
            }
        }
        for feature in needs_canceling {
            assert!(on(&announced("callee", &[feature])).is_empty(), "R75, R77: not without call_canceling");
            let read = announced("callee", &["call_canceling", feature]);
            assert_eq!(on(&read), ["callee call_canceling".to_owned(), format!("callee {feature}")]);
        }
    }

    /// D11.
    #[test]
    fn the_other_spelling_of_call_canceling_counts() {
        assert_eq!(announced("callee", &["call_cancelling"]), announced("callee", &["call_canceling"]));
    }

    /// R5: each of the four client roles is enough, and no other is.
    #[test]
    fn one_client_role_is_enough() {
        for (role, is_enough) in
            [("publisher", true), ("subscriber", true), ("caller", true), ("callee", true), ("broker", false)]
        {
            assert_eq!(announced(role, &[]).any(), is_enough, "{role}");
        }
    }
}
