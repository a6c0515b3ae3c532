//! What a rule covers: a text with a match policy, and the three questions asked of it.
//!
//! [`Pattern::matches`] asks about one URI, [`Pattern::contains`] whether all that another pattern can match lies inside,
//! [`Pattern::overlaps`] whether any of it does. Source: section 12 of the reference, "What a rule permits".

use crate::wamp::uri::{check, UriFault, UriRules};
use crate::wamp::MatchPolicy;
use std::fmt;

/// A URI pattern of a rule. `Default` is the exact empty text, which no lawful URI equals.
#[derive(Default, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Pattern {
    policy: MatchPolicy,
    text: String,
}

/// Why a text is no pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PatternFault {
    /// Nothing was written; everything is `*`.
    #[error("a pattern may not be empty; everything is \"*\"")]
    Empty,
    /// A star inside a component, or more than one in it.
    #[error("a star stands for a whole component, or alone at the end for everything that follows")]
    Star,
    /// The text without its stars is no lawful URI or pattern.
    #[error(transparent)]
    Uri(#[from] UriFault),
}

impl Pattern {
    /// Takes `text` literally, under `policy`: the long form of a rule.
    ///
    /// # Errors
    /// [`PatternFault::Uri`].
    pub fn literal(policy: MatchPolicy, text: &str) -> Result<Self, PatternFault> {
        check(text, UriRules::Loose, policy)?;
        Ok(Self { policy, text: text.to_owned() })
    }

    /// Reads the notation of lists: `com.shop.get` is exact, `com.shop.*` and `*` are prefixes, `com..status` and
    /// `com.*.status` are wildcards.
    ///
    /// # Errors
    /// [`PatternFault`].
    pub fn parse(text: &str) -> Result<Self, PatternFault> {
        if text.is_empty() {
            return Err(PatternFault::Empty);
        }
        let open = |component: &str| component.is_empty() || component == "*";
        let stars = text.matches('*').count();
        if let Some(prefix) = text.strip_suffix('*') {
            // The text before the star ends a component or is cut inside one; an open component before it makes a wildcard.
            let before = prefix.rsplit_once('.').map_or("", |(before, _)| before);
            if stars == 1 && (before.is_empty() || !before.split('.').any(open)) && !prefix.starts_with('.') {
                return Self::literal(MatchPolicy::Prefix, prefix);
            }
        }
        if !text.split('.').any(open) {
            return if stars == 0 { Self::literal(MatchPolicy::Exact, text) } else { Err(PatternFault::Star) };
        }
        if text.split('.').any(|component| component.contains('*') && component != "*") {
            return Err(PatternFault::Star);
        }
        let components: Vec<&str> =
            text.split('.').map(|component| if open(component) { "" } else { component }).collect();
        Self::literal(MatchPolicy::Wildcard, &components.join("."))
    }

    /// How the text is compared.
    pub fn policy(&self) -> MatchPolicy {
        self.policy
    }

    /// The text, without stars.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What all that is covered begins with, patterns included.
    pub fn beginning(&self) -> &str {
        match self.policy {
            MatchPolicy::Exact | MatchPolicy::Prefix => &self.text,
            MatchPolicy::Wildcard => before_first_empty(&self.text),
        }
    }

    /// Whether the concrete `uri` is covered.
    pub fn matches(&self, uri: &str) -> bool {
        matches(self.policy, &self.text, uri)
    }

    /// Whether everything that `text` can match under `policy` is covered. By the table of section 12: an exact rule covers
    /// no pattern, a wildcard rule no prefix, even where sets of URIs would say otherwise.
    pub fn contains(&self, text: &str, policy: MatchPolicy) -> bool {
        match (self.policy, policy) {
            (_, MatchPolicy::Exact) => self.matches(text),
            (MatchPolicy::Exact, MatchPolicy::Prefix | MatchPolicy::Wildcard) => false,
            (MatchPolicy::Wildcard, MatchPolicy::Prefix) => false,
            (MatchPolicy::Prefix, MatchPolicy::Prefix) => text.starts_with(&self.text),
            (MatchPolicy::Prefix, MatchPolicy::Wildcard) => before_first_empty(text).starts_with(&self.text),
            (MatchPolicy::Wildcard, MatchPolicy::Wildcard) => {
                pairwise(&self.text, text, |mine, theirs| mine.is_empty() || mine == theirs)
            }
        }
    }

