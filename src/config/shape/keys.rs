//! `[rest.keys.NAME]`: programs that ask over HTTP.

use crate::auth::PeerRange;
use crate::config::read::table;
use crate::config::values::{Items, Moment, SecretPlace};

table! {
    /// One API key.
    ApiKey {
        /// The SHA-256 of the key, made by `wharf apikey new`, or where that is.
        sha256: SecretPlace = required;
        /// The name of the realm that it is good for.
        realm: String = required;
        /// Who comes in by it.
        authid: String = required;
        /// With which role.
        role: String = required;
        /// From when on it is good for nothing, as in "2027-06-30T00:00:00Z".
        expires: Option<Moment> = optional("\"2027-06-30T00:00:00Z\"");
        /// Addresses, and networks such as "10.0.0.0/8", from which it may be used; empty for all.
        allow_from: Items<PeerRange> = default(Items::default());
    }
}
