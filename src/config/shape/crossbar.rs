//! `[rest.crossbar.NAME]`: paths for clients of Crossbar's HTTP bridge that cannot be changed.

use crate::auth::webhook::CROSSBAR_WINDOW;
use crate::auth::PeerRange;
use crate::config::read::table;
use crate::config::values::{choice, HttpPath, Items, NoneOr, ProcedureUri, SecretPlace, Size, Time};
use crate::http::settings::crossbar::Difference;

table! {
    /// A path for clients of Crossbar's HTTP bridge, on each listener that serves rest and reaches the realm. All who ask there are
    /// one session.
    CrossbarSection {
        /// The path.
        path: HttpPath = required;
        /// What is done there: caller, publisher or webhook.
        kind: CrossbarKind = required;
        /// The name of the realm.
        realm: String = required;
        /// The role of all who ask.
        role: String = required;
        /// The name of all who ask; that of the section if absent.
        authid: Option<String> = optional("\"bridge\"");
        /// The key that requests are signed with.
        key: Option<String> = optional("\"foobar\"");
        /// The secret of the key; without it requests are not signed.
        secret: Option<SecretPlace> = optional("{ env = \"BRIDGE_SECRET\" }");
        /// How far the timestamp of a request may be off; "none": as far as it likes, and then nothing keeps a signed request from
        /// being sent again.
        timestamp_window: NoneOr<Time<1000>> = default(NoneOr(Some(Time(CROSSBAR_WINDOW))));
        /// Differences to Crossbar to give up: malformed_uri, nonce, padding, options, allow_header, hub_sha256.
        exact: Items<Difference> = default(Items::default());
        /// Whether requests must come within TLS of this listener.
        require_tls: bool = default(false);
        /// Addresses, and networks such as "10.0.0.0/8", from which requests may come; empty for all.
        require_ip: Items<PeerRange> = default(Items::default());
        /// The largest body; that of rest.max_body if absent.
        max_body: Option<Size<1, { 64 << 20 }>> = optional("\"1MiB\"");
        /// Where a webhook publishes.
        topic: Option<ProcedureUri> = optional("\"com.shop.github.push\"");
        /// What a webhook answers; "OK" if absent.
        success_response: Option<String> = optional("\"OK\"");
        /// What a webhook answers when nothing could be published; "NOT OK" if absent.
        error_response: Option<String> = optional("\"NOT OK\"");
        /// The secret that GitHub signs with; without it hooks are not signed.
        github_secret: Option<SecretPlace> = optional("{ env = \"GITHUB_SECRET\" }");
    }
}

/// `kind`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::config) enum CrossbarKind {
    /// Calls.
    #[default]
    Caller,
    /// Publishes.
    Publisher,
    /// Publishes whatever it is sent.
    Webhook,
}

choice!(CrossbarKind {
    "caller" => CrossbarKind::Caller,
    "publisher" => CrossbarKind::Publisher,
    "webhook" => CrossbarKind::Webhook,
});

choice!(Difference {
    "malformed_uri" => Difference::MalformedUri,
    "nonce" => Difference::Nonce,
    "padding" => Difference::Padding,
    "options" => Difference::Options,
    "allow_header" => Difference::AllowHeader,
    "hub_sha256" => Difference::HubSha256,
});