    /// Whether at least one URI is both covered and matched by `text` under `policy`.
    pub fn overlaps(&self, text: &str, policy: MatchPolicy) -> bool {
        match (self.policy, policy) {
            (_, MatchPolicy::Exact) => self.matches(text),
            (MatchPolicy::Exact, _) => matches(policy, text, &self.text),
            (MatchPolicy::Prefix, MatchPolicy::Prefix) => text.starts_with(&self.text) || self.text.starts_with(text),
            (MatchPolicy::Prefix, MatchPolicy::Wildcard) => prefix_meets_wildcard(&self.text, text),
            (MatchPolicy::Wildcard, MatchPolicy::Prefix) => prefix_meets_wildcard(text, &self.text),
            (MatchPolicy::Wildcard, MatchPolicy::Wildcard) => {
                pairwise(&self.text, text, |mine, theirs| mine.is_empty() || theirs.is_empty() || mine == theirs)
            }
        }
    }
}

/// The notation of lists.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.policy {
            // A star for an empty component would make a prefix of `com.`.
            MatchPolicy::Exact | MatchPolicy::Wildcard => f.write_str(&self.text),
            MatchPolicy::Prefix => write!(f, "{}*", self.text),
        }
    }
}

/// Whether `pattern` under `policy` matches the concrete `uri`.
fn matches(policy: MatchPolicy, pattern: &str, uri: &str) -> bool {
    match policy {
        MatchPolicy::Exact => pattern == uri,
        MatchPolicy::Prefix => uri.starts_with(pattern),
        MatchPolicy::Wildcard => pairwise(pattern, uri, |mine, theirs| mine.is_empty() || mine == theirs),
    }
}

/// Whether both have the same number of components and `fit` holds for each pair.
fn pairwise(mine: &str, theirs: &str, fit: impl Fn(&str, &str) -> bool) -> bool {
    let (mut mine, mut theirs) = (mine.split('.'), theirs.split('.'));
    loop {
        match (mine.next(), theirs.next()) {
            (Some(left), Some(right)) if fit(left, right) => {}
            (None, None) => return true,
            (Some(_) | None, Some(_) | None) => return false,
        }
    }
}

/// What every match of a wildcard pattern starts with: `com.shop.` of `com.shop..status`.
fn before_first_empty(wildcard: &str) -> &str {
    let mut at = 0;
    for component in wildcard.split('.') {
        if component.is_empty() {
            return wildcard.get(..at).unwrap_or(wildcard);
        }
        at += component.len() + 1;
    }
    wildcard
}

