//! The vocabulary of WAMP: ids, URIs, messages, options, payloads.
//!
//! Plain data with no behaviour beyond validity. Every other room speaks in these words; this one imports none of ours.

pub mod entrance;
pub mod error;
pub mod id;
pub mod message;
pub mod options;
pub mod outcome;
pub mod payload;
pub mod policy;
pub mod role;
pub mod time;
pub mod trace;
pub mod uri;
pub mod value;

pub use entrance::Entrance;
pub use error::ErrorUri;
pub use id::{IdOutOfRange, InvocationId, PublicationId, RegistrationId, RequestId, SessionId, SubscriptionId};
pub use message::{Message, MessageKind};
pub use outcome::Outcome;
pub use payload::{Payload, PayloadForm, RawPayload, Serialization};
pub use policy::{CancelMode, InvocationPolicy, MatchPolicy};
pub use time::WallTime;
pub use trace::TraceContext;
pub use uri::Uri;
pub use value::{Dict, Value};
