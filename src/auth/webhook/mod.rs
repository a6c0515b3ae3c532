//! What webhooks need of cryptography and of addresses: signatures of what goes out, verdicts about what comes in, ids that were
//! seen, and where the router may connect. Pure: the time is an argument, nothing here asks or waits.
//!
//! Source: section 12 of the HTTP design; Standard Webhooks 1.0.0.

mod crossbar;
mod guard;
mod seen;
mod signature;
mod verify;

pub use crossbar::{CrossbarFault, CrossbarKey, CrossbarRule, CrossbarSigned, Padding, CROSSBAR_WINDOW};
pub use guard::{AddressGuard, Guarded};
pub use seen::{Claim, SeenIds, SEEN_MAX};
pub use signature::{SigningKey, SigningKeyError};
pub use verify::{seconds, Encoding, HmacAlgorithm, HmacRule, Proven, Verifier, VerifyKey, WrongSignature, WINDOW};
