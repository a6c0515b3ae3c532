//! URIs: realms, topics, procedures, errors. One grammar for all, two strictnesses, three kinds of pattern.
//!
//! A [`Uri`] is any text that came in the place of one; whether it is lawful is asked with [`check`], by the room that
//! knows the realm's rules. Source: Basic Profile, "URIs"; section 5.2 of the reference.

use super::policy::MatchPolicy;
use bytestring::ByteString;
use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

/// The longest URI, in octets (P4).
pub const URI_OCTETS_MAX: usize = 1024;

/// The most components of a URI (P4).
pub const URI_COMPONENTS_MAX: usize = 32;

/// The text of a URI. Cheap to clone; it may share the frame that it came in, so what is stored for long is
/// [`detached`](Uri::detached) first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uri(ByteString);

impl Uri {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A copy that keeps no frame alive.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self(ByteString::from(self.0.to_string()))
    }

    /// The components between the dots.
    pub fn components(&self) -> std::str::Split<'_, char> {
        self.0.split('.')
    }
}

/// Why a text is no lawful URI in its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UriFault {
    /// Longer than [`URI_OCTETS_MAX`].
    #[error("a URI has at most {URI_OCTETS_MAX} octets")]
    TooLong,
    /// More components than [`URI_COMPONENTS_MAX`].
    #[error("a URI has at most {URI_COMPONENTS_MAX} components")]
    TooManyComponents,
    /// An empty component where none may be.
    #[error("a URI may not have an empty component here")]
    EmptyComponent,
    /// White space, `#`, or, under the strict rules, anything but `[0-9a-z_]`.
    #[error("a URI may not contain this character here")]
    Character,
    /// `wamp` or `wharf` as the first component, which belong to the router.
    #[error("URIs under wamp. and wharf. belong to the router")]
    Reserved,
}

/// Whether components are `[0-9a-z_]` only (strict) or anything but white space and `#` (loose).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum UriRules {
    /// Anything but white space, `.` and `#`.
    #[default]
    Loose,
    /// Lower-case ASCII letters, digits and the underscore.
    Strict,
}

/// Checks the text of a URI or pattern. `Exact` checks a concrete URI.
///
/// # Errors
/// [`UriFault`] with the first thing that is wrong.
///
/// # Cost
/// One pass over the text.
pub fn check(text: &str, rules: UriRules, policy: MatchPolicy) -> Result<(), UriFault> {
    if text.len() > URI_OCTETS_MAX {
        return Err(UriFault::TooLong);
    }
    if rules == UriRules::Loose && is_usual(text) {
        return Ok(());
    }
    let mut components = 1_usize;
    // Whether the component under way has a character yet.
    let mut filled = false;
    let mut empty_before_last = false;
    for character in text.chars() {
        if character == '.' {
            empty_before_last |= !filled;
            components += 1;
            filled = false;
        } else if lawful(character, rules) {
            filled = true;
        } else {
            return Err(UriFault::Character);
        }
    }
    if components > URI_COMPONENTS_MAX {
        return Err(UriFault::TooManyComponents);
    }
    let fine = match policy {
        MatchPolicy::Exact => filled && !empty_before_last,
        MatchPolicy::Prefix => !empty_before_last,
        MatchPolicy::Wildcard => true,
    };
    if fine {
        Ok(())
    } else {
        Err(UriFault::EmptyComponent)
    }
}

/// What the octets of a URI are: 0 for what is lawful under the loose rules and has a form on paper, 1 for a dot, 2 for any
/// other.
const KINDS: [u8; 256] = {
    let mut kinds = [2; 256];
    let mut octet = 0;
    while octet < kinds.len() {
        kinds[octet] = match octet as u8 {
            b'.' => 1,
            b'#' => 2,
            b'!'..=b'~' => 0,
            _ => 2,
        };
        octet += 1;
    }
    kinds
};

/// Whether this is a concrete URI as nearly all are: lawful under the loose rules, and as a pattern too. Each call and
/// publication is asked this, so that it is one look at each octet, without a branch.
fn is_usual(text: &str) -> bool {
    let (mut dots, mut seen, mut is_faulty, mut before) = (0_usize, 0, 0, 1);
    for octet in text.as_bytes() {
        let kind = KINDS[usize::from(*octet)];
        // A dot after a dot, or in the beginning.
        is_faulty |= kind & before;
        seen |= kind;
        dots += usize::from(kind);
        before = kind;
    }
    (seen & 2) == 0 && is_faulty == 0 && before == 0 && dots < URI_COMPONENTS_MAX
}

fn lawful(character: char, rules: UriRules) -> bool {
    match rules {
        // char::is_whitespace is Unicode White_Space (D52).
        UriRules::Loose => character != '#' && !character.is_whitespace(),
        UriRules::Strict => matches!(character, '0'..='9' | 'a'..='z' | '_'),
    }
}

/// Whether the first component is `wamp` or `wharf` (D51). `wampum.x` is an ordinary URI.
pub fn is_reserved(text: &str) -> bool {
    // Each call and publication is asked this: a comparison of the start, without a search for the dot.
    let rest = text.strip_prefix("wamp").or_else(|| text.strip_prefix("wharf"));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl From<ByteString> for Uri {
    fn from(text: ByteString) -> Self {
        Self(text)
    }
}

impl From<&str> for Uri {
    fn from(text: &str) -> Self {
        Self(ByteString::from(text))
    }
}

impl From<String> for Uri {
    fn from(text: String) -> Self {
        Self(ByteString::from(text))
    }
}

impl Deref for Uri {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Uri {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loose(text: &str) -> Result<(), UriFault> {
        check(text, UriRules::Loose, MatchPolicy::Exact)
    }

    /// P4.
    #[test]
    fn a_uri_has_at_most_1024_octets_and_32_components() {
        assert_eq!(loose(&"a".repeat(1024)), Ok(()));
        assert_eq!(loose(&"a".repeat(1025)), Err(UriFault::TooLong));
        assert_eq!(loose(&["a"; 32].join(".")), Ok(()));
        assert_eq!(loose(&["a"; 33].join(".")), Err(UriFault::TooManyComponents));
    }

    /// R27, D52.
    #[test]
    fn white_space_is_unicode_white_space() {
        for bad in ["a b", "a\tb", "a\u{a0}b", "a\u{2003}b", "a\n", "a#b"] {
            assert_eq!(loose(bad), Err(UriFault::Character), "{bad:?}");
        }
        assert_eq!(loose("com.über.日本"), Ok(()));
    }

    /// Both are one rule: every text of up to four of these characters gets one verdict.
    #[test]
    fn the_look_at_usual_texts_gives_the_verdicts_of_the_general_scan() {
        let alphabet = ['a', '.', '#', ' ', '\t', '\u{b}', '\u{1c}', '\u{7f}', 'Z'];
        let mut texts = vec![String::new()];
        for _ in 0..4 {
            let longer = texts.iter().flat_map(|text| alphabet.map(|character| format!("{text}{character}")));
            texts = texts.iter().cloned().chain(longer).collect();
        }
        for text in texts {
            // A character outside ASCII makes the general scan take over and changes no verdict.
            assert_eq!(loose(&text), loose(&format!("ü.{text}")), "{text:?}");
        }
    }

    /// R29, R30.
    #[test]
    fn reserved_is_the_component_and_not_the_text() {
        for (uri, reserved) in
            [("wamp", true), ("wamp.x", true), ("wharf.x", true), ("wampum.x", false), ("", false), (".wamp", false)]
        {
            assert_eq!(is_reserved(uri), reserved, "{uri}");
        }
    }
}
