//! Peer-made text on its way into logs and error texts: escaped, and cut at 120 characters (section 1 of the limits).

/// The longest peer-made text that is shown, in characters.
const SHOWN_MAX: usize = 120;

/// Escapes and cuts. Nothing is formatted that will be cut away.
pub fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::shown;

    /// Section 13 of the limits.
    #[test]
    fn peer_text_is_escaped_and_cut_at_120_characters() {
        assert_eq!(shown("a\n\u{1b}[31mb"), "a\\n\\u{1b}[31mb");
        assert_eq!(shown(&"x".repeat(200)).len(), 123);
    }
}
