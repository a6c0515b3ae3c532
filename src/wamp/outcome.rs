//! What a question of the router itself came to: to an authenticator or an authorizer.

use super::payload::Values;
use super::uri::Uri;

/// The largest answer that is looked into, in octets as received.
pub const ANSWER_OCTETS_MAX: usize = 64 << 10;

/// Characters of a text that is quoted.
const QUOTED_MAX: usize = 80;

/// A text of whoever was asked, in quotes: escaped and cut, so that it may be logged. Never for what may be a secret.
pub fn quoted(text: &str) -> String {
    let quoted: String = text.chars().take(QUOTED_MAX).flat_map(char::escape_debug).collect();
    let more = if text.chars().nth(QUOTED_MAX).is_some() { "..." } else { "" };
    format!("\"{quoted}{more}\"")
}

/// How it ended.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// RESULT.
    Result(Box<Values>),
    /// RESULT of more than [`ANSWER_OCTETS_MAX`]: so many.
    TooLarge(usize),
    /// ERROR, of the callee or of the dealer; or a refusal over HTTP.
    Error(Uri),
    /// Nothing came within the time.
    Late,
    /// HTTP: another status than those that mean something.
    Status(u16),
    /// It could not be asked.
    Away(&'static str),
}
