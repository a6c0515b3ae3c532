//! `[webhooks]`: events that go out over HTTP, hooks that come in, and procedures that live on HTTP.

use crate::auth::webhook::{Encoding, HmacAlgorithm};
use crate::auth::PeerRange;
use crate::config::read::table;
use crate::config::values::{
    choice, Count, Items, ListPattern, Named, ProcedureUri, SecretPlace, TargetUrl, Time, TopicUri,
};
use crate::http::webhook::settings::{Format, HookPayload};
use std::time::Duration;

table! {
    /// Events that go out over HTTP, hooks that come in, and procedures that live on HTTP.
    Webhooks {
        /// Events that are posted to an address, by name.
        out: Named<WebhookOut> = default(Named::default());
        /// Hooks that come in at /hooks/NAME of listeners that serve hooks, by name.
        inward as "in": Named<WebhookIn> = default(Named::default());
        /// Procedures that a service on HTTP answers, by name.
        call: Named<WebhookCall> = default(Named::default());
    }
}

table! {
    /// Events that are posted to an address: a subscriber session with a role of its own.
    WebhookOut {
        /// The name of the realm.
        realm: String = required;
        /// The role of its session.
        role: String = required;
        /// What it subscribes to: topics, and patterns such as "com.shop.*".
        topics: Items<ListPattern> = required;
        /// Where events are posted to.
        url: TargetUrl = required;
        /// What they are signed with: whsec_ and Base64 of 24 to 64 octets, or whsk_ and Base64 of an Ed25519 key.
        secret: SecretPlace = required;
        /// What they are signed with besides, while receivers change over.
        secret_previous: Option<SecretPlace> = optional("{ env = \"WEBHOOK_PREVIOUS\" }");
        /// How an event is written: standard (Standard Webhooks) or crossbar (args and kwargs alone).
        format: Format = default(Format::default());
        /// How long one attempt may take.
        timeout: Time<100> = default(Time(Duration::from_secs(15)));
        /// Deliveries at a time, 64 at most; with 1 they keep their order.
        concurrency: Count = default(Count(8));
        /// Deliveries that wait; beyond it the oldest are given up.
        queue_max: Count = default(Count(10_000));
        /// Attempts of one delivery, 10 at most.
        attempts: Count = default(Count(10));
        /// Addresses and networks that may be dialled although they are not public, and without https.
        allow_addresses: Items<PeerRange> = default(Items::default());
        /// The only authorities that are trusted, in PEM; if absent, those of the system.
        ca: Option<String> = optional("\"/etc/wharf/erp-ca.pem\"");
    }
}

table! {
    /// A hook that comes in, and what it does with a role of its own.
    WebhookIn {
        /// The name of the realm.
        realm: String = required;
        /// The role of its session.
        role: String = required;
        /// How its sender proves itself.
        verify: WebhookVerify = required;
        /// The topic that it is published to.
        publish: Option<TopicUri> = optional("\"com.shop.github.push\"");
        /// Or the procedure that is called.
        call: Option<ProcedureUri> = optional("\"com.shop.github.push\"");
        /// What is published or called with: raw (headers and text) or json (the body).
        payload: HookPayload = default(HookPayload::default());
    }
}

table! {
    /// How the sender of a hook proves itself.
    WebhookVerify {
        /// standard-webhooks, github-sha256, hmac, basic or crossbar.
        kind: VerifyKind = required;
        /// The secret that both know; of standard-webhooks whsec_ or whpk_, of basic the password.
        secret: SecretPlace = required;
        /// Of standard-webhooks: another one that is good, while senders change over.
        secret_previous: Option<SecretPlace> = optional("{ env = \"WEBHOOK_PREVIOUS\" }");
        /// Of hmac: the header with the signature.
        header: Option<String> = optional("\"X-Signature\"");
        /// Of hmac: sha256 (if absent), sha512 or sha1.
        algorithm: Option<HmacAlgorithm> = optional("\"sha512\"");
        /// Of hmac: what stands before the signature.
        prefix: Option<String> = optional("\"sha256=\"");
        /// Of hmac: hex (if absent) or base64.
        encoding: Option<Encoding> = optional("\"base64\"");
        /// Of basic: the name.
        name: Option<String> = optional("\"erp\"");
        /// Of crossbar: the key that requests are signed with.
        key: Option<String> = optional("\"foobar\"");
    }
}

table! {
    /// A procedure that a service on HTTP answers: a callee session with a role of its own.
    WebhookCall {
        /// The name of the realm.
        realm: String = required;
        /// The role of its session.
        role: String = required;
        /// What it registers: a procedure, or a pattern such as "com.shop.*".
        procedure: ListPattern = required;
        /// Where calls are posted to.
        url: TargetUrl = required;
        /// What they are signed with: whsec_ and Base64 of 24 to 64 octets, or whsk_ and Base64 of an Ed25519 key.
        secret: SecretPlace = required;
        /// What they are signed with besides, while the service changes over.
        secret_previous: Option<SecretPlace> = optional("{ env = \"WEBHOOK_PREVIOUS\" }");
        /// How long a call may take.
        timeout: Time<100> = default(Time(Duration::from_secs(15)));
        /// Calls at a time, 64 at most; more wait.
        concurrency: Count = default(Count(64));
        /// Addresses and networks that may be dialled although they are not public, and without https.
        allow_addresses: Items<PeerRange> = default(Items::default());
        /// The only authorities that are trusted, in PEM; if absent, those of the system.
        ca: Option<String> = optional("\"/etc/wharf/erp-ca.pem\"");
    }
}

/// `verify.kind`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::config) enum VerifyKind {
    #[default]
    Standard,
    Github,
    Hmac,
    Basic,
    Crossbar,
}

choice!(VerifyKind {
    "standard-webhooks" => VerifyKind::Standard,
    "github-sha256" => VerifyKind::Github,
    "hmac" => VerifyKind::Hmac,
    "basic" => VerifyKind::Basic,
    "crossbar" => VerifyKind::Crossbar,
});

choice!(HmacAlgorithm {
    "sha256" => HmacAlgorithm::Sha256,
    "sha512" => HmacAlgorithm::Sha512,
    "sha1" => HmacAlgorithm::Sha1,
});

choice!(Encoding {
    "hex" => Encoding::Hex,
    "base64" => Encoding::Base64,
});

choice!(Format {
    "standard" => Format::Standard,
    "crossbar" => Format::Crossbar,
});

choice!(HookPayload {
    "raw" => HookPayload::Raw,
    "json" => HookPayload::Json,
});