/// Whether some URI starts with `prefix` and matches `wildcard`.
fn prefix_meets_wildcard(prefix: &str, wildcard: &str) -> bool {
    let (whole, begun) = prefix.rsplit_once('.').map_or((None, prefix), |(whole, begun)| (Some(whole), begun));
    let mut wildcard = wildcard.split('.');
    let fits = |mine: &str, theirs: Option<&str>| theirs.is_some_and(|theirs| theirs.is_empty() || mine == theirs);
    if !whole.into_iter().flat_map(|whole| whole.split('.')).all(|component| fits(component, wildcard.next())) {
        return false;
    }
    wildcard.next().is_some_and(|component| component.is_empty() || component.starts_with(begun))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// config.md, section 6.2.
    #[test]
    fn the_notation_of_lists_gives_exact_prefix_and_wildcard() {
        use MatchPolicy::{Exact, Prefix, Wildcard};
        let cases = [
            ("com.shop.get", Exact, "com.shop.get"),
            ("com.shop.*", Prefix, "com.shop."),
            ("com.sh*", Prefix, "com.sh"),
            ("com*", Prefix, "com"),
            ("*", Prefix, ""),
            ("com..status", Wildcard, "com..status"),
            ("com.*.status", Wildcard, "com..status"),
            ("*.status", Wildcard, ".status"),
            ("com.*.status.*", Wildcard, "com..status."),
            ("com..status.*", Wildcard, "com..status."),
            ("*.*", Wildcard, "."),
            (".*", Wildcard, "."),
            ("com.", Wildcard, "com."),
        ];
        for (text, policy, literal) in cases {
            let pattern = Pattern::parse(text).unwrap();
            assert_eq!((pattern.policy(), pattern.text()), (policy, literal), "{text}");
            assert_eq!(Pattern::parse(&pattern.to_string()).unwrap(), pattern, "{text} reads back");
        }
        for (text, fault) in [
            ("", PatternFault::Empty),
            ("com.sh*p.get", PatternFault::Star),
            ("com.**", PatternFault::Star),
            ("*com", PatternFault::Star),
            ("com.*.sh*", PatternFault::Star),
            ("com shop", PatternFault::Uri(UriFault::Character)),
        ] {
            assert_eq!(Pattern::parse(text), Err(fault), "{text}");
        }
    }

    /// D71: the rule for prefix `com.a.` and its examples.
    #[test]
    fn a_prefix_rule_covers_only_what_lies_wholly_inside() {
        let rule = Pattern::parse("com.a.*").unwrap();
        for (text, policy, inside, touching) in [
            ("", MatchPolicy::Prefix, false, true),
            ("com.a", MatchPolicy::Prefix, false, true),
            ("com..x", MatchPolicy::Wildcard, false, true),
            ("com.a.", MatchPolicy::Prefix, true, true),
            ("com.a.b", MatchPolicy::Prefix, true, true),
            ("com.a..x", MatchPolicy::Wildcard, true, true),
            ("com.b..x", MatchPolicy::Wildcard, false, false),
            ("com.", MatchPolicy::Wildcard, false, false),
            ("com.b", MatchPolicy::Prefix, false, false),
        ] {
            assert_eq!(rule.contains(text, policy), inside, "{text} {policy:?} inside");
            assert_eq!(rule.overlaps(text, policy), touching, "{text} {policy:?} touching");
        }
    }

    /// Section 12: the table against every URI of a small alphabet. What is contained has all its matches inside; patterns
    /// overlap exactly if some URI is matched by both.
    #[test]
    fn contains_and_overlaps_agree_with_every_uri_of_a_small_world() {
        let words = ["a", "b", "ab", "c", "ac"];
        let mut uris: Vec<String> = words.iter().map(ToString::to_string).collect();
        for _ in 0..2 {
            let longer: Vec<String> =
                uris.iter().flat_map(|uri| words.iter().map(move |word| format!("{uri}.{word}"))).collect();
            uris.extend(longer);
        }
        let mut patterns = Vec::new();
        for text in
            ["", "a", "ab", "a.", "a.b", "a.a", "a..b", ".b", "a.", ".", "..", "a.b.", "b..", ".a.", "c.b.a", "a.b.c"]
        {
            for policy in MatchPolicy::ALL {
                patterns.extend(Pattern::literal(*policy, text));
            }
        }
        assert!(patterns.len() > 30);
        for rule in &patterns {
            for asked in &patterns {
                let both = uris.iter().any(|uri| rule.matches(uri) && asked.matches(uri));
                assert_eq!(rule.overlaps(asked.text(), asked.policy()), both, "{rule:?} overlaps {asked:?}");
                if rule.contains(asked.text(), asked.policy()) {
                    assert!(
                        uris.iter().all(|uri| !asked.matches(uri) || rule.matches(uri)),
                        "{rule:?} contains {asked:?}"
                    );
                }
            }
        }
    }
}
