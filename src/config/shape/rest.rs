//! `[rest.cors]` and `[rest.idempotency]`.

use crate::config::read::table;
use crate::config::values::{Count, Items, Origin, Size, Time};
use crate::http::settings::{CorsSettings, IdempotencySettings};

table! {
    /// Pages of other origins that may ask the REST bridge.
    Cors {
        /// Origins: exact, with ":*" for any port, or "*" for all.
        origins: Items<Origin> = default(Items::default());
        /// Whether a browser may send what it knows itself, such as a client certificate; not with "*".
        credentials: bool = default(CorsSettings::default().credentials);
        /// How long a browser may remember what it was told before a request.
        max_age: Time<0> = default(Time(CorsSettings::default().max_age));
    }
}

table! {
    /// What was answered to requests with an Idempotency-Key, kept for their retries.
    Idempotency {
        /// How long an answer is kept.
        ttl: Time<1000> = default(Time(IdempotencySettings::default().ttl));
        /// Requests with a key, answered and under way.
        max_entries: Count = default(Count::of(IdempotencySettings::default().entries_max));
        /// What the kept answers take.
        max_bytes: Size<65536, { 16 << 30 }> = default(Size::of(IdempotencySettings::default().octets_max));
    }
}
